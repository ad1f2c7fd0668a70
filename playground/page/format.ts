const PREFIXES = ["p", "n", "µ", "m", "", "k", "M"];

/** 12,345 */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 62 % */
export function formatPercent(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.095 ? 1 : 0)}\u00a0%`;
}

/** Three significant digits with an SI prefix: 787 ms. */
export function formatQuantity(value: number, unit: string): string {
  const exponent = Math.floor(Math.log10(Number(value.toPrecision(3))) / 3);
  const step = Math.min(Math.max(exponent, -4), 2);
  return `${Number((value / 1000 ** step).toPrecision(3))} ${PREFIXES[step + 4]}${unit}`;
}

/** 1 picture, 2 pictures */
export function formatPlural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

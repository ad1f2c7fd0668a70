// Numbers for people.

const PREFIXES = ["p", "n", "µ", "m", "", "k", "M", "G", "T"];

/** 12,345 */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 17.02 % */
export function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/** 1 image, 10 images */
export function formatImages(count: number): string {
  return count === 1 ? "1 image" : `${formatCount(count)} images`;
}

/** Three significant digits with an SI prefix: 787 ms. */
export function formatQuantity(value: number, unit: string): string {
  const { digits, prefix } = scaled(value);
  return `${digits} ${prefix}${unit}`.trimEnd();
}

/** The same without zeros that only tell precision, for axes: 1 s. */
export function formatTick(value: number, unit: string): string {
  const { digits, prefix } = scaled(value);
  return `${Number(digits)} ${prefix}${unit}`.trimEnd();
}

function scaled(value: number): { readonly digits: string; readonly prefix: string } {
  if (value === 0) return { digits: "0", prefix: "" };
  // Rounded first: 999.6 is 1.00 k.
  const exponent = Math.floor(Math.log10(Math.abs(Number(value.toPrecision(3)))));
  const step = Math.min(Math.max(Math.floor(exponent / 3), -4), 4);
  return { digits: (value / 1000 ** step).toPrecision(3), prefix: PREFIXES[step + 4] };
}

// Numbers for people: the one place for how they look, on a terminal, in reports and in pages.

const PREFIXES = ["p", "n", "µ", "m", "", "k", "M", "G", "T"];

/** 12,345 */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 17.02 % */
export function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

/** 62 %, and a digit more for what is small: 3.1 %. */
export function formatShare(fraction: number): string {
  return `${(100 * fraction).toFixed(fraction > 0 && fraction < 0.095 ? 1 : 0)}\u00a0%`;
}

/** 1 image, 10 images */
export function formatPlural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Three significant digits without a unit, without exponent where that is readable. */
export function formatMeasure(value: number): string {
  if (value === 0) return "0";
  return Math.abs(value) < 1e-4 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}

/** Three significant digits with an SI prefix: 787 ms. */
export function formatQuantity(value: number, unit: string): string {
  const { digits, prefix } = scaled(value);
  return `${digits} ${prefix}${unit}`.trimEnd();
}

/** The same without zeros that only tell precision, as on axes: 1 s. */
export function formatShortQuantity(value: number, unit: string): string {
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

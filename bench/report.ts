import type { Spread } from "./statistics.js";

/** A bar that a figure is held against, and whether it is met. */
export interface Bar {
  readonly what: string;
  readonly found: number;
  readonly bar: string;
  readonly met: boolean;
}

export function atLeast(what: string, found: number, least: number): Bar {
  return { what, found, bar: `≥ ${least}`, met: found >= least };
}

export function atMost(what: string, found: number, most: number): Bar {
  return { what, found, bar: `≤ ${digits(most)}`, met: found <= most };
}

/** Three significant digits, with thousands separated. */
export function digits(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

/** Median, then the middle half of the sample. */
export function withQuartiles(s: Spread): string {
  return `${digits(s.median)} (${digits(s.lowerQuartile)}–${digits(s.upperQuartile)})`;
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

/** A Markdown table, padded so that it reads well in a terminal too. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (cells: readonly string[]) => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(" | ")} |`;
  return [line(head), `|${widths.map((w) => "-".repeat(w + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}

export function barTable(bars: readonly Bar[]): string {
  return table(
    ["bar", "found", "bar is", ""],
    bars.map((b) => [b.what, digits(b.found), b.bar, b.met ? "met" : "MISSED"]),
  );
}

import { formatShortQuantity } from "../../src/numbers.js";
import { linearScale } from "../../src/plot/scale.js";
import { drawing, label, line, round } from "../../src/plot/svg.js";

export interface Bar {
  readonly name: string;
  /** Printed at the end of the line above the bar. */
  readonly text: string;
  /** From left to right. */
  readonly segments: readonly { readonly value: number; readonly colour: string }[];
}

export interface BarPlot {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Of the values, after their SI prefix. */
  readonly unit: string;
  /** What the axis measures. */
  readonly axis: string;
  readonly bars: readonly Bar[];
  /** What the colours mean, where they are not those of the bars' names. */
  readonly legend?: readonly { readonly name: string; readonly colour: string }[];
}

const WIDTH = 440;
const RIGHT = 428;
const BAR = 13;
const PITCH = 37;
const LEGEND_COLUMNS = 3;

/** Lying bars, each under its name. */
export function barPlot({ id, title, description, unit, axis, bars, legend = [] }: BarPlot): string {
  const sums = bars.map(({ segments }) => segments.reduce((sum, { value }) => sum + value, 0));
  const scale = linearScale(Math.max(...sums), 0.5, RIGHT, 5);
  const legendHeight = legend.length ? 18 * Math.ceil(legend.length / LEGEND_COLUMNS) + 14 : 0;
  const bottom = legendHeight + bars.length * PITCH + 2;
  const parts = legend.map(({ name, colour }, i) => {
    const x = (i % LEGEND_COLUMNS) * (WIDTH / LEGEND_COLUMNS);
    const y = 18 * Math.floor(i / LEGEND_COLUMNS);
    return `<rect x="${round(x)}" y="${y + 2}" width="11" height="11" fill="${colour}"/>${label(x + 17, y + 12, "start", name)}`;
  });
  for (const tick of scale.ticks) {
    const x = round(scale.place(tick));
    parts.push(line(`M${x} ${legendHeight}V${bottom + 4}`, 'class="rule"'));
    const anchor = tick === 0 ? "start" : x > RIGHT - 16 ? "end" : "middle";
    parts.push(
      label(tick === 0 ? 0 : x, bottom + 18, anchor, formatShortQuantity(tick, unit), 'class="quiet"'),
    );
  }
  bars.forEach(({ name, text, segments }, i) => {
    const y = legendHeight + i * PITCH;
    // A halo in the page's colour keeps rules out of the letters.
    parts.push(
      label(0, y + 14, "start", name, 'class="halo"'),
      label(RIGHT, y + 14, "end", text, 'class="halo"'),
    );
    let at = 0;
    for (const { value, colour } of segments) {
      const from = round(scale.place(at));
      at += value;
      const width = round(scale.place(at) - from);
      if (width > 0)
        parts.push(`<rect x="${from}" y="${y + 20}" width="${width}" height="${BAR}" fill="${colour}"/>`);
    }
  });
  parts.push(label(0, bottom + 36, "start", axis, 'class="quiet"'));
  return drawing({ id, width: WIDTH, height: bottom + 42, title, description, parts });
}

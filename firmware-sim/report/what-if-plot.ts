import { formatQuantity, formatShortQuantity } from "../../src/numbers.js";
import { linearScale } from "../../src/plot/scale.js";
import { drawing, label, line, round } from "../../src/plot/svg.js";
import type { WhatIf, WhatIfPoint } from "../cost/what-if.js";
import { stepsColour } from "./style.js";

const WIDTH = 440;
const HEIGHT = 330;
const LEFT = 58;
const RIGHT = 368;
const TOP = 46;
const BOTTOM = 278;

export interface WhatIfPlot {
  readonly id: string;
  /** What is drawn upwards. */
  readonly name: string;
  readonly of: (point: WhatIfPoint) => number;
}

/** Bytes of the model to the right, a count upwards: a point for each variant, a line through those of equal time steps. */
export function whatIfPlot({ points }: WhatIf, { id, name, of }: WhatIfPlot): string {
  const xs = linearScale(Math.max(...points.map(({ modelBytes }) => modelBytes)) * 1.02, LEFT, RIGHT, 5);
  const ys = linearScale(Math.max(...points.map(of)) * 1.04, BOTTOM, TOP, 5);
  const steps = [...new Set(points.map(({ timeSteps }) => timeSteps))];
  const parts: string[] = [];
  for (const tick of ys.ticks) {
    const y = round(ys.place(tick));
    parts.push(line(`M${LEFT} ${y}H${RIGHT}`, 'class="rule"'));
    parts.push(label(LEFT - 8, y + 4, "end", formatShortQuantity(tick, ""), 'class="quiet"'));
  }
  for (const tick of xs.ticks) {
    const x = round(xs.place(tick));
    parts.push(line(`M${x} ${BOTTOM}v5`, 'class="axis"'));
    parts.push(label(x, BOTTOM + 18, "middle", formatShortQuantity(tick, "B"), 'class="quiet"'));
  }
  parts.push(line(`M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}`, 'class="axis"'));
  parts.push(label((LEFT + RIGHT) / 2, HEIGHT - 14, "middle", "model in flash", 'class="quiet"'));
  parts.push(label(0, 12, "start", `${name} an image`, 'class="quiet"'));

  const widths = points.filter(({ timeSteps }) => timeSteps === steps[0]);
  widths.forEach(({ bits, modelBytes }, i) => {
    const x = round(xs.place(modelBytes));
    parts.push(line(`M${x} ${TOP}V${BOTTOM}`, 'class="rule"'));
    parts.push(label(x, TOP - 7, "middle", String(bits)));
    if (i === 0) parts.push(label(x - 12, TOP - 7, "end", "bits of a weight", 'class="quiet"'));
  });
  steps.forEach((timeSteps, i) => {
    const colour = stepsColour(i);
    const curve = points
      .filter((point) => point.timeSteps === timeSteps)
      .map((point) => ({ ...point, x: round(xs.place(point.modelBytes)), y: round(ys.place(of(point))) }));
    const path = curve.map(({ x, y }) => `${x} ${y}`).join("L");
    parts.push(line(`M${path}`, `fill="none" stroke="${colour}" stroke-width="2"`));
    for (const { x, y } of curve) {
      parts.push(`<circle cx="${x}" cy="${y}" r="4" fill="${colour}"/>`);
    }
    const last = curve[curve.length - 1];
    parts.push(label(last.x + 12, last.y + 4, "start", `${timeSteps} steps`));
  });
  return drawing({
    id,
    width: WIDTH,
    height: HEIGHT,
    title: `${name} against bytes of the model, for bits and time steps`,
    description: points
      .map(
        (point) =>
          `${point.bits} bits, ${point.timeSteps} steps: ${formatQuantity(of(point), "")} with ${formatQuantity(point.modelBytes, "B")}.`,
      )
      .join(" "),
    parts,
  });
}

import { formatCount, formatPercent, formatQuantity } from "../../src/numbers.js";
import type { Profile, StageProfile } from "../cost/profile.js";
import type { Kind } from "../wasm/instruction-kinds.js";
import { barPlot } from "./bar-plot.js";
import { kindColour, stageColour } from "./style.js";

/** Kinds that are drawn as one. */
const GROUPS: readonly { readonly name: string; readonly kinds: readonly Kind[] }[] = [
  { name: "local, constant", kinds: ["local", "constant", "global"] },
  { name: "branch, call", kinds: ["branch", "call"] },
  { name: "load", kinds: ["load", "load64"] },
  { name: "store", kinds: ["store", "store64"] },
  {
    name: "add, logic, shift",
    kinds: ["integer", "select", "integer64", "shift64", "convert", "vector", "float", "other"],
  },
  { name: "multiply, divide", kinds: ["multiply", "multiply64", "divide", "divide64"] },
];

function countOf({ byKind }: StageProfile, kinds: readonly Kind[]): number {
  return kinds.reduce((sum, kind) => sum + byKind[kind], 0);
}

/** Executed Wasm instructions by stage and kind. */
export function instructionPlot({ stages }: Profile): string {
  const total = stages.reduce((sum, { instructions }) => sum + instructions, 0);
  return barPlot({
    id: "instructions",
    title: "Executed Wasm instructions by stage and kind",
    description: stages
      .map((stage) => {
        const kinds = GROUPS.map(({ name, kinds }) => `${name} ${formatQuantity(countOf(stage, kinds), "")}`);
        return `${stage.name}: ${formatCount(stage.instructions)}, of which ${kinds.join(", ")}.`;
      })
      .join(" "),
    unit: "",
    axis: "Wasm instructions an image",
    bars: stages.map((stage) => ({
      name: stage.name,
      text: `${formatQuantity(stage.instructions, "")}, ${formatPercent(stage.instructions / total)}`,
      segments: GROUPS.map(({ kinds }, i) => ({ value: countOf(stage, kinds), colour: kindColour(i) })),
    })),
    legend: GROUPS.map(({ name }, i) => ({ name, colour: kindColour(i) })),
  });
}

/** Bytes of packed weights by layer. */
export function bytePlot({ stages }: Profile): string {
  const layers = stages
    .map((stage, i) => ({ ...stage, colour: stageColour(i) }))
    .filter(({ bits }) => bits > 0);
  return barPlot({
    id: "bytes",
    title: "Bytes of weights by layer",
    description: layers
      .map(
        ({ name, weightBytes, bits }) => `${name}: ${formatCount(weightBytes)} bytes of ${bits}-bit weights.`,
      )
      .join(" "),
    unit: "B",
    axis: "bytes of packed weights in flash",
    bars: layers.map(({ name, weightBytes, bits, colour }) => ({
      name,
      text: `${formatCount(weightBytes)} bytes, ${bits} bits`,
      segments: [{ value: weightBytes, colour }],
    })),
  });
}

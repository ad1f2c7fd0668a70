import { formatCount, formatFacts, formatMeasure } from "./format.js";
import type { OutputFormat } from "./output-format.js";

/** What `spikelet generate` did; `--json` prints it as it is. */
export interface Summary {
  /** Images in the output, and those of them that this command made rather than found. */
  readonly images: number;
  readonly imagesMade: number;
  /** 64-bit, hence text. */
  readonly seed: string;
  readonly start: string;
  readonly timeSteps: number;
  readonly prior: string;
  readonly model: { readonly name: string; readonly bytes: number };
  readonly wasm: { readonly build: string; readonly bytes: number; readonly weights: string };
  readonly threads: number;
  /** Wall time of making and writing, by images made; null if there were none to make. */
  readonly millisecondsPerImage: number | null;
  /** Mean over the first images of the run, as many as `ledgers` says. */
  readonly synapticOperationsPerImage: number;
  readonly ledgers: number;
  readonly output: { readonly path: string; readonly format: OutputFormat; readonly bytes: number };
}

const FORMATS: Record<OutputFormat, string> = {
  png: "one grid",
  idx: "one IDX array",
  npy: "one NumPy array",
  folder: "one PNG per image",
};

export function formatSummary(summary: Summary): string {
  const { images, imagesMade, model, wasm, threads, millisecondsPerImage, output } = summary;
  const found = images - imagesMade;
  return formatFacts([
    ["images", formatCount(images) + (found > 0 ? `, ${formatCount(found)} of them made before` : "")],
    ["seed", `${summary.seed}, first image ${summary.start}`],
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes`],
    ["prior", `${summary.prior}, ${summary.timeSteps} time steps`],
    ["wasm", `${wasm.build} build, ${formatCount(wasm.bytes)} bytes, weights ${wasm.weights}`],
    [
      "time per image",
      millisecondsPerImage === null
        ? "nothing was left to make"
        : `${formatMeasure(millisecondsPerImage)} ms (${threads} ${threads === 1 ? "thread" : "threads"})`,
    ],
    [
      "synaptic operations per image",
      `${formatCount(summary.synapticOperationsPerImage)} (mean of the first ${summary.ledgers})`,
    ],
    ["output", `${output.path}, ${formatCount(output.bytes)} bytes (${FORMATS[output.format]})`],
  ]);
}

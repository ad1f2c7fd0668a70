import { formatCount, formatMeasure } from "../../src/numbers.js";
import type { OutputFormat } from "../output/output-format.js";
import { formatFacts } from "./format.js";

/** Images whose synaptic operations are counted. */
export const LEDGER_IMAGES = 16;

/** The core that ran. */
export interface WasmFacts {
  readonly build: string;
  readonly bytes: number;
  readonly weights: string;
}

/** What `spikelet generate` did; `--json` prints it as it is. */
export interface Summary {
  /** Images in the output, and those of them that this command made rather than found. */
  readonly images: number;
  readonly imagesMade: number;
  /** 64-bit, hence text. */
  readonly seed: string;
  readonly start: string;
  readonly timeSteps: number;
  /** More than one if the images take turns. */
  readonly priors: readonly string[];
  readonly model: { readonly name: string; readonly bytes: number };
  readonly wasm: WasmFacts;
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
  const { images, imagesMade, priors, model, wasm, threads, millisecondsPerImage, output } = summary;
  const found = images - imagesMade;
  return formatFacts([
    ["images", formatCount(images) + (found > 0 ? `, ${formatCount(found)} of them made before` : "")],
    ["seed", `${summary.seed}, first image ${summary.start}`],
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes`],
    [priors.length === 1 ? "prior" : "priors", `${priors.join(", ")}; ${summary.timeSteps} time steps`],
    ["wasm", formatWasm(wasm)],
    ["time per image", formatTime(millisecondsPerImage, threads)],
    [
      "synaptic operations per image",
      `${formatCount(summary.synapticOperationsPerImage)} (mean of the first ${summary.ledgers})`,
    ],
    ["output", `${output.path}, ${formatCount(output.bytes)} bytes (${FORMATS[output.format]})`],
  ]);
}

export function formatWasm({ build, bytes, weights }: WasmFacts): string {
  return `${build} build, ${formatCount(bytes)} bytes, weights ${weights}`;
}

/** Wall time by images made; null if there were none to make. */
export function formatTime(millisecondsPerImage: number | null, threads: number): string {
  if (millisecondsPerImage === null) return "nothing was left to make";
  return `${formatMeasure(millisecondsPerImage)} ms (${threads} ${threads === 1 ? "thread" : "threads"})`;
}

export function mean(values: readonly number[] | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

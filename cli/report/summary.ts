import { formatCount, formatMeasure } from "../../src/numbers.js";
import type { FolderFormat } from "../output/output-format.js";
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
  /** Names of the labels, from 0; null if the images are of no class. */
  readonly labels: readonly string[] | null;
  /** Images of each split; null if there are none. */
  readonly splits: Readonly<Record<string, number>> | null;
  /** Which part of the work this was; null for all of it. */
  readonly shard: string | null;
  readonly model: { readonly name: string; readonly bytes: number };
  readonly wasm: WasmFacts;
  readonly threads: number;
  /** Wall time of making and writing, by images made; null if there were none to make. */
  readonly millisecondsPerImage: number | null;
  /** Mean over the first images of the run, as many as `ledgers` says. */
  readonly synapticOperationsPerImage: number;
  readonly ledgers: number;
  readonly output: {
    readonly path: string;
    readonly format: FolderFormat;
    readonly isFolder: boolean;
    readonly bytes: number;
  };
}

const FORMATS: Record<FolderFormat, { readonly file: string; readonly folder: string }> = {
  png: { file: "one grid", folder: "one PNG per image" },
  idx: { file: "one IDX array", folder: "IDX arrays" },
  npy: { file: "one NumPy array", folder: "NumPy arrays" },
  npz: { file: "NumPy arrays of images and labels", folder: "NumPy archives" },
  tar: { file: "a WebDataset archive", folder: "WebDataset archives" },
  parquet: { file: "a Parquet table", folder: "Parquet tables" },
};

export function formatSummary(summary: Summary): string {
  const { images, imagesMade, priors, model, wasm, threads, millisecondsPerImage, output } = summary;
  const found = images - imagesMade;
  return formatFacts([
    ["images", formatCount(images) + (found > 0 ? `, ${formatCount(found)} of them made before` : "")],
    ["seed", `${summary.seed}, first image ${summary.start}`],
    ...(summary.splits ? [["splits", formatSplits(summary.splits)] as const] : []),
    ...(summary.shard ? [["shard", summary.shard] as const] : []),
    ...(summary.labels ? [["labels", summary.labels.join(", ")] as const] : []),
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes`],
    [priors.length === 1 ? "prior" : "priors", `${priors.join(", ")}; ${summary.timeSteps} time steps`],
    ["wasm", formatWasm(wasm)],
    ["time per image", formatTime(millisecondsPerImage, threads)],
    [
      "synaptic operations per image",
      `${formatCount(summary.synapticOperationsPerImage)} (mean of the first ${summary.ledgers})`,
    ],
    [
      "output",
      `${output.path}, ${formatCount(output.bytes)} bytes (${FORMATS[output.format][output.isFolder ? "folder" : "file"]})`,
    ],
  ]);
}

function formatSplits(splits: Readonly<Record<string, number>>): string {
  return Object.entries(splits)
    .map(([name, images]) => `${name} ${formatCount(images)}`)
    .join(", ");
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

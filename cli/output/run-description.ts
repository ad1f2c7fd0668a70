import { HEADER_CRC } from "../../assembly/core/format";
import { SpikeletError } from "../../src/errors.js";

/** All that decides the pixels of a run; kept beside unfinished output. 64-bit numbers and the CRC-32 are text. */
export interface RunDescription {
  readonly spikelet: string;
  readonly model: string;
  readonly modelCrc32: string;
  readonly start: string;
  readonly count: number;
  readonly timeSteps: number;
  /** Of images from random numbers. */
  readonly seed?: string;
  /** One prior, or those that images take in turn, with commas. */
  readonly prior?: string;
  /** How many images of each class, relative to the others. */
  readonly labelFrequency?: string;
  /** Parts of the data set: NAME=COUNT, with commas. */
  readonly split?: string;
  /** Of a folder. */
  readonly format?: string;
  /** Of each file, where there are several. */
  readonly imagesPerFile?: number;
  /** Images drawn for one, at most. */
  readonly reject?: number;
  /** CRC-32 of the images that were given. */
  readonly inputCrc32?: string;
}

/** What each part of a description is called on the command line. */
const LABELS: Record<keyof RunDescription, string> = {
  spikelet: "Spikelet's version",
  model: "the model's name",
  modelCrc32: "the model's CRC-32",
  seed: "--seed",
  start: "--start",
  count: "--count",
  timeSteps: "--time-steps",
  prior: "the prior (--prior or --class)",
  labelFrequency: "--label-frequency",
  split: "--split",
  format: "--format",
  imagesPerFile: "--images-per-file",
  reject: "--reject",
  inputCrc32: "the input's CRC-32",
};

/** The CRC-32 that a valid .spk file carries, as eight hexadecimal digits. */
export function modelCrc32(spk: Uint8Array): string {
  const header = new DataView(spk.buffer, spk.byteOffset, spk.byteLength);
  return formatCrc32(header.getUint32(HEADER_CRC, true));
}

export function formatCrc32(value: number): string {
  return value.toString(16).padStart(8, "0");
}

export function encodeRun(run: RunDescription): string {
  return `${JSON.stringify(run, null, 2)}\n`;
}

/** Throws unless the description found at `path` is that of `run`. `remedy` says what to do otherwise. */
export function checkSameRun(path: string, text: string, run: RunDescription, remedy: string): void {
  const found = parseObject(text);
  if (found === undefined) {
    throw new SpikeletError("bad-option", `${path}: not a run's description (damaged JSON); ${remedy}`);
  }
  const differences = (Object.keys(LABELS) as (keyof RunDescription)[])
    .filter((key) => found[key] !== run[key])
    .map((key) => `${LABELS[key]} was ${found[key] ?? "not given"} and is now ${run[key] ?? "not given"}`);
  if (differences.length === 0) return;
  throw new SpikeletError(
    "bad-option",
    `${path} belongs to a run with other options: ${differences.join("; ")}; use the same options, or ${remedy}`,
  );
}

function parseObject(text: string): Partial<Record<keyof RunDescription, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

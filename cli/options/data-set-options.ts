import { SpikeletError } from "../../src/errors.js";
import { needLabels, printNotes, readDataset } from "../input/dataset.js";
import type { Labels } from "../output/classes.js";
import type { Shard } from "../output/data-set.js";

/** A part of a data set, with how many images it gets. */
export interface SplitOption {
  readonly name: string;
  readonly count: number;
}

/** A model's images are counted in 32 bits. */
const MAX_COUNT = 2 ** 32 - 1;
const MAX_SHARDS = 1_000_000;

/** A parser for commander that takes NAME=COUNT, with commas between several. */
export function splitOption(text: string): SplitOption[] {
  const splits = text.split(",").map((part) => {
    const match = /^([A-Za-z][A-Za-z0-9_]{0,31})=(\d{1,10})$/.exec(part);
    const count = Number(match?.[2]);
    if (match !== null && count >= 1 && count <= MAX_COUNT) return { name: match[1], count };
    throw badSplit(text, "names and counts; for example --split train=60000,test=10000");
  });
  if (new Set(splits.map(({ name }) => name)).size < splits.length) throw badSplit(text, "each name once");
  if (splits.reduce((sum, { count }) => sum + count, 0) > MAX_COUNT) {
    throw badSplit(text, `at most ${MAX_COUNT} images in all`);
  }
  return splits;
}

function badSplit(text: string, expected: string): SpikeletError {
  return new SpikeletError("bad-option", `--split: found "${text}", expected ${expected}`);
}

/** A parser for commander that takes NUMBER/OF, from 1/OF to OF/OF. */
export function shardOption(text: string): Shard {
  const match = /^(\d{1,7})\/(\d{1,7})$/.exec(text);
  const [number, of] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && number >= 1 && number <= of && of <= MAX_SHARDS) return { number, of };
  const range =
    of >= 1 && of <= MAX_SHARDS ? `a number from 1/${of} to ${of}/${of}` : "a number and how many there are";
  throw new SpikeletError(
    "bad-option",
    `--shard: found "${text}", expected ${range}; for example --shard 3/16`,
  );
}

/** SPDX's identifiers, and what Hugging Face makes of them. */
export function licenseOption(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$/.test(text)) return text;
  throw new SpikeletError(
    "bad-option",
    `--license: found "${text}", expected an SPDX identifier; for example --license cc-by-4.0`,
  );
}

/**
 * How often each prior of a run shall come, relative to the others.
 * @param text - a number for each, with commas, or the folder of a labelled data set
 */
export async function labelFrequency(
  text: string,
  priors: readonly string[],
  labels: Labels | undefined,
): Promise<number[]> {
  const frequency = /^[\d.,e+]*$/i.test(text)
    ? text.split(",").map((number) => (number === "" ? Number.NaN : Number(number)))
    : await countLabels(text, priors, labels);
  const sum = frequency.reduce((total, n) => total + n, 0);
  if (frequency.length === priors.length && sum > 0 && sum < Number.POSITIVE_INFINITY) return frequency;
  throw new SpikeletError(
    "bad-option",
    `--label-frequency: found "${text}", expected ${priors.length} numbers, one for each of ${priors.join(", ")}, ` +
      "not all 0, or the folder of a labelled data set; for example --label-frequency mnist/",
  );
}

async function countLabels(
  folder: string,
  priors: readonly string[],
  labels: Labels | undefined,
): Promise<number[]> {
  const dataset = await readDataset(folder, "train", undefined);
  printNotes(dataset);
  const found = needLabels(dataset, folder, "train");
  const counts = new Map<string, number>();
  for (const label of found) {
    const name = dataset.classNames?.[label] ?? labels?.names[label] ?? String(label);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return priors.map((name) => counts.get(name) ?? 0);
}

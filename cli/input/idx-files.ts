import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type ImageSet, readIdxImages, readIdxLabels } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import type { Split } from "./dataset-images.js";
import { about, readInput } from "./input.js";

type Part = "images" | "labels";

/** 60,000 colour images of 32×32, stored, take 184 MB. */
const MAX_FILE_BYTES = 2 ** 29;

/** What the files of MNIST and its like are called; some archives have a dot where others have a dash. */
const FILE_NAME = /^(train|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/i;

/** Whether a folder has the images of a split as an IDX file. */
export async function hasIdxImages(folder: string, split: Split): Promise<boolean> {
  return (await partPaths(folder, split, "images")).length > 0;
}

/** Whether a folder has the labels of a split. */
export async function hasIdxLabels(folder: string, split: Split): Promise<boolean> {
  return (await partPaths(folder, split, "labels")).length > 0;
}

/**
 * Reads the images of a split from the folder of a data set, and their labels if these are wanted.
 * @throws SpikeletError "no-such-file" if the folder lacks either file, "bad-input" if one cannot be read
 */
export async function readIdxFiles(
  folder: string,
  split: Split,
  withLabels: boolean,
): Promise<{ readonly images: ImageSet; readonly labels?: Uint8Array }> {
  const images = await readPart(folder, split, "images", readIdxImages);
  return withLabels ? { images, labels: await readPart(folder, split, "labels", readIdxLabels) } : { images };
}

async function readPart<T>(
  folder: string,
  split: Split,
  part: Part,
  read: (bytes: Uint8Array) => T,
): Promise<T> {
  const path = await findPart(folder, split, part);
  const bytes = await readInput(path, `file of ${part} (IDX)`, MAX_FILE_BYTES);
  return about(path, () => read(bytes));
}

/** The paths of one file of a data set; the one that is not gzipped comes first. */
async function partPaths(folder: string, split: Split, part: Part): Promise<string[]> {
  const names = await listFolder(folder);
  const candidates = names.filter((name) => {
    const match = FILE_NAME.exec(name);
    if (match === null) return false;
    const [, prefix, kind] = match;
    return (prefix.toLowerCase() === "train") === (split === "train") && kind.toLowerCase() === part;
  });
  // "….gz" is longer than its stem.
  return candidates.sort((a, b) => a.length - b.length).map((name) => join(folder, name));
}

async function findPart(folder: string, split: Split, part: Part): Promise<string> {
  const [best] = await partPaths(folder, split, part);
  if (best !== undefined) return best;
  const usual = `${split === "train" ? "train" : "t10k"}-${part}-idx${part === "images" ? 3 : 1}-ubyte`;
  throw new SpikeletError(
    "no-such-file",
    `${folder}: found no ${split} ${part}, expected a file ${usual} or ${usual}.gz; ` +
      "give the folder with the four IDX files of the data set",
  );
}

export async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new SpikeletError(
      "no-such-file",
      `${folder}: not a folder that can be read; give the folder of the data set`,
      { cause },
    );
  }
}

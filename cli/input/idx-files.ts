import { isUtf8 } from "node:buffer";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type ImageSet, readIdxImages, readIdxLabels } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import type { Split } from "./dataset-images.js";
import { about, readInput, type SystemPath, unreadablePath } from "./input.js";
import { TRANSPOSED, turnUpright } from "./orientation.js";

type Part = "images" | "labels";

/** 60,000 colour images of 32×32, stored, take 184 MB. */
const MAX_FILE_BYTES = 2 ** 29;

/** What the files of MNIST and its like are called; some archives have a dot where others have a dash, EMNIST the set's name before. */
const FILE_NAME = /^([\w-]+-)?(train|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/i;

const EMNIST_NAME = /^emnist-/i;

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
): Promise<{ readonly images: ImageSet; readonly labels?: Uint8Array; readonly notes: readonly string[] }> {
  const images = await readPart(folder, split, "images", readIdxFile);
  const labels = withLabels ? await readPart(folder, split, "labels", readIdxLabels) : undefined;
  const [path] = await partPaths(folder, split, "images");
  const notes = EMNIST_NAME.test(basename(path))
    ? ["EMNIST's pictures are stored with rows and columns exchanged; they are turned upright"]
    : [];
  return { images, notes, ...(labels && { labels }) };
}

/** The images of an IDX file, the right way up: EMNIST's, which are told by their names, have rows and columns exchanged. */
export function readIdxFile(bytes: Uint8Array, path: SystemPath): ImageSet {
  const images = readIdxImages(bytes);
  return EMNIST_NAME.test(basename(String(path))) ? turnUpright(images, TRANSPOSED) : images;
}

async function readPart<T>(
  folder: string,
  split: Split,
  part: Part,
  read: (bytes: Uint8Array, path: string) => T,
): Promise<T> {
  const path = await findPart(folder, split, part);
  const bytes = await readInput(path, `file of ${part} (IDX)`, MAX_FILE_BYTES);
  return about(path, () => read(bytes, path));
}

/** The paths of one file of a data set; the one that is not gzipped comes first. */
async function partPaths(folder: string, split: Split, part: Part): Promise<string[]> {
  for (const place of await idxPlaces(folder)) {
    const found: { path: string; length: number; set: string }[] = [];
    for (const name of await listFolder(place)) {
      const match = FILE_NAME.exec(name);
      if (match === null) continue;
      const [, set = "", prefix, kind] = match;
      if ((prefix.toLowerCase() === "train") !== (split === "train") || kind.toLowerCase() !== part) continue;
      const path = join(place, name);
      if (await isFile(path)) found.push({ path, length: name.length, set });
    }
    const sets = [...new Set(found.map(({ set }) => set))];
    if (sets.length > 1) {
      throw new SpikeletError(
        "bad-input",
        `${place}: found the data sets ${sets.map((set) => set.replace(/-$/, "") || "without a name").join(", ")}, ` +
          "expected one; give a folder with the files of one",
      );
    }
    // "….gz" is longer than its stem.
    if (found.length > 0) return found.sort((a, b) => a.length - b.length).map(({ path }) => path);
  }
  return [];
}

/** Where the files of a data set may lie: in its folder, in torchvision's NAME/raw, or as Kaggle has them, each in a folder of its own. */
async function idxPlaces(folder: string): Promise<string[]> {
  const names = (await listFolder(folder)).sort();
  const places = [folder];
  for (const name of names) {
    const path = join(folder, name);
    if (FILE_NAME.test(name) || name === "raw") places.push(path);
    else if (!name.includes(".")) places.push(join(path, "raw"));
  }
  const isFolder = await Promise.all(
    places.map((place) =>
      stat(place).then(
        (found) => found.isDirectory(),
        () => false,
      ),
    ),
  );
  return places.filter((place, i) => place === folder || isFolder[i]);
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** ", but NAME, …" of files that look like IDX, for a message. */
export async function seenIdxFiles(folder: string): Promise<string> {
  const names = (await listFolder(folder)).filter((name) => /idx\d|ubyte/i.test(name)).slice(0, 5);
  return names.length > 0 ? `, but ${names.join(", ")}` : "";
}

async function findPart(folder: string, split: Split, part: Part): Promise<string> {
  const [best] = await partPaths(folder, split, part);
  if (best !== undefined) return best;
  const usual = `${split === "train" ? "train" : "t10k"}-${part}-idx${part === "images" ? 3 : 1}-ubyte`;
  throw new SpikeletError(
    "no-such-file",
    `${folder}: found no ${split} ${part}${await seenIdxFiles(folder)}, expected a file ${usual} or ${usual}.gz` +
      `${split === "test" && part === "images" ? ", or a folder test/ of pictures beside train/" : ""}; ` +
      "give the folder with the four IDX files of the data set",
  );
}

/** What is in a folder; of names that are not UTF-8, with marks in place of what is not. */
export async function listFolder(folder: string): Promise<string[]> {
  return (await listNames(folder)).map(String);
}

/** The same with the names as they are. */
export async function listNames(folder: SystemPath): Promise<SystemPath[]> {
  try {
    const names = await readdir(folder, { encoding: "buffer" });
    return names.map((name) => (isUtf8(name) ? String(name) : name));
  } catch (cause) {
    throw new SpikeletError(
      "no-such-file",
      unreadablePath(folder) ?? `${folder}: not a folder that can be read; give the folder of the data set`,
      { cause },
    );
  }
}

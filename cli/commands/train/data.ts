import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { NAME_BYTES } from "../../../assembly/core/format";
import { fitImages } from "../../../src/data/fit-image.js";
import type { ImageSet } from "../../../src/data/idx.js";
import { SpikeletError } from "../../../src/errors.js";
import { MIXTURE_NAME } from "../../../src/priors/with-fitted-priors.js";
import { LEARNED_NAME } from "../../../src/quantize/quantize.js";
import { hasImages, hasLabels, listFolder, readImages, readLabelledImages } from "../../input/dataset.js";
import { MAX_FILE_BYTES, readImageSet } from "../../input/image-input.js";
import { about, readInput } from "../../input/input.js";
import { type ImageShape, imageBytes } from "../../output/batch.js";

export interface TrainingImages extends ImageShape {
  readonly count: number;
  /** (count, imageSize, imageSize, imageChannels) */
  readonly pixels: Uint8Array;
  /** (count) where the data set has them */
  readonly labels?: Uint8Array;
  /** Names of the classes by label, where they have names. */
  readonly classNames?: readonly string[];
  /** What was passed over or bent, a line each. */
  readonly notes: readonly string[];
}

export interface ReadTrainingOptions {
  /** At most so many images, the first ones. */
  readonly most: number;
  /** A file that cannot be read, or is of another size than the first, is an error. */
  readonly strict: boolean;
  /** What the network takes; told by the images if not given. */
  readonly shape?: ImageShape;
}

const IMAGE_NAME = /\.(png|jpe?g)$/i;
/** Sizes of the paper's two configs. */
const SMALL_IMAGE = 32;
const LARGE_IMAGE = 64;
/** Pixels of all images at the network's size. */
const MAX_TOTAL_BYTES = 2 ** 30;
/** Folders that are taken for classes; the model has a prior for each, beside those of its mixture. */
const MAX_CLASSES = 200;
/** Files that are named one by one when they cannot be read. */
const NAMED_FILES = 5;

/**
 * Reads the training images of a folder: the IDX files of a data set, or single images, or a folder of these for each class.
 * @throws SpikeletError "no-such-file" if there are none, "bad-input" if one cannot be read
 */
export async function readTrainingImages(
  folder: string,
  options: ReadTrainingOptions,
): Promise<TrainingImages> {
  return (await hasImages(folder, "train")) ? readDataset(folder, options) : readFolder(folder, options);
}

async function readDataset(folder: string, { most, shape }: ReadTrainingOptions): Promise<TrainingImages> {
  const withLabels = await hasLabels(folder, "train");
  const { images, labels } = withLabels
    ? await readLabelledImages(folder, "train")
    : { images: await readImages(folder, "train"), labels: undefined };
  const count = Math.min(images.count, most);
  const bytes = images.rows * images.columns * images.channels;
  const first: ImageSet = { ...images, count, pixels: images.pixels.subarray(0, count * bytes) };
  const target = shape ?? shapeFor(first);
  checkTotal(folder, count, target);
  const pixels = await about(folder, () => fitImages(first, target));
  return { ...target, count, pixels, notes: [], ...(labels && { labels: labels.subarray(0, count) }) };
}

async function readFolder(
  folder: string,
  { most, strict, shape }: ReadTrainingOptions,
): Promise<TrainingImages> {
  const { names, labels, classNames } = await listImages(folder);
  if (names.length === 0) {
    throw new SpikeletError(
      "no-such-file",
      `${folder}: found no images, expected PNG or JPEG files, folders of them, or IDX files such as train-images-idx3-ubyte`,
    );
  }
  const parts: Uint8Array[] = [];
  const labelsOfParts: number[] = [];
  const unread: string[] = [];
  const sizes = new Set<string>();
  let target = shape;
  for (const [i, name] of names.entries()) {
    if (parts.length === most) break;
    const path = join(folder, name);
    try {
      const set = readImageSet(await readInput(path, "PNG or JPEG file", MAX_FILE_BYTES));
      target ??= shapeFor(set);
      sizes.add(`${set.columns}×${set.rows}`);
      if (strict && sizes.size > 1) {
        throw new SpikeletError(
          "bad-input",
          `Found images of ${[...sizes].join(" and ")}, expected all of one size.`,
        );
      }
      parts.push(fitImages(set, target));
      if (labels) labelsOfParts.push(labels[i]);
      checkTotal(folder, parts.length, target);
    } catch (error) {
      if (strict || !(error instanceof SpikeletError)) await about(path, () => Promise.reject(error));
      unread.push(`${name}: ${(error as Error).message}`);
    }
  }
  if (target === undefined || parts.length === 0) {
    throw new SpikeletError(
      "bad-input",
      `${folder}: none of ${names.length} images can be read; ${unread[0]}`,
    );
  }
  const notes = unread.slice(0, NAMED_FILES).map((line) => `skipped ${line}`);
  if (unread.length > NAMED_FILES)
    notes.push(`skipped ${unread.length - NAMED_FILES} more files that cannot be read`);
  if (sizes.size > 1) {
    notes.push(`images of ${sizes.size} sizes: all are stretched to ${target.imageSize}×${target.imageSize}`);
  }
  const pixels = new Uint8Array(parts.length * imageBytes(target));
  parts.forEach((part, i) => {
    pixels.set(part, i * imageBytes(target));
  });
  return {
    ...target,
    count: parts.length,
    pixels,
    notes,
    ...(classNames && { labels: Uint8Array.from(labelsOfParts), classNames }),
  };
}

interface ListedImages {
  /** Paths within the folder. */
  readonly names: readonly string[];
  /** Of each image, and the classes' names, if the images lie in folders of their own. */
  readonly labels?: readonly number[];
  readonly classNames?: readonly string[];
}

/** The images of a folder; if there are none, those of the folders in it, one of each in turn, so that the first N are of all classes. */
async function listImages(folder: string): Promise<ListedImages> {
  const imagesOf = async (path: string) =>
    (await listFolder(path)).filter((name) => IMAGE_NAME.test(name)).sort();
  const names = await imagesOf(folder);
  if (names.length > 0) return { names };
  const entries = await readdir(folder, { withFileTypes: true });
  const classes: { name: string; images: string[] }[] = [];
  for (const name of entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()) {
    const images = await imagesOf(join(folder, name));
    if (images.length > 0) classes.push({ name, images });
  }
  if (classes.length === 0) return { names };
  if (classes.length > MAX_CLASSES) {
    throw new SpikeletError(
      "bad-input",
      `${folder}: found ${classes.length} folders of images, one for each class, expected at most ${MAX_CLASSES}`,
    );
  }
  for (const { name } of classes) checkClassName(folder, name);
  const listed = classes
    .flatMap(({ name, images }, label) => images.map((image, at) => ({ path: join(name, image), label, at })))
    .sort((a, b) => a.at - b.at || a.label - b.label);
  return {
    names: listed.map(({ path }) => path),
    labels: listed.map(({ label }) => label),
    classNames: classes.map(({ name }) => name),
  };
}

/** A class's name is that of its prior, and --class takes several with commas between them. */
function checkClassName(folder: string, name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes <= NAME_BYTES && !name.includes(",") && name !== MIXTURE_NAME && name !== LEARNED_NAME) return;
  throw new SpikeletError(
    "bad-input",
    `${join(folder, name)}: found a folder of this name, hence a class, expected at most ${NAME_BYTES} bytes of UTF-8 without commas, ` +
      `and not "${MIXTURE_NAME}" or "${LEARNED_NAME}"; rename the folder`,
  );
}

function shapeFor({ rows, columns, channels }: ImageSet): ImageShape {
  return {
    imageSize: Math.max(rows, columns) > SMALL_IMAGE ? LARGE_IMAGE : SMALL_IMAGE,
    imageChannels: channels,
  };
}

function checkTotal(folder: string, count: number, shape: ImageShape): void {
  const most = Math.floor(MAX_TOTAL_BYTES / imageBytes(shape));
  if (count <= most) return;
  throw new SpikeletError(
    "bad-input",
    `${folder}: found ${count} images or more, expected at most ${most}; take fewer with --images`,
  );
}

import { join } from "node:path";
import { fitImages } from "../src/data/fit-image.js";
import type { ImageSet } from "../src/data/idx.js";
import { SpikeletError } from "../src/errors.js";
import { type ImageShape, imageBytes } from "./batch.js";
import { hasImages, hasLabels, listFolder, readImages, readLabelledImages } from "./dataset.js";
import { MAX_FILE_BYTES, readImageSet } from "./image-input.js";
import { about, readInput } from "./input.js";

export interface TrainingImages extends ImageShape {
  readonly count: number;
  /** (count, imageSize, imageSize, imageChannels) */
  readonly pixels: Uint8Array;
  /** (count) where the data set has them */
  readonly labels?: Uint8Array;
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
/** Files that are named one by one when they cannot be read. */
const NAMED_FILES = 5;

/**
 * Reads the training images of a folder: the IDX files of a data set, or single images.
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
  const names = (await listFolder(folder)).filter((name) => IMAGE_NAME.test(name)).sort();
  if (names.length === 0) {
    throw new SpikeletError(
      "no-such-file",
      `${folder}: found no images, expected PNG or JPEG files, or IDX files such as train-images-idx3-ubyte`,
    );
  }
  const parts: Uint8Array[] = [];
  const unread: string[] = [];
  const sizes = new Set<string>();
  let target = shape;
  for (const name of names) {
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
  return { ...target, count: parts.length, pixels, notes };
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

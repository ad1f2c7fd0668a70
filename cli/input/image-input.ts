import { stat } from "node:fs/promises";
import { fitImages } from "../../src/data/fit-image.js";
import { isGzip } from "../../src/data/gzip.js";
import { type ImageSet, takeImages } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { describeFile, fileKind } from "../../src/file-kind.js";
import { type ImageShape, imageBytes } from "../output/batch.js";
import { PNG_SIGNATURE } from "../output/png-chunks.js";
import { readIdxFile } from "./idx-files.js";
import { about, readInput, type SystemPath } from "./input.js";
import { readJpeg } from "./jpeg-input.js";
import { readPng } from "./png-input.js";

/** 60,000 colour images of 32×32, stored, take 184 MB. */
export const MAX_FILE_BYTES = 2 ** 29;

/** Pixels of all images at the model's size: a million of MNIST's. */
const MAX_TOTAL_BYTES = 2 ** 30;

/** Images at a model's size and channels. */
export interface InputImages {
  readonly count: number;
  /** (count, imageSize, imageSize, imageChannels), in memory that worker threads share. */
  readonly pixels: Uint8Array;
  /** (count) The file of each; that of a set with #N, which is its number, from 0. */
  readonly names: readonly string[];
  /** Whether the inputs hold more than were asked for. */
  readonly hasMore: boolean;
}

/** How a command says what its images may be. */
export const INPUT_DESCRIPTION =
  "PNG, JPEG or IDX files (IDX plain or gzipped, and FILE#N takes image N of it alone)";

/** How a command says what becomes of them. */
export const FITTING_DESCRIPTION =
  "Images are brought to the model's channels and its size, stretched if they are not square; transparency is laid over black.";

/**
 * Reads the first `most` images of some files, and fits them to a model.
 * @throws SpikeletError "no-such-file", or "bad-input" if a file holds no images, is damaged or is too large
 */
export async function readInputImages(
  inputs: readonly string[],
  shape: ImageShape,
  most: number,
): Promise<InputImages> {
  const parts: Uint8Array[] = [];
  const names: string[] = [];
  let hasMore = false;
  for (const input of inputs) {
    if (names.length === most) {
      hasMore = true;
      break;
    }
    const { path, number } = await parseInput(input);
    const bytes = await readInput(path, "PNG, JPEG or IDX file", MAX_FILE_BYTES);
    const { fitted, first, count, isSet } = await about(path, () => {
      const set = readImageSet(bytes, path);
      const first = number ?? 0;
      const count = number === undefined ? Math.min(set.count, most - names.length) : 1;
      checkNumber(first, set);
      checkTotal(names.length + count, shape);
      hasMore ||= number === undefined && count < set.count;
      return { fitted: fitImages(takeImages(set, first, count), shape), first, count, isSet: set.count > 1 };
    });
    parts.push(fitted);
    for (let i = first; i < first + count; i++) names.push(isSet ? `${path}#${i}` : path);
  }

  const pixels = new Uint8Array(new SharedArrayBuffer(names.length * imageBytes(shape)));
  let at = 0;
  for (const part of parts) {
    pixels.set(part, at);
    at += part.length;
  }
  return { count: names.length, pixels, names, hasMore };
}

/** Splits FILE#N, unless a file has that very name. */
async function parseInput(input: string): Promise<{ path: string; number?: number }> {
  const match = /^(.+)#(\d{1,9})$/.exec(input);
  const isFile = await stat(input).then(
    () => true,
    () => false,
  );
  return match === null || isFile ? { path: input } : { path: match[1], number: Number(match[2]) };
}

/** Tells the format by the first bytes, whatever the file is called; the name only tells EMNIST. */
export function readImageSet(bytes: Uint8Array, path: SystemPath = ""): ImageSet {
  if (PNG_SIGNATURE.every((byte, i) => bytes[i] === byte)) return readPng(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return readJpeg(bytes);
  // Some other formats begin with two zeros as well, and are told by what follows.
  if (isGzip(bytes) || (bytes[0] === 0 && bytes[1] === 0 && fileKind(bytes) === undefined))
    return readIdxFile(bytes, path);
  throw new SpikeletError(
    "bad-input",
    `Found ${describeFile(bytes)}, expected a PNG, a JPEG or an IDX file of images. Convert the image to PNG.`,
  );
}

function checkNumber(number: number, { count }: ImageSet): void {
  if (number < count) return;
  throw new SpikeletError(
    "bad-input",
    `Found #${number}, expected a number from 0 to ${count - 1}: the file holds ${count} ${count === 1 ? "image" : "images"}.`,
  );
}

function checkTotal(count: number, shape: ImageShape): void {
  const most = Math.floor(MAX_TOTAL_BYTES / imageBytes(shape));
  if (count <= most) return;
  throw new SpikeletError(
    "bad-input",
    `Found ${count} images or more, expected at most ${most} of the model's size. Take fewer with --count.`,
  );
}

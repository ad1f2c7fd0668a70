import type { ImageSet } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { type ImageShape, imageBytes } from "../output/batch.js";

/** The training or the test images of a data set. */
export type Split = "train" | "test";

/** Images of a data set at a network's size and channels. */
export interface Dataset extends ImageShape {
  readonly count: number;
  /** (count, imageSize, imageSize, imageChannels), in memory that threads share */
  readonly pixels: Uint8Array;
  /** (count) Class of each image, where the data set has them. */
  readonly labels?: Uint8Array;
  /** Names of the classes by label, where they have names. */
  readonly classNames?: readonly string[];
  /** What was passed over or bent, a line each. */
  readonly notes: readonly string[];
}

export interface ReadDatasetOptions {
  /** At most so many images, the first ones; all if not given. */
  readonly most?: number;
  /** Whether labels are read where the data set has them; true if not given. */
  readonly labels?: boolean;
  /** Whether a picture that cannot be read, or is of another size than the first, is an error. */
  readonly strict?: boolean;
}

/** Sizes of the paper's two configs. */
const SMALL_IMAGE = 32;
const LARGE_IMAGE = 64;
/** Pixels of all images at the network's size. */
const MAX_TOTAL_BYTES = 2 ** 30;

/** What a network has that is made for such images. */
export function shapeFor({ rows, columns, channels }: ImageSet): ImageShape {
  if (channels !== 1 && channels !== 3) {
    throw new SpikeletError(
      "bad-input",
      `Found images of ${channels} channels, expected 1 (grey) or 3 (RGB). Convert them first.`,
    );
  }
  return {
    imageSize: Math.max(rows, columns) > SMALL_IMAGE ? LARGE_IMAGE : SMALL_IMAGE,
    imageChannels: channels,
  };
}

/** Room for the pixels of a data set. */
export function allocatePixels(folder: string, count: number, shape: ImageShape): Uint8Array {
  const most = Math.floor(MAX_TOTAL_BYTES / imageBytes(shape));
  if (count <= most) return new Uint8Array(new SharedArrayBuffer(count * imageBytes(shape)));
  throw new SpikeletError(
    "bad-input",
    `${folder}: found ${count} images, expected at most ${most}; take fewer with --images`,
  );
}

/** A line where images are given other channels than they have. */
export function colourNotes(channels: number, { imageChannels }: ImageShape): string[] {
  if (channels === imageChannels) return [];
  return [
    imageChannels === 1
      ? "colour images are turned to grey, which the model takes"
      : "grey images are given three equal channels, which the model takes",
  ];
}

import type { ImageSet } from "../../../src/data/idx.js";
import { resizeImages } from "../../../src/data/resize.js";
import { SpikeletError } from "../../../src/errors.js";
import { readImages, readLabelledImages, type Split } from "../../input/dataset.js";
import { type ImageShape, imageBytes } from "../../output/batch.js";

/** Images of a data set at a model's size. */
export interface EvaluationImages {
  readonly count: number;
  /** (count, imageSize, imageSize, imageChannels), in memory that threads share */
  readonly pixels: Uint8Array;
  /** (count); absent if they were not asked for. */
  readonly labels?: Uint8Array;
}

export interface ReadOptions {
  /** At most so many images, the first ones. */
  readonly most: number;
  readonly labels: boolean;
}

/**
 * Reads the first images of a split, and resizes them as the reference does.
 * @throws SpikeletError "no-such-file" if a file is missing, "bad-input" for images of other channels than the model's
 */
export async function readEvaluationImages(
  folder: string,
  split: Split,
  shape: ImageShape,
  { most, labels: withLabels }: ReadOptions,
): Promise<EvaluationImages> {
  const { images, labels } = withLabels
    ? await readLabelled(folder, split)
    : { images: await readImages(folder, split), labels: undefined };
  const { imageSize, imageChannels } = shape;
  if (images.channels !== imageChannels) {
    throw new SpikeletError(
      "bad-input",
      `${folder}: found ${split} images of ${images.channels} channels, expected ${imageChannels} as the model has; ` +
        "give the kind of data that the model was trained on",
    );
  }
  const count = Math.min(images.count, most);
  const resized = resizeImages(
    firstPixels(images, count),
    images,
    { rows: imageSize, columns: imageSize },
    imageChannels,
  );
  const pixels = new Uint8Array(new SharedArrayBuffer(count * imageBytes(shape)));
  pixels.set(resized);
  return { count, pixels, ...(labels && { labels: labels.subarray(0, count) }) };
}

async function readLabelled(folder: string, split: Split) {
  try {
    return await readLabelledImages(folder, split);
  } catch (cause) {
    if (!(cause instanceof SpikeletError) || cause.code !== "no-such-file") throw cause;
    // If it is the images that are missing, this says so.
    await readImages(folder, split);
    throw new SpikeletError(cause.code, `${cause.message}, or leave out what needs labels with --no-labels`, {
      cause,
    });
  }
}

function firstPixels({ pixels, rows, columns, channels }: ImageSet, count: number): Uint8Array {
  return pixels.subarray(0, count * rows * columns * channels);
}

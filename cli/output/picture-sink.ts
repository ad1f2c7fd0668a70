import { SpikeletError } from "../../src/errors.js";
import { type Batch, type ImageShape, imageBytes } from "./batch.js";
import { MAX_GRID_IMAGES, splitImages } from "./grid.js";
import { prepareFolderOf, replaceFile } from "./output.js";
import type { Sink } from "./sink.js";

export interface PictureSinkOptions {
  readonly path: string;
  readonly start: bigint;
  readonly count: number;
  readonly shape: ImageShape;
  /** What to use when there are too many images for one picture. */
  readonly remedy: string;
  /** Makes the file of all images. */
  draw(images: readonly Uint8Array[]): Uint8Array;
}

export interface PictureSink extends Sink {
  /** The images so far. */
  readonly images: readonly Uint8Array[];
}

/** All images in one picture, which is drawn when the last one is there. */
export async function openPictureSink(options: PictureSinkOptions): Promise<PictureSink> {
  const { path, start, count, shape, remedy, draw } = options;
  if (count > MAX_GRID_IMAGES) {
    throw new SpikeletError(
      "bad-option",
      `--out ${path}: found --count ${count}, expected at most ${MAX_GRID_IMAGES} images in one .png grid; ${remedy}`,
    );
  }
  await prepareFolderOf(path);
  const pixels = new Uint8Array(count * imageBytes(shape));
  const images = splitImages(pixels, shape);

  return {
    images,
    missing: [{ first: start, count }],
    toMake: count,
    total: count,
    keptIn: undefined,
    async write(batch: Batch) {
      pixels.set(batch.bytes, Number(batch.first - start) * imageBytes(shape));
    },
    async finish() {
      const picture = draw(images);
      await replaceFile(path, picture);
      return picture.length;
    },
    async suspend() {},
  };
}

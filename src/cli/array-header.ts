import { idxHeader } from "../data/idx.js";
import { npyHeader } from "../data/npy.js";
import type { ImageShape } from "./batch.js";

/** (images, rows, columns), and channels if there are several. */
function arrayShape(count: number, { imageSize, imageChannels }: ImageShape): number[] {
  const shape = [count, imageSize, imageSize];
  return imageChannels === 1 ? shape : [...shape, imageChannels];
}

/** The header of an IDX file of images. */
export function idxImagesHeader(count: number, image: ImageShape): Uint8Array {
  return idxHeader(arrayShape(count, image));
}

/** The header of a `.npy` file of images. */
export function npyImagesHeader(count: number, image: ImageShape): Uint8Array {
  return npyHeader("|u1", arrayShape(count, image));
}

import * as idx from "../../src/data/idx.js";
import * as npy from "../../src/data/npy.js";
import type { ImageShape } from "./batch.js";

/** (images, rows, columns), and channels if there are several. */
function arrayShape(count: number, { imageSize, imageChannels }: ImageShape): number[] {
  const shape = [count, imageSize, imageSize];
  return imageChannels === 1 ? shape : [...shape, imageChannels];
}

/** The header of an IDX file of images. */
export function idxHeader(count: number, image: ImageShape): Uint8Array {
  return idx.idxHeader(arrayShape(count, image));
}

/** The header of a `.npy` file of images. */
export function npyHeader(count: number, image: ImageShape): Uint8Array {
  return npy.npyHeader("|u1", arrayShape(count, image));
}

/** The header of an IDX file of labels. */
export function idxLabelsHeader(count: number): Uint8Array {
  return idx.idxHeader([count]);
}

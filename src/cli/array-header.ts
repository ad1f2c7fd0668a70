import type { ImageShape } from "./batch.js";

/** (images, rows, columns), and channels if there are several. */
function arrayShape(count: number, { imageSize, imageChannels }: ImageShape): number[] {
  const shape = [count, imageSize, imageSize];
  return imageChannels === 1 ? shape : [...shape, imageChannels];
}

/** IDX, the format of MNIST's own files: 0, 0, type (8: unsigned byte), dimensions, then each length as big-endian u32. */
export function idxHeader(count: number, image: ImageShape): Uint8Array {
  const shape = arrayShape(count, image);
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length));
  header.setUint8(2, 0x08);
  header.setUint8(3, shape.length);
  for (const [i, length] of shape.entries()) header.setUint32(4 + 4 * i, length);
  return new Uint8Array(header.buffer);
}

/** NumPy's format, version 1.0: magic, length of the dictionary, dictionary, spaces up to a multiple of 64, newline. */
export function npyHeader(count: number, image: ImageShape): Uint8Array {
  const magic = [0x93, ...Buffer.from("NUMPY"), 1, 0];
  const shape = arrayShape(count, image).join(", ");
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape}), }`;
  const before = magic.length + 2;
  const length = Math.ceil((before + dictionary.length + 1) / 64) * 64;
  const text = `${dictionary.padEnd(length - before - 1)}\n`;
  return Uint8Array.of(...magic, text.length & 0xff, text.length >> 8, ...Buffer.from(text));
}

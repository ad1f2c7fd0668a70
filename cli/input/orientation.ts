import type { ImageSet } from "../../src/data/idx.js";

// EXIF is a TIFF: byte order, 42, the place of a directory; a directory is a count and entries of tag, type, count and value.

const ORIENTATION_TAG = 0x0112;
const UPRIGHT = 1;
const ENTRY_BYTES = 12;

/** The orientation, 1 to 8, that EXIF data give; 1 if they give none. */
export function readOrientation(exif: Uint8Array): number {
  if (exif.length < 8) return UPRIGHT;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return UPRIGHT;
  const isLittle = order === 0x4949;
  const directory = view.getUint32(4, isLittle);
  if (view.getUint16(2, isLittle) !== 42 || directory + 2 > exif.length) return UPRIGHT;
  const count = view.getUint16(directory, isLittle);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + i * ENTRY_BYTES;
    if (entry + ENTRY_BYTES > exif.length) break;
    if (view.getUint16(entry, isLittle) !== ORIENTATION_TAG) continue;
    const orientation = view.getUint16(entry + 8, isLittle);
    return orientation >= 1 && orientation <= 8 ? orientation : UPRIGHT;
  }
  return UPRIGHT;
}

/** Rows and columns are exchanged. */
export const TRANSPOSED = 5;

/** Pictures as they are to be seen, from some as they are stored. */
export function turnUpright(image: ImageSet, orientation: number): ImageSet {
  if (orientation === UPRIGHT) return image;
  const { count, rows, columns, channels, pixels } = image;
  // 5 to 8 have rows and columns exchanged; of what remains, 2, 3 and 4 are a mirrored, a turned and a flipped picture.
  const isTransposed = orientation >= 5;
  const [toRows, toColumns] = isTransposed ? [columns, rows] : [rows, columns];
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const turned = new Uint8Array(pixels.length);
  let to = 0;
  for (let start = 0; start < count * rows; start += rows) {
    for (let y = 0; y < toRows; y++) {
      for (let x = 0; x < toColumns; x++) {
        const row = isTransposed ? x : y;
        const column = isTransposed ? y : x;
        const fromRow = start + (fromBottom ? rows - 1 - row : row);
        const fromColumn = fromRight ? columns - 1 - column : column;
        let from = (fromRow * columns + fromColumn) * channels;
        for (let c = 0; c < channels; c++) turned[to++] = pixels[from++];
      }
    }
  }
  return { ...image, rows: toRows, columns: toColumns, pixels: turned };
}

import { SpikeletError } from "../errors.js";
import { gunzip, isGzip } from "./gzip.js";

// IDX, the format of MNIST's own files (Y. LeCun): 0, 0, type, number of dimensions, each dimension as a big-endian
// u32, then the elements, the last axis fastest.

const UNSIGNED_BYTE = 0x08;
/** Inflated bytes of one file. 60,000 colour images of 32×32 take 184 MB. */
const MAX_INFLATED_BYTES = 2 ** 29;

/** Samples of a pixel in any usual array: red, green, blue and transparency. */
const MOST_CHANNELS = 4;

/** Images of one size. */
export interface ImageSet {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** (count, rows, columns, channels) */
  readonly pixels: Uint8Array;
}

/** Images `first` … `first + count − 1` of a set. */
export function takeImages(set: ImageSet, first: number, count: number): ImageSet {
  const bytes = set.rows * set.columns * set.channels;
  return { ...set, count, pixels: set.pixels.subarray(first * bytes, (first + count) * bytes) };
}

/** The header of an IDX file of unsigned bytes. */
export function idxHeader(shape: readonly number[]): Uint8Array {
  const header = new DataView(new ArrayBuffer(headerBytes(shape.length)));
  header.setUint8(2, UNSIGNED_BYTE);
  header.setUint8(3, shape.length);
  for (const [i, length] of shape.entries()) header.setUint32(4 + 4 * i, length);
  return new Uint8Array(header.buffer);
}

/**
 * Reads images (count, rows, columns) or (count, rows, columns, channels), plain or gzipped; or (count, channels, rows,
 * columns), told by 1 or 3 channels and more columns than pixels have samples.
 * @throws SpikeletError "bad-input" if the bytes are anything else, too few or too many.
 */
export function readIdxImages(bytes: Uint8Array): ImageSet {
  const { shape, elements } = readIdx(bytes, [3, 4], "images (count, rows, columns[, channels])");
  const [count, first, second, third = 1] = shape;
  if (shape.length === 4 && (first === 1 || first === 3) && third > MOST_CHANNELS) {
    const [channels, rows, columns] = [first, second, third];
    return { count, rows, columns, channels, pixels: channelsLast(elements, channels, rows * columns) };
  }
  return { count, rows: first, columns: second, channels: third, pixels: elements };
}

/** (count, channels, positions) to (count, positions, channels) */
function channelsLast(pixels: Uint8Array, channels: number, positions: number): Uint8Array {
  const ordered = new Uint8Array(pixels.length);
  for (let image = 0; image < pixels.length; image += channels * positions) {
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < positions; i++) {
        ordered[image + i * channels + c] = pixels[image + c * positions + i];
      }
    }
  }
  return ordered;
}

/**
 * Reads labels (count), plain or gzipped.
 * @throws SpikeletError "bad-input" if the bytes are anything else, too few or too many.
 */
export function readIdxLabels(bytes: Uint8Array): Uint8Array {
  return readIdx(bytes, [1], "labels (count)").elements;
}

/**
 * Checks that images and labels belong together.
 * @throws SpikeletError "bad-input" if there are not as many of the one as of the other.
 */
export function checkLabels({ count }: ImageSet, labels: Uint8Array): void {
  if (count === labels.length) return;
  throw new SpikeletError(
    "bad-input",
    `Found ${labels.length} labels for ${count} images, expected one each. Give files of the same set.`,
  );
}

function headerBytes(dimensions: number): number {
  return 4 + 4 * dimensions;
}

function readIdx(
  file: Uint8Array,
  allowedDimensions: readonly number[],
  kind: string,
): { shape: number[]; elements: Uint8Array } {
  const bytes = isGzip(file) ? gunzip(file, MAX_INFLATED_BYTES) : file;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headerBytes(1)) {
    throw new SpikeletError(
      "bad-input",
      `Found ${bytes.length} bytes, too few for an IDX file, expected ${kind}. Get the file again.`,
    );
  }
  const magic = view.getUint32(0);
  const dimensions = magic & 0xff;
  if (magic >>> 8 !== UNSIGNED_BYTE || !allowedDimensions.includes(dimensions)) {
    const expected = allowedDimensions.map((n) => magicText((UNSIGNED_BYTE << 8) | n)).join(" or ");
    throw new SpikeletError(
      "bad-input",
      `Found the magic number ${magicText(magic)}, expected ${expected}: an IDX file of unsigned bytes with ${kind}. ` +
        "Give such a file, plain or gzipped.",
    );
  }
  if (bytes.length < headerBytes(dimensions)) {
    throw new SpikeletError(
      "bad-input",
      `Found ${bytes.length} bytes, expected a header of ${headerBytes(dimensions)}. ` +
        "The IDX file is cut short: get it again.",
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, length) => product * length, 1);
  if (size === 0) {
    throw new SpikeletError(
      "bad-input",
      `Found the shape (${shape.join(", ")}), expected no length to be 0. Give a file that holds something.`,
    );
  }
  const expected = headerBytes(dimensions) + size;
  if (bytes.length !== expected) {
    throw new SpikeletError(
      "bad-input",
      `Found ${bytes.length} bytes, expected ${expected} for the shape (${shape.join(", ")}). ` +
        (bytes.length < expected
          ? "The IDX file is cut short: get it again."
          : "The IDX file has extra bytes at its end: get it again."),
    );
  }
  return { shape, elements: bytes.subarray(headerBytes(dimensions)) };
}

function magicText(magic: number): string {
  return `0x${magic.toString(16).padStart(8, "0")}`;
}

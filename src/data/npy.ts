import { SpikeletError } from "../errors.js";
import { readZipEntry, zipEntries } from "./zip-archive.js";

// NumPy's format (numpy.lib.format): magic, version, length of the header, a Python dictionary with spaces up to a
// multiple of 64 and a newline, then the elements. `.npz` is a zip archive of `.npy` files.

const MAGIC = "\x93NUMPY";
/** Bytes before the header's length: magic, major and minor version. */
const PREAMBLE_BYTES = 8;
const ALIGNMENT = 64;
/** A header that is longer describes a structured type. */
const MAX_HEADER_BYTES = 4096;
/** Inflated bytes of all arrays of one archive. Statistics of 2,048 features take 34 MB. */
const MAX_INFLATED_BYTES = 2 ** 28;

/** NumPy's name of an element type: byte order, kind, bytes. */
export type NpyType = "|u1" | "<f4" | "<f8";

/** An array, row-major. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The header of a version 1.0 `.npy` file of a row-major array. */
export function npyHeader(type: NpyType, shape: readonly number[]): Uint8Array {
  // A tuple of one needs its comma.
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const before = PREAMBLE_BYTES + 2;
  const length = Math.ceil((before + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT;
  const text = `${dictionary.padEnd(length - before - 1)}\n`;
  return Uint8Array.of(
    ...latin1Bytes(MAGIC),
    1,
    0,
    text.length & 0xff,
    text.length >> 8,
    ...latin1Bytes(text),
  );
}

/**
 * Reads a `.npy` file of row-major float32 or float64, little-endian.
 * @throws SpikeletError "bad-input" if it is anything else, is cut short or has extra bytes.
 */
export function readNpy(bytes: Uint8Array): NpyArray {
  const { type, shape, start } = readHeader(bytes);
  const elementBytes = type === "<f4" ? 4 : 8;
  const size = shape.reduce((product, length) => product * length, 1);
  const expected = start + size * elementBytes;
  if (bytes.length !== expected) {
    throw damaged(
      `Found ${bytes.length} bytes, expected ${expected} for ${type} of shape (${shape.join(", ")})`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const data = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    data[i] = type === "<f4" ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true);
  }
  return { shape, data };
}

/**
 * Reads the arrays `names` of a `.npz` file.
 * @throws SpikeletError "bad-input" if it is no zip archive, lacks one of them, or one cannot be read.
 */
export function readNpz<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
): Record<Name, NpyArray> {
  const wanted = new Set(names.map((name) => `${name}.npy`));
  const found: string[] = [];
  let inflated = 0;
  const entries = new Map<string, Uint8Array>();
  try {
    for (const entry of zipEntries(bytes)) {
      found.push(entry.name);
      if (!wanted.has(entry.name)) continue;
      inflated += entry.originalSize;
      if (inflated > MAX_INFLATED_BYTES) {
        throw new SpikeletError(
          "bad-input",
          `The .npz file inflates to ${inflated} bytes, expected at most ${MAX_INFLATED_BYTES}. Give a smaller one.`,
        );
      }
      entries.set(entry.name, readZipEntry(bytes, entry));
    }
  } catch (cause) {
    if (cause instanceof SpikeletError) throw cause;
    throw damaged(
      `Found ${bytes.length} bytes that are no zip archive (${(cause as Error).message}), expected a .npz file`,
      cause,
    );
  }
  const read = (name: Name): [Name, NpyArray] => {
    const entry = entries.get(`${name}.npy`);
    if (entry === undefined) {
      const some = found.slice(0, 5).join(", ") || "nothing";
      throw new SpikeletError(
        "bad-input",
        `Found ${some} in the .npz file, expected ${name}.npy. Save it with numpy.savez(path, ${names.map((n) => `${n}=…`).join(", ")}).`,
      );
    }
    return [name, readNpy(entry)];
  };
  return Object.fromEntries(names.map(read)) as Record<Name, NpyArray>;
}

function readHeader(bytes: Uint8Array): { type: "<f4" | "<f8"; shape: number[]; start: number } {
  if (latin1(bytes.subarray(0, MAGIC.length)) !== MAGIC || bytes.length < PREAMBLE_BYTES + 4) {
    throw damaged(`Found ${bytes.length} bytes without NumPy's magic string, expected a .npy file`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Version 1 has a 16-bit length, 2 and 3 a 32-bit one.
  const isVersion1 = bytes[MAGIC.length] === 1;
  const lengthBytes = isVersion1 ? 2 : 4;
  const length = isVersion1 ? view.getUint16(PREAMBLE_BYTES, true) : view.getUint32(PREAMBLE_BYTES, true);
  const start = PREAMBLE_BYTES + lengthBytes + length;
  if (length > MAX_HEADER_BYTES || start > bytes.length) {
    throw damaged(
      `Found a header of ${length} bytes in ${bytes.length}, expected at most ${MAX_HEADER_BYTES}`,
    );
  }
  const header = latin1(bytes.subarray(start - length, start));
  const type = /'descr': *'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order': *(True|False)/.exec(header)?.[1];
  const tuple = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1];
  if ((type !== "<f4" && type !== "<f8") || order !== "False" || tuple === undefined) {
    throw new SpikeletError(
      "bad-input",
      `Found the .npy header ${header.trim()}, expected '<f4' or '<f8' in C order. ` +
        "Save numpy.ascontiguousarray(array, dtype='<f8').",
    );
  }
  const shape = tuple
    .split(",")
    .filter((length) => length.trim() !== "")
    .map(Number);
  return { type, shape, start };
}

function damaged(message: string, cause?: unknown): SpikeletError {
  return new SpikeletError(
    "bad-input",
    `${message}. The file is cut short or damaged: get it again.`,
    cause === undefined ? undefined : { cause },
  );
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function latin1Bytes(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

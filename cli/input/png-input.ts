import { inflateSync } from "node:zlib";
import { convertIndexedToRgb, type DecodedPng, decode } from "fast-png";
import type { ImageSet } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { readChunks } from "../output/png-chunks.js";
import { checkImageSize } from "./image-size.js";

/** Samples of a pixel by colour type. */
const SAMPLES: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Adam7: the first position and the step of each pass, in columns and rows. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Samples in the range of 8 bits that follow each other, 1 to 4 a pixel: grey or RGB, and alpha if the number is even. */
interface Samples {
  readonly data: Uint8Array;
  readonly perPixel: number;
}

/**
 * Reads a PNG: grey, RGB or palette, 1 to 16 bits a sample, rounded to 8. Transparency is laid over black, which is
 * what MNIST's digits lie on.
 * @throws SpikeletError "bad-input" if it is damaged, cut short or too large
 */
export function readPng(bytes: Uint8Array): ImageSet {
  checkStructure(bytes);
  const { samples, rows, columns } = decodeSamples(bytes);
  const channels = samples.perPixel < 3 ? 1 : 3;
  return { count: 1, rows, columns, channels, pixels: overBlack(samples, channels) };
}

/**
 * Checks the size before anything is made of it, and that the compressed data hold as many bytes as it says: neither
 * fewer, which fast-png would fill with zeros, nor a thousandfold more.
 */
function checkStructure(bytes: Uint8Array): void {
  const chunks = readChunks(bytes);
  const [header] = chunks;
  if (header.type !== "IHDR" || header.data.length !== 13) {
    throw damaged(`Found ${header.type} as the first chunk, expected IHDR`);
  }
  const view = new DataView(header.data.buffer, header.data.byteOffset, header.data.byteLength);
  const columns = view.getUint32(0);
  const rows = view.getUint32(4);
  const depth = view.getUint8(8);
  const isInterlaced = view.getUint8(12) === 1;
  checkImageSize(rows, columns);
  if (isInterlaced && depth < 8) {
    throw new SpikeletError(
      "bad-input",
      `Found an interlaced PNG of ${depth} bits a sample, expected 8 or 16 where it is interlaced. ` +
        "Save it without interlacing.",
    );
  }
  const bits = depth * (SAMPLES[view.getUint8(9)] ?? 0);
  const expected = isInterlaced
    ? PASSES.reduce(
        (sum, [x, y, dx, dy]) =>
          sum + scanlineBytes(Math.ceil((rows - y) / dy), Math.ceil((columns - x) / dx), bits),
        0,
      )
    : scanlineBytes(rows, columns, bits);
  const compressed = chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data);
  const found = inflatedLength(Buffer.concat(compressed), expected);
  if (found !== expected) {
    throw damaged(`Found ${found} bytes of pixels, expected ${expected} for ${columns}×${rows}`);
  }
}

/** Bytes of pixels with their filters' numbers, one a row. */
function scanlineBytes(rows: number, columns: number, bitsPerPixel: number): number {
  return rows > 0 && columns > 0 ? rows * (1 + Math.ceil((columns * bitsPerPixel) / 8)) : 0;
}

function inflatedLength(compressed: Uint8Array, most: number): number {
  try {
    return inflateSync(compressed, { maxOutputLength: most + 1 }).length;
  } catch (cause) {
    throw damaged(`The pixels cannot be inflated to ${most} bytes (${(cause as Error).message})`, cause);
  }
}

function decodeSamples(bytes: Uint8Array): { samples: Samples; rows: number; columns: number } {
  try {
    const png = decode(bytes, { checkCrc: true });
    const samples =
      png.palette === undefined ? directSamples(png) : paletteSamples(png, png.palette[0].length);
    return { samples, rows: png.height, columns: png.width };
  } catch (cause) {
    throw damaged(`The PNG cannot be decoded (${(cause as Error).message})`, cause);
  }
}

function paletteSamples(png: DecodedPng, perPixel: number): Samples {
  return { data: convertIndexedToRgb(png), perPixel };
}

function directSamples(png: DecodedPng): Samples {
  const { width, height, channels, depth, transparency } = png;
  const raw = depth < 8 ? unpackBits(png) : png.data;
  const most = 2 ** depth - 1;
  const toByte = (sample: number) => Math.round((sample * 255) / most);
  if (transparency === undefined) return { data: Uint8Array.from(raw, toByte), perPixel: channels };

  // One colour is transparent: given as samples of the file's own depth, so before they are rounded.
  const perPixel = channels + 1;
  const data = new Uint8Array(width * height * perPixel);
  for (let pixel = 0; pixel < width * height; pixel++) {
    let isTransparent = true;
    for (let c = 0; c < channels; c++) {
      const sample = raw[pixel * channels + c];
      data[pixel * perPixel + c] = toByte(sample);
      isTransparent &&= sample === transparency[c];
    }
    data[pixel * perPixel + channels] = isTransparent ? 0 : 255;
  }
  return { data, perPixel };
}

/** Samples of less than a byte; every row starts with a new byte. */
function unpackBits({ data, width, height, depth }: DecodedPng): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * rowBytes + (bit >> 3)];
      samples[y * width + x] = (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
    }
  }
  return samples;
}

function overBlack({ data, perPixel }: Samples, channels: number): Uint8Array {
  if (perPixel === channels) return data;
  const pixels = new Uint8Array((data.length / perPixel) * channels);
  for (let i = 0; i < pixels.length; i++) {
    const at = Math.floor(i / channels) * perPixel;
    pixels[i] = Math.round((data[at + (i % channels)] * data[at + channels]) / 255);
  }
  return pixels;
}

function damaged(message: string, cause?: unknown): SpikeletError {
  return new SpikeletError("bad-input", `${message}. The file is damaged: get it again.`, { cause });
}

import { inflateSync } from "node:zlib";
import type { ImageSet } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { crc32 } from "../../src/model/file.js";
import { type Chunk, type FoundChunk, readChunks } from "../output/png-chunks.js";
import { checkImageSize } from "./image-size.js";
import { readOrientation, turnUpright } from "./orientation.js";

// PNG (https://www.w3.org/TR/png-3/). Chunks that pictures can do without are never unpacked, and a bad checksum in one
// is passed over, as the standard asks of decoders (13.1).

const GREY = 0;
const RGB = 2;
const PALETTE = 3;
const GREY_ALPHA = 4;
const RGB_ALPHA = 6;

/** Samples of a pixel, and the depths that are allowed, by colour type. */
const COLOUR_TYPES: Readonly<Record<number, { samples: number; depths: readonly number[] }>> = {
  [GREY]: { samples: 1, depths: [1, 2, 4, 8, 16] },
  [RGB]: { samples: 3, depths: [8, 16] },
  [PALETTE]: { samples: 1, depths: [1, 2, 4, 8] },
  [GREY_ALPHA]: { samples: 2, depths: [8, 16] },
  [RGB_ALPHA]: { samples: 4, depths: [8, 16] },
};

/** The first position and the step of each pass, in columns and rows: of Adam7, and of a picture that is not interlaced. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const ONE_PASS = [[0, 0, 1, 1]] as const;

interface Header {
  readonly columns: number;
  readonly rows: number;
  /** Bits of a sample. */
  readonly depth: number;
  readonly colourType: number;
  readonly isInterlaced: boolean;
}

interface Pass {
  readonly columns: number;
  readonly rows: number;
  /** Pixels before the pass's first, and from one to the next in its row and its column. */
  readonly start: number;
  readonly columnStep: number;
  readonly rowStep: number;
}

/** Puts the samples of a row where its pixels belong: the first at `at`, each next `step` further. */
type RowWriter = (samples: Uint8Array | Uint16Array, pixels: Uint8Array, at: number, step: number) => void;

/**
 * Reads a PNG: grey, RGB or palette, 1 to 16 bits a sample, rounded to 8, turned as its EXIF data say. Transparency is
 * laid over black, which is what MNIST's digits lie on.
 * @throws SpikeletError "bad-input" if it is damaged, cut short or too large
 */
export function readPng(bytes: Uint8Array): ImageSet {
  const chunks = soundChunks(readChunks(bytes));
  const header = readHeader(chunks[0]);
  const { rows, columns, colourType } = header;
  const passes = passesOf(header);
  const scanlines = inflate(chunks, header, passes);
  const channels = colourType === GREY || colourType === GREY_ALPHA ? 1 : 3;
  const pixels = new Uint8Array(rows * columns * channels);
  const write = rowWriter(header, dataOf(chunks, "PLTE"), dataOf(chunks, "tRNS"));
  let at = 0;
  for (const pass of passes) {
    const rowBytes = scanlineBytes(pass.columns, header) - 1;
    let above: Uint8Array = new Uint8Array(rowBytes);
    for (let y = 0; y < pass.rows; y++) {
      const row = scanlines.subarray(at + 1, at + 1 + rowBytes);
      unfilter(scanlines[at], row, above, pixelBytes(header));
      const start = (pass.start + y * pass.rowStep) * channels;
      write(samplesOf(row, header, pass.columns), pixels, start, pass.columnStep * channels);
      above = row;
      at += 1 + rowBytes;
    }
  }
  const exif = dataOf(chunks, "eXIf");
  const image = { count: 1, rows, columns, channels, pixels };
  return exif === undefined ? image : turnUpright(image, readOrientation(exif));
}

/** The chunks whose checksums are right; a wrong one is an error where the picture depends on it. */
function soundChunks(chunks: readonly FoundChunk[]): Chunk[] {
  return chunks.filter(({ type, data, crc }) => {
    const isNeeded = type[0] === type[0].toUpperCase();
    if (isNeeded && !["IHDR", "PLTE", "IDAT", "IEND"].includes(type)) {
      throw damaged(`Found the chunk ${type}, which no standard PNG needs`);
    }
    if (!isNeeded && type !== "tRNS" && type !== "eXIf") return false;
    const covered = new Uint8Array(data.buffer, data.byteOffset - 4, data.length + 4);
    const isSound = crc32(covered) === crc;
    if (isNeeded && !isSound) throw damaged(`The chunk ${type} does not have the checksum that it gives`);
    return isSound;
  });
}

function dataOf(chunks: readonly Chunk[], type: string): Uint8Array | undefined {
  return chunks.find((chunk) => chunk.type === type)?.data;
}

function readHeader({ type, data }: Chunk): Header {
  if (type !== "IHDR" || data.length !== 13) throw damaged(`Found ${type} as the first chunk, expected IHDR`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [columns, rows] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = data.subarray(8);
  if (!COLOUR_TYPES[colourType]?.depths.includes(depth)) {
    throw damaged(`Found colour type ${colourType} with ${depth} bits a sample, which PNG does not have`);
  }
  if (compression !== 0 || filter !== 0 || interlace > 1) {
    throw damaged(`Found the methods ${compression}, ${filter} and ${interlace}, expected 0, 0 and 0 or 1`);
  }
  checkImageSize(rows, columns);
  return { columns, rows, depth, colourType, isInterlaced: interlace === 1 };
}

function passesOf({ rows, columns, isInterlaced }: Header): Pass[] {
  return (isInterlaced ? ADAM7 : ONE_PASS)
    .map(([x, y, dx, dy]) => ({
      columns: Math.ceil((columns - x) / dx),
      rows: Math.ceil((rows - y) / dy),
      start: y * columns + x,
      columnStep: dx,
      rowStep: dy * columns,
    }))
    .filter((pass) => pass.columns > 0 && pass.rows > 0);
}

/** Bits of a pixel. */
function pixelBits({ depth, colourType }: Header): number {
  return depth * COLOUR_TYPES[colourType].samples;
}

/** Bytes of a pixel, from which filters look back; at least one. */
function pixelBytes(header: Header): number {
  return Math.ceil(pixelBits(header) / 8);
}

/** Bytes of a row of so many pixels, and of its filter's number. */
function scanlineBytes(columns: number, header: Header): number {
  return 1 + Math.ceil((columns * pixelBits(header)) / 8);
}

/** The filtered rows of all passes, if they are as many bytes as the size demands: neither fewer nor a thousandfold more. */
function inflate(chunks: readonly Chunk[], header: Header, passes: readonly Pass[]): Uint8Array {
  const { rows, columns } = header;
  const expected = passes.reduce((sum, pass) => sum + pass.rows * scanlineBytes(pass.columns, header), 0);
  const compressed = chunks.filter(({ type }) => type === "IDAT").map(({ data }) => data);
  let scanlines: Uint8Array;
  try {
    // In one piece, which need not be copied.
    const options = { maxOutputLength: expected, chunkSize: Math.max(64, expected) };
    scanlines = inflateSync(compressed.length === 1 ? compressed[0] : Buffer.concat(compressed), options);
  } catch (cause) {
    throw damaged(`The pixels cannot be inflated to ${expected} bytes (${(cause as Error).message})`, cause);
  }
  if (scanlines.length !== expected) {
    throw damaged(`Found ${scanlines.length} bytes of pixels, expected ${expected} for ${columns}×${rows}`);
  }
  return scanlines;
}

/** Undoes a row's filter in place. */
function unfilter(filter: number, row: Uint8Array, above: Uint8Array, back: number): void {
  const { length } = row;
  switch (filter) {
    case 0:
      return;
    case 1:
      for (let i = back; i < length; i++) row[i] += row[i - back];
      return;
    case 2:
      for (let i = 0; i < length; i++) row[i] += above[i];
      return;
    case 3:
      for (let i = 0; i < length; i++) row[i] += ((i < back ? 0 : row[i - back]) + above[i]) >> 1;
      return;
    case 4:
      for (let i = 0; i < length; i++) {
        row[i] += i < back ? above[i] : paeth(row[i - back], above[i], above[i - back]);
      }
      return;
    default:
      throw damaged(`Found the filter ${filter}, expected 0 to 4`);
  }
}

/** Whichever of three neighbours is nearest to left + above − corner. */
function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** The samples of a row of `columns` pixels, in the range of the file's depth. */
function samplesOf(
  row: Uint8Array,
  { depth, colourType }: Header,
  columns: number,
): Uint8Array | Uint16Array {
  if (depth === 8) return row;
  const count = columns * COLOUR_TYPES[colourType].samples;
  if (depth === 16) return Uint16Array.from({ length: count }, (_, i) => (row[2 * i] << 8) | row[2 * i + 1]);
  const samples = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const bit = i * depth;
    samples[i] = (row[bit >> 3] >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  }
  return samples;
}

function rowWriter(
  { depth, colourType }: Header,
  palette: Uint8Array | undefined,
  transparency: Uint8Array | undefined,
): RowWriter {
  if (colourType === PALETTE) return paletteWriter(palette, transparency);
  const most = 2 ** depth - 1;
  const toByte = Uint8Array.from({ length: most + 1 }, (_, sample) => Math.round((sample * 255) / most));
  if (colourType === GREY_ALPHA || colourType === RGB_ALPHA)
    return alphaWriter(toByte, colourType === RGB_ALPHA ? 3 : 1);
  const channels = colourType === RGB ? 3 : 1;
  if (transparency === undefined || transparency.length < 2 * channels) return opaqueWriter(toByte, channels);
  // One colour is transparent, hence black.
  const key = Array.from(
    { length: channels },
    (_, c) => (transparency[2 * c] << 8) | transparency[2 * c + 1],
  );
  return (samples, pixels, at, step) => {
    for (let i = 0; i < samples.length; i += channels, at += step) {
      const isTransparent = key.every((sample, c) => samples[i + c] === sample);
      if (!isTransparent) for (let c = 0; c < channels; c++) pixels[at + c] = toByte[samples[i + c]];
    }
  };
}

function opaqueWriter(toByte: Uint8Array, channels: number): RowWriter {
  return (samples, pixels, at, step) => {
    for (let i = 0; i < samples.length; i += channels, at += step) {
      for (let c = 0; c < channels; c++) pixels[at + c] = toByte[samples[i + c]];
    }
  };
}

function alphaWriter(toByte: Uint8Array, channels: number): RowWriter {
  return (samples, pixels, at, step) => {
    for (let i = 0; i < samples.length; i += channels + 1, at += step) {
      const alpha = toByte[samples[i + channels]];
      for (let c = 0; c < channels; c++) pixels[at + c] = Math.round((toByte[samples[i + c]] * alpha) / 255);
    }
  };
}

/** `transparency` has an alpha for each colour, or for the first ones only. */
function paletteWriter(palette: Uint8Array | undefined, transparency: Uint8Array | undefined): RowWriter {
  if (palette === undefined || palette.length % 3 !== 0)
    throw damaged("Found no whole palette, expected one");
  const colours = palette.map((sample, i) =>
    Math.round((sample * (transparency?.[Math.floor(i / 3)] ?? 255)) / 255),
  );
  return (samples, pixels, at, step) => {
    for (const index of samples) {
      if (3 * index >= colours.length) {
        throw damaged(`Found colour ${index} of a palette of ${colours.length / 3}`);
      }
      for (let c = 0; c < 3; c++) pixels[at + c] = colours[3 * index + c];
      at += step;
    }
  };
}

function damaged(message: string, cause?: unknown): SpikeletError {
  return new SpikeletError("bad-input", `${message}. The file is damaged: get it again.`, { cause });
}

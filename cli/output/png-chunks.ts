import { SpikeletError } from "../../src/errors.js";
import { crc32 } from "../../src/model/file.js";

// PNG (https://www.w3.org/TR/png-3/): a signature, then chunks of length, type, data and a CRC-32 of type and data.

export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** Bytes of a chunk that are not its data. */
const FRAME_BYTES = 12;

export interface Chunk {
  /** Four letters. */
  readonly type: string;
  readonly data: Uint8Array;
}

/** A chunk as a file has it. */
export interface FoundChunk extends Chunk {
  /** What the file gives as the CRC-32 of type and data. */
  readonly crc: number;
}

/**
 * The chunks of a PNG file up to IEND. Their CRC-32s are not verified.
 * @throws SpikeletError "bad-input" if the file ends before IEND
 */
export function readChunks(png: Uint8Array): FoundChunk[] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks: FoundChunk[] = [];
  for (let at = PNG_SIGNATURE.length; at + FRAME_BYTES <= png.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (at + FRAME_BYTES + length > png.length) break;
    const data = png.subarray(at + 8, at + 8 + length);
    chunks.push({ type, data, crc: view.getUint32(at + 8 + length) });
    if (type === "IEND") return chunks;
    at += FRAME_BYTES + length;
  }
  throw new SpikeletError(
    "bad-input",
    `Found ${png.length} bytes of PNG that end before the last chunk, IEND. The file is cut short: get it again.`,
  );
}

/** A PNG file of these chunks. */
export function writeChunks(chunks: readonly Chunk[]): Uint8Array {
  const size = chunks.reduce((sum, { data }) => sum + FRAME_BYTES + data.length, PNG_SIGNATURE.length);
  const png = new Uint8Array(size);
  const view = new DataView(png.buffer);
  png.set(PNG_SIGNATURE);
  let at = PNG_SIGNATURE.length;
  for (const { type, data } of chunks) {
    view.setUint32(at, data.length);
    for (let i = 0; i < 4; i++) png[at + 4 + i] = type.charCodeAt(i);
    png.set(data, at + 8);
    view.setUint32(at + 8 + data.length, crc32(png.subarray(at + 4, at + 8 + data.length)));
    at += FRAME_BYTES + data.length;
  }
  return png;
}

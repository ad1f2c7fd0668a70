import { Gunzip } from "fflate";
import { SpikeletError } from "../errors.js";

/** Bytes of compressed input between two looks at the size of what came out. */
const STEP_BYTES = 1 << 16;

/** True if `bytes` begins as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Inflates a gzip file, and stops as soon as it proves larger than `maxBytes`. Its checksum is not verified.
 * @throws SpikeletError "bad-input" if it is damaged, cut short or too large.
 */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream = new Gunzip((chunk) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  for (let start = 0; start < bytes.length; start += STEP_BYTES) {
    try {
      stream.push(bytes.subarray(start, start + STEP_BYTES), start + STEP_BYTES >= bytes.length);
    } catch (cause) {
      throw new SpikeletError(
        "bad-input",
        `The gzip file of ${bytes.length} bytes cannot be inflated (${(cause as Error).message}). ` +
          "It is cut short or damaged: get it again.",
        { cause },
      );
    }
    if (length > maxBytes) {
      throw new SpikeletError(
        "bad-input",
        `The gzip file of ${bytes.length} bytes inflates to ${length} or more, expected at most ${maxBytes}. ` +
          "Give a smaller file.",
      );
    }
  }
  const whole = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    whole.set(chunk, position);
    position += chunk.length;
  }
  return whole;
}

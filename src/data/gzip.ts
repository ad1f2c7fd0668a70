import { SpikeletError } from "../errors.js";
import { crc32 } from "../model/crc32.js";
import { inflate } from "./inflate.js";

/** Magic, method, flags, time, extra flags, system (RFC 1952). */
const HEADER_BYTES = 10;
/** Checksum and size after the data. */
const TRAILER_BYTES = 8;
const FLAGS = 3;
const HAS_CHECKSUM = 2;
const HAS_EXTRA = 4;
const HAS_NAME = 8;
const HAS_COMMENT = 16;

/** True if `bytes` begins as a gzip file does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Where the data of the member at `start` begin. */
function dataStart(bytes: Uint8Array, start: number): number {
  if (!isGzip(bytes.subarray(start))) throw new Error("something else follows the first data");
  const flags = bytes[start + FLAGS];
  let at = start + HEADER_BYTES;
  if (flags & HAS_EXTRA) at += 2 + bytes[at] + 256 * bytes[at + 1];
  const strings = (flags & HAS_NAME ? 1 : 0) + (flags & HAS_COMMENT ? 1 : 0);
  for (let k = 0; k < strings; k++) at = bytes.indexOf(0, at) + 1 || bytes.length;
  return flags & HAS_CHECKSUM ? at + 2 : at;
}

/**
 * Inflates a gzip file of one member or more, and stops as soon as it proves larger than `maxBytes`.
 * @throws SpikeletError "bad-input" if it is damaged, cut short or too large.
 */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const members: Uint8Array[] = [];
  let length = 0;
  try {
    for (let at = 0; at < bytes.length; ) {
      const { data, end } = inflate(bytes, dataStart(bytes, at), maxBytes - length);
      members.push(data);
      length += data.length;
      at = end + TRAILER_BYTES;
      if (at > bytes.length) throw new Error("its end is missing");
      const trailer = new DataView(bytes.buffer, bytes.byteOffset + end, TRAILER_BYTES);
      if (trailer.getUint32(0, true) !== crc32(data) || trailer.getUint32(4, true) !== data.length) {
        throw new Error("its checksum is another");
      }
      // Tapes and block devices fill up with zeros.
      if (bytes[at] === 0 && bytes.subarray(at).every((byte) => byte === 0)) break;
    }
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new SpikeletError(
        "bad-input",
        `The gzip file of ${bytes.length} bytes holds more than was expected, at most ${maxBytes} bytes once inflated. ` +
          "Give a smaller file.",
      );
    }
    throw new SpikeletError(
      "bad-input",
      `The gzip file of ${bytes.length} bytes cannot be inflated (${(cause as Error).message}). ` +
        "It is cut short or damaged: get it again.",
      { cause },
    );
  }
  if (members.length === 1) return members[0];
  const whole = new Uint8Array(length);
  let position = 0;
  for (const member of members) {
    whole.set(member, position);
    position += member.length;
  }
  return whole;
}

import { crc32 } from "../model/crc32.js";
import { inflate } from "./inflate.js";

/** A file in a zip archive, as the directory at the archive's end describes it. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes in the archive. */
  readonly size: number;
  /** Bytes once inflated. */
  readonly originalSize: number;
  /** 0 stored, 8 deflated. */
  readonly compression: number;
  /** CRC-32 of the inflated bytes; 0 where the writer computed none, as torch can be told. */
  readonly crc: number;
  /** Where its local header begins. */
  readonly offset: number;
}

/** Signatures of the records of APPNOTE.TXT 6.3.10, and their bytes without names, comments and extra fields. */
const LOCAL = { signature: 0x04034b50, bytes: 30 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const END = { signature: 0x06054b50, bytes: 22 };
const END_64 = { signature: 0x06064b50, bytes: 56 };
const LOCATOR_64 = { signature: 0x07064b50, bytes: 20 };
/** The comment after the end record is this long at most. */
const MOST_COMMENT = 0xffff;
/** The extra field with the 64-bit values of an entry; each is there if its 32-bit place is full of ones. */
const EXTRA_64 = 1;
const FULL = 0xffffffff;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where the directory begins, and how many entries it has. */
function findDirectory(view: DataView): { offset: number; count: number } {
  const first = Math.max(0, view.byteLength - END.bytes - MOST_COMMENT);
  for (let at = view.byteLength - END.bytes; at >= first; at--) {
    if (view.getUint32(at, true) !== END.signature) continue;
    const locator = at - LOCATOR_64.bytes;
    if (locator >= 0 && view.getUint32(locator, true) === LOCATOR_64.signature) {
      const end = Number(view.getBigUint64(locator + 8, true));
      if (end + END_64.bytes > at || view.getUint32(end, true) !== END_64.signature) break;
      return {
        offset: Number(view.getBigUint64(end + 48, true)),
        count: Number(view.getBigUint64(end + 32, true)),
      };
    }
    return { offset: view.getUint32(at + 16, true), count: view.getUint16(at + 10, true) };
  }
  throw new Error("it has no directory");
}

/**
 * The entries of an archive, inflating nothing.
 * @throws Error if there is no whole directory
 */
export function* zipEntries(bytes: Uint8Array): Generator<ZipEntry> {
  const view = viewOf(bytes);
  const { offset, count } = findDirectory(view);
  for (let i = 0, at = offset; i < count; i++) {
    if (at + ENTRY.bytes > bytes.length || view.getUint32(at, true) !== ENTRY.signature) {
      throw new Error("its directory is cut short");
    }
    const nameEnd = at + ENTRY.bytes + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    if (extraEnd > bytes.length) throw new Error("its directory is cut short");
    const fields = [at + 24, at + 20, at + 42].map((place) => view.getUint32(place, true));
    for (let extra = nameEnd; extra + 4 <= extraEnd; extra += 4 + view.getUint16(extra + 2, true)) {
      if (view.getUint16(extra, true) !== EXTRA_64) continue;
      let place = extra + 4;
      fields.forEach((field, k) => {
        if (field !== FULL || place + 8 > extraEnd) return;
        fields[k] = Number(view.getBigUint64(place, true));
        place += 8;
      });
    }
    const [originalSize, size, localOffset] = fields;
    yield {
      name: new TextDecoder().decode(bytes.subarray(at + ENTRY.bytes, nameEnd)),
      size,
      originalSize,
      compression: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      offset: localOffset,
    };
    at = extraEnd + view.getUint16(at + 32, true);
  }
}

/** Whether an entry's bytes have the checksum that the archive gives, if it gives one. */
export function hasChecksum(data: Uint8Array, { crc }: ZipEntry): boolean {
  return crc === 0 || crc32(data) === crc;
}

/**
 * The bytes of an entry: at most as many as its directory declares.
 * @throws Error if it is damaged, lies outside the archive or is packed in another way than stored or deflated
 */
export function readZipEntry(bytes: Uint8Array, entry: ZipEntry): Uint8Array {
  const { offset, size, originalSize, compression, name } = entry;
  const view = viewOf(bytes);
  if (offset + LOCAL.bytes > bytes.length || view.getUint32(offset, true) !== LOCAL.signature) {
    throw new Error(`'${name}' is not where its directory says`);
  }
  const start = offset + LOCAL.bytes + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + size > bytes.length) throw new Error(`'${name}' is cut short`);
  if (compression === 0) return bytes.slice(start, start + size);
  if (compression !== 8) throw new Error(`'${name}' is packed by method ${compression}`);
  return inflate(bytes.subarray(0, start + size), start, originalSize).data;
}

import type { FileHandle } from "node:fs/promises";
import { crc32 } from "../../src/model/file.js";
import { writeAt } from "./output.js";

// Zip (PKWARE's APPNOTE.TXT) of stored entries, as numpy.savez writes `.npz`; with zip64 where 32 bits do not hold a length. The
// CRC-32 of the images is known when all are there, and is written into its two places then.

const LOCAL_SIGNATURE = 0x04034b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const END_SIGNATURE = 0x06054b50;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const LOCAL_CRC_AT = 14;
const CENTRAL_CRC_AT = 16;
const VERSION = 45;
/** 1 January 1980, the first day of zip's calendar: no clock has a part in the bytes. */
const DATE = 0x0021;
const LIMIT = 0xffffffff;
const READ_BYTES = 2 ** 20;
/** Of the end of the directory, and of that of zip64 with its locator. */
const END_BYTES = 22;
const END64_BYTES = 76;

/** An entry, stored as it is. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  readonly crc: number;
}

function fields(length: number, fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  fill(view);
  return new Uint8Array(view.buffer);
}

/** Extra field of zip64 with these 64-bit numbers. */
function extra64(values: readonly number[]): Uint8Array {
  if (values.length === 0) return new Uint8Array(0);
  return fields(4 + 8 * values.length, (view) => {
    view.setUint16(0, 1, true);
    view.setUint16(2, 8 * values.length, true);
    for (const [i, value] of values.entries()) view.setBigUint64(4 + 8 * i, BigInt(value), true);
  });
}

/** What comes before an entry's bytes. */
export function localHeader({ name, bytes, crc }: ZipEntry): Uint8Array {
  const extra = extra64(bytes >= LIMIT ? [bytes, bytes] : []);
  const header = fields(30, (view) => {
    view.setUint32(0, LOCAL_SIGNATURE, true);
    view.setUint16(4, VERSION, true);
    view.setUint16(12, DATE, true);
    view.setUint32(LOCAL_CRC_AT, crc, true);
    view.setUint32(18, Math.min(bytes, LIMIT), true);
    view.setUint32(22, Math.min(bytes, LIMIT), true);
    view.setUint16(26, name.length, true);
    view.setUint16(28, extra.length, true);
  });
  return Buffer.concat([header, Buffer.from(name, "latin1"), extra]);
}

/** What comes after all entries, which lie at `offsets`; the list of them starts at `start`. */
export function centralDirectory(
  entries: readonly ZipEntry[],
  offsets: readonly number[],
  start: number,
): Uint8Array {
  const records = entries.map(({ name, bytes, crc }, i) => {
    const large = [...(bytes >= LIMIT ? [bytes, bytes] : []), ...(offsets[i] >= LIMIT ? [offsets[i]] : [])];
    const extra = extra64(large);
    const record = fields(46, (view) => {
      view.setUint32(0, CENTRAL_SIGNATURE, true);
      view.setUint16(4, VERSION, true);
      view.setUint16(6, VERSION, true);
      view.setUint16(14, DATE, true);
      view.setUint32(CENTRAL_CRC_AT, crc, true);
      view.setUint32(20, Math.min(bytes, LIMIT), true);
      view.setUint32(24, Math.min(bytes, LIMIT), true);
      view.setUint16(28, name.length, true);
      view.setUint16(30, extra.length, true);
      view.setUint32(42, Math.min(offsets[i], LIMIT), true);
    });
    return Buffer.concat([record, Buffer.from(name, "latin1"), extra]);
  });
  const directory = Buffer.concat(records);
  const ends = start >= LIMIT ? [end64(entries.length, directory.length, start)] : [];
  const end = fields(END_BYTES, (view) => {
    view.setUint32(0, END_SIGNATURE, true);
    view.setUint16(8, entries.length, true);
    view.setUint16(10, entries.length, true);
    view.setUint32(12, directory.length, true);
    view.setUint32(16, Math.min(start, LIMIT), true);
  });
  return Buffer.concat([directory, ...ends, end]);
}

function end64(entries: number, length: number, start: number): Uint8Array {
  return fields(END64_BYTES, (view) => {
    view.setUint32(0, END64_SIGNATURE, true);
    view.setBigUint64(4, 44n, true);
    view.setUint16(12, VERSION, true);
    view.setUint16(14, VERSION, true);
    view.setBigUint64(24, BigInt(entries), true);
    view.setBigUint64(32, BigInt(entries), true);
    view.setBigUint64(40, BigInt(length), true);
    view.setBigUint64(48, BigInt(start), true);
    view.setUint32(56, LOCATOR64_SIGNATURE, true);
    view.setBigUint64(64, BigInt(start + length), true);
    view.setUint32(72, 1, true);
  });
}

/** Writes the CRC-32 of the first entry of a file of `size` bytes into the entry's header and into the directory. */
export async function sealFirstEntry(file: FileHandle, size: number): Promise<void> {
  const directory = await directoryAt(file, size);
  const local = await readView(file, 0, 30);
  const start = 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const record = await readView(file, directory, 46);
  const stored = record.getUint32(20, true);
  const bytes =
    stored < LIMIT ? stored : await readU64(file, directory + 46 + record.getUint16(28, true) + 4);

  const buffer = new Uint8Array(Math.min(bytes, READ_BYTES));
  let crc = 0;
  for (let done = 0; done < bytes; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, bytes - done), start + done);
    if (bytesRead === 0) throw new Error(`the file ends ${bytes - done} bytes early`);
    crc = crc32(buffer.subarray(0, bytesRead), crc);
    done += bytesRead;
  }
  const value = fields(4, (view) => view.setUint32(0, crc, true));
  await writeAt(file, value, LOCAL_CRC_AT);
  await writeAt(file, value, directory + CENTRAL_CRC_AT);
}

/** Where the list of entries starts. */
async function directoryAt(file: FileHandle, size: number): Promise<number> {
  const start = (await readView(file, size - END_BYTES, END_BYTES)).getUint32(16, true);
  return start < LIMIT ? start : readU64(file, size - END_BYTES - END64_BYTES + 48);
}

async function readU64(file: FileHandle, at: number): Promise<number> {
  return Number((await readView(file, at, 8)).getBigUint64(0, true));
}

async function readView(file: FileHandle, at: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await file.read(bytes, 0, length, at);
  return new DataView(bytes.buffer);
}

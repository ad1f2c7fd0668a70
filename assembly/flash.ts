import { readFlash } from "./edge/flash";
import { readFlashFile } from "./firmware/flash-file";
import { HEADER_LENGTH } from "./format";
import { tally } from "./ledger";
import { HEADER, LEDGER_FETCHED, PLAN_FRONT, STATUS_FLASH } from "./memory";

/** The core's only import: copies `length` bytes of the model file from `offset` to `destination`; 0 if it could. */
declare function read(offset: u32, destination: u32, length: u32): i32;

/** As `read`; what a guest brings with it takes the import's place (asconfig.json, `use`). */
function copy(offset: u32, destination: u32, length: u32): u32 {
  if (isDefined(WASI)) return readFlashFile(offset, destination, length);
  if (isDefined(EDGE)) return readFlash(offset, destination, length);
  return read(offset, destination, length);
}

/** STATUS_FLASH once a fetch has failed. What depends on it goes on, with whatever lies in memory, and reports it at the end. */
export let failed: u32 = 0;

/** Bytes of the file's front matter that lie in memory at PLAN_FRONT. */
export let residentBytes: u32 = 0;

export function reset(): void {
  failed = 0;
  residentBytes = 0;
}

export function setResidentBytes(bytes: u32): void {
  residentBytes = bytes;
}

/** Whether these bytes of the file lie in its first `limit` bytes. */
function isInside(offset: u32, length: u32, limit: u32): bool {
  return u64(offset) + u64(length) <= u64(limit);
}

function fileBytes(): u32 {
  return load<u32>(HEADER + HEADER_LENGTH);
}

/** Whether the file has these bytes. */
export function isInFile(offset: u32, length: u32): bool {
  return isInside(offset, length, fileBytes());
}

export function fetch(offset: u32, destination: u32, length: u32): void {
  tally(LEDGER_FETCHED, length);
  if (!isInFile(offset, length) || copy(offset, destination, length)) {
    failed = STATUS_FLASH;
  }
}

/** Where these bytes of the file can be read: in place if they are resident, else at `destination`. */
export function view(offset: u32, destination: u32, length: u32): u32 {
  if (isInside(offset, length, residentBytes)) return load<u32>(PLAN_FRONT) + offset;
  fetch(offset, destination, length);
  return destination;
}

import { HEADER_LENGTH } from "./format";
import { HEADER, LEDGER_FETCHED, PLAN_FRONT } from "./memory";

/** The core's only import: copies `length` bytes of the model file from `offset` to `destination`; 0 if it could. */
declare function read(offset: u32, destination: u32, length: u32): i32;

/** Whether a fetch has failed. What depends on it goes on, with whatever lies in memory, and reports it at the end. */
export let failed: bool = false;

/** Bytes of the file's front matter that lie in memory at PLAN_FRONT. */
export let residentBytes: u32 = 0;

export function reset(): void {
  failed = false;
  residentBytes = 0;
}

export function setResidentBytes(bytes: u32): void {
  residentBytes = bytes;
}

/** Whether the file has these bytes. */
export function isInside(offset: u32, length: u32): bool {
  return u64(offset) + u64(length) <= u64(load<u32>(HEADER + HEADER_LENGTH));
}

export function fetch(offset: u32, destination: u32, length: u32): void {
  store<u32>(LEDGER_FETCHED, load<u32>(LEDGER_FETCHED) + length);
  if (!isInside(offset, length) || read(offset, destination, length)) failed = true;
}

/** Where these bytes of the front matter can be read: in place if they are resident, else at `destination`. */
export function view(offset: u32, destination: u32, length: u32): u32 {
  if (residentBytes) return load<u32>(PLAN_FRONT) + offset;
  fetch(offset, destination, length);
  return destination;
}

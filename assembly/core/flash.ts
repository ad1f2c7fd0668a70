import { HEADER_LENGTH } from "./format";
import { tally } from "./ledger";
import { HEADER, LEDGER_FETCHED, PLAN_FRONT, STATUS_FLASH } from "./memory";

/** The core's only import: copies `length` bytes of the model file from `offset` to `destination`; 0 if it could. */
declare function read(offset: u32, destination: u32, length: u32): i32;

/** As `read`; in its place a guest's function, where asconfig.json names one `guestRead`. */
function copy(offset: u32, destination: u32, length: u32): u32 {
  if (isDefined(guestRead)) return guestRead(offset, destination, length);
  return read(offset, destination, length);
}

/** STATUS_FLASH once a fetch has failed. What depends on it goes on, with whatever lies in memory, and reports it at the end. */
export let failed: u32 = 0;

/** Bytes of the file's front matter that lie in memory at PLAN_FRONT, and are then all that is left of it; 0 unless the model is resident. */
export let residentBytes: u32 = 0;

export function reset(): void {
  failed = 0;
  residentBytes = 0;
}

export function setResidentBytes(bytes: u32): void {
  residentBytes = bytes;
}

/** Whether the file has these bytes. */
export function isInFile(offset: u32, length: u32): bool {
  return u64(offset) + u64(length) <= u64(residentBytes || load<u32>(HEADER + HEADER_LENGTH));
}

/** Copies `length` bytes of the file, 4 or a multiple, to `destination`; from memory if they are resident. */
export function fetch(offset: u32, destination: u32, length: u32): void {
  if (isInFile(offset, length)) {
    if (residentBytes) {
      offset += load<u32>(PLAN_FRONT);
      const end = destination + length;
      do {
        store<u32>(destination, load<u32>(offset));
        offset += 4;
        destination += 4;
      } while (destination < end);
      return;
    }
    tally(LEDGER_FETCHED, length);
    if (!copy(offset, destination, length)) return;
  }
  failed = STATUS_FLASH;
}

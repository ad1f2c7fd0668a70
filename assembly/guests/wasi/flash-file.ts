import { LINE, length } from "./line";
import {
  FIRST_DIRECTORY,
  fd_filestat_get,
  fd_pread,
  LOOKUP_FOLLOWS_LINKS,
  path_open,
  RIGHT_READ,
  RIGHT_SEEK,
  RIGHT_STAT,
  STAT_BYTES,
  STAT_SIZE,
  STAT_TYPE,
  TYPE_REGULAR_FILE,
} from "./wasi";

// Flash under WASI: a file in the first directory that the host opened.

const FILE: u32 = <u32>memory.data(4, 4);
const STAT: u32 = <u32>memory.data(STAT_BYTES, 8);
/** One pair of address and length, and how many bytes were read. */
const BUFFER: u32 = <u32>memory.data(8, 4);
const DONE: u32 = <u32>memory.data(4, 4);

/** Opens the file that the line names; whether it is there. */
export function openFile(): bool {
  const rights = RIGHT_READ | RIGHT_SEEK | RIGHT_STAT;
  return !path_open(FIRST_DIRECTORY, LOOKUP_FOLLOWS_LINKS, LINE, length, 0, rights, 0, 0, FILE);
}

/** Bytes of the open file; 0 if it is no file, or larger than any model. */
export function fileBytes(): u32 {
  if (fd_filestat_get(load<u32>(FILE), STAT)) return 0;
  const bytes = load<u64>(STAT, STAT_SIZE);
  return load<u8>(STAT, STAT_TYPE) == TYPE_REGULAR_FILE && bytes <= u64(u32.MAX_VALUE) ? u32(bytes) : 0;
}

/** The core's `flash.read`: copies `bytes` bytes of the file from `offset` to `destination`; 0 if it could. */
export function readFlashFile(offset: u32, destination: u32, bytes: u32): u32 {
  while (bytes) {
    store<u32>(BUFFER, destination);
    store<u32>(BUFFER, bytes, 4);
    const error = fd_pread(load<u32>(FILE), BUFFER, 1, offset, DONE);
    const done = load<u32>(DONE);
    // Nothing more where the file should go on: it was cut short after it was opened.
    if (error || !done) return 1;
    offset += done;
    destination += done;
    bytes -= done;
  }
  return 0;
}

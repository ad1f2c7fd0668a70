// What the firmware imports of WASI preview 1. Each function gives an errno, 0 for success; addresses are those of this memory.

declare module "wasi_snapshot_preview1";

/** Number of arguments, and bytes of all with a zero after each, to u32 at two addresses. */
export declare function args_sizes_get(count: u32, bytes: u32): u32;
/** Addresses of the arguments to u32[] at `pointers`, their bytes to `bytes`. */
export declare function args_get(pointers: u32, bytes: u32): u32;
/** Nanoseconds of a clock to u64 at `time`. */
export declare function clock_time_get(clock: u32, precision: u64, time: u32): u32;
/** What is known of an open file to 64 bytes at `stat`. */
export declare function fd_filestat_get(fd: u32, stat: u32): u32;
/** Reads from a place in a file into buffers, `vectors` pairs of address and length; bytes read to u32 at `done`. */
export declare function fd_pread(fd: u32, buffers: u32, vectors: u32, offset: u64, done: u32): u32;
/** Writes buffers to a stream; bytes written to u32 at `done`. */
export declare function fd_write(fd: u32, buffers: u32, vectors: u32, done: u32): u32;
/** Opens a file below a directory; its descriptor to u32 at `opened`. */
export declare function path_open(
  directory: u32,
  lookup: u32,
  path: u32,
  pathBytes: u32,
  create: u32,
  rights: u64,
  inheriting: u64,
  flags: u32,
  opened: u32,
): u32;
/** Ends the program; does not come back. */
export declare function proc_exit(code: u32): void;

/** The stream that shows frames, and the one for people. */
export const DISPLAY: u32 = 1;
export const UART: u32 = 2;

export const CLOCK_MONOTONIC: u32 = 1;

/** The first directory that the host opened for this program. */
export const FIRST_DIRECTORY: u32 = 3;
export const LOOKUP_FOLLOWS_LINKS: u32 = 1;
export const RIGHT_READ: u64 = 1 << 1;
export const RIGHT_SEEK: u64 = 1 << 2;
export const RIGHT_STAT: u64 = 1 << 21;

export const STAT_BYTES: u32 = 64;
export const STAT_TYPE: u32 = 16;
export const STAT_SIZE: u32 = 32;
export const TYPE_REGULAR_FILE: u32 = 4;

// The part of WASI preview 1 that a firmware needs, over a board of plain functions: arguments, one file, two streams, a clock,
// random numbers and a way to stop.

const ERRNO = { success: 0, badDescriptor: 8, fault: 21, noEntry: 44, pipe: 64 } as const;

const STDOUT = 1;
const STDERR = 2;
const DIRECTORY = 3;
const FILE = 4;

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const STAT_BYTES = 64;
const REGULAR_FILE = 4;
/** An address and a length. */
const PAIR_BYTES = 8;

/** What a firmware finds around it. */
export interface Board {
  /** After the program's name. */
  readonly args: readonly string[];
  /** The one file, in the one directory. */
  readonly file: {
    readonly name: string;
    readonly bytes: number;
    /** At most `length` bytes from `offset`: none past the end of what is there. */
    read(offset: number, length: number): Uint8Array;
  };
  /** Takes what is written to standard output; false if it takes no more. */
  display(bytes: Uint8Array): boolean;
  /** Takes what is written to standard error. */
  uart(bytes: Uint8Array): void;
  /** Nanoseconds since power-on. */
  now(): bigint;
  /** Fills with random bytes. */
  random(bytes: Uint8Array): void;
}

/** Thrown through the firmware by proc_exit. */
export class FirmwareExit extends Error {
  constructor(readonly code: number) {
    super(`the firmware ended with exit code ${code}`);
    this.name = "FirmwareExit";
  }
}

/** An address that is not in memory. */
class Fault extends Error {}

type Call = (...args: never[]) => number;

/**
 * The functions of `wasi_snapshot_preview1`.
 * @param memory - gives the firmware's memory, which exists only after the functions do
 */
export function wasiFunctions(board: Board, memory: () => WebAssembly.Memory): Record<string, Call> {
  const bytesAt = (address: number, length: number): Uint8Array => {
    const { buffer } = memory();
    const [from, count] = [address >>> 0, length >>> 0];
    if (from + count > buffer.byteLength) throw new Fault();
    return new Uint8Array(buffer, from, count);
  };
  const viewAt = (address: number, length: number): DataView => {
    const { buffer, byteOffset } = bytesAt(address, length);
    return new DataView(buffer, byteOffset, length);
  };
  const putWord = (address: number, value: number) => viewAt(address, 4).setUint32(0, value, true);
  const putTime = (address: number, value: bigint) => viewAt(address, 8).setBigUint64(0, value, true);
  /** The buffers that `count` pairs of address and length describe. */
  const buffersAt = (address: number, count: number): Uint8Array[] => {
    const view = viewAt(address, count * PAIR_BYTES);
    return Array.from({ length: count }, (_, i) =>
      bytesAt(view.getUint32(i * PAIR_BYTES, true), view.getUint32(i * PAIR_BYTES + 4, true)),
    );
  };

  const args = ["firmware", ...board.args].map((arg) => new TextEncoder().encode(`${arg}\0`));

  const functions: Record<string, Call> = {
    args_sizes_get(count: number, bytes: number) {
      putWord(count, args.length);
      putWord(
        bytes,
        args.reduce((sum, arg) => sum + arg.length, 0),
      );
      return ERRNO.success;
    },
    args_get(pointers: number, bytes: number) {
      let next = bytes;
      args.forEach((arg, i) => {
        putWord(pointers + 4 * i, next);
        bytesAt(next, arg.length).set(arg);
        next += arg.length;
      });
      return ERRNO.success;
    },
    clock_time_get(clock: number, _precision: bigint, time: number) {
      if (clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return ERRNO.badDescriptor;
      putTime(time, board.now());
      return ERRNO.success;
    },
    path_open(
      directory: number,
      _lookup: number,
      path: number,
      pathBytes: number,
      _create: number,
      _rights: bigint,
      _inheriting: bigint,
      _flags: number,
      opened: number,
    ) {
      if (directory !== DIRECTORY) return ERRNO.badDescriptor;
      if (new TextDecoder().decode(bytesAt(path, pathBytes)) !== board.file.name) return ERRNO.noEntry;
      putWord(opened, FILE);
      return ERRNO.success;
    },
    fd_filestat_get(fd: number, stat: number) {
      if (fd !== FILE) return ERRNO.badDescriptor;
      bytesAt(stat, STAT_BYTES).fill(0);
      viewAt(stat + 16, 1).setUint8(0, REGULAR_FILE);
      putTime(stat + 32, BigInt(board.file.bytes));
      return ERRNO.success;
    },
    fd_pread(fd: number, buffers: number, count: number, offset: bigint, done: number) {
      if (fd !== FILE) return ERRNO.badDescriptor;
      let total = 0;
      for (const buffer of buffersAt(buffers, count)) {
        const bytes = board.file.read(Number(BigInt.asUintN(64, offset)) + total, buffer.length);
        buffer.set(bytes);
        total += bytes.length;
        if (bytes.length < buffer.length) break;
      }
      putWord(done, total);
      return ERRNO.success;
    },
    fd_write(fd: number, buffers: number, count: number, done: number) {
      if (fd !== STDOUT && fd !== STDERR) return ERRNO.badDescriptor;
      const bytes = Buffer.concat(buffersAt(buffers, count));
      if (fd === STDERR) board.uart(bytes);
      else if (!board.display(bytes)) return ERRNO.pipe;
      putWord(done, bytes.length);
      return ERRNO.success;
    },
    random_get(address: number, length: number) {
      board.random(bytesAt(address, length));
      return ERRNO.success;
    },
    proc_exit(code: number) {
      throw new FirmwareExit(code);
    },
  };
  return Object.fromEntries(Object.entries(functions).map(([name, call]) => [name, refusingFaults(call)]));
}

/** An address outside of memory is an errno and no JavaScript error. */
function refusingFaults(call: Call): Call {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      if (error instanceof Fault) return ERRNO.fault;
      throw error;
    }
  };
}

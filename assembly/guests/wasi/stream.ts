import { LINE, length, putByte } from "./line";
import { fd_write, proc_exit, UART } from "./wasi";

/** Two pairs of address and length, and how many bytes were written. */
const BUFFERS: u32 = <u32>memory.data(16, 4);
const WRITTEN: u32 = <u32>memory.data(4, 4);

/** Writes the line and, right after it, more bytes; whether the stream took all of them. */
export function writeLineAnd(stream: u32, bytes: u32, count: u32): bool {
  let head = length;
  let address = LINE;
  while (head | count) {
    store<u32>(BUFFERS, address);
    store<u32>(BUFFERS, head, 4);
    store<u32>(BUFFERS, bytes, 8);
    store<u32>(BUFFERS, count, 12);
    if (fd_write(stream, BUFFERS, 2, WRITTEN)) return false;
    const written = load<u32>(WRITTEN);
    if (!written) return false;
    // A stream may take a part only, of the line or of what follows it.
    const ofHead = min(written, head);
    address += ofHead;
    head -= ofHead;
    bytes += written - ofHead;
    count -= written - ofHead;
  }
  return true;
}

/** Sends the line to the UART. A board with nobody at the other end goes on. */
export function report(): void {
  putByte(10);
  writeLineAnd(UART, 0, 0);
}

/** Ends the firmware with the line as its last words. */
export function stop(code: u32): void {
  report();
  proc_exit(code);
  unreachable();
}

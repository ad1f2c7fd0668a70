import { landAt } from "./landing";

declare module "spikelet:edge/flash@0.1.0";

/** Bytes of the model file. */
export declare function size(): u32;
/** Result to `result`: u8 0 if the bytes could be read, then at 4 their address and at 8 how many there are. */
declare function read(offset: u32, length: u32, result: u32): void;

const RESULT: u32 = <u32>memory.data(12, 4);

/** The core's `flash.read`: the host writes the bytes where they are wanted, and nothing is copied. */
export function readFlash(offset: u32, destination: u32, length: u32): u32 {
  landAt(destination, length);
  read(offset, length, RESULT);
  landAt(0, 0);
  return u32(load<u8>(RESULT)) | (load<u32>(RESULT, 8) ^ length);
}

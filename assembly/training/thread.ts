import { LEAK, SURROGATE_WINDOW, THRESHOLD } from "./layer";

// Every thread has its own instance of this module on the one shared memory; these are its own places in it.

/** Number of this thread, from 0. */
export let thread: u32 = 0;
/** For each byte its bits that are set, the lowest first, in 8 × 16 bits, of which the rest have no meaning. */
export let spikeTable: u32 = 0;
/** Constants in all lanes: from memory, for engines make those of the code anew each time. */
export let constants: u32 = 0;
/** Scratch memory of this thread. */
export let workspace: u32 = 0;
/** What to add to the address of a parameter for that of its gradient, of which each thread has its own. */
export let gradientOffset: u32 = 0;

const SPIKE_TABLE_BYTES: u32 = 256 * 16;
export const LEAK_AT: u32 = 0;
export const THRESHOLD_AT: u32 = 16;
export const WINDOW_AT: u32 = 32;
/** In eight lanes: the neurons of a byte. */
export const EIGHT_AT: u32 = 48;
const CONSTANTS_BYTES: u32 = 64;

/** @param memory - scratch memory, and before it 4,160 bytes for the table of spikes and the constants */
export function enterThread(number: u32, memory: u32, offset: u32): void {
  thread = number;
  spikeTable = memory;
  constants = memory + SPIKE_TABLE_BYTES;
  workspace = constants + CONSTANTS_BYTES;
  gradientOffset = offset;
  v128.store(constants, f32x4.splat(LEAK), LEAK_AT);
  v128.store(constants, f32x4.splat(THRESHOLD), THRESHOLD_AT);
  v128.store(constants, f32x4.splat(SURROGATE_WINDOW), WINDOW_AT);
  v128.store(constants, i16x8.splat(8), EIGHT_AT);
  for (let byte: u32 = 0; byte < 256; byte++) {
    let entry = spikeTable + (byte << 4);
    for (let bits = byte; bits; bits &= bits - 1, entry += 2) store<u16>(entry, ctz(bits));
  }
}

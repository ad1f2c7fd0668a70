// Every thread has its own instance of this module on the one shared memory; these are its own places in it.

/** Number of this thread, from 0. */
export let thread: u32 = 0;
/** For each byte its bits that are set, the lowest first, in 8 × 16 bits, of which the rest have no meaning. */
export let spikeTable: u32 = 0;
/** Scratch memory of this thread. */
export let workspace: u32 = 0;
/** What to add to the address of a parameter for that of its gradient, of which each thread has its own. */
export let gradientOffset: u32 = 0;

const SPIKE_TABLE_BYTES: u32 = 256 * 16;

/** @param memory - scratch memory, and before it 4,096 bytes for the table of spikes */
export function enterThread(number: u32, memory: u32, offset: u32): void {
  thread = number;
  spikeTable = memory;
  workspace = memory + SPIKE_TABLE_BYTES;
  gradientOffset = offset;
  for (let byte: u32 = 0; byte < 256; byte++) {
    let entry = spikeTable + (byte << 4);
    for (let bits = byte; bits; bits &= bits - 1, entry += 2) store<u16>(entry, ctz(bits));
  }
}

import { LEFT } from "./memory";
import { clear } from "./readout";

/**
 * Adds to the weighted inputs of 32 neurons those of one run of input spikes, at every step.
 * @param spikes - the run's first 32-bit word at step 0
 * @param spikeStep - bytes from one step to the next
 * @param run - bytes of the run
 * @param weights - unpacked weights of the run's first channel, 64 bytes a channel
 * @param from - the inputs so far, 32 lanes of 16 bits, `fromStep` bytes a step
 * @param sums - where the new sums go, 64 bytes a step
 */
export function integrate(
  spikes: u32,
  spikeStep: u32,
  run: u32,
  weights: u32,
  from: u32,
  fromStep: u32,
  sums: u32,
  steps: u32,
): void {
  do {
    let a0 = load<u64>(from);
    let a1 = load<u64>(from, 8);
    let a2 = load<u64>(from, 16);
    let a3 = load<u64>(from, 24);
    let a4 = load<u64>(from, 32);
    let a5 = load<u64>(from, 40);
    let a6 = load<u64>(from, 48);
    let a7 = load<u64>(from, 56);
    let w = weights;
    let p = spikes;
    const end = spikes + run;
    do {
      for (let active = load<u32>(p); active; active &= active - 1) {
        const row = w + (ctz(active) << 6);
        a0 += load<u64>(row);
        a1 += load<u64>(row, 8);
        a2 += load<u64>(row, 16);
        a3 += load<u64>(row, 24);
        a4 += load<u64>(row, 32);
        a5 += load<u64>(row, 40);
        a6 += load<u64>(row, 48);
        a7 += load<u64>(row, 56);
      }
      w += 32 * 64;
      p += 4;
    } while (p < end);
    store<u64>(sums, a0);
    store<u64>(sums, a1, 8);
    store<u64>(sums, a2, 16);
    store<u64>(sums, a3, 24);
    store<u64>(sums, a4, 32);
    store<u64>(sums, a5, 40);
    store<u64>(sums, a6, 48);
    store<u64>(sums, a7, 56);
    spikes += spikeStep;
    from += fromStep;
    sums += 64;
  } while (--steps);
}

/**
 * Runs 32 LIF neurons through all steps (docs/numerics.md, "Spiking layers"). Four neurons share a 64-bit word as lanes of
 * potential + 32768: a lane is never negative, so lanes do not disturb each other.
 * @param sums - weighted inputs, 64 bytes a step
 * @param thresholds - 32 lanes
 * @param output - where the 32 spikes of step 0 go, `outputStep` bytes a step
 */
export function fire(sums: u32, thresholds: u32, output: u32, outputStep: u32, steps: u32): void {
  clear(LEFT, 64);
  do {
    let held: u64 = 0;
    let k: u32 = 0;
    do {
      const potential = load<u64>(sums + k) + load<u64>(k, LEFT);
      const silent: u64 = ~(potential - load<u64>(thresholds + k)) & 0x8000800080008000;
      // (u + 2) >> 2 in a lane with the offset 32768 takes 14 bits and has the offset 8192. Silent lanes alone keep it.
      const leaked: u64 = ((potential + 0x0002000200020002) >> 2) & ((silent >> 1) - (silent >> 15));
      store<u64>(k, leaked - (silent >> 2), LEFT);
      held = (held >> 1) | silent;
      k += 8;
    } while (k < 64);
    const fired = ~held;
    // Eight words have left eight bits in the upper half of each lane: those of lane j are channels 8j to 8j + 7.
    store<u8>(output, fired >> 8);
    store<u8>(output, fired >> 24, 1);
    store<u8>(output, fired >> 40, 2);
    store<u8>(output, fired >> 56, 3);
    sums += 64;
    output += outputStep;
  } while (--steps);
}

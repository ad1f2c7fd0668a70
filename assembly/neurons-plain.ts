import { COEFFICIENTS, LEFT, POTENTIALS, RESPONSE } from "./memory";
import { clear } from "./readout";

/**
 * Runs 32 LIF neurons through all steps (docs/numerics.md, "Spiking layers"). Four neurons share a 64-bit word as lanes of
 * potential + 32768: a lane is never negative, so lanes do not disturb each other. What the spikes count in the readout is
 * summed along with them, at RESPONSE.
 *
 * The neurons' inputs are `rows` rows of input spikes, each one run.
 * @param spikes - the first row's first 32-bit word at step 0
 * @param spikeStep - bytes from one step to the next
 * @param run - bytes of a run
 * @param rowBytes - bytes from one row to the next
 * @param weights - unpacked weights of the first row's first channel, 64 bytes a channel
 * @param rowWeights - bytes from one row's weights to the next row's
 * @param from - what is added to: the inputs so far, or the biases; 32 lanes of 16 bits, `fromStep` bytes a step
 * @param sums - where the inputs go if there are more to come, 64 bytes a step; POTENTIALS if not, so that the neurons fire
 * @param thresholds - 32 lanes
 * @param output - where the 32 spikes of step 0 go, `outputStep` bytes a step
 */
export function runNeurons(
  spikes: u32,
  spikeStep: u32,
  run: u32,
  rows: u32,
  rowBytes: u32,
  weights: u32,
  rowWeights: u32,
  from: u32,
  fromStep: u32,
  sums: u32,
  thresholds: u32,
  output: u32,
  outputStep: u32,
  steps: u32,
): void {
  clear(LEFT, 128);
  let coefficient = COEFFICIENTS;
  do {
    let a0 = load<u64>(from);
    let a1 = load<u64>(from, 8);
    let a2 = load<u64>(from, 16);
    let a3 = load<u64>(from, 24);
    let a4 = load<u64>(from, 32);
    let a5 = load<u64>(from, 40);
    let a6 = load<u64>(from, 48);
    let a7 = load<u64>(from, 56);
    from += fromStep;
    let row = spikes;
    let first = weights;
    for (let left = rows; left; left--) {
      let w = first;
      let p = row;
      const end = p + run;
      do {
        for (let active = load<u32>(p); active; active &= active - 1) {
          const q = w + (ctz(active) << 6);
          a0 += load<u64>(q);
          a1 += load<u64>(q, 8);
          a2 += load<u64>(q, 16);
          a3 += load<u64>(q, 24);
          a4 += load<u64>(q, 32);
          a5 += load<u64>(q, 40);
          a6 += load<u64>(q, 48);
          a7 += load<u64>(q, 56);
        }
        w += 32 * 64;
        p += 4;
      } while (p < end);
      row += rowBytes;
      first += rowWeights;
    }
    spikes += spikeStep;
    store<u64>(sums, a0);
    store<u64>(sums, a1, 8);
    store<u64>(sums, a2, 16);
    store<u64>(sums, a3, 24);
    store<u64>(sums, a4, 32);
    store<u64>(sums, a5, 40);
    store<u64>(sums, a6, 48);
    store<u64>(sums, a7, 56);
    if (sums != POTENTIALS) {
      sums += 64;
    } else {
      let held: u64 = 0;
      let k: u32 = 0;
      do {
        const potential = load<u64>(k, POTENTIALS) + load<u64>(k, LEFT);
        const fired = (potential - load<u64>(thresholds + k)) & 0x8000800080008000;
        held = (held >> 1) | fired;
        store<u64>(k, load<u64>(k, RESPONSE) + ((fired - (fired >> 15)) & load<u64>(coefficient)), RESPONSE);
        // (u + 2) >> 2 of a lane without the two bits that it drops, or 32768 >> 2 of one that fired; less that offset.
        const leaked = ((potential + 0x0002000200020002) & (0xfffcfffcfffcfffc - fired + (fired >> 13))) >> 2;
        store<u64>(k, leaked - 0x2000200020002000, LEFT);
        k += 8;
      } while (k & 63);
      // Eight words have left eight bits in the upper half of each lane: those of lane j are channels 8j to 8j + 7.
      store<u8>(output, held >> 8);
      store<u8>(output, held >> 24, 1);
      store<u8>(output, held >> 40, 2);
      store<u8>(output, held >> 56, 3);
      output += outputStep;
      coefficient += 8;
    }
  } while (--steps);
}

import { COEFFICIENTS, LEFT, POTENTIALS, RESPONSE, ROW_BYTES, THRESHOLDS, ZEROS } from "./memory";

/**
 * Runs 32 LIF neurons through all steps (docs/numerics.md, "Spiking layers"). Four neurons share a 64-bit word as lanes of
 * potential + 32770: a lane is never negative, so lanes do not disturb each other. Of this offset 24,578 come with the biases,
 * 8,192 with what is left of the potential before. Its 2 rounds the leak to nearest, and the thresholds have it too. What the
 * spikes count in the readout is summed along with them, at RESPONSE.
 *
 * Where Wasm is interpreted every instruction counts, so two spikes of a word are added at a time, or one and a row of zeros.
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
  output: u32,
  outputStep: u32,
  steps: u32,
): void {
  let k: u32 = 0;
  do {
    store<u64>(k, 0x2000200020002000, LEFT);
    store<u64>(k, 0, RESPONSE);
    k += 8;
  } while (k & 63);
  const nextRow = rowBytes - run;
  const nextWeights = rowWeights - (run << 9);
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
    let p = spikes;
    let w = weights;
    let left = rows;
    while (left) {
      const end = p + run;
      do {
        let active = load<u32>(p);
        if (active) {
          do {
            const q = w + (ctz(active) << 6);
            active &= active - 1;
            const r = select<u32>(w + (ctz(active) << 6), ZEROS, active);
            a0 = a0 + load<u64>(q) + load<u64>(r);
            a1 = a1 + load<u64>(q, 8) + load<u64>(r, 8);
            a2 = a2 + load<u64>(q, 16) + load<u64>(r, 16);
            a3 = a3 + load<u64>(q, 24) + load<u64>(r, 24);
            a4 = a4 + load<u64>(q, 32) + load<u64>(r, 32);
            a5 = a5 + load<u64>(q, 40) + load<u64>(r, 40);
            a6 = a6 + load<u64>(q, 48) + load<u64>(r, 48);
            a7 = a7 + load<u64>(q, 56) + load<u64>(r, 56);
          } while ((active &= active - 1));
        }
        w += 32 * ROW_BYTES;
        p += 4;
      } while (p < end);
      p += nextRow;
      w += nextWeights;
      left--;
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
      sums += ROW_BYTES;
    } else {
      let held: u64 = 0;
      k = 0;
      do {
        const potential = load<u64>(k, POTENTIALS) + load<u64>(k, LEFT);
        const fired = (potential - load<u64>(k, THRESHOLDS)) & 0x8000800080008000;
        held = (held >> 1) | fired;
        // The lower 15 bits of a lane that fired: without them a potential is 0.
        const reset = fired - (fired >> 15);
        store<u64>(k, load<u64>(k, RESPONSE) + (load<u64>(coefficient) & reset), RESPONSE);
        store<u64>(k, ((potential - (potential & reset)) & 0xfffcfffcfffcfffc) >> 2, LEFT);
        k += 8;
      } while (k & 63);
      // Eight words have left eight bits in the upper half of each lane, and none in the lower: those of lane j are channels 8j to 8j + 7.
      held = (held >> 8) | (held >> 16);
      store<u16>(output, held);
      store<u16>(output, held >> 32, 2);
      output += outputStep;
      coefficient += 8;
    }
  } while (--steps);
}

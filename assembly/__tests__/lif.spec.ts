import { BIAS_OFFSET, MAX_POTENTIAL, THRESHOLD_OFFSET } from "../core/format";
import { COEFFICIENTS, POTENTIALS, RESPONSE, THRESHOLDS } from "../core/memory";
import { runNeurons as runNeuronsPlain } from "../core/neurons-plain";
import { runNeurons as runNeuronsSimd } from "../core/neurons-simd";

const SUMS: u32 = 65536;
const OUTPUT: u32 = SUMS + 16 * 64;
const SPIKES: u32 = OUTPUT + 1024;
const WEIGHTS: u32 = SPIKES + 1024;
const FROM: u32 = WEIGHTS + 128 * 64;
const STEPS: u32 = 16;
const OUTPUT_STEP: u32 = 12;

/** Weighted inputs and thresholds of 32 neurons, by channel. */
const inputs = new StaticArray<i32>(32 * STEPS);
const thresholds = new StaticArray<i32>(32);

let state: u32 = 1;

/** From least to most, seeded. */
function random(least: i32, most: i32): i32 {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return least + i32(state % u32(most - least + 1));
}

/** Place of a channel in lane order: 4n + j holds channel 8j + n. */
function lane(channel: u32): u32 {
  return ((channel & 7) << 2) + (channel >> 3);
}

/** The LIF neurons of docs/numerics.md, one by one. */
function scalarSpikes(channel: i32, steps: u32): u32 {
  let spikes: u32 = 0;
  let potential = 0;
  let fired = false;
  for (let t: u32 = 0; t < steps; t++) {
    potential = inputs[(t << 5) + channel] + (fired ? 0 : (potential + 2) >> 2);
    fired = potential >= thresholds[channel];
    if (fired) spikes |= 1 << t;
  }
  return spikes;
}

/** What is left of the potential at the end of all steps before t. */
function scalarLeft(channel: i32, t: u32): i32 {
  let left = 0;
  for (let s: u32 = 0; s < t; s++) {
    const potential = inputs[(s << 5) + channel] + left;
    left = potential >= thresholds[channel] ? 0 : (potential + 2) >> 2;
  }
  return left;
}

/** Neurons without input spikes: their weighted inputs are those at SUMS. */
function fire(steps: u32, simd: bool): void {
  if (simd) runNeuronsSimd(0, 0, 0, 0, 0, 0, 0, SUMS, 64, POTENTIALS, OUTPUT, OUTPUT_STEP, steps);
  else runNeuronsPlain(0, 0, 0, 0, 0, 0, 0, SUMS, 64, POTENTIALS, OUTPUT, OUTPUT_STEP, steps);
}

/** What a spike of step t counts: any numbers whose sum fits in 16 bits do. */
function coefficient(t: u32): u32 {
  return 4096 - 17 * t;
}

/** Runs the vectors and compares them with the neurons one by one. */
function check(steps: u32, simd: bool): void {
  for (let channel: u32 = 0; channel < 32; channel++) {
    store<u16>(THRESHOLDS + (lane(channel) << 1), <u16>(thresholds[channel] + THRESHOLD_OFFSET));
  }
  for (let t: u32 = 0; t < steps; t++) {
    if (simd) {
      for (let channel: u32 = 0; channel < 32; channel++) {
        store<u16>(SUMS + (t << 6) + (lane(channel) << 1), <u16>(inputs[(t << 5) + channel] + BIAS_OFFSET));
      }
    } else {
      // Four lanes as one number: negative lanes borrow from the next, and biased sums do not.
      for (let n: u32 = 0; n < 8; n++) {
        let word: i64 = 0;
        for (let j: u32 = 0; j < 4; j++) {
          word += i64(inputs[(t << 5) + (j << 3) + n] + BIAS_OFFSET) << (i64(j) << 4);
        }
        store<i64>(SUMS + (t << 6) + (n << 3), word);
      }
    }
  }
  for (let p: u32 = 0; p < 1024; p++) store<u8>(OUTPUT + p, 0x5a);
  for (let t: u32 = 0; t < steps; t++) {
    for (let j: u32 = 0; j < 4; j++) store<u16>(COEFFICIENTS + (t << 3) + (j << 1), <u16>coefficient(t));
  }
  fire(steps, simd);
  for (let channel: u32 = 0; channel < 32; channel++) {
    let spikes: u32 = 0;
    let response: u32 = 0;
    for (let t: u32 = 0; t < steps; t++) {
      const spike = (load<u32>(OUTPUT + t * OUTPUT_STEP) >> channel) & 1;
      spikes |= spike << t;
      response += spike * coefficient(t);
    }
    expect(spikes).toBe(scalarSpikes(channel, steps), "channel " + channel.toString());
    expect(<u32>load<u16>(RESPONSE + (lane(channel) << 1))).toBe(
      response,
      "R of channel " + channel.toString(),
    );
  }
  for (let t: u32 = 0; t < steps; t++) {
    expect(load<u32>(OUTPUT + t * OUTPUT_STEP, 4)).toBe(0x5a5a5a5a, "bytes between steps");
  }
  expect(load<u32>(OUTPUT + steps * OUTPUT_STEP)).toBe(0x5a5a5a5a, "bytes after the last step");
}

/** Inputs such that every potential stays in its proved range, as near to its ends as `spread` of 1…4 wants. */
function randomInputs(spread: i32): void {
  for (let channel = 0; channel < 32; channel++) {
    thresholds[channel] = [1, 2, 5000, MAX_POTENTIAL, random(1, MAX_POTENTIAL)][random(0, 4)];
    const lowest = -32768 + thresholds[channel];
    for (let t: u32 = 0; t < STEPS; t++) {
      const left = scalarLeft(channel, t);
      const kind = random(0, spread);
      let potential = random(lowest, 32765);
      if (kind == 1) potential = lowest;
      if (kind == 2) potential = 32765;
      if (kind == 3) potential = min(32765, max(lowest, thresholds[channel] - 1));
      if (kind == 4) potential = min(32765, max(lowest, thresholds[channel]));
      // The input must itself be a sum of weights that fits.
      inputs[(t << 5) + channel] = max(-32768, min(32767, potential - left));
    }
  }
}

describe("neurons", () => {
  it("equals neurons one by one, at random and at the ends of the range", () => {
    for (let round = 0; round < 60; round++) {
      randomInputs(round % 5);
      check(STEPS, false);
      check(STEPS, true);
    }
  });

  it("runs any number of steps", () => {
    for (let steps: u32 = 1; steps <= STEPS; steps++) {
      randomInputs(4);
      check(steps, false);
      check(steps, true);
    }
  });

  it("lets no neuron disturb its neighbours", () => {
    // One neuron at either end of the range, all others at rest.
    for (let channel = 0; channel < 32; channel++) {
      for (let end = 0; end < 2; end++) {
        for (let i = 0; i < 32 * STEPS; i++) inputs[i] = 0;
        for (let c = 0; c < 32; c++) thresholds[c] = 1;
        for (let t: u32 = 0; t < STEPS; t++) {
          inputs[(t << 5) + channel] = end ? 32765 : -32767 - scalarLeft(channel, t);
        }
        check(STEPS, false);
        check(STEPS, true);
      }
    }
  });

  it("keeps a small negative potential from living for ever", () => {
    for (let i = 0; i < 32 * STEPS; i++) inputs[i] = i < 32 ? -3 : 0;
    for (let c = 0; c < 32; c++) thresholds[c] = 1;
    // −3 → (−3 + 2) >> 2 = −1 → 0
    expect(scalarLeft(0, 1)).toBe(-1);
    expect(scalarLeft(0, 2)).toBe(0);
    check(STEPS, false);
    check(STEPS, true);
  });
});

/** Weight of input i for a channel, small and of both signs. */
function weight(input: u32, channel: u32): i32 {
  return i32((input * 37 + channel * 11) % 255) - 127;
}

/** Writes weights of 128 inputs: lanes apart for SIMD, else four lanes as one sum. */
function writeWeights(simd: bool): void {
  for (let input: u32 = 0; input < 128; input++) {
    for (let n: u32 = 0; n < 8; n++) {
      let word: i64 = 0;
      for (let j: u32 = 0; j < 4; j++) {
        const w = weight(input, (j << 3) + n);
        if (simd) store<i16>(WEIGHTS + (input << 6) + (((n << 2) + j) << 1), <i16>w);
        else word += i64(w) << (i64(j) << 4);
      }
      if (!simd) store<i64>(WEIGHTS + (input << 6) + (n << 3), word);
    }
  }
}

const ROW_BYTES: u32 = 20;
const SPIKE_STEP: u32 = 2 * ROW_BYTES;

/** Adds up the inputs of five steps from `rows` rows, each a run of `run` bytes. */
function integrate(simd: bool, run: u32, rows: u32, from: u32, fromStep: u32): void {
  const rowWeights = run << 9;
  if (simd) {
    runNeuronsSimd(
      SPIKES,
      SPIKE_STEP,
      run,
      rows,
      ROW_BYTES,
      WEIGHTS,
      rowWeights,
      from,
      fromStep,
      SUMS,
      0,
      0,
      5,
    );
  } else {
    runNeuronsPlain(
      SPIKES,
      SPIKE_STEP,
      run,
      rows,
      ROW_BYTES,
      WEIGHTS,
      rowWeights,
      from,
      fromStep,
      SUMS,
      0,
      0,
      5,
    );
  }
}

/** Σ weight · spike of a channel, at a step whose spikes are written, or of all inputs. */
function scalarSum(channel: u32, run: u32, rows: u32, t: u32, all: bool): i32 {
  let sum: i32 = 0;
  for (let input: u32 = 0; input < (run << 3) * rows; input++) {
    const inRow = input % (run << 3);
    const row = SPIKES + t * SPIKE_STEP + (input / (run << 3)) * ROW_BYTES;
    if (all || (load<u32>(row + ((inRow >> 5) << 2)) >> (inRow & 31)) & 1) sum += weight(input, channel);
  }
  return sum;
}

function checkIntegrate(simd: bool, run: u32, rows: u32): void {
  writeWeights(simd);
  // Step 0 has no spikes, step 1 all of them; the words after a run belong to another position.
  for (let t: u32 = 0; t < 5; t++) {
    for (let p: u32 = 0; p < SPIKE_STEP; p += 4) {
      const word: u32 = t == 0 ? 0 : t == 1 ? 0xffffffff : <u32>random(0, 0x7ffffffe) * 2 + (t & 1);
      store<u32>(SPIKES + t * SPIKE_STEP + p, p % ROW_BYTES < run ? word : 0xffffffff);
    }
  }
  for (let channel: u32 = 0; channel < 32; channel++) {
    store<u16>(FROM + (lane(channel) << 1), <u16>(32768 + channel * 100 - 1600));
  }
  integrate(simd, run, rows, FROM, 0);
  for (let t: u32 = 0; t < 5; t++) {
    for (let channel: u32 = 0; channel < 32; channel++) {
      const base: i32 = 32768 + channel * 100 - 1600;
      expect(<i32>load<u16>(SUMS + (t << 6) + (lane(channel) << 1))).toBe(
        base + scalarSum(channel, run, rows, t, false),
        "channel " + channel.toString(),
      );
    }
  }
  // Adding to sums that are there already: the second pass of a phase.
  integrate(simd, run, rows, SUMS, 64);
  for (let channel: u32 = 0; channel < 32; channel++) {
    const base: i32 = 32768 + channel * 100 - 1600;
    const once = scalarSum(channel, run, rows, 0, true);
    expect(<i32>load<u16>(SUMS + (1 << 6) + (lane(channel) << 1))).toBe(base + 2 * once);
  }
}

describe("inputs", () => {
  it("are the weights of every spike of a run, and no others", () => {
    checkIntegrate(false, 4, 1);
    checkIntegrate(true, 4, 1);
    checkIntegrate(false, 8, 1);
    checkIntegrate(true, 8, 1);
  });

  it("come from any number of rows", () => {
    checkIntegrate(false, 4, 0);
    checkIntegrate(true, 4, 0);
    checkIntegrate(false, 4, 2);
    checkIntegrate(true, 4, 2);
    checkIntegrate(false, 8, 2);
    checkIntegrate(true, 8, 2);
  });
});

import { KIND_IMAGE_CONV } from "../core/format";
import { addGradientMoments } from "./batch-norm";
import { Layer, LEAK, SURROGATE_WINDOW, THRESHOLD } from "./layer";
import { multiplyAdd } from "./multiply-add";
import { constants, LEAK_AT, THRESHOLD_AT, thread, WINDOW_AT, workspace } from "./thread";

// LIF neurons on tdBN's output y:
//
//     u[t] = τ · u[t−1] · (1 − o[t−1]) + y[t],  o[t] = u[t] > Vth
//
// and their gradients, with the surrogate h(u) = 1 where |u| < 1/2, else 0, in the place of ∂o/∂u. What is carried to
// the next step depends on o[t] too, through the reset:
//
//     ∂L/∂o[t] = (from the next layer) − τ · u[t] · ∂L/∂u[t+1]
//     ∂L/∂u[t] = ∂L/∂o[t] · h(u[t]) + τ · (1 − o[t]) · ∂L/∂u[t+1]
//
// Potentials are not kept: the backward pass computes them again from the layer's sums.

/** tdBN's output of four channels; `channel` in bytes. */
function normalized(layer: Layer, sums: u32, channel: u32): v128 {
  const deviation = f32x4.sub(v128.load(sums), v128.load(layer.mean + channel));
  return f32x4.add(
    f32x4.mul(deviation, v128.load(layer.gain + channel)),
    v128.load(layer.normBias + channel),
  );
}

function fires(potential: v128): v128 {
  return f32x4.gt(potential, f32x4.splat(THRESHOLD));
}

/** Bytes between the potentials of one step and the next in the workspace: those of 16 neurons. */
const SAVED_STEP: u32 = 64;

/** Where, in the workspace, the sums of 16 channels lie: behind the potentials of 16 steps. */
const PARTIAL_SUMS: u32 = 16 * SAVED_STEP;

/** Writes u[t], t = 0 … T − 1, of eight neurons, in two chains side by side, for each step waits for the one before it. */
function potentials(layer: Layer, channel: u32, sums: u32, stepBytes: u32, saved: u32): void {
  if (layer.largestInteger) {
    roundedPotentials(layer, channel, sums, stepBytes, saved);
    roundedPotentials(layer, channel + 16, sums + 16, stepBytes, saved + 16);
    return;
  }
  const mean = layer.mean + channel;
  const gain = layer.gain + channel;
  const bias = layer.normBias + channel;
  const meanA = v128.load(mean);
  const meanB = v128.load(mean, 16);
  const gainA = v128.load(gain);
  const gainB = v128.load(gain, 16);
  const biasA = v128.load(bias);
  const biasB = v128.load(bias, 16);
  const leak = v128.load(constants, LEAK_AT);
  const threshold = v128.load(constants, THRESHOLD_AT);
  let leftA = f32x4.splat(0); // u[t−1] · (1 − o[t−1])
  let leftB = f32x4.splat(0);
  for (
    const end = saved + layer.timeSteps * SAVED_STEP;
    saved < end;
    saved += SAVED_STEP, sums += stepBytes
  ) {
    const yA = multiplyAdd(f32x4.sub(v128.load(sums), meanA), gainA, biasA);
    const yB = multiplyAdd(f32x4.sub(v128.load(sums, 16), meanB), gainB, biasB);
    const uA = multiplyAdd(leftA, leak, yA);
    const uB = multiplyAdd(leftB, leak, yB);
    v128.store(saved, uA);
    v128.store(saved, uB, 16);
    leftA = v128.andnot(uA, f32x4.gt(uA, threshold));
    leftB = v128.andnot(uB, f32x4.gt(uB, threshold));
  }
}

/** The same of potentials that are integers of the channel's unit, with a leak that rounds to nearest, halves up. */
function roundedPotentials(layer: Layer, channel: u32, sums: u32, stepBytes: u32, saved: u32): void {
  const unit = v128.load(layer.units + channel);
  let left = f32x4.splat(0); // as it leaks, in units
  for (let t: u32 = 0; t < layer.timeSteps; t++, sums += stepBytes, saved += SAVED_STEP) {
    const input = f32x4.nearest(f32x4.div(normalized(layer, sums, channel), unit));
    const integer = f32x4.add(left, input);
    const u = f32x4.mul(integer, unit);
    v128.store(saved, u);
    const leaked = f32x4.floor(f32x4.mul(f32x4.add(integer, f32x4.splat(2)), f32x4.splat(LEAK)));
    left = v128.andnot(leaked, fires(u));
  }
}

/** Spikes of one image. */
export function fire(layer: Layer, image: u32): void {
  const timeSteps = layer.timeSteps;
  const channelBytes = layer.outChannels << 2;
  const frameBytes = layer.neurons << 2;
  const stepBytes = layer.kind == KIND_IMAGE_CONV ? 0 : frameBytes;
  const spikeStep = layer.neurons >> 3;
  let sums = layer.sums + image * layer.sumFrames * frameBytes;
  let spikes = layer.spikes + image * timeSteps * spikeStep;
  let count: u32 = 0;
  for (const end = sums + frameBytes; sums < end; sums += channelBytes) {
    for (let channel: u32 = 0; channel < channelBytes; channel += 64, spikes += 2) {
      potentials(layer, channel, sums + channel, stepBytes, workspace);
      potentials(layer, channel + 32, sums + channel + 32, stepBytes, workspace + 32);
      let saved = workspace;
      let output = spikes;
      for (let t: u32 = 0; t < timeSteps; t++, saved += SAVED_STEP, output += spikeStep) {
        const low = i16x8.narrow_i32x4_s(fires(v128.load(saved)), fires(v128.load(saved, 16)));
        const high = i16x8.narrow_i32x4_s(fires(v128.load(saved, 32)), fires(v128.load(saved, 48)));
        const bits = i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
        store<u16>(output, bits);
        count += popcnt(bits);
      }
    }
  }
  const total = layer.spikeCounts + (thread << 3);
  store<f64>(total, load<f64>(total) + <f64>count);
}

/**
 * ∂L/∂y of one image from ∂L/∂o, in place, and this thread's sums of it for tdBN. Of a still image only the sum over the steps
 * is needed; it replaces the first frame.
 * @param penalty - ∂L/∂o of a loss on the firing rate, the same for all neurons
 */
export function fireBackward(layer: Layer, image: u32, penalty: f32): void {
  const positions = layer.positions;
  const channelBytes = layer.outChannels << 2;
  const frameBytes = layer.neurons << 2;
  const isStill = layer.kind == KIND_IMAGE_CONV;
  const stepBytes = isStill ? 0 : frameBytes;
  const firstSums = layer.sums + image * layer.sumFrames * frameBytes;
  const firstGradient = layer.gradient + image * layer.timeSteps * frameBytes;
  const extra = f32x4.splat(penalty);
  // Channels that share a cache line are done at one position after the other, so that the line is fetched once.
  for (let line: u32 = 0; line < channelBytes; line += 64) {
    const partial = workspace + PARTIAL_SUMS;
    memory.fill(partial, 0, 128);
    for (let position: u32 = 0; position < positions; position++) {
      for (let half: u32 = 0; half < 64; half += 32) {
        const channel = line + half;
        const at = position * channelBytes + channel;
        fireBackwardHalf(
          layer,
          channel,
          firstSums + at,
          stepBytes,
          firstGradient + at,
          frameBytes,
          extra,
          isStill,
        );
      }
    }
    addGradientMoments(layer, line >> 2, partial);
  }
}

/**
 * Eight neurons, all steps; their sums are added to the 2 × 64 bytes behind the potentials in the workspace. Two chains of four
 * neurons go side by side, for each step waits for the one before it.
 */
function fireBackwardHalf(
  layer: Layer,
  channel: u32,
  sums: u32,
  stepBytes: u32,
  gradient: u32,
  frameBytes: u32,
  penalty: v128,
  isStill: bool,
): void {
  const timeSteps = layer.timeSteps;
  const meanA = v128.load(layer.mean + channel);
  const meanB = v128.load(layer.mean + channel, 16);
  potentials(layer, channel, sums, stepBytes, workspace);
  let at = sums + timeSteps * stepBytes;
  let saved = workspace + timeSteps * SAVED_STEP;
  const leak = v128.load(constants, LEAK_AT);
  const threshold = v128.load(constants, THRESHOLD_AT);
  const windowEdge = v128.load(constants, WINDOW_AT);
  let laterA = f32x4.splat(0); // ∂L/∂u[t+1]
  let laterB = f32x4.splat(0);
  let totalA = f32x4.splat(0);
  let totalB = f32x4.splat(0);
  let productA = f32x4.splat(0);
  let productB = f32x4.splat(0);
  const coefficients = layer.stepCoefficients;
  const ofImageA = v128.load(gradient);
  const ofImageB = v128.load(gradient, 16);
  let gradientAt = gradient + timeSteps * frameBytes;
  for (let t = timeSteps; t-- > 0; ) {
    gradientAt -= frameBytes;
    at -= stepBytes;
    saved -= SAVED_STEP;
    let ofSpikeA: v128;
    let ofSpikeB: v128;
    if (coefficients) {
      const coefficient = v128.load32_splat(coefficients + (t << 2));
      ofSpikeA = f32x4.mul(coefficient, ofImageA);
      ofSpikeB = f32x4.mul(coefficient, ofImageB);
    } else {
      ofSpikeA = v128.load(gradientAt);
      ofSpikeB = v128.load(gradientAt, 16);
    }
    const uA = v128.load(saved);
    const uB = v128.load(saved, 16);
    const leakedA = f32x4.mul(leak, laterA);
    const leakedB = f32x4.mul(leak, laterB);
    ofSpikeA = f32x4.sub(f32x4.add(ofSpikeA, penalty), f32x4.mul(uA, leakedA));
    ofSpikeB = f32x4.sub(f32x4.add(ofSpikeB, penalty), f32x4.mul(uB, leakedB));
    const windowA = f32x4.lt(f32x4.abs(uA), windowEdge);
    const windowB = f32x4.lt(f32x4.abs(uB), windowEdge);
    laterA = f32x4.add(v128.and(ofSpikeA, windowA), v128.andnot(leakedA, f32x4.gt(uA, threshold)));
    laterB = f32x4.add(v128.and(ofSpikeB, windowB), v128.andnot(leakedB, f32x4.gt(uB, threshold)));
    totalA = f32x4.add(totalA, laterA);
    totalB = f32x4.add(totalB, laterB);
    productA = multiplyAdd(laterA, f32x4.sub(v128.load(at), meanA), productA);
    productB = multiplyAdd(laterB, f32x4.sub(v128.load(at, 16), meanB), productB);
    if (!isStill) {
      v128.store(gradientAt, laterA);
      v128.store(gradientAt, laterB, 16);
    }
  }
  if (isStill) {
    v128.store(gradient, totalA);
    v128.store(gradient, totalB, 16);
  }
  const partial = workspace + PARTIAL_SUMS + (channel & 63);
  v128.store(partial, f32x4.add(v128.load(partial), totalA));
  v128.store(partial, f32x4.add(v128.load(partial, 16), totalB), 16);
  v128.store(partial, f32x4.add(v128.load(partial, 64), productA), 64);
  v128.store(partial, f32x4.add(v128.load(partial, 80), productB), 80);
}

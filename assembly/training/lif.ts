import { addGradientMoments } from "./batch-norm";
import { KIND_IMAGE_CONV, Layer, LEAK, SURROGATE_WINDOW, THRESHOLD } from "./layer";
import { thread, workspace } from "./thread";

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

/** Writes u[t], t = 0 … T − 1, of four neurons. */
function potentials(layer: Layer, channel: u32, sums: u32, stepBytes: u32, saved: u32): void {
  if (layer.largestInteger) {
    roundedPotentials(layer, channel, sums, stepBytes, saved);
    return;
  }
  let left = f32x4.splat(0); // u[t−1] · (1 − o[t−1])
  for (let t: u32 = 0; t < layer.timeSteps; t++, sums += stepBytes, saved += SAVED_STEP) {
    const u = f32x4.add(f32x4.mul(left, f32x4.splat(LEAK)), normalized(layer, sums, channel));
    v128.store(saved, u);
    left = v128.andnot(u, fires(u));
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
      for (let quarter: u32 = 0; quarter < 64; quarter += 16) {
        potentials(layer, channel + quarter, sums + channel + quarter, stepBytes, workspace + quarter);
      }
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
      for (let quarter: u32 = 0; quarter < 64; quarter += 16) {
        const channel = line + quarter;
        const at = position * channelBytes + channel;
        fireBackwardQuarter(
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

/** Four neurons, all steps; their sums are added to the 2 × 64 bytes behind the potentials in the workspace. */
function fireBackwardQuarter(
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
  const mean = v128.load(layer.mean + channel);
  potentials(layer, channel, sums, stepBytes, workspace);
  let at = sums + timeSteps * stepBytes;
  let saved = workspace + timeSteps * SAVED_STEP;
  const leak = f32x4.splat(LEAK);
  let later = f32x4.splat(0); // ∂L/∂u[t+1]
  let total = f32x4.splat(0);
  let product = f32x4.splat(0);
  let gradientAt = gradient + timeSteps * frameBytes;
  for (let t: u32 = 0; t < timeSteps; t++) {
    gradientAt -= frameBytes;
    at -= stepBytes;
    saved -= SAVED_STEP;
    const u = v128.load(saved);
    const leaked = f32x4.mul(leak, later);
    const ofSpike = f32x4.sub(f32x4.add(v128.load(gradientAt), penalty), f32x4.mul(u, leaked));
    const window = f32x4.lt(f32x4.abs(u), f32x4.splat(SURROGATE_WINDOW));
    later = f32x4.add(v128.and(ofSpike, window), v128.andnot(leaked, fires(u)));
    total = f32x4.add(total, later);
    product = f32x4.add(product, f32x4.mul(later, f32x4.sub(v128.load(at), mean)));
    if (!isStill) v128.store(gradientAt, later);
  }
  if (isStill) v128.store(gradient, total);
  const partial = workspace + PARTIAL_SUMS + (channel & 63);
  v128.store(partial, f32x4.add(v128.load(partial), total));
  v128.store(partial, f32x4.add(v128.load(partial, 64), product), 64);
}

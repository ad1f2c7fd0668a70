import { KIND_IMAGE_CONV } from "../core/format";
import { Layer, THRESHOLD } from "./layer";
import { roundingUnit } from "./rounding";
import { gradientOffset, thread } from "./thread";

// tdBN in training: y = Vth · (x − mean) / sqrt(variance + ε) · weight + bias, with mean and variance of a channel over
// images, steps and positions. Each thread sums over its own images; the first joins the sums, in the threads' order.

/** ε under the square root (PyTorch's default). */
const EPSILON: f64 = 1e-5;
/** Weight of a batch in the running statistics (PyTorch's default). */
const MOMENTUM: f64 = 0.1;

// Columns of `moments`.
const SUM: u32 = 0;
const SQUARES: u32 = 1;
const GRADIENT: u32 = 2;
const GRADIENT_PRODUCT: u32 = 3;

/** Address of a channel's sum in the `moments` of a thread. */
function moment(layer: Layer, ofThread: u32, column: u32, channel: u32): u32 {
  return layer.moments + (((ofThread * 4 + column) * layer.outChannels + channel) << 3);
}

/** Forgets the sums of this thread and its number of spikes. */
export function clearMoments(layer: Layer): void {
  memory.fill(moment(layer, thread, SUM, 0), 0, layer.outChannels << 5);
  store<f64>(layer.spikeCounts + (thread << 3), 0);
}

/** Adds four float32 to four float64. */
function addTo(address: u32, values: v128): void {
  const high = i32x4.shuffle(values, values, 2, 3, 2, 3);
  v128.store(address, f64x2.add(v128.load(address), f64x2.promote_low_f32x4(values)));
  v128.store(address, f64x2.add(v128.load(address, 16), f64x2.promote_low_f32x4(high)), 16);
}

/** Adds, from float32 (2, 16), Σ ∂L/∂y and Σ ∂L/∂y · (x − mean) of 16 channels. */
export function addGradientMoments(layer: Layer, channel: u32, sums: u32): void {
  for (let i: u32 = 0; i < 16; i += 4, sums += 16) {
    addTo(moment(layer, thread, GRADIENT, channel + i), v128.load(sums));
    addTo(moment(layer, thread, GRADIENT_PRODUCT, channel + i), v128.load(sums, 64));
  }
}

/** Positions whose sum is in float32 before it is added in float64: few, for the variance is a difference of such sums. */
const FLOAT_POSITIONS: u32 = 16;

/** Adds Σ x and Σ x² of one image. */
export function addMoments(layer: Layer, image: u32): void {
  const rowBytes = layer.outChannels << 2;
  const bytes = (layer.sumFrames * layer.neurons) << 2;
  let start = layer.sums + image * bytes;
  for (const end = start + bytes; start < end; ) {
    const next = min(start + FLOAT_POSITIONS * rowBytes, end);
    for (let channel: u32 = 0; channel < layer.outChannels; channel += 8) {
      let s0 = f32x4.splat(0);
      let s1 = f32x4.splat(0);
      let q0 = f32x4.splat(0);
      let q1 = f32x4.splat(0);
      for (let at = start + (channel << 2); at < next; at += rowBytes) {
        const x0 = v128.load(at);
        const x1 = v128.load(at, 16);
        s0 = f32x4.add(s0, x0);
        s1 = f32x4.add(s1, x1);
        q0 = f32x4.add(q0, f32x4.mul(x0, x0));
        q1 = f32x4.add(q1, f32x4.mul(x1, x1));
      }
      addTo(moment(layer, thread, SUM, channel), s0);
      addTo(moment(layer, thread, SUM, channel + 4), s1);
      addTo(moment(layer, thread, SQUARES, channel), q0);
      addTo(moment(layer, thread, SQUARES, channel + 4), q1);
    }
    start = next;
  }
}

/** A column of `moments`, summed over all threads. */
function total(layer: Layer, threads: u32, column: u32, channel: u32): f64 {
  let sum: f64 = 0;
  for (let k: u32 = 0; k < threads; k++) sum += load<f64>(moment(layer, k, column, channel));
  return sum;
}

/**
 * Chooses the statistics for the forward pass: those of the batch, which then also enter the running ones, or the
 * running ones if `frozen`.
 */
export function normalize(layer: Layer, threads: u32, images: u32, frozen: bool): void {
  const sums = <f64>(images * layer.sumFrames * layer.positions);
  // The running variance is unbiased for the number of neurons and steps, though a still image repeats itself.
  const count = <f64>(images * layer.timeSteps * layer.positions);
  for (let channel: u32 = 0; channel < layer.outChannels; channel++) {
    const at = channel << 2;
    let mean: f64 = load<f32>(layer.runningMean + at);
    let variance: f64 = load<f32>(layer.runningVariance + at);
    if (!frozen) {
      const batchMean = total(layer, threads, SUM, channel) / sums;
      const batchVariance = max(total(layer, threads, SQUARES, channel) / sums - batchMean * batchMean, 0);
      store<f32>(layer.runningMean + at, <f32>(mean + MOMENTUM * (batchMean - mean)));
      const unbiased = (batchVariance * count) / (count - 1);
      store<f32>(layer.runningVariance + at, <f32>(variance + MOMENTUM * (unbiased - variance)));
      mean = batchMean;
      variance = batchVariance;
    }
    const inverse = 1 / sqrt(variance + EPSILON);
    store<f32>(layer.mean + at, <f32>mean);
    store<f32>(layer.inverseDeviation + at, <f32>inverse);
    const gain = <f64>THRESHOLD * inverse * load<f32>(layer.normWeight + at);
    store<f32>(layer.gain + at, <f32>gain);
    if (layer.largestInteger) {
      const bias = (<f64>load<f32>(layer.bias + at) - mean) * gain + load<f32>(layer.normBias + at);
      store<f32>(layer.units + at, roundingUnit(<f32>gain, load<f32>(layer.scales + at), <f32>bias));
    }
  }
}

/**
 * From the sums of all threads the gradients of tdBN's parameters, and what `normalizeBackward` needs. The synapses' bias has
 * none while the batch's own mean is taken away.
 */
export function normalizeGradients(layer: Layer, threads: u32, images: u32, frozen: bool): void {
  const count = <f64>(images * layer.timeSteps * layer.positions);
  for (let channel: u32 = 0; channel < layer.outChannels; channel++) {
    const at = channel << 2;
    const gain: f64 = load<f32>(layer.gain + at);
    const inverse: f64 = load<f32>(layer.inverseDeviation + at);
    const gradient = total(layer, threads, GRADIENT, channel);
    const product = total(layer, threads, GRADIENT_PRODUCT, channel);
    store<f32>(layer.normBias + gradientOffset + at, <f32>gradient);
    store<f32>(layer.normWeight + gradientOffset + at, <f32>(<f64>THRESHOLD * inverse * product));
    store<f32>(layer.bias + gradientOffset + at, frozen ? <f32>(gain * gradient) : 0);
    store<f32>(layer.gradientShift + at, frozen ? 0 : <f32>((gain * gradient) / count));
    store<f32>(layer.gradientSlope + at, frozen ? 0 : <f32>((gain * inverse * inverse * product) / count));
  }
}

/** ∂L/∂x of one image from ∂L/∂y, in place; a still image's, which is the sum over its steps, in its first frame. */
export function normalizeBackward(layer: Layer, image: u32): void {
  const frames = layer.sumFrames;
  const rowBytes = layer.outChannels << 2;
  const bytes = (frames * layer.neurons) << 2;
  const steps = f32x4.splat(layer.kind == KIND_IMAGE_CONV ? <f32>layer.timeSteps : 1);
  const gradient = layer.gradient + ((image * layer.timeSteps * layer.neurons) << 2);
  const sums = layer.sums + image * bytes;
  for (let row: u32 = 0; row < bytes; row += rowBytes) {
    for (let channel: u32 = 0; channel < rowBytes; channel += 16) {
      const at = row + channel;
      const deviation = f32x4.sub(v128.load(sums + at), v128.load(layer.mean + channel));
      const slope = f32x4.mul(v128.load(layer.gradientSlope + channel), deviation);
      const coupled = f32x4.add(v128.load(layer.gradientShift + channel), slope);
      const own = f32x4.mul(v128.load(layer.gain + channel), v128.load(gradient + at));
      v128.store(gradient + at, f32x4.sub(own, f32x4.mul(steps, coupled)));
    }
  }
}

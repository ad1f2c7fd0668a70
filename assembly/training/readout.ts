import { multiplyAdd } from "./multiply-add";
import { gradientOffset, thread, workspace } from "./thread";

// The image from the last layer's spikes, v = tanh(Σ_t coef[t] · (3×3 convolution of o[t] + bias)), its squared error, and the
// gradients. Sum over the steps and convolution commute, so the spikes are summed first: R = Σ_t coef[t] · o[t].

@unmanaged
export class Readout {
  timeSteps: u32;
  imageSize: u32;
  imageChannels: u32;
  /** Spikes (frames, rows, columns, 32) of the last layer. */
  spikes: u32;
  /** (timeSteps) 0.8^(T−1−t) */
  coefficients: u32;
  /** (3, 3, imageChannels, 32) */
  weights: u32;
  /** (imageChannels) */
  bias: u32;
  /** (images, rows, columns, imageChannels), −1 … 1 */
  images: u32;
  reconstructions: u32;
  /** The last layer's `gradient`, (frames, rows, columns, 32): ∂L/∂R is written into the first frame of each image. */
  gradient: u32;
  /** Of each thread Σ (reconstruction − image)², float64. */
  squaredErrors: u32;
}

/** Bytes of the 32 channels of a position, in float32. */
const POSITION_BYTES: u32 = 128;

/**
 * Reconstruction of one image, this thread's squared error, and the gradients of weights, bias and R.
 * @param gradientScale - 2 / number of values in the batch's images: ∂(mean squared error)/∂v = scale · (v − image)
 */
export function readOut(readout: Readout, image: u32, gradientScale: f32): void {
  const size = readout.imageSize;
  const channels = readout.imageChannels;
  const positions = size * size;
  const summed = workspace;
  const outputGradient = workspace + positions * POSITION_BYTES;
  sumSpikes(readout, image, summed);
  reconstruct(readout, image, gradientScale, summed, outputGradient);
  for (let tap: u32 = 0; tap < 9; tap++) {
    for (let channel: u32 = 0; channel < channels; channel++) {
      weightGradient(readout, tap, channel, summed, outputGradient);
    }
  }
  let gradient = readout.gradient + image * readout.timeSteps * positions * POSITION_BYTES;
  for (let row: u32 = 0; row < size; row++) {
    for (let column: u32 = 0; column < size; column++, gradient += POSITION_BYTES) {
      inputGradient(readout, row, column, outputGradient, gradient);
    }
  }
}

/** R = Σ_t coef[t] · o[t], (rows, columns, 32). */
function sumSpikes(readout: Readout, image: u32, summed: u32): void {
  const positions = readout.imageSize * readout.imageSize;
  const spikes = readout.spikes + ((image * readout.timeSteps * positions) << 2);
  memory.fill(summed, 0, positions * POSITION_BYTES);
  const bits = i32x4(1, 2, 4, 8);
  for (let t: u32 = 0; t < readout.timeSteps; t++) {
    const coefficient = v128.load32_splat(readout.coefficients + (t << 2));
    for (let position: u32 = 0; position < positions; position++) {
      let word = load<u32>(spikes + ((t * positions + position) << 2));
      let at = summed + position * POSITION_BYTES;
      for (; word; word >>= 4, at += 16) {
        const fired = i32x4.eq(v128.and(i32x4.splat(word), bits), bits);
        v128.store(at, f32x4.add(v128.load(at), v128.and(fired, coefficient)));
      }
    }
  }
}

/** Image, squared error, ∂L/∂bias, and ∂L/∂(what tanh takes), (rows, columns, imageChannels). */
function reconstruct(
  readout: Readout,
  image: u32,
  gradientScale: f32,
  summed: u32,
  outputGradient: u32,
): void {
  const size = readout.imageSize;
  const channels = readout.imageChannels;
  let coefficientSum: f32 = 0;
  for (let t: u32 = 0; t < readout.timeSteps; t++)
    coefficientSum += load<f32>(readout.coefficients + (t << 2));
  const first = (image * size * size * channels) << 2;
  let value: u32 = 0;
  let squaredError: f64 = 0;
  for (let y: u32 = 0; y < size; y++) {
    for (let x: u32 = 0; x < size; x++) {
      for (let channel: u32 = 0; channel < channels; channel++, value += 4) {
        const bias = readout.bias + (channel << 2);
        const output = Mathf.tanh(
          convolve(readout, summed, y, x, channel) + coefficientSum * load<f32>(bias),
        );
        const error = output - load<f32>(readout.images + first + value);
        store<f32>(readout.reconstructions + first + value, output);
        squaredError += <f64>error * error;
        const gradient = gradientScale * error * (1 - output * output);
        store<f32>(outputGradient + value, gradient);
        const biasGradient = bias + gradientOffset;
        store<f32>(biasGradient, load<f32>(biasGradient) + gradient * coefficientSum);
      }
    }
  }
  const total = readout.squaredErrors + (thread << 3);
  store<f64>(total, load<f64>(total) + squaredError);
}

function convolve(readout: Readout, summed: u32, y: u32, x: u32, channel: u32): f32 {
  const size = readout.imageSize;
  let a = f32x4.splat(0);
  let b = f32x4.splat(0);
  let c = f32x4.splat(0);
  let d = f32x4.splat(0);
  for (let tap: u32 = 0; tap < 9; tap++) {
    // The position that a pixel sees, of stride 1 and padding 1. Above the first row, the unsigned number is far beyond the last.
    const row = y + 1 - tap / 3;
    const column = x + 1 - (tap % 3);
    if (row >= size || column >= size) continue;
    let w = readout.weights + (tap * readout.imageChannels + channel) * POSITION_BYTES;
    let input = summed + (row * size + column) * POSITION_BYTES;
    for (const end = w + POSITION_BYTES; w < end; w += 64, input += 64) {
      a = multiplyAdd(v128.load(w), v128.load(input), a);
      b = multiplyAdd(v128.load(w, 16), v128.load(input, 16), b);
      c = multiplyAdd(v128.load(w, 32), v128.load(input, 32), c);
      d = multiplyAdd(v128.load(w, 48), v128.load(input, 48), d);
    }
  }
  const sums = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
  return (
    f32x4.extract_lane(sums, 0) +
    f32x4.extract_lane(sums, 1) +
    (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3))
  );
}

/** Adds to ∂L/∂weights of one tap and channel. */
function weightGradient(readout: Readout, tap: u32, channel: u32, summed: u32, outputGradient: u32): void {
  const size = readout.imageSize;
  const channels = readout.imageChannels;
  const ky = tap / 3;
  const kx = tap % 3;
  const w = readout.weights + gradientOffset + (tap * channels + channel) * POSITION_BYTES;
  let s0 = v128.load(w);
  let s1 = v128.load(w, 16);
  let s2 = v128.load(w, 32);
  let s3 = v128.load(w, 48);
  let s4 = v128.load(w, 64);
  let s5 = v128.load(w, 80);
  let s6 = v128.load(w, 96);
  let s7 = v128.load(w, 112);
  for (let y: u32 = 0; y < size; y++) {
    const row = y + 1 - ky;
    if (row >= size) continue;
    for (let x: u32 = 0; x < size; x++) {
      const column = x + 1 - kx;
      if (column >= size) continue;
      const g = v128.load32_splat(outputGradient + (((y * size + x) * channels + channel) << 2));
      const input = summed + (row * size + column) * POSITION_BYTES;
      s0 = multiplyAdd(g, v128.load(input), s0);
      s1 = multiplyAdd(g, v128.load(input, 16), s1);
      s2 = multiplyAdd(g, v128.load(input, 32), s2);
      s3 = multiplyAdd(g, v128.load(input, 48), s3);
      s4 = multiplyAdd(g, v128.load(input, 64), s4);
      s5 = multiplyAdd(g, v128.load(input, 80), s5);
      s6 = multiplyAdd(g, v128.load(input, 96), s6);
      s7 = multiplyAdd(g, v128.load(input, 112), s7);
    }
  }
  v128.store(w, s0);
  v128.store(w, s1, 16);
  v128.store(w, s2, 32);
  v128.store(w, s3, 48);
  v128.store(w, s4, 64);
  v128.store(w, s5, 80);
  v128.store(w, s6, 96);
  v128.store(w, s7, 112);
}

/** ∂L/∂R of the 32 channels of a position. */
function inputGradient(readout: Readout, row: u32, column: u32, outputGradient: u32, gradient: u32): void {
  const size = readout.imageSize;
  const channels = readout.imageChannels;
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let s2 = f32x4.splat(0);
  let s3 = f32x4.splat(0);
  let s4 = f32x4.splat(0);
  let s5 = f32x4.splat(0);
  let s6 = f32x4.splat(0);
  let s7 = f32x4.splat(0);
  for (let tap: u32 = 0; tap < 9; tap++) {
    const y = row + tap / 3 - 1;
    const x = column + (tap % 3) - 1;
    if (y >= size || x >= size) continue;
    for (let channel: u32 = 0; channel < channels; channel++) {
      const g = v128.load32_splat(outputGradient + (((y * size + x) * channels + channel) << 2));
      const w = readout.weights + (tap * channels + channel) * POSITION_BYTES;
      s0 = multiplyAdd(g, v128.load(w), s0);
      s1 = multiplyAdd(g, v128.load(w, 16), s1);
      s2 = multiplyAdd(g, v128.load(w, 32), s2);
      s3 = multiplyAdd(g, v128.load(w, 48), s3);
      s4 = multiplyAdd(g, v128.load(w, 64), s4);
      s5 = multiplyAdd(g, v128.load(w, 80), s5);
      s6 = multiplyAdd(g, v128.load(w, 96), s6);
      s7 = multiplyAdd(g, v128.load(w, 112), s7);
    }
  }
  v128.store(gradient, s0);
  v128.store(gradient, s1, 16);
  v128.store(gradient, s2, 32);
  v128.store(gradient, s3, 48);
  v128.store(gradient, s4, 64);
  v128.store(gradient, s5, 80);
  v128.store(gradient, s6, 96);
  v128.store(gradient, s7, 112);
}

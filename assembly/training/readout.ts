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
  /** (frames, rows, columns, 32) ∂L/∂o of the last layer */
  gradient: u32;
  /** Of each thread Σ (reconstruction − image)², float64. */
  squaredErrors: u32;
}

/** Bytes of the 32 channels of a position, in float32. */
const POSITION_BYTES: u32 = 128;

/**
 * Reconstruction of one image, this thread's squared error, and the gradients of weights, bias and spikes.
 * @param gradientScale - 2 / number of values in the batch's images: ∂(mean squared error)/∂v = scale · (v − image)
 */
export function readOut(readout: Readout, image: u32, gradientScale: f32): void {
  const size = readout.imageSize;
  const channels = readout.imageChannels;
  const positions = size * size;
  const summed = workspace;
  const summedGradient = workspace + positions * POSITION_BYTES;
  sumSpikes(readout, image, summed);
  memory.fill(summedGradient, 0, positions * POSITION_BYTES);

  let coefficientSum: f32 = 0;
  for (let t: u32 = 0; t < readout.timeSteps; t++)
    coefficientSum += load<f32>(readout.coefficients + (t << 2));
  let value = image * positions * channels;
  let squaredError: f64 = 0;
  for (let y: u32 = 0; y < size; y++) {
    for (let x: u32 = 0; x < size; x++) {
      for (let channel: u32 = 0; channel < channels; channel++, value++) {
        const bias = readout.bias + (channel << 2);
        const output = Mathf.tanh(
          convolve(readout, summed, y, x, channel) + coefficientSum * load<f32>(bias),
        );
        const error = output - load<f32>(readout.images + (value << 2));
        store<f32>(readout.reconstructions + (value << 2), output);
        squaredError += <f64>error * error;
        const gradient = gradientScale * error * (1 - output * output);
        const biasGradient = bias + gradientOffset;
        store<f32>(biasGradient, load<f32>(biasGradient) + gradient * coefficientSum);
        convolveBackward(readout, summed, summedGradient, y, x, channel, gradient);
      }
    }
  }
  const total = readout.squaredErrors + (thread << 3);
  store<f64>(total, load<f64>(total) + squaredError);
  spreadGradient(readout, image, summedGradient);
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

/** ∂L/∂o[t] = coef[t] · ∂L/∂R. */
function spreadGradient(readout: Readout, image: u32, summedGradient: u32): void {
  const bytes = readout.imageSize * readout.imageSize * POSITION_BYTES;
  let gradient = readout.gradient + image * readout.timeSteps * bytes;
  for (let t: u32 = 0; t < readout.timeSteps; t++) {
    const coefficient = v128.load32_splat(readout.coefficients + (t << 2));
    for (let at: u32 = 0; at < bytes; at += 16, gradient += 16) {
      v128.store(gradient, f32x4.mul(coefficient, v128.load(summedGradient + at)));
    }
  }
}

/** Offset of the position that a pixel sees through a tap of a convolution of stride 1 and padding 1; −1 if none. */
function positionOffset(size: u32, y: u32, x: u32, tap: u32): i32 {
  const row = y + 1 - tap / 3;
  const column = x + 1 - (tap % 3);
  // Above the first row, the unsigned number is far beyond the last.
  return row < size && column < size ? <i32>((row * size + column) * POSITION_BYTES) : -1;
}

function convolve(readout: Readout, summed: u32, y: u32, x: u32, channel: u32): f32 {
  let sums = f32x4.splat(0);
  for (let tap: u32 = 0; tap < 9; tap++) {
    const offset = positionOffset(readout.imageSize, y, x, tap);
    if (offset < 0) continue;
    const weights = readout.weights + (tap * readout.imageChannels + channel) * POSITION_BYTES;
    for (let at: u32 = 0; at < POSITION_BYTES; at += 16) {
      sums = f32x4.add(sums, f32x4.mul(v128.load(weights + at), v128.load(summed + offset + at)));
    }
  }
  return (
    f32x4.extract_lane(sums, 0) +
    f32x4.extract_lane(sums, 1) +
    (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3))
  );
}

/** Adds what one value of the image contributes to the gradients of the weights and of R. */
function convolveBackward(
  readout: Readout,
  summed: u32,
  summedGradient: u32,
  y: u32,
  x: u32,
  channel: u32,
  gradient: f32,
): void {
  const g = f32x4.splat(gradient);
  for (let tap: u32 = 0; tap < 9; tap++) {
    const offset = positionOffset(readout.imageSize, y, x, tap);
    if (offset < 0) continue;
    const weights = readout.weights + (tap * readout.imageChannels + channel) * POSITION_BYTES;
    for (let at: u32 = 0; at < POSITION_BYTES; at += 16) {
      const weightGradient = weights + at + gradientOffset;
      const inputGradient = summedGradient + offset + at;
      const input = v128.load(summed + offset + at);
      v128.store(weightGradient, f32x4.add(v128.load(weightGradient), f32x4.mul(g, input)));
      v128.store(inputGradient, f32x4.add(v128.load(inputGradient), f32x4.mul(g, v128.load(weights + at))));
    }
  }
}

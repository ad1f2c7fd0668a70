import { HEADER_IMAGE_CHANNELS, HEADER_IMAGE_SIZE, HEADER_READOUT_SHIFT, READOUT_CHANNELS } from "./format";
import { addSpikes, counting } from "./ledger";
import { HEADER, LEDGER_READOUT, LEFT, PLAN_IMAGE, READOUT } from "./memory";
import { sigmoidOf } from "./sigmoid";

// The readout is linear, so it is applied to R = Σ coef[t] · spike[t] once and not at every step. Its sums are an image
// with a border of one pixel, which takes what falls off; one column serves as the left border and as the right one of
// the row above.

export function imageSize(): u32 {
  return load<u16>(HEADER + HEADER_IMAGE_SIZE);
}

export function imageChannels(): u32 {
  return load<u8>(HEADER + HEADER_IMAGE_CHANNELS);
}

/** Bytes of the readout's section in the file. */
export function readoutBytes(): u32 {
  return imageChannels() * (4 + 18 * READOUT_CHANNELS);
}

/** Bytes of one pixel's sums. */
function pixelBytes(): u32 {
  return imageChannels() << 2;
}

/** Bytes of one row of sums. */
function rowBytes(): u32 {
  return (imageSize() + 1) * pixelBytes();
}

/** Bytes of all sums: a row above, one below and one position at the end for the border. */
export function imageBytes(): u32 {
  return rowBytes() * (imageSize() + 2) + pixelBytes();
}

/** Zeroes `bytes` bytes. */
export function clear(p: u32, bytes: u32): void {
  const end = p + bytes;
  do {
    store<u32>(p, 0);
    p += 4;
  } while (p < end);
}

/** What a spike in the last step counts, Q12. */
const LAST_COEFFICIENT: u32 = 4096;

/** What a spike counts one step before one that counts `coefficient`. */
function before(coefficient: u32): u32 {
  return (coefficient * 4 + 2) / 5;
}

/** Σ weight · R over the channels of one position. */
function dot(weights: u32): i32 {
  if (ASC_FEATURE_SIMD) {
    let sum = i32x4.splat(0);
    for (let k: u32 = 0; k < READOUT_CHANNELS << 1; k += 16) {
      sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(weights + k), v128.load(k, LEFT)));
    }
    sum = i32x4.add(sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1);
  } else {
    let sum = 0;
    let k: u32 = 0;
    do {
      sum += <i32>load<i16>(weights + k) * <i32>load<i16>(k, LEFT);
      k += 2;
    } while (k < READOUT_CHANNELS << 1);
    return sum;
  }
}

/** Clears the sums. */
export function start(): void {
  clear(load<u32>(PLAN_IMAGE), imageBytes());
}

/** Adds what the 32 neurons at (y, x) contribute to the sums. */
export function gather(y: u32, x: u32, spikes: u32, spikeStep: u32, steps: u32): void {
  let count: u32 = 0;
  let coefficient = LAST_COEFFICIENT;
  spikes += spikeStep * steps;
  clear(LEFT, READOUT_CHANNELS << 1);
  do {
    spikes -= spikeStep;
    for (let active = load<u32>(spikes); active; active &= active - 1) {
      const sum = ctz(active) << 1;
      store<u16>(sum, <u32>load<u16>(sum, LEFT) + coefficient, LEFT);
      count++;
    }
    coefficient = before(coefficient);
  } while (--steps);
  if (counting) addSpikes(LEDGER_READOUT, count, y, x, imageSize(), imageChannels());
  let weights = READOUT + pixelBytes();
  let sum = load<u32>(PLAN_IMAGE) + y * rowBytes() + x * pixelBytes();
  const window = pixelBytes() * 3;
  let ky = 3;
  do {
    const end = sum + window;
    do {
      store<i32>(sum, load<i32>(sum) + dot(weights));
      weights += READOUT_CHANNELS << 1;
      sum += 4;
    } while (sum < end);
    sum += rowBytes() - window;
  } while (--ky);
}

/** Adds the biases and turns the sums into pixels, in place. */
export function emit(steps: u32): void {
  let coefficient = LAST_COEFFICIENT;
  let coefficients: u32 = 0;
  do {
    coefficients += coefficient;
    coefficient = before(coefficient);
  } while (--steps);
  let pixel = load<u32>(PLAN_IMAGE);
  let sum = pixel + rowBytes();
  let y = imageSize();
  do {
    const rowEnd = sum + rowBytes();
    sum += pixelBytes();
    do {
      let bias = READOUT;
      do {
        const membrane = load<u32>(sum) + load<u32>(bias) * coefficients;
        const shift = <u32>load<u8>(HEADER + HEADER_READOUT_SHIFT) - 1;
        store<u8>(pixel, (sigmoidOf(membrane, shift) * 255 + 32768) >> 16);
        pixel++;
        sum += 4;
        bias += 4;
      } while (bias < READOUT + pixelBytes());
    } while (sum < rowEnd);
  } while (--y);
}

import {
  HEADER_IMAGE_CHANNELS,
  HEADER_IMAGE_SIZE,
  HEADER_READOUT_SHIFT,
  READOUT_CHANNELS,
  readoutBytes,
} from "./format";
import { addSpikes } from "./ledger";
import { COEFFICIENTS, HEADER, LEDGER_READOUT, PLAN_IMAGE, READOUT, RESPONSE } from "./memory";
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
export function readoutSectionBytes(): u32 {
  return readoutBytes(imageChannels());
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

/** Σ weight · R over the 32 places of one position. */
function dot(weights: u32): i32 {
  let place: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    let sum = i32x4.splat(0);
    do {
      sum = i32x4.add(sum, i32x4.dot_i16x8_s(v128.load(weights + place), v128.load(place, RESPONSE)));
      place += 16;
    } while (place & 63);
    sum = i32x4.add(sum, i8x16.shuffle(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1);
  } else {
    let sum = 0;
    do {
      sum +=
        <i32>load<i16>(weights) * <i32>load<i16>(place, RESPONSE) +
        <i32>load<i16>(weights, 2) * <i32>load<i16>(place, RESPONSE + 2) +
        <i32>load<i16>(weights, 4) * <i32>load<i16>(place, RESPONSE + 4) +
        <i32>load<i16>(weights, 6) * <i32>load<i16>(place, RESPONSE + 6);
      weights += 8;
      place += 8;
    } while (place & 63);
    return sum;
  }
}

/** Sets what the spikes of each step count, and all sums to what the biases come to. */
export function start(steps: u32): void {
  let coefficient = LAST_COEFFICIENT;
  let coefficients: u32 = 0;
  do {
    steps--;
    store<u64>(steps << 3, u64(coefficient) * 0x0001000100010001, COEFFICIENTS);
    coefficients += coefficient;
    coefficient = (coefficient * 4 + 2) / 5;
  } while (steps);
  let sum = load<u32>(PLAN_IMAGE);
  const end = sum + imageBytes();
  do {
    let bias = READOUT;
    do {
      store<u32>(sum, load<u32>(bias) * coefficients);
      sum += 4;
      bias += 4;
    } while (bias < READOUT + pixelBytes());
  } while (sum < end);
}

/** Adds what the 32 neurons at (y, x) contribute to the sums, and counts their spikes if asked. */
export function gather(y: u32, x: u32, spikes: u32, spikeStep: u32, steps: u32, ledger: u32): void {
  if (ledger) {
    do {
      addSpikes(LEDGER_READOUT, popcnt(load<u32>(spikes)), y, x, imageSize(), imageChannels());
      spikes += spikeStep;
    } while (--steps);
  }
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

/** Turns the sums into pixels, in place. */
export function emit(): void {
  let pixel = load<u32>(PLAN_IMAGE);
  let sum = pixel + rowBytes();
  let y = imageSize();
  do {
    const rowEnd = sum + rowBytes();
    sum += pixelBytes();
    do {
      const shift = <u32>load<u8>(HEADER + HEADER_READOUT_SHIFT) - 1;
      store<u8>(pixel, (sigmoidOf(load<i32>(sum), shift) * 255 + 32768) >> 16);
      pixel++;
      sum += 4;
    } while (sum < rowEnd);
  } while (--y);
}

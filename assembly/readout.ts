import { READOUT_CHANNELS } from "./format";
import { header } from "./header";
import { LEFT, PLAN_IMAGE, PLAN_READOUT } from "./memory";
import { roundShift, sigmoid } from "./sigmoid";
import { COEFFICIENT_TABLE } from "./tables";

// The readout is linear, so it is applied to R = Σ coef[t] · spike[t] once and not at every step. Its sums are an image
// with a border of one pixel, which takes what falls off.

/** Bytes of the readout's section in the file. */
export function readoutBytes(): u32 {
  return header().imageChannels * (4 + 18 * READOUT_CHANNELS);
}

/** Bytes of one row of sums. */
function rowBytes(): u32 {
  return ((header().imageSize + 2) * header().imageChannels) << 2;
}

export function imageBytes(): u32 {
  return rowBytes() * (header().imageSize + 2);
}

/** Zeroes the memory from p to end. */
export function clear(p: u32, end: u32): void {
  for (; p < end; p += 4) store<u32>(p, 0);
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
    for (let k: u32 = 0; k < READOUT_CHANNELS << 1; k += 2) {
      sum += <i32>load<i16>(weights + k) * <i32>load<i16>(k, LEFT);
    }
    return sum;
  }
}

/** Adds what the 32 neurons at (y, x) contribute to the sums; gives the number of their spikes. */
export function gather(y: u32, x: u32, spikes: u32, spikeStep: u32, steps: u32): u32 {
  const channels: u32 = header().imageChannels;
  let count: u32 = 0;
  clear(LEFT, LEFT + (READOUT_CHANNELS << 1));
  for (; steps; steps--) {
    const coefficient: u32 = load<u16>(COEFFICIENT_TABLE - 2 + (steps << 1));
    for (let active = load<u32>(spikes); active; active &= active - 1) {
      const sum = ctz(active) << 1;
      store<u16>(sum, <u32>load<u16>(sum, LEFT) + coefficient, LEFT);
      count++;
    }
    spikes += spikeStep;
  }
  let weights = load<u32>(PLAN_READOUT) + (channels << 2);
  let sum = load<u32>(PLAN_IMAGE) + y * rowBytes() + ((x * channels) << 2);
  for (let ky = 0; ky < 3; ky++) {
    for (let end = sum + channels * 12; sum < end; sum += 4) {
      store<i32>(sum, load<i32>(sum) + dot(weights));
      weights += READOUT_CHANNELS << 1;
    }
    sum += rowBytes() - channels * 12;
  }
  return count;
}

/** Turns the sums into pixels, in place. */
export function emit(steps: u32): void {
  const size: u32 = header().imageSize;
  const channels: u32 = header().imageChannels;
  let coefficients = 0;
  for (; steps; steps--) coefficients += <i32>load<u16>(COEFFICIENT_TABLE - 2 + (steps << 1));
  let pixel = load<u32>(PLAN_IMAGE);
  let sum = pixel + rowBytes();
  for (let y = size; y; y--) {
    sum += channels << 2;
    for (let x = size; x; x--) {
      for (let g: u32 = 0; g < channels; g++) {
        const bias = load<i32>(load<u32>(PLAN_READOUT) + (g << 2));
        const membrane = load<i32>(sum) + bias * coefficients;
        store<u8>(pixel, (sigmoid(roundShift(membrane, header().readoutShift - 1)) * 255 + 32768) >> 16);
        pixel++;
        sum += 4;
      }
    }
    sum += channels << 2;
  }
}

// Random numbers of docs/numerics.md: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011), Q12 normals and 16-bit uniforms. Every draw is a function of seed, index and position.

import { MAX_LATENT_SIZE } from "../../assembly/core/format";
import { STREAM_CHOICES, STREAM_PRIOR, STREAM_SPIKES } from "../../assembly/core/streams";

/** A 64-bit unsigned integer; a number if it is at most 2^53 − 1. */
export type Uint64 = number | bigint;

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
/** Added to the key after each round: the golden ratio and sqrt(3) − 1, as fractions of 2^32. */
const KEY_STEP_0 = 0x9e3779b9;
const KEY_STEP_1 = 0xbb67ae85;

/** Steps of one neuron's spike train that one block of the sampler's stream covers. */
const STEPS_PER_BLOCK = 8;
/** Number of the block of neuron 0 for the steps after those. */
const BLOCKS_OF_LATER_STEPS = MAX_LATENT_SIZE;

/** High 32 bits of the 64-bit product of two unsigned words, from 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // Each sum stays below 2^32: (2^16 − 1)² + 2^16 − 1.
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (carry >>> 16);
}

type Words4 = readonly [number, number, number, number];

/** One block of Philox4x32-10 into `words`, for the counter (block, stream, index) and the key seed, and without allocating. */
export function drawBlock(
  words: Uint32Array,
  block: number,
  stream: number,
  index: Uint64,
  seed: Uint64,
): void {
  let c0 = block;
  let c1 = stream;
  let c2 = lowWord(index);
  let c3 = highWord(index);
  let k0 = lowWord(seed);
  let k1 = highWord(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + KEY_STEP_0) >>> 0;
    k1 = (k1 + KEY_STEP_1) >>> 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

export function lowWord(value: Uint64): number {
  return typeof value === "number" ? value >>> 0 : Number(value & 0xffffffffn);
}

export function highWord(value: Uint64): number {
  return typeof value === "number" ? Math.floor(value / 2 ** 32) : Number(value >> 32n);
}

/** The blocks of one stream of one image. */
function blocks(seed: Uint64, index: Uint64, stream: number): (block: number) => Words4 {
  const words = new Uint32Array(4);
  return (block) => {
    drawBlock(words, block, stream, index, seed);
    return [words[0], words[1], words[2], words[3]];
  };
}

/** Largest |normal|, Q12. */
export const LARGEST_NORMAL = 22808;

/** The Q12 standard normal that the eight 16-bit halves of a block sum up to. */
export function normalFromWords(words: Words4): number {
  const sum = words.reduce((total, word) => total + (word & 0xffff) + (word >>> 16), 0) - 262140;
  const x = (sum * 5017 + 0x8000) >> 16;
  const cubic = (x * (((x * x) >> 12) - 12288)) >> 12; // x³ − 3x
  return x + ((cubic * 213 + 0x4000) >> 15);
}

/** The Q12 standard normals (latentSize) that image `index` of `seed` starts from. */
export function normals(seed: Uint64, index: Uint64, latentSize: number): Int32Array {
  const blockOf = blocks(seed, index, STREAM_PRIOR);
  return Int32Array.from({ length: latentSize }, (_, i) => normalFromWords(blockOf(i)));
}

/** The 16-bit uniforms (timeSteps, neurons) of the Poisson sampler; timeSteps is 1…16. */
export function uniforms(seed: Uint64, index: Uint64, neurons: number, timeSteps: number): Uint16Array {
  const blockOf = blocks(seed, index, STREAM_SPIKES);
  const result = new Uint16Array(timeSteps * neurons);
  for (let neuron = 0; neuron < neurons; neuron++) {
    for (let start = 0; start < timeSteps; start += STEPS_PER_BLOCK) {
      const words = blockOf(neuron + (BLOCKS_OF_LATER_STEPS * start) / STEPS_PER_BLOCK);
      for (let step = 0; step < STEPS_PER_BLOCK && start + step < timeSteps; step++) {
        const word = words[step >> 1];
        result[(start + step) * neurons + neuron] = step % 2 === 0 ? word & 0xffff : word >>> 16;
      }
    }
  }
  return result;
}

const choiceWords = new Uint32Array(4);

/** The word that chooses for image `index` of `seed`: a mixture's component its low 16 bits, a book's codes the high ones. */
export function choiceWord(seed: Uint64, index: Uint64): number {
  drawBlock(choiceWords, 0, STREAM_CHOICES, index, seed);
  return choiceWords[0];
}

/** For each latent neuron of image `index` of `seed` 0 or 1: which of two codes it takes. */
export function crossing(seed: Uint64, index: Uint64, latentSize: number): Uint8Array {
  const blockOf = blocks(seed, index, STREAM_PRIOR);
  return Uint8Array.from({ length: latentSize }, (_, neuron) => blockOf(neuron)[0] & 1);
}

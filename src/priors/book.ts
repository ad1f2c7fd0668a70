// A book of codes: posterior codes of training images, one bit a neuron, in an order in which each is like the next. An image
// crosses two neighbours neuron by neuron (docs/numerics.md, "Prior").

import { codeBytes } from "../../assembly/core/format";
import { STREAM_FIT } from "../../assembly/core/streams";
import { SpikeletError } from "../errors.js";
import { drawBlock } from "../math/random.js";
import type { Tensor } from "../network.js";

/** Rows that a book is chosen from at most, evenly spaced: the time that choosing takes grows with their square. */
const MOST_ROWS = 8192;
/** Share of the rows that are left out because they are unlike all others: what crosses with them is of no class. */
const OUTLIERS = 0.05;
/** Nearest others that tell how much alone a row is. */
const NEIGHBOURS = 4;
/** Sweeps that shorten the order. */
const MOST_SWEEPS = 40;

/** Sets of codes (codes, words) of one bit a neuron. */
interface Codes {
  readonly bits: Uint32Array;
  readonly words: number;
}

/**
 * Chooses the codes of a book and their order.
 *
 * A row's rates become bits once, each 1 with its rate. Of the rows that are not alone a path is laid from each to the nearest
 * that is left, and every so many steps on it one is taken: so the codes are spread as the rows are. Their own path is then
 * shortened by turning parts of it around (2-opt; G. Croes, 1958).
 * @param rates (N, d) posterior firing rates, 0…1
 * @param codes at least 2; fewer than asked for if there are not so many rows
 * @param seed of the bits; the same seed gives the same book
 * @returns (codes, ⌈d / 32⌉)
 * @throws SpikeletError "bad-input" if there are fewer than two rows, or a rate is not in 0…1.
 */
export function fitBook(rates: Tensor, codes: number, seed: number): Uint32Array {
  const [count] = rates.shape;
  if (count < 2) {
    throw new SpikeletError(
      "bad-input",
      `Found ${count} rows of rates for a book of codes, expected at least 2. Give more images.`,
    );
  }
  const rows = Math.min(count, MOST_ROWS);
  const drawn = drawBits(rates, rows, seed);
  const kept = withoutOutliers(drawn, Math.max(2, Math.ceil(rows * (1 - OUTLIERS))));
  const path = nearestPath(kept);
  const wanted = Math.min(codes, path.length);
  const chosen = take(
    kept,
    Uint32Array.from({ length: wanted }, (_, i) => path[Math.floor(((i + 0.5) * path.length) / wanted)]),
  );
  // They lie in the order of that path already.
  const order = Uint32Array.from({ length: wanted }, (_, i) => i);
  shorten(chosen, order);
  return take(chosen, order).bits;
}

function drawBits({ shape, data }: Tensor, rows: number, seed: number): Codes {
  const [count, size] = shape;
  const words = codeBytes(size) / 4;
  const bits = new Uint32Array(rows * words);
  const uniform = new Uint32Array(4);
  for (let row = 0; row < rows; row++) {
    const from = Math.floor((row * count) / rows);
    for (let neuron = 0; neuron < size; neuron++) {
      const rate = data[from * size + neuron];
      if (!(rate >= 0 && rate <= 1)) {
        throw new SpikeletError(
          "bad-input",
          `Found the firing rate ${rate}, expected 0 … 1. Give the rates of the encoder.`,
        );
      }
      drawBlock(uniform, neuron, STREAM_FIT, from, seed);
      if (uniform[0] / 2 ** 32 < rate) bits[row * words + (neuron >> 5)] |= 1 << (neuron & 31);
    }
  }
  return { bits, words };
}

function countOf({ bits, words }: Codes): number {
  return bits.length / words;
}

/** Neurons in which codes a and b differ. */
function distance({ bits, words }: Codes, a: number, b: number): number {
  let sum = 0;
  for (let w = 0; w < words; w++) {
    let x = bits[a * words + w] ^ bits[b * words + w];
    x -= (x >>> 1) & 0x55555555;
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    sum += Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return sum;
}

function take({ bits, words }: Codes, places: Uint32Array): Codes {
  const taken = new Uint32Array(places.length * words);
  places.forEach((place, i) => {
    taken.set(bits.subarray(place * words, (place + 1) * words), i * words);
  });
  return { bits: taken, words };
}

/** The `kept` codes that are nearest to their neighbours, in the order in which they were. */
function withoutOutliers(codes: Codes, kept: number): Codes {
  const count = countOf(codes);
  const aloneness = new Float64Array(count);
  const nearest = new Int32Array(Math.min(NEIGHBOURS, count - 1));
  for (let a = 0; a < count; a++) {
    nearest.fill(0x7fffffff);
    for (let b = 0; b < count; b++) {
      if (b === a) continue;
      let far = distance(codes, a, b);
      for (let k = 0; k < nearest.length && far < 0x7fffffff; k++) {
        if (far >= nearest[k]) continue;
        const next = nearest[k];
        nearest[k] = far;
        far = next;
      }
    }
    aloneness[a] = nearest.reduce((sum, far) => sum + far, 0);
  }
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  order.sort((a, b) => aloneness[a] - aloneness[b] || a - b);
  return take(codes, order.slice(0, kept).sort());
}

/** From the first code to the nearest that is left, and on. */
function nearestPath(codes: Codes): Uint32Array {
  const path = Uint32Array.from({ length: countOf(codes) }, (_, i) => i);
  for (let i = 1; i < path.length; i++) {
    let best = i;
    let least = Number.POSITIVE_INFINITY;
    for (let k = i; k < path.length; k++) {
      const far = distance(codes, path[i - 1], path[k]);
      if (far < least) {
        least = far;
        best = k;
      }
    }
    const next = path[best];
    path[best] = path[i];
    path[i] = next;
  }
  return path;
}

/** Turns parts of a path around as long as that makes it shorter. */
function shorten(codes: Codes, path: Uint32Array): void {
  const step = (i: number, k: number) => distance(codes, path[i], path[k]);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let isShorter = false;
    for (let i = 0; i + 2 < path.length; i++) {
      let before = step(i, i + 1);
      for (let k = i + 2; k < path.length; k++) {
        const open = k + 1 < path.length;
        const gain = before - step(i, k) + (open ? step(k, k + 1) - step(i + 1, k + 1) : 0);
        if (gain > 0) {
          path.subarray(i + 1, k + 1).reverse();
          before = step(i, i + 1);
          isShorter = true;
        }
      }
    }
    if (!isShorter) return;
  }
}

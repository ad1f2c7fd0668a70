// Rounding that looks at what the weights are for. Rounding each weight to the nearest integer makes the error of the
// weights least; what a neuron feels is the error of its weighted input, dᵀ H d for rounding errors d and the second
// moments H of its input spikes. It is made small by rounding one weight after the other, each to the nearest integer
// of what would undo the error that the earlier ones have made so far: Frantar et al., "GPTQ", ICLR 2023, after
// Hassibi and Stork, "Optimal brain surgeon", 1993; adaptive rounding is a term of Nagel et al., "Up or down?",
// ICML 2020. With H = L Lᵀ the error is ‖Lᵀ d‖² and row k of L says what error k does to the inputs before it, so
// that no inverse is needed (Babai's nearest plane, to which GPTQ is equal: Chen et al., arXiv 2507.18553, 2025).

import type { LayerMoments, PhaseMoments } from "./calibration.js";
import { choleskyInPlace } from "./linear-algebra.js";

/** Added to the diagonal, of its mean: what calibration images happen not to show is not free of errors. */
const DAMPING = 0.01;
/** Output channels that are rounded at once, so that a row of L serves all of them while it is in the cache. */
const CHANNELS_AT_ONCE = 16;
/** Scales tried, from a little above the one at which the largest weight just fits down to less than half of it. */
const SCALE_FACTORS = Array.from({ length: 61 }, (_, i) => 1.05 - i / 100);

/** The weights of one phase, in the order in which they are rounded: from the last to the first. */
interface Phase {
  /** Rows of the layer's weights (tap · inChannels + input channel). */
  readonly rows: Int32Array;
  /** Diagonal of the damped second moments. */
  readonly power: Float64Array;
  /** (rows, rows), lower triangle: Cholesky factor of the damped second moments. */
  readonly factor: Float64Array;
}

/** The inputs that fire most come last, to be rounded first, while there are others left to make up for them. */
function preparePhase({ taps, size, matrix }: PhaseMoments, inChannels: number): Phase {
  const diagonal = Float64Array.from({ length: size }, (_, i) => matrix[i * size + i]);
  const order = Int32Array.from(diagonal.keys()).sort((a, b) => diagonal[a] - diagonal[b] || a - b);
  // If no input ever fires, all weights are as good and are rounded to nearest.
  const damping = (DAMPING * diagonal.reduce((sum, d) => sum + d, 0)) / size || 1;
  const factor = new Float64Array(size * size);
  order.forEach((from, i) => {
    for (let k = 0; k <= i; k++) {
      const to = order[k];
      factor[i * size + k] = from >= to ? matrix[from * size + to] : matrix[to * size + from];
    }
    factor[i * size + i] += damping;
  });
  choleskyInPlace(factor, size);
  return {
    rows: order.map((i) => taps[Math.floor(i / inChannels)] * inChannels + (i % inChannels)),
    power: Float64Array.from(order, (i) => diagonal[i] + damping),
    factor,
  };
}

/** Rounds the weights of one layer, (rows, outChannels) in the layout of the layer, to integers of given scales. */
export class AdaptiveRounder {
  readonly #weights: Float64Array;
  readonly #outChannels: number;
  readonly #phases: readonly Phase[];
  readonly #least: number;
  readonly #most: number;

  constructor(
    layer: { readonly weights: Float64Array; readonly inChannels: number; readonly outChannels: number },
    moments: LayerMoments,
    bits: number,
  ) {
    this.#weights = layer.weights;
    this.#outChannels = layer.outChannels;
    this.#phases = moments.map((phase) => preparePhase(phase, layer.inChannels));
    this.#most = 2 ** (bits - 1) - 1;
    this.#least = -this.#most - 1;
  }

  #nearest(value: number): number {
    return Math.max(this.#least, Math.min(this.#most, Math.round(value)));
  }

  /**
   * The scale that suits a channel best: some large weights may be clipped if the many small ones gain more by it.
   * Judged by rounding to nearest and by the diagonal of the second moments, which is quick and good enough.
   * @param widest - the scale at which the largest weight just fits
   */
  chooseScale(channel: number, widest: number): number {
    let best = widest;
    let leastError = Number.POSITIVE_INFINITY;
    for (const factor of SCALE_FACTORS) {
      const scale = widest * factor;
      let error = 0;
      for (const { rows, power } of this.#phases) {
        for (let k = 0; k < rows.length; k++) {
          const weight = this.#weights[rows[k] * this.#outChannels + channel];
          error += power[k] * (weight - scale * this.#nearest(weight / scale)) ** 2;
        }
      }
      if (error < leastError) {
        leastError = error;
        best = scale;
      }
    }
    return best;
  }

  /**
   * Rounds the weights of some channels.
   * @param scales - (outChannels)
   * @param integers - (rows, outChannels), of which the columns of these channels are written
   */
  round(channels: readonly number[], scales: ArrayLike<number>, integers: Int8Array): void {
    for (let start = 0; start < channels.length; start += CHANNELS_AT_ONCE) {
      const group = channels.slice(start, start + CHANNELS_AT_ONCE);
      for (const phase of this.#phases) this.#roundPhase(phase, group, scales, integers);
    }
  }

  #roundPhase(
    { rows, factor }: Phase,
    channels: readonly number[],
    scales: ArrayLike<number>,
    integers: Int8Array,
  ): void {
    const size = rows.length;
    const width = channels.length;
    // (rows, channels) Lᵀ d so far.
    const made = new Float64Array(size * width);
    const errors = new Float64Array(width); // d of one row
    for (let k = size - 1; k >= 0; k--) {
      const pivot = factor[k * size + k];
      for (let c = 0; c < width; c++) {
        const at = rows[k] * this.#outChannels + channels[c];
        const scale = scales[channels[c]];
        const integer = this.#nearest((this.#weights[at] + made[k * width + c] / pivot) / scale);
        integers[at] = integer;
        errors[c] = this.#weights[at] - scale * integer;
      }
      for (let i = 0; i < k; i++) {
        const coefficient = factor[k * size + i];
        if (coefficient === 0) continue;
        for (let c = 0; c < width; c++) made[i * width + c] += coefficient * errors[c];
      }
    }
  }
}

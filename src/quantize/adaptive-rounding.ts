// Rounding that looks at what the weights are for. Rounding each weight to the nearest integer makes the error of the
// weights least; what a neuron feels is the error of its weighted input, dᵀ H d for rounding errors d and the second
// moments H of its input spikes. It is made small by rounding one weight after the other, each to the nearest integer
// of what would undo the error that the earlier ones have made so far: Frantar et al., "GPTQ", ICLR 2023, after
// Hassibi and Stork, "Optimal brain surgeon", 1993; the name is from Nagel et al., "Up or down? Adaptive rounding for
// post-training quantization", ICML 2020. GPTQ works with the inverse of H; with H = L Lᵀ the error is ‖Lᵀ d‖², whose
// element k depends on d_k and the d_i of higher i only, and from the last weight down the same integers come out of L
// itself (GPTQ is Babai's nearest plane algorithm: Chen et al., arXiv 2507.18553).

import { choleskyInPlace, multiplyRow } from "../math/linear-algebra.js";
import type { LayerMoments, PhaseMoments } from "./calibration.js";

/**
 * Added to the diagonal of H, of its mean: what the few calibration images happen not to show is not free of errors.
 * Ten times what GPTQ takes, which has more data; chosen by the error on other images (docs/quantization.md).
 */
const DAMPING = 0.1;
/** Output channels that are rounded at once: their errors stay in the cache while L passes by. */
const CHANNELS_AT_ONCE = 32;
/** Scales tried, from a little above the one at which the largest weight just fits down to less than half of it. */
const SCALE_FACTORS = Array.from({ length: 31 }, (_, i) => 1.04 - i / 50);

/** The inputs of one phase, in the order in which their weights are rounded. */
interface Phase {
  /** Rows of the layer's weights (tap · inChannels + input channel). */
  readonly rows: Int32Array;
  /** Diagonal of the damped H. */
  readonly power: Float64Array;
  /** (rows, rows), lower triangle: F with H = Fᵀ F, so that the error is ‖F d‖². */
  readonly factor: Float64Array;
}

function preparePhase({ taps, size, matrix }: PhaseMoments, inChannels: number): Phase {
  const diagonal = Float64Array.from({ length: size }, (_, i) => matrix[i * size + i]);
  // The inputs that fire most come first, while there are others left to make up for their errors.
  const order = Int32Array.from(diagonal.keys()).sort((a, b) => diagonal[b] - diagonal[a] || a - b);
  // If no input ever fires, all integers are as good, and H = 1 rounds to nearest.
  const damping = (DAMPING * diagonal.reduce((sum, d) => sum + d, 0)) / size || 1;
  // With both axes reversed, L Lᵀ = H becomes Fᵀ F = H: F is L, transposed and reversed.
  const lower = new Float64Array(size * size);
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const from = order[size - 1 - i];
    for (let k = 0; k <= i; k++) {
      const to = order[size - 1 - k];
      lower[i * size + k] = from >= to ? matrix[from * size + to] : matrix[to * size + from];
    }
    lower[i * size + i] += damping;
  }
  choleskyInPlace(lower, size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k <= i; k++) factor[i * size + k] = lower[(size - 1 - k) * size + size - 1 - i];
  }
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
   * Judged by rounding to nearest and by the diagonal of H, which is quick and good enough.
   * @param widest - the scale at which the largest weight just fits
   */
  chooseScale(channel: number, widest: number): number {
    const errors = new Float64Array(SCALE_FACTORS.length);
    for (const { rows, power } of this.#phases) {
      for (let k = 0; k < rows.length; k++) {
        const weight = this.#weights[rows[k] * this.#outChannels + channel];
        for (let s = 0; s < SCALE_FACTORS.length; s++) {
          const scale = widest * SCALE_FACTORS[s];
          errors[s] += power[k] * (weight - scale * this.#nearest(weight / scale)) ** 2;
        }
      }
    }
    return widest * SCALE_FACTORS[errors.indexOf(Math.min(...errors))];
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
    const errors = new Float64Array(size * width); // d
    const made = new Float64Array(width); // an element of F d, as the weights rounded before make it
    for (let k = 0; k < size; k++) {
      multiplyRow(factor, k * size, errors, 0, k, width, made);
      const pivot = factor[k * size + k];
      for (let c = 0; c < width; c++) {
        const at = rows[k] * this.#outChannels + channels[c];
        const scale = scales[channels[c]];
        const integer = this.#nearest((this.#weights[at] + made[c] / pivot) / scale);
        integers[at] = integer;
        errors[k * width + c] = this.#weights[at] - scale * integer;
      }
    }
  }
}

import type { FloatLayer } from "../network.js";

/** Parts of the scale at which the largest weight just fits: with less, the largest weights are cut and the others finer. */
const PARTS = Array.from({ length: 29 }, (_, i) => 1 - 0.02 * i);

/**
 * For each output channel the part that makes the mean squared error of the rounded weights least. A scale in training
 * follows the largest weight, which therefore always becomes the largest integer, so that `quantizeNetwork` finds the very same scale.
 */
export function bestScaleParts({ weights, outChannels }: FloatLayer, largestInteger: number): Float32Array {
  return Float32Array.from({ length: outChannels }, (_, channel) => {
    const column = weights.filter((_, i) => i % outChannels === channel);
    const most = column.reduce((top, w) => Math.max(top, Math.abs(w)), 0);
    const errors = PARTS.map((part) => squaredError(column, (part * most) / largestInteger, largestInteger));
    return PARTS[errors.indexOf(Math.min(...errors))];
  });
}

function squaredError(weights: Float32Array, scale: number, largest: number): number {
  if (scale === 0) return 0;
  return weights.reduce((sum, w) => {
    const integer = Math.max(-largest, Math.min(largest, Math.round(w / scale)));
    return sum + (w - integer * scale) ** 2;
  }, 0);
}

// A Gaussian over smoothed logits draws rates in between where posterior rates are nearly all 0 or 1, and the Poisson sampler makes
// noise of these. Logits times a factor are sharper, and this one is fitted.

import type { Tensor } from "../network.js";
import type { FittedPrior } from "./gaussian-mixture.js";

const MOST_FACTOR = 64;
const HALVINGS = 30;
/** σ(x) is off by at most 0.01 from the distribution function of a normal number of this variance. */
const SLOPE_VARIANCE = 1.702 ** 2;

/**
 * The priors with weights and biases times one factor, 1 or more, such that the mean of r(1 − r) over neurons and draws is that of
 * the rates: as many spikes are left to chance as in the posterior. Priors that are sharp enough stay as they are.
 * @param shares - probability of each prior
 * @param rates - (N, d), what they were fitted to
 */
export function sharpened(
  priors: readonly FittedPrior[],
  shares: ArrayLike<number>,
  { data }: Tensor,
): FittedPrior[] {
  const wanted = data.reduce((sum, r) => sum + r * (1 - r), 0) / data.length;
  let low = 0;
  let high = Math.log(MOST_FACTOR);
  if (!(meanNoise(priors, shares, 1) > wanted)) high = 0;
  for (let i = 0; i < HALVINGS && high > 0; i++) {
    const middle = (low + high) / 2;
    if (meanNoise(priors, shares, Math.exp(middle)) > wanted) low = middle;
    else high = middle;
  }
  const factor = Math.exp(high);
  return priors.map(({ weights, bias }) => ({
    weights: weights.map((w) => w * factor),
    bias: bias.map((b) => b * factor),
  }));
}

/** Mean of r(1 − r) over neurons and draws from priors whose logits are multiplied by `factor`. */
function meanNoise(priors: readonly FittedPrior[], shares: ArrayLike<number>, factor: number): number {
  let mean = 0;
  priors.forEach(({ weights, bias }, k) => {
    const size = bias.length;
    for (let i = 0; i < size; i++) {
      let variance = 0;
      for (let j = 0; j < size; j++) variance += weights[i * size + j] ** 2;
      mean += (shares[k] / size) * noiseOf(factor * bias[i], factor ** 2 * variance);
    }
  });
  return mean;
}

/** Mean of σ(x)(1 − σ(x)) over x of a normal distribution; the slope of σ is nearly a normal density itself. */
function noiseOf(mean: number, variance: number): number {
  const sum = variance + SLOPE_VARIANCE;
  return Math.exp(-(mean ** 2) / (2 * sum)) / Math.sqrt(2 * Math.PI * sum);
}

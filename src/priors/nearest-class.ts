// Which class prior the firing rates of an image most likely come from: a Gaussian over the logits of the rates for each.

import { codeBytes, WHOLE_SHARE } from "../../assembly/core/format";
import { choleskyInPlace } from "../math/linear-algebra.js";
import { mixtures } from "../model/mixture.js";
import type { Model, Prior } from "../model/model.js";
import { type FittedPrior, fitPrior, smoothedLogit } from "./gaussian-mixture.js";

/** Added to the variances, as a fraction of their mean: rounded weights may leave none in some direction. */
const JITTER = 1e-4;

/** A Gaussian over logits. Plain data, for worker threads. */
interface Component {
  /** (latentSize) */
  readonly mean: Float64Array;
  /** (latentSize, latentSize) lower triangular: covariance = factor · factorᵀ */
  readonly factor: Float64Array;
  /** Logarithm of the density at the mean, but for a term that all have, plus that of the share. */
  readonly height: number;
}

/** The priors that a class is chosen among. */
export interface ClassDensities {
  readonly names: readonly string[];
  /** (names) The components of each. */
  readonly classes: readonly (readonly Component[])[];
}

/** The densities of a model's priors of these names. */
export function classDensities(model: Model, names: readonly string[]): ClassDensities {
  const byName = new Map(mixtures(model.priors).map(({ name, components }) => [name, components]));
  return {
    names,
    classes: names.map((name) =>
      (byName.get(name) ?? []).map((prior) => componentOf(gaussianOf(prior, model), prior.share)),
    ),
  };
}

/** A prior as a Gaussian over logits; of a book the one that is fitted to its codes. */
function gaussianOf(prior: Prior, { latentSize, timeSteps }: Model): FittedPrior {
  if (prior.kind === "gaussian") {
    return {
      weights: Float64Array.from(prior.weights, (w) => w / 2 ** prior.shift),
      bias: Float64Array.from(prior.bias, (b) => b / 2 ** (prior.shift + 12)),
    };
  }
  const words = codeBytes(latentSize) / 4;
  const count = prior.codes.length / words;
  const data = Float32Array.from({ length: count * latentSize }, (_, i) => {
    const neuron = i % latentSize;
    return (prior.codes[Math.floor(i / latentSize) * words + (neuron >> 5)] >>> (neuron & 31)) & 1;
  });
  return fitPrior({ shape: [count, latentSize], data }, timeSteps);
}

function componentOf({ weights, bias }: FittedPrior, share: number): Component {
  const size = bias.length;
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0; k < size; k++) sum += weights[i * size + k] * weights[j * size + k];
      factor[i * size + j] = sum;
    }
  }
  let variance = 0;
  for (let i = 0; i < size; i++) variance += factor[i * size + i] / size;
  for (let i = 0; i < size; i++) factor[i * size + i] += JITTER * variance + Number.MIN_VALUE;
  choleskyInPlace(factor, size);
  let height = Math.log(share / WHOLE_SHARE);
  for (let i = 0; i < size; i++) height -= Math.log(factor[i * size + i]);
  return { mean: bias, factor, height };
}

/**
 * The log likelihood of firing rates for each class; the highest is the nearest.
 * @param rates - (latentSize) 0 … 1, multiples of 1 / timeSteps
 */
export function classLikelihoods(
  { classes }: ClassDensities,
  rates: Float64Array,
  timeSteps: number,
): number[] {
  const logits = rates.map((rate) => smoothedLogit(rate, timeSteps));
  return classes.map((components) => {
    // The sum of densities is that of the highest, nearly, unless components overlap; exp of the differences is exact enough.
    const logs = components.map((component) => logDensity(component, logits));
    const highest = Math.max(...logs);
    return highest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - highest), 0));
  });
}

function logDensity({ mean, factor, height }: Component, logits: Float64Array): number {
  const size = mean.length;
  // Solves factor · z = logits − mean.
  const z = new Float64Array(size);
  let squares = 0;
  for (let i = 0; i < size; i++) {
    let rest = logits[i] - mean[i];
    for (let k = 0; k < i; k++) rest -= factor[i * size + k] * z[k];
    z[i] = rest / factor[i * size + i];
    squares += z[i] * z[i];
  }
  return height - squares / 2;
}

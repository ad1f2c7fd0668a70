// How much the latent code tells of the class: multinomial logistic regression on the firing rates.

import { SpikeletError } from "../errors.js";
import { fitGaussian } from "../math/gaussian.js";
import { choleskyInPlace, solveWithCholesky } from "../math/linear-algebra.js";
import type { Tensor } from "../network.js";

/** L2 penalty on the weights of standardized rates, per training image. It only keeps the optimum finite. */
const PENALTY = 1e-4;
const MAX_STEPS = 500;
/** Training stops when no entry of the gradient is larger. */
const GRADIENT_TOLERANCE = 1e-4;

/** Firing rates and the class of each row. */
export interface LabelledRates {
  /** (N, d) */
  readonly rates: Tensor;
  /** (N) */
  readonly labels: Uint8Array;
}

/** Scores of the classes = weights · (rates, 1); the highest wins. */
export interface LinearClassifier {
  readonly classes: number;
  /** (classes, d + 1), the bias last */
  readonly weights: Float64Array;
}

/**
 * Trains multinomial logistic regression on all rows at once; nothing in it is random.
 *
 * The Hessian of the cross entropy is at most ½ XᵀX / N for each class (D. Böhning, 1992). Gradient steps divided by that
 * bound need no step size; Nesterov's momentum, restarted when it points uphill (O'Donoghue and Candès, 2015), speeds
 * them up.
 * @param classes labels are 0 … classes − 1
 * @param pause - called between steps, to let other things happen
 * @throws SpikeletError "bad-input" if labels and rates are not equally many, or a label is too large.
 */
export async function trainLinearClassifier(
  training: LabelledRates,
  classes: number,
  pause?: () => Promise<void>,
): Promise<LinearClassifier> {
  checkLabels(training, classes);
  const { rates, labels } = training;
  const [count, size] = rates.shape;
  const { mean, deviation } = standardization(rates);
  const inputs = new Float64Array(count * (size + 1));
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < size; i++) {
      inputs[n * (size + 1) + i] = (rates.data[n * size + i] - mean[i]) / deviation[i];
    }
    inputs[n * (size + 1) + size] = 1;
  }
  const weights = await minimize(inputs, labels, size + 1, classes, pause);
  // The standardization becomes part of the weights.
  for (let c = 0; c < classes; c++) {
    const row = weights.subarray(c * (size + 1), (c + 1) * (size + 1));
    for (let i = 0; i < size; i++) {
      row[i] /= deviation[i];
      row[size] -= row[i] * mean[i];
    }
  }
  return { classes, weights };
}

/**
 * Fraction of rows whose class the classifier finds.
 * @throws SpikeletError "bad-input" if labels and rates are not equally many, or a label is too large.
 */
export function classifierAccuracy({ classes, weights }: LinearClassifier, test: LabelledRates): number {
  checkLabels(test, classes);
  const { rates, labels } = test;
  const [count, size] = rates.shape;
  let correct = 0;
  for (let n = 0; n < count; n++) {
    let best = 0;
    let highest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) {
      const row = c * (size + 1);
      let score = weights[row + size];
      for (let i = 0; i < size; i++) score += weights[row + i] * rates.data[n * size + i];
      if (score > highest) {
        highest = score;
        best = c;
      }
    }
    if (best === labels[n]) correct++;
  }
  return correct / count;
}

function checkLabels({ rates, labels }: LabelledRates, classes: number): void {
  const [count] = rates.shape;
  if (labels.length !== count) {
    throw new SpikeletError(
      "bad-input",
      `Found ${labels.length} labels for ${count} rows of rates, expected one each. Give files of the same set.`,
    );
  }
  const highest = labels.reduce((a, b) => Math.max(a, b), 0);
  if (highest >= classes) {
    throw new SpikeletError(
      "bad-input",
      `Found the label ${highest}, expected 0 … ${classes - 1} for ${classes} classes. Check the labels, or the number of classes.`,
    );
  }
}

/** Mean (d) and standard deviation (d), 1 where it is 0. */
function standardization({ data, shape }: Tensor): { mean: Float64Array; deviation: Float64Array } {
  const size = shape[1];
  const { mean, covariance } = fitGaussian(data, size);
  return { mean, deviation: mean.map((_, i) => Math.sqrt(covariance[i * size + i]) || 1) };
}

/** Weights (classes, size) with the least penalized cross entropy; the last input is the constant 1. */
async function minimize(
  inputs: Float64Array,
  labels: Uint8Array,
  size: number,
  classes: number,
  pause?: () => Promise<void>,
): Promise<Float64Array> {
  const curvature = curvatureBound(inputs, size);
  choleskyInPlace(curvature, size);
  let weights = new Float64Array(classes * size);
  let ahead = weights; // where momentum carries the weights
  let momentum = 1;
  for (let step = 0; step < MAX_STEPS; step++) {
    await pause?.();
    const gradient = crossEntropyGradient(inputs, labels, ahead, size, classes);
    if (gradient.every((value) => Math.abs(value) <= GRADIENT_TOLERANCE)) return ahead;
    const direction = gradient.slice();
    for (let c = 0; c < classes; c++) {
      solveWithCholesky(curvature, size, direction.subarray(c * size, (c + 1) * size));
    }
    const next = ahead.map((value, i) => value - direction[i]);
    const change = next.map((value, i) => value - weights[i]);
    const uphill = gradient.reduce((sum, value, i) => sum + value * change[i], 0) > 0;
    const nextMomentum = uphill ? 1 : (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
    const carried = uphill ? 0 : (momentum - 1) / nextMomentum;
    ahead = next.map((value, i) => value + carried * change[i]);
    weights = next;
    momentum = nextMomentum;
  }
  return weights;
}

/** Lower triangle (size, size) of ½ XᵀX / N + penalty, which no class's block of the Hessian exceeds. */
function curvatureBound(inputs: Float64Array, size: number): Float64Array {
  const count = inputs.length / size;
  const bound = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let n = 0; n < inputs.length; n += size) sum += inputs[n + i] * inputs[n + j];
      bound[i * size + j] = (0.5 * sum) / count + (i === j ? PENALTY : 0);
    }
  }
  return bound;
}

/** Gradient (classes, size) of the mean cross entropy of softmax scores, and of the penalty on all but the biases. */
function crossEntropyGradient(
  inputs: Float64Array,
  labels: Uint8Array,
  weights: Float64Array,
  size: number,
  classes: number,
): Float64Array {
  const count = labels.length;
  const gradient = weights.map((weight, i) => (i % size === size - 1 ? 0 : PENALTY * weight));
  const scores = new Float64Array(classes);
  for (let n = 0; n < count; n++) {
    const row = n * size;
    let highest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) {
      let score = 0;
      for (let i = 0; i < size; i++) score += weights[c * size + i] * inputs[row + i];
      scores[c] = score;
      highest = Math.max(highest, score);
    }
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      scores[c] = Math.exp(scores[c] - highest);
      sum += scores[c];
    }
    for (let c = 0; c < classes; c++) {
      const error = (scores[c] / sum - (c === labels[n] ? 1 : 0)) / count;
      for (let i = 0; i < size; i++) gradient[c * size + i] += error * inputs[row + i];
    }
  }
  return gradient;
}

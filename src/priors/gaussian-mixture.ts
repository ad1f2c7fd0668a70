// Priors fitted to the firing rates that the encoder gives, in the form of ESVAE's own prior,
//
//     rates = sigmoid(weights · n + bias),  n ~ N(0, I):
//
// a Gaussian over the logits of the rates, with the Cholesky factor of its covariance as the weights.

import { STREAM_FIT } from "../../assembly/core/streams";
import { SpikeletError } from "../errors.js";
import { squaredDistance } from "../math/distance.js";
import { fitGaussian, type Gaussian } from "../math/gaussian.js";
import { choleskyInPlace } from "../math/linear-algebra.js";
import { drawBlock } from "../math/random.js";
import type { Tensor } from "../network.js";

/** Spikes added to the count of a neuron that never fires, so that its logit is finite; likewise to its silences. */
const PSEUDO_SPIKES = 0.25;
/** First addition to the diagonal of a singular covariance, as a fraction of the mean variance; then tenfold. */
const FIRST_JITTER = 1e-10;
/** Added to the mean variance, so that images that are all alike have a jitter too. */
const LEAST_VARIANCE = 1e-6;

const KMEANS_ITERATIONS = 25;
/** Rounds of EM at most. */
export const MOST_ROUNDS = 100;
/** EM stops when the mean log likelihood of a row rises by less than this. */
const EM_TOLERANCE = 5e-3;
/** Natural logarithm of the responsibility that is taken for 0. */
const LOG_NEGLIGIBLE = -16;
/** Rows whose densities are worked out side by side. */
const TOGETHER = 4;

/** A prior in floating point. */
export interface FittedPrior {
  /** (d neurons, d normals), lower triangular */
  readonly weights: Float64Array;
  /** (d) */
  readonly bias: Float64Array;
}

/** Several priors, one of which is drawn for each image. */
export interface FittedMixture {
  readonly priors: readonly FittedPrior[];
  /** (components) Probability of each, in falling order. */
  readonly proportions: Float64Array;
}

/**
 * Fits one Gaussian to rates.
 *
 * A singular covariance (fewer images than neurons, or neurons that never change) gets the least of
 * 10^−10, 10^−9, … times its mean variance added to the diagonal that makes it positive definite.
 * @param rates (N, d) posterior firing rates, multiples of 1/timeSteps
 * @throws SpikeletError "bad-input" if there are fewer than two rows, or a rate is not in 0…1.
 */
export function fitPrior(rates: Tensor, timeSteps: number): FittedPrior {
  return priorOf(fitGaussian(rateLogits(rates, timeSteps), rates.shape[1]));
}

/**
 * Fits a mixture of Gaussians with full covariances by expectation maximization from k-means++.
 *
 * Each component's covariance is drawn to the pooled one, as if d of its rows were of that covariance (regularized
 * discriminant analysis, J. Friedman, 1989), so a component of few images does not collapse onto them.
 * @param rates (N, d) posterior firing rates, multiples of 1/timeSteps
 * @param components 1…N / 2
 * @param seed of the k-means++ draws; the same seed gives the same mixture.
 * @param onRound - called after each of at most MOST_ROUNDS rounds with the number of those done
 * @throws SpikeletError "bad-input" if there are too few rows for that many components, or a rate is not in 0…1.
 */
export function fitMixture(
  rates: Tensor,
  timeSteps: number,
  components: number,
  seed: number,
  onRound?: (done: number) => void,
): FittedMixture {
  const [count, size] = rates.shape;
  if (!(components >= 1) || count < 2 * components) {
    throw new SpikeletError(
      "bad-input",
      `Found ${count} rows of rates for ${components} components, expected at least 2 for each. ` +
        "Give more images, or ask for fewer components.",
    );
  }
  const logits = rateLogits(rates, timeSteps);
  const responsibilities = kMeans(logits, size, components, seed);
  let mixture = maximize(logits, size, components, responsibilities);
  let likelihood = Number.NEGATIVE_INFINITY;
  for (let iteration = 0; iteration < MOST_ROUNDS; iteration++) {
    const before = likelihood;
    likelihood = expect(logits, size, mixture, responsibilities);
    mixture = maximize(logits, size, components, responsibilities);
    onRound?.(iteration + 1);
    if (likelihood - before < EM_TOLERANCE) break;
  }
  // A component can lose all its rows; it is then a copy of the pooled Gaussian that is never drawn.
  const sorted = mixture
    .filter(({ proportion }) => proportion > 0)
    .sort((a, b) => b.proportion - a.proportion);
  return {
    priors: sorted.map(({ prior }) => prior),
    proportions: Float64Array.from(sorted, ({ proportion }) => proportion),
  };
}

/** Logits (N, d) of smoothed rates, (r · T + 1/4) / (T + 1/2). */
function rateLogits({ data }: Tensor, timeSteps: number): Float64Array {
  return Float64Array.from(data, (rate) => {
    if (!(rate >= 0 && rate <= 1)) {
      throw new SpikeletError(
        "bad-input",
        `Found the firing rate ${rate}, expected 0 … 1. Give the rates of the encoder.`,
      );
    }
    return smoothedLogit(rate, timeSteps);
  });
}

/** The logit of a posterior firing rate with the pseudo spikes, which is finite. */
export function smoothedLogit(rate: number, timeSteps: number): number {
  const spikes = rate * timeSteps;
  return Math.log((spikes + PSEUDO_SPIKES) / (timeSteps - spikes + PSEUDO_SPIKES));
}

function priorOf({ mean, covariance }: Gaussian): FittedPrior {
  const size = mean.length;
  const diagonal = (at: number) => at % (size + 1) === 0;
  const trace = covariance.reduce((sum, value, at) => (diagonal(at) ? sum + value : sum), 0);
  const scale = FIRST_JITTER * (trace / size + LEAST_VARIANCE);
  for (let jitter = 0; ; jitter = jitter === 0 ? scale : jitter * 10) {
    const weights = covariance.map((value, at) => (diagonal(at) ? value + jitter : value));
    try {
      choleskyInPlace(weights, size);
    } catch (error) {
      if (error instanceof RangeError) continue;
      throw error;
    }
    // Only the lower triangle is the factor.
    return { weights: weights.map((value, at) => (at % size > at / size ? 0 : value)), bias: mean };
  }
}

// Mixture. Responsibilities are (N, components): the probability that a row is of a component.

interface Component {
  readonly prior: FittedPrior;
  readonly proportion: number;
}

/** The components that the responsibilities make most likely, their covariances drawn to the pooled one. */
function maximize(
  data: Float64Array,
  size: number,
  components: number,
  responsibilities: Float64Array,
): Component[] {
  const count = data.length / size;
  const pooled = new Float64Array(size * size);
  const parts = Array.from({ length: components }, (_, k) => {
    const part = scatter(data, size, (n) => responsibilities[n * components + k]);
    for (let i = 0; i < pooled.length; i++) pooled[i] += part.scatter[i] / count;
    return part;
  });
  return parts.map(({ weight, mean, scatter }) => {
    const covariance = scatter.map((sum, i) => (sum + size * pooled[i]) / (weight + size));
    return { prior: priorOf({ mean, covariance }), proportion: weight / count };
  });
}

/** Sum of the weights of the rows, their weighted mean (d), and Σ weight · (x − mean)(x − mean)ᵀ (d, d). */
function scatter(
  data: Float64Array,
  size: number,
  weightOf: (row: number) => number,
): { weight: number; mean: Float64Array; scatter: Float64Array } {
  const count = data.length / size;
  const mean = new Float64Array(size);
  let weight = 0;
  for (let n = 0; n < count; n++) {
    const w = weightOf(n);
    if (w === 0) continue;
    weight += w;
    for (let i = 0; i < size; i++) mean[i] += w * data[n * size + i];
  }
  if (weight > 0) for (let i = 0; i < size; i++) mean[i] /= weight;

  const sums = new Float64Array(size * size);
  const centred = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    const w = weightOf(n);
    if (w === 0) continue;
    for (let i = 0; i < size; i++) centred[i] = data[n * size + i] - mean[i];
    for (let i = 0; i < size; i++) {
      const scaled = w * centred[i];
      for (let j = 0; j <= i; j++) sums[i * size + j] += scaled * centred[j];
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < i; j++) sums[j * size + i] = sums[i * size + j];
  }
  return { weight, mean, scatter: sums };
}

/** Writes the responsibilities that the components give; returns the mean log likelihood of a row, but for d/2 · log 2π. */
function expect(
  data: Float64Array,
  size: number,
  components: readonly Component[],
  responsibilities: Float64Array,
): number {
  const count = data.length / size;
  const kinds = components.length;
  const constants = components.map(({ prior, proportion }) => {
    let logDeterminant = 0; // of the Cholesky factor
    for (let i = 0; i < size; i++) logDeterminant += Math.log(prior.weights[i * size + i]);
    return Math.log(proportion) - logDeterminant;
  });
  // The likeliest component so far comes first: most of the others then fall behind it at once. Rows that share it go together.
  const likely = Int32Array.from({ length: count }, (_, n) =>
    indexOfLargest(responsibilities, n * kinds, kinds),
  );
  const order = Int32Array.from(likely.keys()).sort((a, b) => likely[a] - likely[b] || a - b);
  const highest = new Float64Array(TOGETHER);
  const densities = new Float64Array(TOGETHER);
  const normals = new Float64Array(TOGETHER * size);
  const joint = new Float64Array(TOGETHER * kinds);
  const likelihoods = new Float64Array(count);
  for (let at = 0; at < count; at += TOGETHER) {
    // The last rows may be the same one several times.
    const rows = Array.from({ length: TOGETHER }, (_, r) => order[Math.min(at + r, count - 1)]);
    highest.fill(Number.NEGATIVE_INFINITY);
    const measure = (k: number) =>
      logDensities(data, rows, components[k].prior, constants[k], highest, normals, densities);
    measure(likely[rows[0]]);
    // Of a row that has another likely component it is a lower bound as good as any.
    highest.set(densities);
    for (let k = 0; k < kinds; k++) {
      measure(k);
      for (let r = 0; r < TOGETHER; r++) {
        joint[r * kinds + k] = densities[r];
        highest[r] = Math.max(highest[r], densities[r]);
      }
    }
    for (let r = 0; r < TOGETHER; r++) {
      likelihoods[rows[r]] = shareOut(
        joint.subarray(r * kinds, (r + 1) * kinds),
        highest[r],
        responsibilities.subarray(rows[r] * kinds, (rows[r] + 1) * kinds),
      );
    }
  }
  return likelihoods.reduce((sum, value) => sum + value, 0) / count;
}

/** Writes the responsibilities of a row with these joint log densities, of which one is the highest; returns its log likelihood. */
function shareOut(joint: Float64Array, highest: number, responsibilities: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < joint.length; k++) {
    const relative = joint[k] - highest;
    responsibilities[k] = relative < LOG_NEGLIGIBLE ? 0 : Math.exp(relative);
    sum += responsibilities[k];
  }
  for (let k = 0; k < joint.length; k++) responsibilities[k] /= sum;
  return highest + Math.log(sum);
}

/** Index, from `start`, of the largest of `length` values. */
function indexOfLargest(values: Float64Array, start: number, length: number): number {
  let best = 0;
  for (let i = 1; i < length; i++) if (values[start + i] > values[start + best]) best = i;
  return best;
}

/**
 * constant − |n|² / 2 with weights · n + bias = row, by forward substitution, for four rows side by side: their sums do not wait
 * for one another. A value only falls on the way, so it stops, at any values, once all are negligible beside what is highest.
 * @param rows - numbers of the four
 * @param highest - (4) highest value found so far for each
 * @param normals - (d, 4), overwritten
 * @param densities - (4), the result
 */
function logDensities(
  data: Float64Array,
  rows: readonly number[],
  { weights, bias }: FittedPrior,
  constant: number,
  highest: Float64Array,
  normals: Float64Array,
  densities: Float64Array,
): void {
  const size = bias.length;
  const [a, b, c, d] = rows.map((row) => row * size);
  let densityA = constant;
  let densityB = constant;
  let densityC = constant;
  let densityD = constant;
  for (let i = 0; i < size; i++) {
    if (
      densityA < highest[0] + LOG_NEGLIGIBLE &&
      densityB < highest[1] + LOG_NEGLIGIBLE &&
      densityC < highest[2] + LOG_NEGLIGIBLE &&
      densityD < highest[3] + LOG_NEGLIGIBLE
    ) {
      break;
    }
    let restA = data[a + i] - bias[i];
    let restB = data[b + i] - bias[i];
    let restC = data[c + i] - bias[i];
    let restD = data[d + i] - bias[i];
    const row = i * size;
    for (let j = 0; j < i; j++) {
      const weight = weights[row + j];
      const at = j * TOGETHER;
      restA -= weight * normals[at];
      restB -= weight * normals[at + 1];
      restC -= weight * normals[at + 2];
      restD -= weight * normals[at + 3];
    }
    const diagonal = weights[row + i];
    const at = i * TOGETHER;
    normals[at] = restA / diagonal;
    normals[at + 1] = restB / diagonal;
    normals[at + 2] = restC / diagonal;
    normals[at + 3] = restD / diagonal;
    densityA -= 0.5 * normals[at] ** 2;
    densityB -= 0.5 * normals[at + 1] ** 2;
    densityC -= 0.5 * normals[at + 2] ** 2;
    densityD -= 0.5 * normals[at + 3] ** 2;
  }
  densities[0] = densityA;
  densities[1] = densityB;
  densities[2] = densityC;
  densities[3] = densityD;
}

/** Responsibilities 0 or 1 of k-means from k-means++ centres (Arthur and Vassilvitskii, 2007). */
function kMeans(data: Float64Array, size: number, components: number, seed: number): Float64Array {
  const count = data.length / size;
  const centres = new Float64Array(components * size);
  const assigned = new Int32Array(count);
  const distances = new Float64Array(count).fill(Number.POSITIVE_INFINITY);

  for (let k = 0; k < components; k++) {
    // The first centre is any row; each further one is drawn in proportion to the squared distance from those before.
    const chosen = draw(k === 0 ? distances.map(() => 1) : distances, uniform(seed, k));
    centres.set(data.subarray(chosen * size, (chosen + 1) * size), k * size);
    for (let n = 0; n < count; n++) {
      const distance = squaredDistance(data, n * size, centres, k * size, size, distances[n]);
      if (distance < distances[n]) {
        distances[n] = distance;
        assigned[n] = k;
      }
    }
  }

  for (let iteration = 0; iteration < KMEANS_ITERATIONS; iteration++) {
    moveCentres(data, size, assigned, centres);
    let moved = false;
    for (let n = 0; n < count; n++) {
      let nearest = assigned[n];
      let least = squaredDistance(data, n * size, centres, nearest * size, size);
      for (let k = 0; k < components; k++) {
        const distance = squaredDistance(data, n * size, centres, k * size, size, least);
        if (distance < least) {
          least = distance;
          nearest = k;
        }
      }
      moved ||= nearest !== assigned[n];
      assigned[n] = nearest;
    }
    if (!moved) break;
  }
  const responsibilities = new Float64Array(count * components);
  for (let n = 0; n < count; n++) responsibilities[n * components + assigned[n]] = 1;
  return responsibilities;
}

/** Moves every centre that has rows to their mean. */
function moveCentres(data: Float64Array, size: number, assigned: Int32Array, centres: Float64Array): void {
  const components = centres.length / size;
  const counts = new Float64Array(components);
  const sums = new Float64Array(centres.length);
  for (let n = 0; n < assigned.length; n++) {
    counts[assigned[n]]++;
    for (let i = 0; i < size; i++) sums[assigned[n] * size + i] += data[n * size + i];
  }
  for (let c = 0; c < sums.length; c++) {
    const rows = counts[Math.floor(c / size)];
    if (rows > 0) centres[c] = sums[c] / rows;
  }
}

/** An index drawn in proportion to weights, by a uniform number in [0, 1); any index if all weights are 0. */
function draw(weights: Float64Array, uniform: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let rest = uniform * total;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    rest -= weights[i];
    if (rest < 0) break;
  }
  return last;
}

/** Uniform number `index` of `seed`, in [0, 1). */
function uniform(seed: number, index: number): number {
  const words = new Uint32Array(4);
  drawBlock(words, index, STREAM_FIT, 0, seed);
  return words[0] / 2 ** 32;
}

import { SpikeletError } from "../errors.js";
import { multiply, symmetricEigen } from "./linear-algebra.js";

/** Mean and covariance of a distribution over d numbers. */
export interface Gaussian {
  /** (d) */
  readonly mean: Float64Array;
  /** (d, d) */
  readonly covariance: Float64Array;
}

/**
 * Mean and unbiased covariance (divided by N − 1) of the rows of a (N, d) array.
 * @throws SpikeletError "bad-input" if there are fewer than two rows, or a number is not finite.
 */
export function fitGaussian(data: ArrayLike<number>, size: number): Gaussian {
  const count = data.length / size;
  if (count < 2) {
    throw new SpikeletError(
      "bad-input",
      `Found ${count} rows to take a covariance of, expected at least 2. Give more images.`,
    );
  }
  const mean = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < size; i++) mean[i] += data[n * size + i];
  }
  for (let i = 0; i < size; i++) mean[i] /= count;
  // An eigendecomposition of NaN would not end.
  if (!mean.every(Number.isFinite)) {
    throw new SpikeletError(
      "bad-input",
      "Found numbers that are not finite, expected only finite ones. Check what they were computed from.",
    );
  }

  const covariance = new Float64Array(size * size);
  const centred = new Float64Array(size);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < size; i++) centred[i] = data[n * size + i] - mean[i];
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) covariance[i * size + j] += centred[i] * centred[j];
    }
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      covariance[i * size + j] /= count - 1;
      covariance[j * size + i] = covariance[i * size + j];
    }
  }
  return { mean, covariance };
}

/**
 * Squared Fréchet distance of two Gaussians (Dowson and Landau, 1982):
 *
 *     |mean₁ − mean₂|² + tr(C₁) + tr(C₂) − 2 tr((C₁ C₂)^½)
 *
 * C₁ C₂ has the eigenvalues of the symmetric C₁^½ C₂ C₁^½, which take two symmetric eigendecompositions.
 */
export function frechetDistance(a: Gaussian, b: Gaussian): number {
  const size = a.mean.length;
  const root = squareRoot(a.covariance, size);
  const product = multiply(multiply(root, b.covariance, size), root, size);
  let distance = 0;
  for (let i = 0; i < size; i++) {
    distance += (a.mean[i] - b.mean[i]) ** 2 + a.covariance[i * size + i] + b.covariance[i * size + i];
  }
  for (const eigenvalue of symmetricEigen(product, size).values) {
    distance -= 2 * Math.sqrt(Math.max(eigenvalue, 0));
  }
  return distance;
}

/** The symmetric square root of a positive semidefinite matrix: Σ √value · vector vectorᵀ. */
function squareRoot(matrix: Float64Array, size: number): Float64Array {
  const { values, vectors } = symmetricEigen(matrix, size);
  const scaled = new Float64Array(size * size); // (component, vector)
  for (let v = 0; v < size; v++) {
    // Rounding can make an eigenvalue of 0 slightly negative.
    const root = Math.sqrt(Math.max(values[v], 0));
    for (let i = 0; i < size; i++) scaled[i * size + v] = root * vectors[v * size + i];
  }
  return multiply(scaled, vectors, size);
}

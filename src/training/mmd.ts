// The maximum mean discrepancy between posterior and prior rates, as the authors' code has it: a kernel that is a sum of
// five Gaussians, exp(−D / bw_i) with D the squared distance, bw_i = bw · 2^i, and bw a quarter of the mean distance
// of all pairs, taken as a constant. Small (2N rows of d numbers), so it is done here and in double precision.

const GAUSSIANS = 5;

export interface Discrepancy {
  /** MMD² ≥ 0 (the biased estimate: pairs of a row with itself count). */
  readonly value: number;
  /** (N, d) ∂value/∂posterior and ∂value/∂prior */
  readonly posteriorGradient: Float64Array;
  readonly priorGradient: Float64Array;
}

/**
 * @param posterior - (N, d) rates r_q
 * @param prior - (N, d) rates r_p
 * @param size - d
 * @param fixedBandwidth - bw, if it is not to be found from the rates
 */
export function discrepancy(
  posterior: ArrayLike<number>,
  prior: ArrayLike<number>,
  size: number,
  fixedBandwidth?: number,
): Discrepancy {
  const half = posterior.length / size;
  const rows = 2 * half;
  const values = new Float64Array(rows * size);
  values.set(posterior);
  values.set(prior, half * size);
  const distances = pairDistances(values, rows, size);
  const meanDistance = distances.reduce((sum, d) => sum + d, 0) / distances.length;
  const bandwidth = fixedBandwidth ?? meanDistance / 4;

  const gradient = new Float64Array(rows * size);
  // A row with itself: every kernel is 1, for both halves.
  let value = (2 * half * GAUSSIANS) / half ** 2;
  let pair = 0;
  for (let a = 0; a < rows; a++) {
    for (let b = a + 1; b < rows; b++, pair++) {
      const sign = a < half === b < half ? 2 : -2;
      const { kernel, slope } = gaussians(distances[pair], bandwidth);
      value += (sign * kernel) / half ** 2;
      const factor = (2 * sign * slope) / half ** 2;
      for (let i = 0; i < size; i++) {
        const change = factor * (values[a * size + i] - values[b * size + i]);
        gradient[a * size + i] += change;
        gradient[b * size + i] -= change;
      }
    }
  }
  return {
    value,
    posteriorGradient: gradient.subarray(0, half * size),
    priorGradient: gradient.subarray(half * size),
  };
}

/** Squared distances of the pairs (a, b), a < b, in this order. */
function pairDistances(values: Float64Array, rows: number, size: number): Float64Array {
  const distances = new Float64Array((rows * (rows - 1)) / 2);
  let pair = 0;
  for (let a = 0; a < rows; a++) {
    for (let b = a + 1; b < rows; b++, pair++) {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += (values[a * size + i] - values[b * size + i]) ** 2;
      distances[pair] = sum;
    }
  }
  return distances;
}

/** Σ exp(−D / bw_i), and its derivative with respect to D. */
function gaussians(distance: number, bandwidth: number): { kernel: number; slope: number } {
  // Rows that are all equal have no bandwidth, and nothing to bring together.
  if (bandwidth === 0) return { kernel: GAUSSIANS, slope: 0 };
  let width = bandwidth * 2 ** (GAUSSIANS - 1);
  let term = Math.exp(-distance / width);
  let kernel = 0;
  let slope = 0;
  for (let i = 0; i < GAUSSIANS; i++) {
    kernel += term;
    slope -= term / width;
    // Half the width squares the Gaussian.
    term *= term;
    width /= 2;
  }
  return { kernel, slope };
}

// The little linear algebra that adaptive rounding needs. Our own rather than a library's: ml-matrix, the usual choice,
// would add 72 KB to a library of about that size, keeps rows in separate arrays and takes a matrix of its own class.

/**
 * Replaces the lower triangle of a symmetric positive definite matrix (size, size), row-major, by its Cholesky factor
 * L, A = L Lᵀ; what lies above the diagonal is neither read nor written.
 *
 * Row by row, four columns at a time: four sums that do not wait for one another, each over two contiguous rows. For
 * the 1,152 inputs of a 128-channel convolution a blocked factorization was no faster in V8.
 *
 * @throws RangeError if the matrix is not positive definite in float64
 */
export function choleskyInPlace(matrix: Float64Array, size: number): void {
  const a = matrix;
  for (let i = 0; i < size; i++) {
    const row = i * size;
    for (let j = 0; j < i; j += 4) {
      const columns = Math.min(4, i - j);
      const row0 = j * size;
      // With less than four columns left the last sums repeat and are not used.
      const row1 = (j + Math.min(1, columns - 1)) * size;
      const row2 = (j + Math.min(2, columns - 1)) * size;
      const row3 = (j + columns - 1) * size;
      let sum0 = 0;
      let sum1 = 0;
      let sum2 = 0;
      let sum3 = 0;
      for (let k = 0; k < j; k++) {
        const value = a[row + k];
        sum0 += value * a[row0 + k];
        sum1 += value * a[row1 + k];
        sum2 += value * a[row2 + k];
        sum3 += value * a[row3 + k];
      }
      a[row + j] = (a[row + j] - sum0) / a[row0 + j];
      if (columns > 1) a[row + j + 1] = solve(a, row, row1, j, j + 1, sum1);
      if (columns > 2) a[row + j + 2] = solve(a, row, row2, j, j + 2, sum2);
      if (columns > 3) a[row + j + 3] = solve(a, row, row3, j, j + 3, sum3);
    }
    let pivot = a[row + i];
    for (let k = 0; k < i; k++) pivot -= a[row + k] ** 2;
    if (!(pivot > 0)) throw new RangeError(`not positive definite: pivot ${i} of ${size} is ${pivot}`);
    a[row + i] = Math.sqrt(pivot);
  }
}

/** Element `column` of a row of L, given the sum over the columns before `start`. */
function solve(
  a: Float64Array,
  row: number,
  other: number,
  start: number,
  column: number,
  sum: number,
): number {
  let rest = a[row + column] - sum;
  for (let k = start; k < column; k++) rest -= a[row + k] * a[other + k];
  return rest / a[other + column];
}

/**
 * A row times a matrix (rows, columns), row-major: result[c] = Σ_k row[offset + k] · matrix[k][c] over from ≤ k < to.
 *
 * Four rows of the matrix at a time, for the result to be loaded and stored once for all of them.
 */
export function multiplyRow(
  row: Float64Array,
  offset: number,
  matrix: Float64Array,
  from: number,
  to: number,
  columns: number,
  result: Float64Array,
): void {
  result.fill(0);
  let k = from;
  for (; k + 3 < to; k += 4) {
    const a0 = row[offset + k];
    const a1 = row[offset + k + 1];
    const a2 = row[offset + k + 2];
    const a3 = row[offset + k + 3];
    const m0 = k * columns;
    const m1 = m0 + columns;
    const m2 = m1 + columns;
    const m3 = m2 + columns;
    for (let c = 0; c < columns; c++) {
      result[c] += a0 * matrix[m0 + c] + a1 * matrix[m1 + c] + a2 * matrix[m2 + c] + a3 * matrix[m3 + c];
    }
  }
  for (; k < to; k++) {
    for (let c = 0; c < columns; c++) result[c] += row[offset + k] * matrix[k * columns + c];
  }
}

/**
 * Σ_c d_cᵀ A d_c over the columns of d (size, columns), row-major, for a symmetric A (size, size) of which the lower
 * triangle is read.
 */
export function sumOfQuadraticForms(
  matrix: Float64Array,
  size: number,
  d: Float64Array,
  columns: number,
): number {
  let total = 0;
  const product = new Float64Array(columns);
  for (let i = 0; i < size; i++) {
    multiplyRow(matrix, i * size, d, 0, i, columns, product);
    const diagonal = matrix[i * size + i];
    for (let c = 0; c < columns; c++) {
      const value = d[i * columns + c];
      total += value * (2 * product[c] + diagonal * value);
    }
  }
  return total;
}

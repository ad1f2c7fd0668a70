// The little linear algebra that adaptive rounding, fitted priors and FAD need, on row-major Float64Arrays. Our own rather than
// a library's: ml-matrix, the usual choice, would add up to 70 KB to a package that needs a few functions of it. Tests compare with it.

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

/**
 * Solves L Lᵀ x = b in place.
 * @param factor - (size, size) L of `choleskyInPlace`
 * @param b - (size) becomes x
 */
export function solveWithCholesky(factor: Float64Array, size: number, b: Float64Array): void {
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) b[i] -= factor[i * size + k] * b[k];
    b[i] /= factor[i * size + i];
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) b[i] -= factor[k * size + i] * b[k];
    b[i] /= factor[i * size + i];
  }
}

/** The product of two square matrices. */
export function multiply(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    multiplyRow(a, i * size, b, 0, size, size, product.subarray(i * size, (i + 1) * size));
  }
  return product;
}

/** More than any matrix takes: convergence is quadratic, and six to ten sweeps do for a few hundred rows. */
const MOST_SWEEPS = 60;

/**
 * Eigenvalues and eigenvectors of the symmetric part of a matrix, by cyclic Jacobi rotations (Golub and Van Loan, Matrix
 * Computations, section 8.5).
 * @param matrix - (size, size), finite
 * @returns values (size), and vectors (size, size), one in each row
 */
export function symmetricEigen(
  matrix: Float64Array,
  size: number,
): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(matrix, (value, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return (value + matrix[j * size + i]) / 2;
  });
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  const scale = Math.sqrt(a.reduce((sum, value) => sum + value * value, 0));
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) off += a[p * size + q] ** 2;
    }
    if (Math.sqrt(off) <= 1e-15 * scale) break;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, vectors, size, p, q);
    }
  }
  return { values: Float64Array.from({ length: size }, (_, i) => a[i * size + i]), vectors };
}

/** The rotation in rows and columns p and q that makes a[p][q] zero. */
function rotate(a: Float64Array, vectors: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q];
  if (apq === 0) return;
  const tau = (a[q * size + q] - a[p * size + p]) / (2 * apq);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
  const c = 1 / Math.sqrt(1 + t * t);
  const s = t * c;
  for (let k = 0; k < size; k++) {
    const [kp, kq] = [a[k * size + p], a[k * size + q]];
    a[k * size + p] = c * kp - s * kq;
    a[k * size + q] = s * kp + c * kq;
  }
  for (const rows of [a, vectors]) {
    for (let k = 0; k < size; k++) {
      const [pk, qk] = [rows[p * size + k], rows[q * size + k]];
      rows[p * size + k] = c * pk - s * qk;
      rows[q * size + k] = s * pk + c * qk;
    }
  }
}

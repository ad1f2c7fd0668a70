import assert from "node:assert/strict";
import { test } from "node:test";
import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from "ml-matrix";
import {
  choleskyInPlace,
  multiply,
  solveWithCholesky,
  symmetricEigen,
} from "../../src/math/linear-algebra.js";
import { randomSource } from "../support/models.js";

/** Aᵀ A of a random A (rows, size): positive semidefinite, and singular with fewer rows than columns. */
function gram(rows: number, size: number, seed: number): Float64Array {
  const random = randomSource(seed);
  const a = Float64Array.from({ length: rows * size }, () => random() - 0.5);
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    let sum = 0;
    for (let k = 0; k < rows; k++) sum += a[k * size + i] * a[k * size + j];
    return sum;
  });
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
}

test("eigenvalues are those of ml-matrix, and the vectors rebuild the matrix", () => {
  for (const [rows, size] of [
    [1, 1],
    [5, 2],
    [60, 40],
    [12, 40],
    [200, 100],
  ]) {
    const matrix = gram(rows, size, size);
    const { values, vectors } = symmetricEigen(matrix, size);
    const judge = new EigenvalueDecomposition(Matrix.from1DArray(size, size, matrix), {
      assumeSymmetric: true,
    });
    const sorted = (list: ArrayLike<number>) => Array.from(list).sort((a, b) => a - b);
    const eigenvalues = largestDifference(sorted(values), sorted(judge.realEigenvalues));
    assert.ok(eigenvalues < 1e-11, `${size} rows: eigenvalues differ by ${eigenvalues}`);
    const scaled = vectors.map((value, at) => value * values[Math.floor(at / size)]);
    const transposed = vectors.map((_, at) => vectors[(at % size) * size + Math.floor(at / size)]);
    const rebuilt = largestDifference(multiply(transposed, scaled, size), matrix);
    assert.ok(rebuilt < 1e-11, `${size} rows: the matrix differs by ${rebuilt}`);
  }
});

test("only the symmetric part counts, and a matrix of zeros has eigenvalues of zero", () => {
  const skewed = symmetricEigen(Float64Array.of(2, 3, 1, 2), 2);
  assert.ok(largestDifference(skewed.values.slice().sort(), [0, 4]) < 1e-14, `found ${skewed.values}`);
  assert.deepEqual([...symmetricEigen(new Float64Array(9), 3).values], [0, 0, 0]);
});

test("solutions are those of ml-matrix", () => {
  const size = 30;
  const matrix = gram(50, size, 3);
  const b = Float64Array.from({ length: size }, (_, i) => Math.sin(i));
  const judge = new CholeskyDecomposition(Matrix.from1DArray(size, size, matrix)).solve(
    Matrix.columnVector(b),
  );
  choleskyInPlace(matrix, size);
  solveWithCholesky(matrix, size, b);
  const difference = largestDifference(b, judge.to1DArray());
  assert.ok(difference < 1e-9, `solutions differ by ${difference}`);
});

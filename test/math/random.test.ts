import assert from "node:assert/strict";
import { test } from "node:test";
import { drawBlock, normals, uniforms } from "../../src/math/random.js";
import { sampleSpikes } from "../../src/reference/integer-network.js";
import { normalDistribution } from "../support/normal-distribution.js";

test("philox gives Random123's known answers for philox4x32-10", () => {
  // kat_vectors of the Random123 distribution: zeros, ones, digits of pi.
  for (const [block, stream, index, seed, expected] of [
    [0, 0, 0n, 0n, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      0xffffffff,
      0xffffffff,
      0xffffffffffffffffn,
      0xffffffffffffffffn,
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      0x243f6a88,
      0x85a308d3,
      0x0370734413198a2en,
      0x299f31d0a4093822n,
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const) {
    const words = new Uint32Array(4);
    drawBlock(words, block, stream, index, seed);
    assert.deepEqual([...words], expected);
  }
});

test("a million integer normals pass a Kolmogorov-Smirnov test at 1 %", (t) => {
  const n = 1_000_000;
  const drawn = normals(1, 0, n).sort();
  let distance = 0;
  for (let i = 0; i < n; i++) {
    if (i + 1 < n && drawn[i + 1] === drawn[i]) continue;
    // An integer stands for an interval of width 1, which ends half a unit above it.
    const x = (drawn[i] + 0.5) / 4096;
    const cdf = normalDistribution(x);
    distance = Math.max(distance, Math.abs((i + 1) / n - cdf));
  }
  t.diagnostic(`D = ${distance.toExponential(3)}, critical ${(1.63 / Math.sqrt(n)).toExponential(3)}`);
  assert.ok(distance < 1.63 / Math.sqrt(n));
});

test("spike counts over 16 steps are binomial", (t) => {
  const neurons = 100_000;
  const timeSteps = 16;
  for (const rate of [655, 6554, 21845, 32768, 58982]) {
    const spikes = sampleSpikes(new Int32Array(neurons).fill(rate), 2, 3, timeSteps);
    const observed = new Float64Array(timeSteps + 1);
    for (let i = 0; i < neurons; i++) {
      let count = 0;
      for (let step = 0; step < timeSteps; step++) count += spikes[step * neurons + i];
      observed[count]++;
    }
    const expected = binomial(timeSteps, rate / 65536).map((p) => p * neurons);
    const { statistic, freedom } = chiSquared(observed, expected);
    const critical = chiSquaredCritical(freedom, 3.0902); // 0.1 % each
    t.diagnostic(`rate ${rate}: chi² = ${statistic.toFixed(1)}, critical ${critical.toFixed(1)}`);
    assert.ok(statistic < critical, `rate ${rate}`);
  }
});

test("rates 0 and 65536 never and always fire", () => {
  const spikes = sampleSpikes(Int32Array.of(0, 65536), 1, 1, 16);
  for (let step = 0; step < 16; step++)
    assert.deepEqual([...spikes.subarray(2 * step, 2 * step + 2)], [0, 1]);
});

test("fewer neurons or steps draw a prefix of the same numbers", () => {
  const all = uniforms(5, 6, 4, 16);
  assert.deepEqual(uniforms(5, 6, 4, 5), all.slice(0, 20));
  assert.deepEqual(normals(5, 6, 6), normals(5, 6, 32).slice(0, 6));
  const narrow = uniforms(5, 6, 3, 16);
  for (let step = 0; step < 16; step++) {
    assert.deepEqual(narrow.slice(3 * step, 3 * step + 3), all.slice(4 * step, 4 * step + 3));
  }
});

test("all 64 bits of seed and index count, and seed and index are not interchangeable", () => {
  const base = normals(1n, 2n, 8);
  assert.deepEqual(normals(1, 2, 8), base);
  for (const [seed, index] of [
    [1n | (1n << 63n), 2n],
    [1n, 2n | (1n << 63n)],
    [2n, 1n],
  ]) {
    assert.notDeepEqual(normals(seed, index, 8), base);
  }
});

/** Probabilities of 0…n successes. */
function binomial(n: number, p: number): number[] {
  const result = [(1 - p) ** n];
  for (let k = 1; k <= n; k++) result.push((result[k - 1] * (n - k + 1) * p) / (k * (1 - p)));
  return result;
}

/** Pearson's statistic, neighbouring cells pooled until each expects at least 5. */
function chiSquared(observed: Float64Array, expected: readonly number[]) {
  const cells: { observed: number; expected: number }[] = [];
  let cell = { observed: 0, expected: 0 };
  for (let k = 0; k < expected.length; k++) {
    cell.observed += observed[k];
    cell.expected += expected[k];
    if (cell.expected >= 5) {
      cells.push(cell);
      cell = { observed: 0, expected: 0 };
    }
  }
  const last = cells[cells.length - 1];
  last.observed += cell.observed;
  last.expected += cell.expected;
  const statistic = cells.reduce((sum, c) => sum + (c.observed - c.expected) ** 2 / c.expected, 0);
  return { statistic, freedom: cells.length - 1 };
}

/** Wilson and Hilferty's approximation of the chi-squared quantile at normal quantile z. */
function chiSquaredCritical(freedom: number, z: number): number {
  const spread = 2 / (9 * freedom);
  return freedom * (1 - spread + z * Math.sqrt(spread)) ** 3;
}

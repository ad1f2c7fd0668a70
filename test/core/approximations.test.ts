import assert from "node:assert/strict";
import { test } from "node:test";
import { normalFromWords } from "../../src/math/random.js";
import { COEFFICIENTS, sumOfCoefficients } from "../../src/reference/coefficients.js";
import { sigmoid } from "../../src/reference/integer-network.js";
import { normalDistribution } from "../support/normal-distribution.js";

/** Probabilities of the sum of eight uniforms of 10 bits: as the sum of eight halves, but few enough to convolve. */
function sumProbabilities(): Float64Array {
  let p = Float64Array.of(1);
  for (let n = 0; n < 8; n++) {
    const next = new Float64Array(p.length + 1023);
    let window = 0;
    for (let k = 0; k < next.length; k++) {
      if (k < p.length) window += p[k];
      if (k >= 1024) window -= p[k - 1024];
      next[k] = window / 1024;
    }
    p = next;
  }
  return p;
}

test("integer normals are within 1.5e-4 of the normal distribution", (t) => {
  const p = sumProbabilities();
  let below = 0;
  let worst = 0;
  p.forEach((probability, sum) => {
    // The halves that stand for 10 bits are 64 · k + 31.5 on average.
    const total = 64 * sum + 8 * 31.5;
    const words = [0, 0, 0, 0].map((_, i) => {
      const share = Math.floor((total + i) / 4);
      return ((share >> 1) | (((share + 1) >> 1) << 16)) >>> 0;
    }) as [number, number, number, number];
    const z = normalFromWords(words) / 4096;
    if (Math.abs(z) < 5) worst = Math.max(worst, Math.abs(normalDistribution(z) - below - probability / 2));
    below += probability;
  });
  t.diagnostic(`largest error of the distribution function ${worst.toExponential(2)}`);
  assert.ok(worst < 1.5e-4, `${worst}`);
});

test("integer normals end at 22808 on both sides and are symmetric", () => {
  assert.equal(normalFromWords([0, 0, 0, 0]), -22808);
  assert.equal(normalFromWords([0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]), 22808);
  for (const word of [1, 1000, 0x12345678, 0x7fffffff]) {
    const x = normalFromWords([word, word, word, word]);
    const mirrored = normalFromWords([~word >>> 0, ~word >>> 0, ~word >>> 0, ~word >>> 0]);
    assert.ok(Math.abs(x + mirrored) <= 2, `${x} and ${mirrored}`);
  }
});

test("the integer sigmoid is within 4.5e-5 of the exact one, symmetric and monotone", (t) => {
  let worst = 0;
  let previous = 0;
  for (let x = -60000; x <= 60000; x++) {
    const rate = sigmoid(x);
    assert.ok(rate >= previous && rate <= 65536, `sigmoid(${x}) = ${rate}`);
    assert.equal(rate + sigmoid(-x), 65536);
    worst = Math.max(worst, Math.abs(rate / 65536 - 1 / (1 + Math.exp(-x / 4096))));
    previous = rate;
  }
  t.diagnostic(`largest error ${worst.toExponential(2)}`);
  assert.ok(worst < 4.5e-5, `${worst}`);
});

test("readout coefficients are within 1 unit of 4096 · 0.8^k", () => {
  COEFFICIENTS.forEach((c, k) => {
    assert.ok(Math.abs(c - 4096 * 0.8 ** k) < 1.5, `coefficient ${k} is ${c}`);
  });
  assert.equal(sumOfCoefficients(16), 19909);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { SpikeletError } from "../../src/errors.js";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import { mixtures } from "../../src/model/mixture.js";
import { fitBook } from "../../src/priors/book.js";
import { fitPrior } from "../../src/priors/gaussian-mixture.js";
import { sharpened } from "../../src/priors/sharpness.js";
import { withFittedPriors } from "../../src/priors/with-fitted-priors.js";
import { generate } from "../../src/reference/integer-network.js";
import { randomSource, syntheticModel, TINY } from "../support/models.js";

/** Rates (count, size) of 4 steps near one of three prototypes, nearly all of them 0 or 1, and the prototype of each row. */
function clusteredRates(count: number, size: number) {
  const random = randomSource(count + size);
  const prototypes = Array.from({ length: 3 * size }, () => (random() < 0.5 ? 0 : 1));
  const labels = Uint8Array.from({ length: count }, (_, n) => n % 3);
  const data = Float32Array.from({ length: count * size }, (_, i) => {
    const rate = prototypes[labels[Math.floor(i / size)] * size + (i % size)];
    return random() < 0.1 ? Math.round(4 * random()) / 4 : rate;
  });
  return { rates: { shape: [count, size], data }, labels };
}

function distance(codes: Uint32Array, words: number, a: number, b: number): number {
  let sum = 0;
  for (let w = 0; w < words; w++) {
    for (let x = codes[a * words + w] ^ codes[b * words + w]; x; x &= x - 1) sum++;
  }
  return sum;
}

test("a book has codes of the rows, each more like the next than rows are alike, and is the same again", () => {
  const { rates } = clusteredRates(300, 40);
  const codes = fitBook(rates, 60, 1);
  assert.equal(codes.length, 60 * 2);
  assert.deepEqual(fitBook(rates, 60, 1), codes);
  assert.notDeepEqual(fitBook(rates, 60, 2), codes);
  assert.ok(codes.every((word, k) => k % 2 === 0 || word < 2 ** 8));
  let steps = 0;
  let all = 0;
  for (let a = 0; a + 1 < 60; a++) {
    steps += distance(codes, 2, a, a + 1) / 59;
    for (let b = 0; b < a; b++) all += distance(codes, 2, a, b) / ((59 * 58) / 2);
  }
  assert.ok(steps < 0.5 * all, `${steps} from one to the next, ${all} between any two`);
});

test("bits have the mean of the rates that they are drawn with", () => {
  const size = 64;
  const data = Float32Array.from({ length: 4000 * size }, (_, i) => (i % size) / (size - 1));
  const codes = fitBook({ shape: [4000, size], data }, 3800, 1);
  for (const neuron of [0, 1, 16, 32, 50, 62, 63]) {
    let ones = 0;
    for (let k = 0; k < 3800; k++) ones += (codes[2 * k + (neuron >> 5)] >>> (neuron & 31)) & 1;
    const rate = neuron / (size - 1);
    // Four standard deviations, and what leaving out the rows that are most alone can move.
    const tolerance = 4 * Math.sqrt((rate * (1 - rate)) / 3800) + 0.02 * Math.min(1, 20 * rate * (1 - rate));
    assert.ok(Math.abs(ones / 3800 - rate) <= tolerance, `neuron ${neuron}: ${ones / 3800} for ${rate}`);
  }
});

test("books of few rows, of rows that are all alike, and of what is no rate", () => {
  const alike = { shape: [10, 5], data: new Float32Array(50).fill(1) };
  assert.deepEqual([...fitBook(alike, 4, 1)], [31, 31, 31, 31]);
  assert.equal(fitBook({ shape: [2, 5], data: new Float32Array(10) }, 100, 1).length, 2);
  for (const [count, value, message] of [
    [1, 0, /Found 1 rows/],
    [3, 1.5, /Found the firing rate 1.5/],
    [3, Number.NaN, /Found the firing rate NaN/],
  ] as const) {
    assert.throws(
      () => fitBook({ shape: [count, 5], data: new Float32Array(5 * count).fill(value) }, 2, 1),
      (error) => error instanceof SpikeletError && error.code === "bad-input" && message.test(error.message),
    );
  }
});

test("class books are crossed within a class, and the prior over all images is their mixture", () => {
  const model = syntheticModel({ ...TINY, latentSize: 40 });
  const { rates, labels } = clusteredRates(300, 40);
  const fitted = withFittedPriors(model, {
    ...{ rates, labels, timeSteps: 4, kind: "book", bookBytes: 3 * 20 * 8 },
    classNames: ["a", "b", "c"],
  });
  const file = encodeModel(fitted);
  assert.equal(file.length - encodeModel(model).length, 3 * 20 * 8 + 6 * 40, "codes once, and six entries");
  const read = decodeModel(file);
  assert.deepEqual(read, fitted);
  assert.deepEqual(
    mixtures(read.priors).map(({ name, components }) => [name, components.length]),
    [
      ["book", 3],
      ["learned", 1],
      ["a", 1],
      ["b", 1],
      ["c", 1],
    ],
  );
  const [first] = read.priors;
  assert.ok(first.kind === "book");
  for (let index = 0; index < 20; index++) {
    const { rates: drawn } = generate(read, { seed: 4, index, prior: 0 });
    const bits = Array.from(drawn, (rate, i) => {
      assert.ok(rate === 0 || rate === 65536);
      const ones = Array.from({ length: 20 }, (_, k) => (first.codes[2 * k + (i >> 5)] >>> (i & 31)) & 1);
      return ones.includes(rate / 65536);
    });
    assert.ok(bits.every(Boolean), `image ${index}: a bit that no code has`);
  }
  assert.throws(
    () => withFittedPriors(model, { rates, labels, timeSteps: 4, kind: "book", bookBytes: 40 }),
    /40 bytes hold 1 codes for each of 3 books, expected 2 or more. Give at least 48 bytes/,
  );
});

test("without labels there is one book", () => {
  const { rates } = clusteredRates(100, 5);
  const fitted = withFittedPriors(syntheticModel(TINY), { rates, timeSteps: 4, kind: "book", bookBytes: 80 });
  assert.deepEqual(
    fitted.priors.map((prior) => [prior.name, prior.kind, prior.kind === "book" ? prior.codes.length : 0]),
    [
      ["book", "book", 20],
      ["learned", "gaussian", 0],
    ],
  );
});

test("a Gaussian is sharpened until as many spikes are left to chance as in the rates", () => {
  const { rates } = clusteredRates(2000, 12);
  const prior = fitPrior(rates, 4);
  const [sharp] = sharpened([prior], [1], rates);
  const factor = sharp.bias[0] / prior.bias[0];
  assert.ok(factor > 1.2, `factor ${factor}`);
  sharp.weights.forEach((w, i) => {
    assert.ok(Math.abs(w - factor * prior.weights[i]) < 1e-9);
  });
  const random = randomSource(9);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let noise = 0;
  const draws = 4000;
  for (let n = 0; n < draws; n++) {
    const normals = Array.from({ length: 12 }, normal);
    for (let i = 0; i < 12; i++) {
      const logit = normals.reduce((sum, z, j) => sum + sharp.weights[12 * i + j] * z, sharp.bias[i]);
      const rate = 1 / (1 + Math.exp(-logit));
      noise += (rate * (1 - rate)) / (12 * draws);
    }
  }
  const wanted = rates.data.reduce((sum, r) => sum + r * (1 - r), 0) / rates.data.length;
  assert.ok(Math.abs(noise / wanted - 1) < 0.15, `${noise} for ${wanted}`);
});

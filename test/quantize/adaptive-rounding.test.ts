import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { SpikeletError } from "../../src/errors.js";
import { choleskyInPlace, multiplyRow, sumOfQuadraticForms } from "../../src/math/linear-algebra.js";
import { encodeModel } from "../../src/model/file.js";
import type { IntegerLayer, WeightBits } from "../../src/model/model.js";
import { type LayerKind, type LayerShape, type Network, outputSize } from "../../src/network.js";
import { AdaptiveRounder } from "../../src/quantize/adaptive-rounding.js";
import { addMoments, emptyMoments, inputPower, phasesOf } from "../../src/quantize/calibration.js";
import { foldBatchNorm, quantizeNetwork } from "../../src/quantize/quantize.js";
import {
  accumulateSynapses,
  convolveImage,
  encodeImage,
  generate,
} from "../../src/reference/integer-network.js";
import { networkOf, plainLayer, randomSource } from "../support/models.js";
import { syntheticTensors } from "../support/network.js";

const FEW_BITS: readonly WeightBits[] = [6, 5, 4];

const synthetic = () => readNetwork(syntheticTensors({ channels: [64, 32], latentSize: 33, seed: 7 }));

/** Lower triangle of B Bᵀ + size for a random B: positive definite. The upper one is NaN, so that no one reads it. */
function randomDefinite(size: number, random: () => number): Float64Array {
  const b = Float64Array.from({ length: size * size }, () => random() - 0.5);
  const matrix = new Float64Array(size * size).fill(Number.NaN);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 0.1 : 0;
      for (let k = 0; k < size; k++) sum += b[i * size + k] * b[j * size + k];
      matrix[i * size + j] = sum;
    }
  }
  return matrix;
}

const lower = (matrix: Float64Array, size: number, i: number, j: number) =>
  matrix[Math.max(i, j) * size + Math.min(i, j)];

test("the Cholesky factor times its transpose is the matrix", () => {
  const random = randomSource(1);
  for (const size of [1, 2, 3, 4, 5, 8, 11, 64, 97]) {
    const matrix = randomDefinite(size, random);
    const factor = matrix.slice();
    choleskyInPlace(factor, size);
    for (let i = 0; i < size; i++) {
      assert.ok(factor[i * size + i] > 0, `size ${size}, pivot ${i}`);
      for (let j = 0; j < size; j++) {
        if (j > i) {
          assert.ok(Number.isNaN(factor[i * size + j]), `size ${size}: wrote above the diagonal`);
          continue;
        }
        let product = 0;
        for (let k = 0; k <= j; k++) product += factor[i * size + k] * factor[j * size + k];
        const difference = Math.abs(product - matrix[i * size + j]);
        assert.ok(difference < 1e-12 * size, `size ${size}, element ${i}, ${j}: off by ${difference}`);
      }
    }
  }
});

test("a matrix that is not positive definite is refused", () => {
  assert.throws(() => choleskyInPlace(Float64Array.of(1, 0, 2, 1), 2), /not positive definite: pivot 1 of 2/);
  assert.throws(() => choleskyInPlace(Float64Array.of(0), 1), /not positive definite: pivot 0 of 1/);
  assert.throws(() => choleskyInPlace(Float64Array.of(Number.NaN), 1), RangeError);
});

test("a row times a matrix, and sums of quadratic forms, against the definitions", () => {
  const random = randomSource(2);
  for (const [size, columns] of [
    [1, 1],
    [4, 3],
    [7, 5],
    [30, 33],
  ]) {
    const matrix = randomDefinite(size, random);
    const d = Float64Array.from({ length: size * columns }, () => random() - 0.5);
    let expected = 0;
    for (let c = 0; c < columns; c++) {
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          expected += d[i * columns + c] * lower(matrix, size, i, j) * d[j * columns + c];
        }
      }
    }
    const sum = sumOfQuadraticForms(matrix, size, d, columns);
    assert.ok(Math.abs(sum - expected) < 1e-9 * expected, `size ${size}: ${sum}, expected ${expected}`);
    for (const [from, to] of [
      [0, size],
      [Math.min(1, size - 1), size - 1],
    ]) {
      const result = new Float64Array(columns).fill(9);
      const last = (size - 1) * size;
      multiplyRow(matrix, last, d, from, to, columns, result);
      for (let c = 0; c < columns; c++) {
        let product = 0;
        for (let k = from; k < to; k++) product += matrix[last + k] * d[k * columns + c];
        assert.ok(Math.abs(result[c] - product) < 1e-12, `size ${size}, ${from} … ${to}, column ${c}`);
      }
    }
  }
});

const SHAPES: readonly LayerShape[] = [
  { kind: "linear", inputSize: 1, inChannels: 7, outChannels: 5 },
  { kind: "transposedConv", inputSize: 4, inChannels: 3, outChannels: 5 },
  { kind: "conv", inputSize: 4, inChannels: 3, outChannels: 5 },
  { kind: "imageConv", inputSize: 6, inChannels: 3, outChannels: 5 },
];

const taps = (kind: LayerKind) => (kind === "linear" ? 1 : 9);

test("second moments give the power of the weighted inputs that the oracle computes", () => {
  const random = randomSource(3);
  for (const shape of SHAPES) {
    assert.deepEqual(
      phasesOf(shape.kind)
        .flat()
        .sort((a, b) => a - b),
      Array.from({ length: taps(shape.kind) }, (_, tap) => tap),
    );
    const moments = emptyMoments(shape);
    const length = taps(shape.kind) * shape.inChannels * shape.outChannels;
    const weights = Float64Array.from({ length }, () => random() - 0.5);
    let expected = 0;
    for (let step = 0; step < 3; step++) {
      const inputs = shape.inputSize ** 2 * shape.inChannels;
      let sums: Float64Array;
      if (shape.kind === "imageConv") {
        const image = Float64Array.from({ length: inputs }, () => 2 * random() - 1);
        addMoments(moments, shape, image);
        sums = convolveImage({ ...shape, weights }, image);
      } else {
        const spikes = Uint8Array.from({ length: inputs }, () => (random() < 0.4 ? 1 : 0));
        addMoments(moments, shape, spikes);
        sums = new Float64Array(outputSize(shape) ** 2 * shape.outChannels);
        accumulateSynapses({ ...shape, weights }, spikes, sums);
      }
      for (const x of sums) expected += x * x;
    }
    const power = inputPower(moments, shape, weights);
    assert.ok(expected > 0, shape.kind);
    assert.ok(Math.abs(power - expected) < 1e-9 * expected, `${shape.kind}: ${power}, not ${expected}`);
  }
});

/** Inverse by Gauss and Jordan. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let i = 0; i < size; i++) {
    rows[i] = rows[i].map((value, _, row) => value / row[i]);
    for (let j = 0; j < size; j++) {
      const factor = rows[j][i];
      if (j !== i) rows[j] = rows[j].map((value, k) => value - factor * rows[i][k]);
    }
  }
  return rows.map((row) => row.slice(size));
}

/**
 * Optimal brain quantization in a fixed order, by its definition: after each weight is rounded, those left move to
 * where the error is least, by the inverse of their own part of H.
 */
function quantizeByDefinition(
  weights: readonly number[],
  h: number[][],
  scale: number,
  bits: number,
): number[] {
  const most = 2 ** (bits - 1) - 1;
  const w = [...weights];
  return weights.map((_, k) => {
    const left = Array.from({ length: w.length - k }, (_, i) => k + i);
    const inverted = inverse(left.map((i) => left.map((j) => h[i][j])));
    const integer = Math.max(-most - 1, Math.min(most, Math.round(w[k] / scale)));
    const error = w[k] - scale * integer;
    for (const i of left.slice(1)) w[i] -= (error * inverted[i - k][0]) / inverted[0][0];
    return integer | 0; // no −0
  });
}

test("weights are rounded as optimal brain quantization defines it", () => {
  const random = randomSource(4);
  const shape = { kind: "linear", inputSize: 1, inChannels: 14, outChannels: 40 } as const;
  const moments = emptyMoments(shape);
  for (let step = 0; step < 60; step++) {
    const common = random();
    const spikes = Array.from({ length: 14 }, (_, i) => (random() * common < 0.05 + i / 40 ? 1 : 0));
    addMoments(moments, shape, spikes);
  }
  const weights = Float64Array.from({ length: 14 * 40 }, () => random() - 0.5);
  const [{ matrix }] = moments;
  const diagonal = Array.from({ length: 14 }, (_, i) => matrix[i * 15]);
  const damping = (0.1 * diagonal.reduce((a, b) => a + b)) / 14;
  const order = [...diagonal.keys()].sort((a, b) => diagonal[b] - diagonal[a] || a - b);
  const h = order.map((i) => order.map((j) => lower(matrix, 14, i, j) + (i === j ? damping : 0)));
  for (const bits of FEW_BITS) {
    const rounder = new AdaptiveRounder({ ...shape, weights }, moments, bits);
    // Some scales clip, some do not.
    const scales = Float64Array.from({ length: 40 }, (_, c) => ((0.3 + c / 40) / 2 ** bits) * 2);
    const integers = new Int8Array(weights.length);
    // The last three as a layer whose channels did not fit would have them: alone, and in any order.
    rounder.round([...scales.keys()].slice(0, 37), scales, integers);
    rounder.round([39, 37], scales, integers);
    rounder.round([38], scales, integers);
    for (let c = 0; c < 40; c++) {
      const expected = quantizeByDefinition(
        order.map((i) => weights[i * 40 + c]),
        h,
        scales[c],
        bits,
      );
      assert.deepEqual(
        order.map((i) => integers[i * 40 + c]),
        expected,
        `${bits} bits, channel ${c}`,
      );
    }
  }
});

const layersOf = (network: Network, rounding: "nearest" | "adaptive", bits: WeightBits) =>
  quantizeNetwork(network, { bits, rounding, calibrationImages: 4 }).report.layers;

test("adaptive rounding makes the error of every layer's output smaller", () => {
  const network = synthetic();
  for (const bits of FEW_BITS) {
    const adaptive = layersOf(network, "adaptive", bits);
    layersOf(network, "nearest", bits).forEach((nearest, i) => {
      const { name, relativeOutputError } = adaptive[i];
      assert.equal(name, nearest.name);
      if (nearest.bits === 16) {
        assert.equal(relativeOutputError, nearest.relativeOutputError);
        return;
      }
      const ratio = relativeOutputError / nearest.relativeOutputError;
      assert.ok(ratio > 0 && ratio < 0.9, `${bits} bits, ${name}: ${ratio} times the error`);
    });
  }
});

test("rounding is adaptive below 8 bits, and the same every time", () => {
  const network = synthetic();
  const file = (options: Parameters<typeof quantizeNetwork>[1]) =>
    Buffer.from(encodeModel(quantizeNetwork(network, { calibrationImages: 2, ...options }).model));
  assert.ok(file({ bits: 4 }).equals(file({ bits: 4, rounding: "adaptive" })), "4 bits: adaptive, twice");
  assert.ok(!file({ bits: 4 }).equals(file({ bits: 4, rounding: "nearest" })), "4 bits: not nearest");
  assert.ok(file({}).equals(file({ bits: 8, rounding: "nearest", calibrationImages: 1 })), "8 bits: nearest");
  // Each part by its own width.
  const mixed = quantizeNetwork(network, { bits: 8, encoderBits: 4, calibrationImages: 2 }).model;
  const narrow = quantizeNetwork(network, { bits: 4, calibrationImages: 2 }).model;
  assert.deepEqual(mixed.encoder, narrow.encoder);
  assert.deepEqual(mixed.decoder, quantizeNetwork(network, { calibrationImages: 1 }).model.decoder);
});

/** That no potential of the layer can leave 16 bits, whatever spikes come: each channel's worst, from the integers. */
function checkRange(layer: IntegerLayer): void {
  const { kind, inChannels, outChannels, weights, bias, threshold, bits } = layer;
  for (let c = 0; c < outChannels; c++) {
    if (threshold[c] === 32765) continue; // makes up the latent neurons to a multiple of 32, and has no input
    for (const phase of phasesOf(kind)) {
      let low = bias[c];
      let high = bias[c];
      for (const tap of phase) {
        for (let i = 0; i < inChannels; i++) {
          const weight = weights[(tap * inChannels + i) * outChannels + c];
          assert.ok(weight >= -(2 ** (bits - 1)) && weight < 2 ** (bits - 1), `weight ${weight}`);
          low += Math.min(0, weight);
          high += Math.max(0, weight);
        }
      }
      // What is left of the step before: a quarter, below the threshold.
      high += (threshold[c] + 1) >> 2;
      assert.ok(
        high <= layer.highest && layer.highest <= 32765,
        `highest ${layer.highest}, channel ${c}: ${high}`,
      );
      let potential = 0;
      for (let step = 0; step < 16; step++) potential = low + Math.min(0, (potential + 2) >> 2);
      assert.ok(potential >= layer.lowest, `lowest ${layer.lowest}, channel ${c}: ${potential}`);
      assert.ok(potential - threshold[c] >= -32768, `channel ${c}: ${potential}, threshold ${threshold[c]}`);
    }
  }
}

test("potentials stay within the bounds that are proved after adaptive rounding", () => {
  const network = synthetic();
  for (const bits of FEW_BITS) {
    const { model } = quantizeNetwork(network, { bits, calibrationImages: 2 });
    for (const layer of [...model.decoder, ...model.encoder.slice(1)]) checkRange(layer);
    const check = (
      layers: readonly IntegerLayer[],
      ranges: readonly { readonly lowest: number; readonly highest: number }[],
    ) => {
      layers.forEach(({ lowest, highest }, i) => {
        const met = ranges[i];
        assert.ok(
          met.lowest >= lowest && met.highest <= highest,
          `layer ${i}: ${met.lowest} … ${met.highest}`,
        );
        assert.ok(met.lowest < 0 && met.highest > 0, `layer ${i} is at rest`);
      });
    };
    for (let index = 0; index < 3; index++) {
      const image = generate(model, { seed: 1, index });
      check(model.decoder, image.potentialRanges);
      check(model.encoder, encodeImage(model, image.pixels, model.timeSteps).potentialRanges);
    }
  }
});

/** A linear layer of these weights and biases before a plain transposed convolution of `next`. */
function smallNetwork(
  weight: (row: number, channel: number) => number,
  bias: (channel: number) => number,
  next: (row: number, channel: number) => number,
): Network {
  const linear = { kind: "linear", inputSize: 1, inChannels: 64, outChannels: 128 } as const;
  const conv = { kind: "transposedConv", inputSize: 2, inChannels: 32, outChannels: 32 } as const;
  return networkOf([
    plainLayer(linear, weight, bias, "decoder_input"),
    plainLayer(conv, next, () => 0, "final_layer.0"),
  ]);
}

test("a channel that would overflow gets a wider scale and is rounded again", () => {
  const random = randomSource(5);
  // Channel 0: bias and threshold take 16,384 units at the finest scale allowed, and the leak a third more.
  const network = smallNetwork(
    (_, channel) => (channel === 0 ? 0.0004 : 0.1) * (random() - 0.5),
    (channel) => (channel === 0 ? -0.2 : 0),
    () => random() - 0.5,
  );
  const { model, report } = quantizeNetwork(network, { bits: 6, calibrationImages: 2 });
  assert.equal(report.layers[0].widenedChannels, 1);
  checkRange(model.decoder[0]);
});

test("a layer that never gets a spike is rounded to nearest", () => {
  const random = randomSource(6);
  const network = smallNetwork(
    () => random() - 0.5,
    () => -100,
    (row) => (row % 32 === 3 ? 0 : random() - 0.5),
  );
  const { model, report } = quantizeNetwork(network, { bits: 4, calibrationImages: 2 });
  const [, layer] = model.decoder;
  const { weights } = foldBatchNorm(network.decoder[1]);
  layer.weights.forEach((integer, i) => {
    const nearest = Math.round(weights[i] / layer.scale[i % 32]);
    assert.equal(integer, Math.max(-8, Math.min(7, nearest)) | 0);
  });
  assert.equal(report.layers[1].relativeOutputError, 0);
  assert.ok(report.layers[1].relativeError < 0.2, `${report.layers[1].relativeError}`);
  // A layer without weights has no error either.
  const empty = smallNetwork(
    () => 0,
    () => 0.3,
    () => 0,
  );
  for (const { name, relativeError, relativeOutputError } of quantizeNetwork(empty, { bits: 4 }).report
    .layers) {
    assert.deepEqual([relativeError, relativeOutputError], [0, 0], name);
  }
});

test("progress counts calibration images and layers", () => {
  const network = synthetic();
  const total = 3 + network.decoder.length + network.encoder.length;
  const seen: number[][] = [];
  quantizeNetwork(network, { calibrationImages: 3, onProgress: (...counts) => seen.push(counts) });
  assert.deepEqual(
    seen,
    Array.from({ length: total }, (_, i) => [i + 1, total]),
  );
});

test("a number of calibration images that is none is refused", () => {
  for (const calibrationImages of [0, -1, 1.5, Number.NaN]) {
    assert.throws(
      () => quantizeNetwork(synthetic(), { calibrationImages }),
      (error) => error instanceof SpikeletError && error.code === "bad-option",
      `${calibrationImages}`,
    );
  }
});

const checkpoint = new URL("../../../shared/data/esvae-mnist/checkpoint.pth", import.meta.url);
const needsData = existsSync(checkpoint) ? {} : { skip: "needs ../shared/data/esvae-mnist" };

test("the trained network's layers err less at 4 bits, by a third in all", needsData, (t) => {
  const network = readNetwork(readCheckpoint(new Uint8Array(readFileSync(checkpoint))));
  const nearest = layersOf(network, "nearest", 4);
  const ratios = layersOf(network, "adaptive", 4).map(({ name, bits, relativeOutputError }, i) => {
    const ratio = relativeOutputError / nearest[i].relativeOutputError;
    t.diagnostic(`${name}: ${nearest[i].relativeOutputError.toFixed(4)} → ${relativeOutputError.toFixed(4)}`);
    if (bits !== 16) assert.ok(ratio < 0.9, `${name}: ${ratio}`);
    return ratio;
  });
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  assert.ok(mean < 2 / 3, `errors shrink to ${mean}`);
});

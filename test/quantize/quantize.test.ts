import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { readSafetensors } from "../../src/checkpoint/safetensors.js";
import { SpikeletError } from "../../src/errors.js";
import type { IntegerLayer, WeightBits } from "../../src/model/model.js";
import type { FloatLayer, Network } from "../../src/network.js";
import { foldBatchNorm, quantizeNetwork, quantizePrior } from "../../src/quantize/quantize.js";
import { firingRates } from "../../src/reference/integer-network.js";
import { networkOf, plainLayer, randomSource } from "../support/models.js";
import { syntheticTensors } from "../support/network.js";

const THRESHOLD = 0.2;
const ALL_BITS: readonly WeightBits[] = [8, 6, 5, 4];

const synthetic = () => readNetwork(syntheticTensors({ channels: [64, 32], latentSize: 33, encoder: false }));

/** Weight of one output channel, by row (tap · inChannels + input channel). */
const channelOf = (layer: { weights: ArrayLike<number>; outChannels: number }, channel: number) =>
  Array.from(
    { length: layer.weights.length / layer.outChannels },
    (_, row) => layer.weights[row * layer.outChannels + channel],
  );

const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs));

test("a folded layer computes tdBN of what the layer computes", () => {
  const random = randomSource(1);
  for (const layer of synthetic().decoder) {
    const folded = foldBatchNorm(layer);
    const { weight, bias, mean, variance } = layer.batchNorm;
    for (let channel = 0; channel < layer.outChannels; channel++) {
      const exact = channelOf(layer, channel);
      const foldedWeights = channelOf(folded, channel);
      let x = layer.bias[channel];
      let y = folded.bias[channel];
      for (let row = 0; row < exact.length; row++) {
        if (random() < 0.7) continue;
        x += exact[row];
        y += foldedWeights[row];
      }
      const expected =
        ((THRESHOLD * (x - mean[channel])) / Math.sqrt(variance[channel] + 1e-5)) * weight[channel] +
        bias[channel];
      assert.ok(
        Math.abs(y - expected) < 1e-9 * (1 + Math.abs(expected)),
        `${layer.name}, channel ${channel}`,
      );
    }
  }
});

/** Checks what holds for every quantized layer: nearest integers, the least threshold above Vth, and the proved range. */
function checkLayer(layer: IntegerLayer, float: FloatLayer): void {
  const folded = foldBatchNorm(float);
  const most = 2 ** (layer.bits - 1) - 1;
  for (let channel = 0; channel < layer.outChannels; channel++) {
    const scale = layer.scale[channel];
    const integers = channelOf(layer, channel);
    assert.ok(largest(integers) <= most, `a weight of ${largest(integers)}`);
    channelOf(folded, channel).forEach((w, row) => {
      assert.ok(Math.abs(w - scale * integers[row]) <= scale * 0.500001, `${w} became ${integers[row]}`);
    });
    const bias = folded.bias[channel];
    assert.ok(Math.abs(bias - scale * layer.bias[channel]) <= scale * 0.500001, `bias ${bias}`);
    const threshold = layer.threshold[channel];
    assert.ok(
      threshold * scale > THRESHOLD && (threshold - 1) * scale <= THRESHOLD,
      `threshold ${threshold}`,
    );
  }
  assert.ok(layer.highest <= 32765, `highest ${layer.highest}`);
  assert.ok(layer.lowest >= -32768, `lowest ${layer.lowest}`);
}

for (const bits of ALL_BITS) {
  test(`weights, biases and thresholds are rounded as they should, ${bits} bits`, () => {
    const network = synthetic();
    const { model } = quantizeNetwork(network, { bits, rounding: "nearest" });
    model.decoder.forEach((layer, i) => {
      assert.equal(layer.bits, bits);
      checkLayer(layer, network.decoder[i]);
      // Every channel uses its whole width.
      const most = 2 ** (bits - 1) - 1;
      for (let c = 0; c < layer.outChannels; c++) assert.equal(largest(channelOf(layer, c)), most);
    });
  });
}

test("the error reported is that of the weights, and shrinks as bits are added", () => {
  const network = synthetic();
  const errors = ALL_BITS.map((bits) => {
    const { model, report } = quantizeNetwork(network, { bits, rounding: "nearest" });
    return model.decoder.map((layer, i) => {
      const folded = foldBatchNorm(network.decoder[i]);
      let error = 0;
      let power = 0;
      folded.weights.forEach((w, k) => {
        error += (w - layer.weights[k] * layer.scale[k % layer.outChannels]) ** 2;
        power += w ** 2;
      });
      const { relativeError, weights, bytes, name } = report.layers[i];
      assert.ok(Math.abs(relativeError - Math.sqrt(error / power)) < 1e-9, `${name}: ${relativeError}`);
      assert.deepEqual([weights, bytes], [folded.weights.length, (folded.weights.length * bits) / 8]);
      assert.equal(name, network.decoder[i].name);
      return relativeError;
    });
  });
  network.decoder.forEach((_, i) => {
    const [eight, six, five, four] = errors.map((layers) => layers[i]);
    // Each bit halves the step: two bits a factor of four, within a third.
    assert.ok(eight < 0.01, `8 bits: ${eight}`);
    for (const ratio of [six / eight / 4, five / six / 2, four / five / 2]) {
      assert.ok(ratio > 0.67 && ratio < 1.5, `${eight} ${six} ${five} ${four}`);
    }
  });
});

/** A network of a linear layer of these weights, and a plain transposed convolution. */
function linearNetwork(
  inChannels: number,
  weight: (row: number, channel: number) => number,
  bias: (channel: number) => number,
): Network {
  return networkOf([
    plainLayer({ kind: "linear", inputSize: 1, inChannels, outChannels: 128 }, weight, bias, "decoder_input"),
    plainLayer(
      { kind: "transposedConv", inputSize: 2, inChannels: 32, outChannels: 32 },
      (row, channel) => (row % 32 === channel ? 1 : 0),
      () => 0,
      "final_layer.0",
    ),
  ]);
}

test("each output channel has its own scale", () => {
  const random = randomSource(2);
  // Channels whose weights differ by up to 2^31: the small ones have no use for their whole width below Vth / 16384.
  const network = linearNetwork(
    16,
    (_, channel) => (random() - 0.5) * 2 ** (channel - 16),
    () => 0,
  );
  const { model } = quantizeNetwork(network);
  const [layer] = model.decoder;
  checkLayer(layer, network.decoder[0]);
  for (let channel = 10; channel < 32; channel++) {
    const top = largest(channelOf(network.decoder[0], channel));
    assert.ok(Math.abs(layer.scale[channel] / (top / 127) - 1) < 1e-4, `channel ${channel}`);
  }
});

test("a channel that would overflow gets a wider scale, and its neighbours do not", () => {
  // Channel 0: 256 weights of 127 units, a bias and a threshold of some 15,000.
  const random = randomSource(3);
  for (const sign of [1, -1]) {
    const network = linearNetwork(
      256,
      (_, channel) => (channel === 0 ? sign * 0.0016 : 0.1 * (random() - 0.5)),
      (channel) => (channel === 0 ? sign * 0.19 : 0),
    );
    const { model, report } = quantizeNetwork(network);
    const [layer] = model.decoder;
    checkLayer(layer, network.decoder[0]);
    assert.equal(report.layers[0].widenedChannels, 1);
    const sum = channelOf(layer, 0).reduce((a, b) => a + b, layer.bias[0]);
    const [narrow, wide] = [0.0016 / 127, layer.scale[0]];
    assert.ok(wide > 1.01 * narrow, `scale ${wide}, before ${narrow}`);
    // What it may reach at most, of 16 bits: they must be used to 5 %.
    const reach = sign > 0 ? sum + layer.threshold[0] / 4 : layer.threshold[0] - (sum * 4) / 3;
    assert.ok(reach > 0.95 * 32768 && reach < 32768, `reach ${reach}`);
    const neighbour = layer.scale[1] / (largest(channelOf(network.decoder[0], 1)) / 127);
    assert.ok(Math.abs(neighbour - 1) < 1e-4, `neighbour's scale ${neighbour}`);
  }
});

test("a channel that fits at no scale below the threshold is refused by name", () => {
  const network = networkOf([
    plainLayer(
      { kind: "linear", inputSize: 1, inChannels: 4, outChannels: 1024 },
      () => 1,
      () => 0,
    ),
    plainLayer(
      { kind: "transposedConv", inputSize: 2, inChannels: 256, outChannels: 32 },
      (_, channel) => (channel === 5 ? 100 : 0.001),
      () => 0,
      "final_layer.0",
    ),
  ]);
  assert.throws(
    () => quantizeNetwork(network),
    (error) => {
      assert.ok(error instanceof SpikeletError && error.code === "cannot-quantize", String(error));
      assert.match(error.message, /final_layer\.0: output channel 5 cannot be held in 16 bits/);
      assert.match(error.message, /weights \(up to 100, .* threshold 0\.2\. Check its tdBN parameters/);
      return true;
    },
  );
});

test("a channel without weights keeps its bias, large or small", () => {
  const biases = [0, 0.19, 0.2, 0.21, -3, 1000, 1e-6];
  const network = linearNetwork(
    8,
    () => 0,
    (channel) => biases[channel % biases.length],
  );
  const { model, report } = quantizeNetwork(network);
  const [layer] = model.decoder;
  checkLayer(layer, network.decoder[0]);
  assert.equal(report.layers[0].relativeError, 0);
  for (let channel = 0; channel < layer.outChannels; channel++) {
    const bias = Math.fround(biases[channel % biases.length]);
    assert.equal(largest(channelOf(layer, channel)), 0);
    // A constant input of its bias, which the leak raises by up to a third.
    if (bias > 0.201) assert.ok(layer.bias[channel] >= layer.threshold[channel], `bias ${bias}`);
    if (bias < 0.199) assert.ok(layer.bias[channel] < layer.threshold[channel], `bias ${bias}`);
  }
});

test("priors take the finest shift with which no sum wraps, and refuse logits beyond all reason", () => {
  const random = randomSource(4);
  const weights = Array.from({ length: 49 }, () => random() - 0.5);
  const bias = Array.from({ length: 7 }, () => 4 * random() - 2);
  const prior = quantizePrior("p", weights, bias);
  const unit = 2 ** -prior.shift;
  weights.forEach((w, i) => {
    assert.ok(Math.abs(w - prior.weights[i] * unit) <= unit / 2, `weight ${w}`);
  });
  bias.forEach((b, i) => {
    assert.ok(Math.abs(b - (prior.bias[i] * unit) / 4096) <= unit / 8192, `bias ${b}`);
  });
  // The largest sum that normals of up to 22808 can make, and its rounding, need 31 bits and no fewer.
  const largest = (shift: number) =>
    Math.max(
      ...bias.map((b, i) => {
        const row = weights.slice(7 * i, 7 * i + 7).map((w) => Math.abs(Math.round(w * 2 ** shift)));
        return Math.abs(Math.round(b * 2 ** (shift + 12))) + row.reduce((a, w) => a + w, 0) * 22808;
      }),
    ) +
    2 ** shift;
  assert.ok(largest(prior.shift) < 2 ** 31, "the sum may wrap");
  assert.ok(prior.shift === 15 || largest(prior.shift + 1) >= 2 ** 31, "a finer shift would do");
  // A weight of 3 takes two bits more than 16 have at a shift of 15, one of 0.99999 rounds to 2^15 and takes one.
  assert.equal(quantizePrior("p", [3], [0]).shift, 13);
  assert.equal(quantizePrior("p", [0.99999], [0]).shift, 14);
  assert.equal(quantizePrior("p", [32767], [0]).shift, 0);
  for (const [w, b] of [
    [32768, 0],
    [1, 2 ** 19],
    [Number.POSITIVE_INFINITY, 0],
  ]) {
    assert.throws(
      () => quantizePrior("odd", [w], [b]),
      (error) =>
        error instanceof SpikeletError &&
        error.code === "cannot-quantize" &&
        /prior "odd": its weights and biases are too large for 32-bit logits/.test(error.message),
    );
  }
});

/** Sum of the readout's coefficients 0.8^k, Q12, k = 0 … 15. */
const COEFFICIENT_SUM = 19904;

test("the readout's sum is proved to stay within 32 bits", () => {
  for (const factor of [0.01, 1, 20, 300]) {
    const network = synthetic();
    const readout = {
      weights: network.readout.weights.map((w) => w * factor),
      bias: network.readout.bias.map((b) => b * factor),
    };
    const { shift, weights, bias } = quantizeNetwork({ ...network, readout }).model.readout;
    assert.ok(shift >= 1 && shift <= 15, `shift ${shift}`);
    weights.forEach((w, i) => {
      assert.ok(Math.abs(readout.weights[i] - w / 2 ** shift) <= 2 ** (-shift - 1) * 1.000001, `weight ${i}`);
    });
    const reach = weights.reduce((sum, w) => sum + Math.abs(w), Math.abs(bias[0])) * COEFFICIENT_SUM;
    assert.ok(reach + 2 ** shift < 2 ** 31, `factor ${factor}: ${reach}`);
  }
  const network = synthetic();
  const readout = { ...network.readout, weights: network.readout.weights.map((w) => w * 1e6) };
  assert.throws(
    () => quantizeNetwork({ ...network, readout }),
    (error) =>
      error instanceof SpikeletError && /final_layer\.1: its weights are too large/.test(error.message),
  );
});

// What the authors' code computes from the checkpoint beside it, in float32.
const folder = new URL("../../../shared/data/esvae-mnist/", import.meta.url);
const needsData = existsSync(folder) ? {} : { skip: "needs ../shared/data/esvae-mnist" };
const read = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));

test("firing rates are within 1/256 of the authors'", needsData, (t) => {
  const { model } = quantizeNetwork(readNetwork(readCheckpoint(read("checkpoint.pth"))));
  const golden = readSafetensors(read("golden-prior.safetensors"));
  const normals = golden.get("n")!;
  const expected = golden.get("r_p")!;
  const [draws, latentSize] = normals.shape;
  assert.deepEqual([draws, latentSize], [256, model.latentSize]);
  const [prior] = model.priors;
  assert.ok(prior.kind === "gaussian");
  let worst = 0;
  for (let draw = 0; draw < draws; draw++) {
    const part = normals.data.subarray(draw * latentSize, (draw + 1) * latentSize);
    const rates = firingRates(
      prior,
      Int32Array.from(part, (n) => Math.round(n * 4096)),
    );
    rates.forEach((rate, i) => {
      worst = Math.max(worst, Math.abs(rate / 65536 - expected.data[draw * latentSize + i]));
    });
  }
  t.diagnostic(`off by at most ${worst.toExponential(2)}`);
  assert.ok(worst < 1 / 256, `${worst}`);
});

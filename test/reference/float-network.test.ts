import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { readSafetensors } from "../../src/checkpoint/safetensors.js";
import { decoderLayerName, encoderLayerName } from "../../src/model/model.js";
import type { Tensor } from "../../src/network.js";
import {
  decodeFloat,
  encodeFloat,
  floatFiringRates,
  runFloatLayer,
} from "../../src/reference/float-network.js";

// What the authors' code computes from the checkpoint beside it, in float32.
const folder = new URL("../../../shared/data/esvae-mnist/", import.meta.url);
const options = existsSync(folder) ? {} : { skip: "needs ../shared/data/esvae-mnist" };

/** Images of the golden file, and those whose layers' spikes it holds. */
const IMAGES = 16;
const TRACED_IMAGES = 2;
const TIME_STEPS = 16;

const read = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
const loadNetwork = () => readNetwork(readCheckpoint(read("checkpoint.pth")));

/** One image's spikes (timeSteps, rows, columns, channels) from a tensor (N, channels, rows, columns, timeSteps). */
function spikesOf(tensor: Tensor, image: number, channels: number): Uint8Array {
  const steps = TIME_STEPS;
  const size = tensor.data.length / tensor.shape[0];
  const positions = size / (channels * steps);
  const result = new Uint8Array(size);
  for (let c = 0; c < channels; c++) {
    for (let position = 0; position < positions; position++) {
      for (let t = 0; t < steps; t++) {
        const value = tensor.data[image * size + (c * positions + position) * steps + t];
        result[(t * positions + position) * channels + c] = value;
      }
    }
  }
  return result;
}

const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

test("layers fire as the authors' code does, spike by spike", options, () => {
  const network = loadNetwork();
  const golden = readSafetensors(read("golden-decode.safetensors"));
  for (let image = 0; image < TRACED_IMAGES; image++) {
    let input = spikesOf(golden.get("z")!, image, network.latentSize);
    network.decoder.forEach((layer, i) => {
      const name = decoderLayerName(i, network.decoder.length);
      // The linear layer's outputs are the map that the next layer sees.
      const channels = layer.kind === "linear" ? network.decoder[i + 1].inChannels : layer.outChannels;
      const expected = spikesOf(golden.get(`spikes.${name}`)!, image, channels);
      assert.ok(equal(runFloatLayer(layer, input, TIME_STEPS), expected), `image ${image}, ${name}`);
      input = expected;
    });
  }
});

test("whole images equal the authors', and so do the spike counts of every layer", options, (t) => {
  const network = loadNetwork();
  const golden = readSafetensors(read("golden-decode.safetensors"));
  const size = network.imageSize ** 2 * network.imageChannels;
  let worst = 0;
  for (let image = 0; image < IMAGES; image++) {
    const spikes = spikesOf(golden.get("z")!, image, network.latentSize);
    const decoded = decodeFloat(network, spikes, TIME_STEPS);
    decoded.layers.forEach((output, i) => {
      const name = decoderLayerName(i, network.decoder.length);
      const count = output.reduce((sum, spike) => sum + spike, 0);
      assert.equal(count, golden.get(`spike_counts.${name}`)!.data[image], `image ${image}, ${name}`);
    });
    const expected = golden.get("image")!.data.subarray(image * size, (image + 1) * size);
    worst = Math.max(worst, largestDifference(decoded.image, expected));
  }
  t.diagnostic(`largest error ${worst.toExponential(2)}`);
  assert.ok(worst < 1e-5);
});

test("the prior's firing rates equal the authors'", options, (t) => {
  const network = loadNetwork();
  const golden = readSafetensors(read("golden-prior.safetensors"));
  const { shape, data: normals } = golden.get("n")!;
  const [images, latentSize] = shape;
  let worst = 0;
  for (let image = 0; image < images; image++) {
    const row = (data: Float32Array) => data.subarray(image * latentSize, (image + 1) * latentSize);
    const rates = floatFiringRates(network, row(normals));
    worst = Math.max(worst, largestDifference(rates, row(golden.get("r_p")!.data)));
  }
  t.diagnostic(`largest error ${worst.toExponential(2)}`);
  assert.ok(worst < 1e-6);
});

test(
  "the encoder fires as the authors' code does, and gives the same posterior firing rates",
  options,
  (t) => {
    const network = loadNetwork();
    const golden = readSafetensors(read("golden-encode.safetensors"));
    const { shape, data: images } = golden.get("images")!;
    const rates = golden.get("r_q")!.data;
    const size = images.length / shape[0];
    let flippedSpikes = 0;
    let differentRates = 0;
    for (let image = 0; image < shape[0]; image++) {
      const pixels = Uint8Array.from(images.subarray(image * size, (image + 1) * size));
      const encoded = encodeFloat(network, pixels, TIME_STEPS);
      encoded.rates.forEach((rate, neuron) => {
        if (rate !== rates[image * network.latentSize + neuron]) differentRates++;
      });
      if (image >= TRACED_IMAGES) continue;
      network.encoder.forEach((layer, i) => {
        const name = encoderLayerName(i, network.encoder.length);
        const expected = spikesOf(golden.get(`spikes.${name}`)!, image, layer.outChannels);
        flippedSpikes += encoded.layers[i].filter((spike, k) => spike !== expected[k]).length;
      });
    }
    t.diagnostic(`${flippedSpikes} spikes and ${differentRates} firing rates differ`);
    // A potential within float32 rounding of the threshold may fall on the other side.
    assert.ok(flippedSpikes <= 2, "too many spikes differ");
    assert.ok(differentRates <= 2, "too many firing rates differ");
  },
);

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  let largest = 0;
  for (let i = 0; i < actual.length; i++) largest = Math.max(largest, Math.abs(actual[i] - expected[i]));
  return largest;
}

// What a traced generator tells of an image, against the oracle.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Generator, SpikeletError } from "../../src/index.js";
import { encodeModel } from "../../src/model/file.js";
import { decodeSpikes, generate } from "../../src/reference/integer-network.js";
import { sameBytes, syntheticModel, TINY } from "../support/models.js";

const model = syntheticModel({ channels: [64, 32], latentSize: 40, timeSteps: 6, priors: 2 });
const file = encodeModel(model);

for (const build of ["plain", "simd"] as const) {
  for (const weights of ["resident", "streamed"] as const) {
    test(`a trace has the spikes of every layer (${build}, ${weights})`, async () => {
      const generator = await Generator.load(file, { build, weights, trace: true });
      const image = { seed: 3, index: 2n ** 40n, timeSteps: 5, prior: 1 };
      const trace = generator.trace(image);
      const expected = generate(model, image);
      assert.equal(trace.timeSteps, 5);
      assert.ok(sameBytes(trace.latentSpikes, expected.spikes), "latent spikes");
      assert.deepEqual(
        trace.layers.map(({ name, size, channels }) => [name, size, channels]),
        [
          ["decoder_input", 2, 64],
          ["decoder.0", 4, 32],
          ["final_layer.0", 8, 32],
        ],
      );
      expected.layers.forEach((spikes, i) => {
        assert.ok(sameBytes(trace.layers[i].spikes, spikes), `spikes of layer ${i}`);
      });
      assert.ok(sameBytes(trace.pixels, expected.pixels), "pixels");
      const [ledger] = generator.generate({ ...image, ledger: true }).ledgers;
      assert.deepEqual(trace.ledger, ledger);
    });
  }
}

test("a trace of an image's own firing rates or spike trains is the image's trace, but for the random words", async () => {
  const generator = await Generator.load(file, { trace: true });
  const image = { seed: 8, index: 4 };
  const trace = generator.trace(image);
  const withRandomWords = (randomWords: number) => ({ ...trace, ledger: { ...trace.ledger, randomWords } });
  // The prior is not drawn from: a block of four words for each latent neuron.
  const sampled = withRandomWords(trace.ledger.randomWords - 4 * model.latentSize);
  assert.deepEqual(generator.trace({ ...image, firingRates: generator.firingRates(image) }), sampled);
  assert.deepEqual(generator.trace({ spikeTrains: trace.latentSpikes }), withRandomWords(0));
});

test("a trace can follow a reconstruction's latent, with the encoder in the same core", async () => {
  const withEncoder = syntheticModel({ ...TINY, encoder: true });
  const generator = await Generator.load(encodeModel(withEncoder), { encoder: true, trace: true });
  const pixels = Uint8Array.from({ length: generator.imageBytes }, (_, i) => (i * 37) & 255);
  const { firingRates } = generator.encode(pixels);
  const trace = generator.trace({ firingRates, seed: 2 });
  const expected = decodeSpikes(withEncoder, trace.latentSpikes, trace.timeSteps);
  assert.ok(sameBytes(trace.layers[0].spikes, expected.layers[0]), "spikes of the first layer");
  assert.ok(sameBytes(trace.pixels, generator.reconstruct(pixels, { seed: 2 }).pixels), "pixels");
});

test("a trace needs a generator that was loaded for it, and good options", async () => {
  const refuses = (call: () => unknown, message: RegExp) =>
    assert.throws(call, (error) => error instanceof SpikeletError && message.test(error.message));
  const plain = await Generator.load(file);
  refuses(() => plain.trace(), /expected `Generator\.load\(source, \{ trace: true \}\)`/);
  const generator = await Generator.load(file, { trace: true });
  refuses(() => generator.trace({ timeSteps: 7 }), /timeSteps is 7; expected an integer from 1 to 6/);
  refuses(() => generator.trace({ firingRates: [0.5] }), /firingRates has 1 values; expected 40/);
  refuses(() => generator.trace({ prior: "none" }), /prior is none; expected one of/);
});

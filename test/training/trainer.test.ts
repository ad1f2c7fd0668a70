import assert from "node:assert/strict";
import { test } from "node:test";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { stateDict } from "../../src/checkpoint/state-dict.js";
import type { Network } from "../../src/network.js";
import { quantizeNetwork } from "../../src/quantize/quantize.js";
import { decodeSpikes, encodeImage } from "../../src/reference/integer-network.js";
import { learningRateAt } from "../../src/training/learning-rate.js";
import { Trainer } from "../../src/training/trainer.js";
import { syntheticTensors } from "../support/network.js";
import { randomBatch, trainingWorker } from "../support/training.js";

const RATES = { learningRate: 0.003, priorLearningRate: 0.03, weightDecay: 0.001 };

const smallNetwork = (timeSteps = 5) => readNetwork(syntheticTensors({ latentSize: 32, timeSteps }));

/** The network after some steps on the same images. */
async function train(network: Network, threads: number, steps: number) {
  const trainer = await Trainer.create(network, { batchSize: 6, threads, workerUrl: trainingWorker });
  try {
    const losses: number[] = [];
    for (let step = 0; step < steps; step++) {
      losses.push(trainer.computeGradients(randomBatch(trainer.plan, 6, 1)).loss);
      trainer.optimize(RATES);
    }
    return { network: trainer.network(), losses };
  } finally {
    await trainer.close();
  }
}

test("a state dict is what the network was read from", () => {
  const tensors = syntheticTensors({ latentSize: 32, imageChannels: 3, channels: [64, 32] });
  const again = stateDict(readNetwork(tensors), 1000);
  assert.deepEqual([...again.keys()].sort(), [...tensors.keys()].sort());
  for (const [name, tensor] of tensors) assert.deepEqual(again.get(name), tensor, name);
});

test("training lowers the loss", async () => {
  const { losses } = await train(smallNetwork(), 1, 30);
  assert.ok(losses[29] < 0.9 * losses[0], `the loss went from ${losses[0]} to ${losses[29]}`);
});

for (const threads of [1, 2, 3]) {
  test(`the same steps give the same weights: ${threads} threads`, async () => {
    const [first, second] = [
      await train(smallNetwork(), threads, 4),
      await train(smallNetwork(), threads, 4),
    ];
    assert.deepEqual(first.losses, second.losses);
    assert.deepEqual(stateDict(first.network), stateDict(second.network));
  });
}

test("a run can be gone on with from its network and optimizer", async () => {
  const straight = await train(smallNetwork(), 1, 4);
  const before = await Trainer.create(smallNetwork(), { batchSize: 6, threads: 1 });
  const go = (trainer: Trainer) => {
    for (let step = 0; step < 2; step++) {
      trainer.computeGradients(randomBatch(trainer.plan, 6, 1));
      trainer.optimize(RATES);
    }
  };
  go(before);
  const after = await Trainer.create(before.network(), { batchSize: 6, threads: 1 });
  after.restore({ network: before.network(), optimizer: before.optimizerState() });
  go(after);
  assert.equal(after.steps, 4);
  assert.deepEqual(stateDict(after.network()), stateDict(straight.network));
});

test("quantization-aware training can be gone on with: scale parts are those that it began with", async () => {
  const create = () => Trainer.create(smallNetwork(), { batchSize: 6, threads: 1, bits: 4 });
  const go = (trainer: Trainer) => {
    trainer.computeGradients(randomBatch(trainer.plan, 6, 1));
    trainer.optimize(RATES);
  };
  const [straight, before, after] = [await create(), await create(), await create()];
  for (let step = 0; step < 4; step++) go(straight);
  for (let step = 0; step < 2; step++) go(before);
  after.restore({ network: before.network(), optimizer: before.optimizerState() });
  for (let step = 0; step < 2; step++) go(after);
  assert.equal(after.steps, 4);
  assert.deepEqual(stateDict(after.roundedNetwork()), stateDict(straight.roundedNetwork()));
});

test("a penalty on firing lowers the rates", async () => {
  const trainer = await Trainer.create(smallNetwork(), { batchSize: 6, threads: 1 });
  const rate = () => {
    const { firingRates } = trainer.computeGradients(randomBatch(trainer.plan, 6, 1), { firingPenalty: 10 });
    return firingRates.reduce((sum, value) => sum + value, 0) / firingRates.length;
  };
  const before = rate();
  for (let step = 0; step < 20; step++) {
    rate();
    trainer.optimize(RATES);
  }
  const after = rate();
  assert.ok(after < 0.85 * before, `rates went from ${before} to ${after}`);
});

test("a batch beyond the memory that 32 bits address is refused", async () => {
  await assert.rejects(
    Trainer.create(smallNetwork(), { batchSize: 1e6, threads: 1 }),
    /needs \d+ MiB, expected at most/,
  );
});

test("quantization-aware training computes what the integer model does", async () => {
  const timeSteps = 5;
  const images = 3;
  const bits = 4;
  const trainer = await Trainer.create(smallNetwork(timeSteps), { batchSize: images, threads: 1, bits });
  const batch = randomBatch(trainer.plan, images, 7);
  const pixels = batch.images.map((value) => Math.round(((value + 1) / 2) * 255));
  batch.images.set(pixels.map((pixel) => (pixel / 255) * 2 - 1));
  // The weights and tdBN's parameters move, so that they are no longer what the scales were found for.
  for (let step = 0; step < 3; step++) {
    trainer.computeGradients(batch);
    trainer.optimize(RATES);
  }
  trainer.computeGradients(batch);
  const rates = trainer.posteriorRates(images);
  const reconstructions = trainer.reconstructions(images);
  const { model } = quantizeNetwork(trainer.roundedNetwork(), {
    bits,
    rounding: "nearest",
    calibrationImages: 1,
  });

  const { imageValues, latentSize } = trainer.plan;
  for (let image = 0; image < images; image++) {
    const first = image * imageValues;
    const encoded = encodeImage(
      model,
      Uint8Array.from(pixels.subarray(first, first + imageValues)),
      timeSteps,
    );
    const found = rates.subarray(image * latentSize, (image + 1) * latentSize);
    assert.deepEqual(
      Array.from(found, (rate) => Math.round(rate * timeSteps)),
      Array.from(encoded.rates, (rate) => Math.round((rate / 65536) * timeSteps)),
    );
    const draws = batch.uniforms.subarray(
      image * timeSteps * latentSize,
      (image + 1) * timeSteps * latentSize,
    );
    const latent = Uint8Array.from(draws, (uniform, i) => Number(found[i % latentSize] > uniform));
    const decoded = decodeSpikes(model, latent, timeSteps);
    decoded.pixels.forEach((pixel, i) => {
      const expected = ((reconstructions[first + i] + 1) / 2) * 255;
      assert.ok(
        Math.abs(pixel - expected) < 1,
        `pixel ${i} of image ${image} is ${pixel}, in training ${expected}`,
      );
    });
  }
});

test("the learning rate rises, and falls to 0 at the end of the run or stays", () => {
  const schedule = { peak: 0.008, warmUpSteps: 3, decays: true };
  const rates = [0, 1, 2, 3, 4].map((step) => learningRateAt(schedule, step, 0));
  assert.deepEqual(rates, [0.002, 0.004, 0.006, 0.008, 0.008]);
  assert.equal(learningRateAt(schedule, 100, 0.75), 0.002);
  assert.equal(learningRateAt(schedule, 100, 1), 0);
  assert.equal(learningRateAt({ ...schedule, decays: false }, 100, 0.75), 0.008);
});

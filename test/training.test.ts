import assert from "node:assert/strict";
import { test } from "node:test";
import { readNetwork } from "../src/checkpoint/architecture.js";
import { stateDict } from "../src/checkpoint/state-dict.js";
import type { Network } from "../src/network.js";
import { Trainer } from "../src/training/trainer.js";
import { syntheticTensors } from "./support/network.js";
import { randomBatch, trainingWorker } from "./support/training.js";

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
  after.restoreOptimizer(before.optimizerState());
  go(after);
  assert.equal(after.steps, 4);
  assert.deepEqual(stateDict(after.network()), stateDict(straight.network));
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

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { fsvaeLeftovers } from "../../src/checkpoint/fsvae-leftovers.js";
import { readSafetensors } from "../../src/checkpoint/safetensors.js";
import { stateDict } from "../../src/checkpoint/state-dict.js";
import type { Tensor } from "../../src/network.js";
import { type Batch, Trainer } from "../../src/training/trainer.js";
import { trainingWorker } from "../support/training.js";

// One step of the authors' code, in float32, with its random draws.
const folder = new URL("../../../shared/data/esvae-mnist/", import.meta.url);
const options = existsSync(folder) ? {} : { skip: "needs ../shared/data/esvae-mnist" };

const read = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));

function batchOf(golden: ReadonlyMap<string, Tensor>): Batch {
  const uniforms = golden.get("U")!;
  const [, latentSize, timeSteps] = uniforms.shape;
  return {
    images: golden.get("images")!.data,
    normals: golden.get("n")!.data,
    uniforms: uniforms.data.map((_, i, all) => {
      const neuron = i % latentSize;
      const t = Math.floor(i / latentSize) % timeSteps;
      const image = Math.floor(i / (latentSize * timeSteps));
      return all[(image * latentSize + neuron) * timeSteps + t];
    }),
  };
}

const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

/** Norm of the difference. */
function distance(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length);
  return norm(a.map((value, i) => value - b[i]));
}

test("a checkpoint has the tensors of the authors' own", options, () => {
  const authors = readCheckpoint(read("checkpoint.pth"));
  const network = readNetwork(authors);
  const ours = new Map([...stateDict(network), ...fsvaeLeftovers(network.latentSize)]);
  const shapes = (tensors: ReadonlyMap<string, Tensor>) =>
    [...tensors].map(([name, { shape }]) => `${name} ${shape}`).sort();
  assert.deepEqual(shapes(ours), shapes(authors));
});

for (const timeSteps of [4, 16]) {
  for (const threads of [1, 2]) {
    test(`a step is the reference's: T = ${timeSteps}, ${threads} threads`, options, async () => {
      const network = readNetwork(readCheckpoint(read("checkpoint.pth")));
      const golden = readSafetensors(read(`golden-train-t${timeSteps}.safetensors`));
      const batch = batchOf(golden);
      const trainer = await Trainer.create(
        { ...network, timeSteps },
        { batchSize: 8, threads, workerUrl: trainingWorker },
      );
      try {
        const { loss, reconstruction, discrepancy } = trainer.computeGradients(batch);
        for (const [name, value] of Object.entries({
          loss,
          reconstruction_loss: reconstruction,
          mmd: discrepancy,
        })) {
          const expected = golden.get(name)!.data[0];
          assert.ok(Math.abs(value / expected - 1) < 1e-5, `${name} is ${value}, expected ${expected}`);
        }
        const gradients = stateDict(trainer.gradients());
        const after = stateDict(trainer.network());
        for (const [name, { data }] of golden) {
          const key = name.replace(/^(grad|after)\./, "");
          if (name.startsWith("grad.")) {
            const scale = norm(data);
            // tdBN takes a bias before it away, so its gradient is 0; the reference has what rounding leaves.
            const isBeforeNorm = key.endsWith(".bias") && gradients.has(key.replace(/bias$/, "bn.bias"));
            const most = isBeforeNorm ? 1e-7 : 1e-3 * scale;
            const error = distance(gradients.get(key)!.data, data);
            assert.ok(error < most, `${name} differs by ${error}, its norm is ${scale}`);
          } else if (name.startsWith("after.")) {
            const error = distance(after.get(key)!.data, data) / norm(data);
            assert.ok(error < 1e-5, `${name} differs by ${error} of its norm`);
          }
        }
      } finally {
        await trainer.close();
      }
    });
  }
}

import type { TrainingPlan } from "../../src/training/memory-plan.js";
import type { Batch } from "../../src/training/trainer.js";
import { randomSource } from "./models.js";

/** The built worker of a training run: a worker thread is no place for tsx. */
export const trainingWorker = new URL("../../dist/training-worker.js", import.meta.url);

/** Noise for images, and the draws of a step on them. */
export function randomBatch(
  { imageValues, latentSize, timeSteps }: TrainingPlan,
  images: number,
  seed: number,
): Batch {
  const random = randomSource(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return {
    images: Float32Array.from({ length: images * imageValues }, () => 2 * random() - 1),
    normals: Float32Array.from({ length: images * latentSize }, normal),
    uniforms: Float32Array.from({ length: images * timeSteps * latentSize }, random),
  };
}

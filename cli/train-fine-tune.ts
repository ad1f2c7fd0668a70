import { setImmediate } from "node:timers/promises";
import { SpikeletError } from "../src/errors.js";
import type { WeightBits } from "../src/model.js";
import type { Network } from "../src/network.js";
import type { Batches } from "../src/training/batches.js";
import { Trainer } from "../src/training/trainer.js";
import { formatCount } from "./format.js";
import { Interruption, listenForStop } from "./interruption.js";
import { decayed, optimizerSettings } from "./train-loop.js";
import { startTrainingProgress } from "./train-progress.js";

export interface FineTuneSettings {
  readonly network: Network;
  readonly batches: Batches;
  readonly bits: WeightBits;
  readonly steps: number;
  /** Of the first step; it falls to 0 in a straight line. */
  readonly learningRate: number;
  readonly firingPenalty: number;
  readonly threads: number;
  readonly workerUrl: URL;
}

/**
 * Trains on with weights and potentials rounded as in the model file, and tdBN's statistics as they are. Returns the
 * network with its rounded weights. Nothing is saved on the way.
 * @throws SpikeletError "diverged"; Interruption after Ctrl-C
 */
export async function fineTune(settings: FineTuneSettings): Promise<Network> {
  const { network, batches, bits, steps, learningRate, firingPenalty, threads, workerUrl } = settings;
  const { batchSize } = batches;
  const trainer = await Trainer.create(network, { batchSize, threads, bits, workerUrl });
  const { stop, unlisten } = listenForStop();
  const progress = startTrainingProgress({ images: steps * batchSize, seconds: Number.POSITIVE_INFINITY }, 0);
  try {
    for (let step = 0; step < steps; step++) {
      if (stop.aborted) {
        const images = formatCount(step * batchSize);
        throw new Interruption(
          stop.reason,
          `stopped by ${stop.reason} after fine-tuning with ${images} images; the same command with --resume starts fine-tuning again`,
        );
      }
      const losses = trainer.computeGradients(batches.at(step), { firingPenalty });
      if (!Number.isFinite(losses.loss)) {
        throw new SpikeletError(
          "diverged",
          `fine-tuning diverged at step ${step + 1}: take a smaller --learning-rate`,
        );
      }
      trainer.optimize(optimizerSettings(decayed(learningRate, step, steps)));
      progress.update((step + 1) * batchSize, losses);
      await setImmediate();
    }
    return trainer.roundedNetwork();
  } finally {
    progress.stop();
    unlisten();
    await trainer.close();
  }
}

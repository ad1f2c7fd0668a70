import { existsSync } from "node:fs";
import type { WeightBits } from "../../../src/model/model.js";
import type { Network } from "../../../src/network.js";
import { formatCount } from "../../../src/numbers.js";
import type { Batches } from "../../../src/training/batches.js";
import { learningRateAt } from "../../../src/training/learning-rate.js";
import { runSteps, snapshot } from "../../../src/training/run-steps.js";
import {
  decodeSavedRun,
  encodeSavedRun,
  isSameTraining,
  type SavedRun,
  type TrainingDescription,
} from "../../../src/training/saved-run.js";
import { Trainer } from "../../../src/training/trainer.js";
import { about, readInput } from "../../input/input.js";
import { replaceFile } from "../../output/output.js";
import { Interruption, listenForStop } from "../../run/interruption.js";
import { MAX_CHECKPOINT_BYTES } from "../import.js";
import { startTrainingProgress } from "./progress.js";

export interface FineTuneSettings {
  readonly network: Network;
  readonly batches: Batches;
  /** Where it is kept as it goes. */
  readonly file: string;
  /** What has to be the same for it to be gone on with. */
  readonly run: TrainingDescription;
  /** Whether to go on with what is kept there, if it is of the same run. */
  readonly resume: boolean;
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
 * network with its rounded weights.
 * @throws SpikeletError "diverged", "cannot-write"; Interruption after Ctrl-C, when all is saved
 */
export async function fineTune(settings: FineTuneSettings): Promise<Network> {
  const {
    network,
    batches,
    file,
    run,
    resume,
    bits,
    steps,
    learningRate,
    firingPenalty,
    threads,
    workerUrl,
  } = settings;
  const { batchSize } = batches;
  // What is learnt is there already, so there is no warm-up.
  const schedule = { peak: learningRate, warmUpSteps: 0, decays: true };
  const trainer = await Trainer.create(network, { batchSize, threads, bits, workerUrl });
  const { stop, unlisten } = listenForStop();
  const saved = resume ? await findFineTuning(file, run) : undefined;
  if (saved) trainer.restore(saved);
  const firstImages = trainer.steps * batchSize;
  const progress = startTrainingProgress(
    { images: steps * batchSize, seconds: Number.POSITIVE_INFINITY },
    firstImages,
  );
  try {
    await runSteps(trainer, batches, {
      until: (step) => step >= steps || stop.aborted,
      rateAt: (step) => learningRateAt(schedule, step, step / steps),
      firingPenalty,
      onStep: (done, losses) => progress.update(done * batchSize, losses),
      save: () => replaceFile(file, encodeSavedRun(snapshot(trainer, run))),
    });
    if (stop.aborted) {
      const images = formatCount(trainer.steps * batchSize);
      throw new Interruption(
        stop.reason,
        `stopped by ${stop.reason} after fine-tuning with ${images} images; it is kept in ${file}: resume it with the same command and --resume`,
      );
    }
    return trainer.roundedNetwork();
  } finally {
    progress.stop();
    unlisten();
    await trainer.close();
  }
}

/** What is kept of fine-tuning the same network in the same way. Of another it is of no use: training has gone on since. */
async function findFineTuning(file: string, run: TrainingDescription): Promise<SavedRun | undefined> {
  if (!existsSync(file)) return undefined;
  const bytes = await readInput(file, "run that `spikelet train` saved", MAX_CHECKPOINT_BYTES);
  const saved = await about(file, () => decodeSavedRun(bytes));
  return isSameTraining(saved.run, run) ? saved : undefined;
}

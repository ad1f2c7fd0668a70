import { setImmediate } from "node:timers/promises";
import { stateDict } from "../checkpoint/state-dict.js";
import { SpikeletError } from "../errors.js";
import type { Batches } from "./batches.js";
import type { SavedRun, TrainingDescription } from "./saved-run.js";
import type { Losses, Trainer } from "./trainer.js";

/** sample_layer learns so much faster (authors' code). */
const PRIOR_RATE_FACTOR = 10;
/** Of AdamW (authors' code). */
const WEIGHT_DECAY = 0.001;
/** What a kill can cost. */
const SAVE_MILLISECONDS = 60_000;

export interface StepsOptions {
  /** It is asked before each step, which is counted from 0, and ends the loop with true. */
  readonly until: (step: number) => boolean;
  /** Learning rate of a step. */
  readonly rateAt: (step: number) => number;
  /** As `LossOptions` has it. */
  readonly firingPenalty: number;
  /** Called after each step with the number of all steps so far. */
  readonly onStep: (steps: number, losses: Losses) => void;
  /** Called each minute, at the end of each epoch, and at the end of the loop. */
  readonly save: (steps: number) => Promise<void>;
}

/**
 * Trains step by step, from the trainer's own number of steps on. Between steps other work can run.
 * @throws SpikeletError "diverged" if a loss is no finite number, and what `save` throws
 */
export async function runSteps(
  trainer: Trainer,
  batches: Batches,
  { until, rateAt, firingPenalty, onStep, save }: StepsOptions,
): Promise<void> {
  let savedSteps = -1;
  let savedAt = performance.now();
  const saveNow = async () => {
    if (savedSteps === trainer.steps) return;
    await save(trainer.steps);
    savedSteps = trainer.steps;
    savedAt = performance.now();
  };
  while (!until(trainer.steps)) {
    const losses = trainer.computeGradients(batches.at(trainer.steps), { firingPenalty });
    if (!Number.isFinite(losses.loss)) throw diverged(trainer.steps);
    const learningRate = rateAt(trainer.steps);
    trainer.optimize({
      learningRate,
      priorLearningRate: PRIOR_RATE_FACTOR * learningRate,
      weightDecay: WEIGHT_DECAY,
    });
    onStep(trainer.steps, losses);
    const isEpochEnd = trainer.steps % batches.stepsPerEpoch === 0;
    if (isEpochEnd || performance.now() - savedAt > SAVE_MILLISECONDS) await saveNow();
    await setImmediate();
  }
  await saveNow();
}

/**
 * All that a run needs to be resumed.
 * @throws SpikeletError "diverged" if a weight is no finite number
 */
export function snapshot(trainer: Trainer, run: TrainingDescription): SavedRun {
  const network = trainer.network();
  const allFinite = [...stateDict(network).values()].every(({ data }) => data.every(Number.isFinite));
  if (!allFinite) throw diverged(trainer.steps);
  return { network, optimizer: trainer.optimizerState(), run };
}

function diverged(steps: number): SpikeletError {
  return new SpikeletError(
    "diverged",
    `training diverged: found a loss or a weight that is no finite number at step ${steps + 1}; ` +
      "the last good state, if one was saved, is still there: resume it with --resume and a smaller --learning-rate",
  );
}

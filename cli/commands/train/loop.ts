import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fsvaeLeftovers } from "../../../src/checkpoint/fsvae-leftovers.js";
import { writeSafetensors } from "../../../src/checkpoint/safetensors-writer.js";
import { stateDict } from "../../../src/checkpoint/state-dict.js";
import type { Network, Tensor } from "../../../src/network.js";
import { formatCount } from "../../../src/numbers.js";
import type { Batches } from "../../../src/training/batches.js";
import { learningRateAt, type RateSchedule } from "../../../src/training/learning-rate.js";
import { runSteps, snapshot } from "../../../src/training/run-steps.js";
import { encodeSavedRun, type TrainingDescription } from "../../../src/training/saved-run.js";
import type { Losses, Trainer } from "../../../src/training/trainer.js";
import type { ImageShape } from "../../output/batch.js";
import { drawGrid, pairLayout, splitImages } from "../../output/grid.js";
import { replaceFile } from "../../output/output.js";
import { Interruption, listenForStop } from "../../run/interruption.js";
import { type CurvePoint, curvePoint, drawCurves, formatCsv, parseCsv } from "./curves.js";
import { startTrainingProgress } from "./progress.js";

/** Where a run keeps what it makes. */
export interface RunFiles {
  /** The state dict alone, as the authors' code loads it. */
  readonly checkpoint: string;
  /** The same of the network that the model is made from, after fine-tuning and with its contrast matched. */
  readonly final: string;
  /** All that a run needs to go on. */
  readonly run: string;
  /** What fine-tuning needs to go on. */
  readonly fineTuning: string;
  readonly csv: string;
  readonly svg: string;
  /** Images of the prior after an epoch. */
  samples(epoch: number): string;
}

export function runFiles(folder: string): RunFiles {
  return {
    checkpoint: join(folder, "checkpoint.safetensors"),
    final: join(folder, "final.safetensors"),
    run: join(folder, "run.safetensors"),
    fineTuning: join(folder, "fine-tuning.safetensors"),
    csv: join(folder, "curves.csv"),
    svg: join(folder, "curves.svg"),
    samples: (epoch) => join(folder, `samples-${String(epoch).padStart(4, "0")}.png`),
  };
}

export interface LoopSettings {
  readonly trainer: Trainer;
  readonly batches: Batches;
  readonly files: RunFiles;
  readonly run: TrainingDescription;
  readonly shape: ImageShape;
  readonly epochs: number;
  /** Infinity if the time is not bounded. */
  readonly minutes: number;
  readonly schedule: RateSchedule;
  readonly firingPenalty: number;
}

export interface LoopSummary {
  readonly network: Network;
  readonly steps: number;
  /** Of this process. */
  readonly images: number;
  readonly seconds: number;
  /** Mean over the last steps. */
  readonly last: CurvePoint | undefined;
}

/** Steps of a point of the curves. */
const POINT_STEPS = 10;
const SAMPLES = 64;

/**
 * Trains to the bound, and saves as it goes and at the end.
 * @throws SpikeletError "diverged" if the loss is no number, "cannot-write"; Interruption after Ctrl-C, when all is saved
 */
export async function trainLoop(settings: LoopSettings): Promise<LoopSummary> {
  const { trainer, batches, files, epochs, minutes, schedule, firingPenalty } = settings;
  const { batchSize, stepsPerEpoch } = batches;
  const firstStep = trainer.steps;
  const lastStep = epochs * stepsPerEpoch;
  const points = await earlierPoints(files, firstStep);
  const pending: Losses[] = [];
  const takePoint = (steps: number) => {
    if (pending.length > 0) points.push(curvePoint(steps, steps * batchSize, pending.splice(0)));
  };
  const { stop, unlisten } = listenForStop();
  const bounds = { images: lastStep * batchSize, seconds: minutes * 60 };
  const progress = startTrainingProgress(bounds, firstStep * batchSize);
  const began = performance.now();
  /** The part of the run that is done, by steps or by time, whichever ends it first. */
  const done = (step: number) => Math.max(step / lastStep, (performance.now() - began) / (minutes * 60_000));
  try {
    await runSteps(trainer, batches, {
      until: (step) => done(step) >= 1 || stop.aborted,
      rateAt: (step) => learningRateAt(schedule, step, Math.min(1, done(step))),
      firingPenalty,
      onStep(steps, losses) {
        progress.update(steps * batchSize, losses);
        pending.push(losses);
        if (pending.length === POINT_STEPS) takePoint(steps);
      },
      async save(steps) {
        if (stop.aborted || done(steps) >= 1) takePoint(steps);
        await save(settings, points);
        if (steps % stepsPerEpoch === 0) await writeSamples(settings, steps / stepsPerEpoch);
      },
    });
  } finally {
    progress.stop();
    unlisten();
  }
  if (stop.aborted) {
    const images = formatCount(trainer.steps * batchSize);
    throw new Interruption(
      stop.reason,
      `stopped by ${stop.reason} after ${images} images; the run is kept in ${files.run}: resume it with the same command and --resume`,
    );
  }
  return {
    network: trainer.network(),
    steps: trainer.steps,
    images: (trainer.steps - firstStep) * batchSize,
    seconds: (performance.now() - began) / 1000,
    last: points.at(-1),
  };
}

/** Points of the curves that an earlier part of the run left. */
async function earlierPoints({ csv }: RunFiles, steps: number): Promise<CurvePoint[]> {
  if (steps === 0) return [];
  const text = await readFile(csv, "utf8").catch(() => "");
  return parseCsv(text, steps);
}

/** Writes run, checkpoint and curves, each whole or not at all. */
async function save({ trainer, files, run }: LoopSettings, points: readonly CurvePoint[]): Promise<void> {
  const saved = snapshot(trainer, run);
  const { network } = saved;
  await replaceFile(files.run, encodeSavedRun(saved));
  await saveCheckpoint(files.checkpoint, stateDict(network, trainer.steps), network.latentSize);
  await replaceFile(files.csv, formatCsv(points));
  await replaceFile(files.svg, drawCurves(points));
}

/** Writes a state dict as the authors' code loads it. */
export async function saveCheckpoint(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  latentSize: number,
): Promise<void> {
  await replaceFile(path, writeSafetensors(new Map([...tensors, ...fsvaeLeftovers(latentSize)])));
}

/** A grid of images of the prior; the draws are the same each time, so that grids can be compared. */
async function writeSamples({ trainer, batches, files, shape }: LoopSettings, epoch: number): Promise<void> {
  const images = trainer.generate(batches.draws(0, Math.min(SAMPLES, batches.batchSize)));
  const pixels = Uint8Array.from(images, (value) => Math.round(((value + 1) / 2) * 255));
  const tiles = splitImages(pixels, shape);
  await replaceFile(files.samples(epoch), drawGrid(tiles, shape, pairLayout(Math.ceil(tiles.length / 2))));
}

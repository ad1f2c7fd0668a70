import { SingleBar } from "cli-progress";
import { formatCount, formatMeasure } from "../../../src/numbers.js";
import type { Losses } from "../../../src/training/trainer.js";
import { meanRate } from "./curves.js";

export interface TrainingProgress {
  /** `images` are done now, those of an earlier run included. */
  update(images: number, losses: Losses): void;
  stop(): void;
}

/** How far a run is: the larger part of the two that are bounded. */
export interface TrainingBounds {
  readonly images: number;
  readonly seconds: number;
}

/** Steps over which the shown loss is averaged, roughly. */
const SMOOTHING = 20;

/** A bar with loss, MMD, firing rate, speed and time left on standard error; nothing if that is not a terminal. */
export function startTrainingProgress(bounds: TrainingBounds, alreadyDone: number): TrainingProgress {
  if (!process.stderr.isTTY) return { update() {}, stop() {} };
  const bar = new SingleBar({
    format:
      "{bar} {percentage}% | {images} images | loss {loss} | MMD² {discrepancy} | firing {firing} | {speed} images/s | {left} left",
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 20,
    clearOnComplete: true,
    stopOnComplete: false,
    gracefulExit: false,
  });
  const began = performance.now();
  let loss: number | undefined;
  bar.start(1, 0, {
    images: formatCount(alreadyDone),
    loss: "–",
    discrepancy: "–",
    firing: "–",
    speed: "–",
    left: "–",
  });
  return {
    update(images, losses) {
      const seconds = (performance.now() - began) / 1000;
      const made = images - alreadyDone;
      loss = loss === undefined ? losses.loss : loss + (losses.loss - loss) / SMOOTHING;
      const done = Math.max(made / (bounds.images - alreadyDone), seconds / bounds.seconds);
      bar.update(Math.min(1, done), {
        images: formatCount(images),
        loss: formatMeasure(loss),
        discrepancy: formatMeasure(losses.discrepancy),
        firing: formatMeasure(meanRate(losses)),
        speed: formatMeasure(made / seconds),
        left: formatDuration((seconds / done) * (1 - done)),
      });
    },
    stop() {
      bar.stop();
    },
  };
}

function formatDuration(seconds: number): string {
  const minutes = Math.max(0, Math.round(seconds / 60));
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

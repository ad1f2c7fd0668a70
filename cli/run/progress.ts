import { SingleBar } from "cli-progress";
import { formatCount, formatMeasure } from "../../src/numbers.js";

export interface Progress {
  /** So many are done now, those of an earlier run included. */
  update(made: number): void;
  stop(): void;
}

const SILENT: Progress = { update() {}, stop() {} };

/** A bar with rate and time left on standard error; nothing if that is not a terminal. */
export function startProgress(total: number, alreadyThere: number, unit = "images"): Progress {
  if (!process.stderr.isTTY) return SILENT;
  const bar = new SingleBar({
    format: `{bar} {percentage}% | {value} of {total} ${unit} | {rate} ${unit}/s | {eta_formatted} left`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
    clearOnComplete: true,
    stopOnComplete: false,
    // The bar's own handler would hide a Ctrl-C from ours, which keeps what is made.
    gracefulExit: false,
  });
  const began = performance.now();
  bar.start(total, alreadyThere, { rate: "–" });
  return {
    update(made) {
      const rate = ((made - alreadyThere) * 1000) / (performance.now() - began);
      bar.update(made, { rate: rate < 10 ? formatMeasure(rate) : formatCount(rate) });
    },
    stop() {
      bar.stop();
    },
  };
}

import { ratesOf } from "../../src/evaluation/rows.js";
import type { Model } from "../../src/model/model.js";
import type { Tensor } from "../../src/network.js";
import { type FitPriorsOptions, fitSteps, withFittedPriors } from "../../src/priors/with-fitted-priors.js";
import type { LoadedModel } from "../input/load.js";
import { StagePool, showStage } from "./stages.js";
import { startPool } from "./threads.js";

/** Posterior firing rates (count, latentSize) of the first images. */
export async function encodeRates(
  loaded: Pick<LoadedModel, "generator" | "bytes" | "load">,
  pixels: Uint8Array,
  count: number,
  threads?: number,
): Promise<Tensor> {
  const { timeSteps, latentSize } = loaded.generator.info;
  const pool = new StagePool(startPool(loaded, count, threads), "nothing is written yet");
  try {
    const job = { kind: "encode", pixels, timeSteps } as const;
    const [rows] = await pool.runAll("Firing rates of the images", [{ job, count }]);
    return ratesOf(rows, latentSize);
  } finally {
    await pool.close();
  }
}

/** `withFittedPriors` under a progress bar. */
export function fitPriors(model: Model, options: FitPriorsOptions): Promise<Model> {
  return showStage("Fit of the priors", fitSteps(options), "steps", ({ update }) =>
    withFittedPriors(model, { ...options, onStep: update }),
  );
}

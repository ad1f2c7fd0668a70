import { decodeModel } from "../model/file.js";
import type { Job } from "./job.js";
import { latentAccuracy, NO_LABELS } from "./latent.js";
import type { FloatReport, LeftOut } from "./report.js";
import { firstRows, meanOf, numbersOf, splitLosses, tensorOf } from "./rows.js";
import { FLOAT_TRAINING_RATIO, type Setting } from "./setting.js";
import { comparedLayers } from "./spike-agreement.js";

/** Images whose spikes are compared. */
const AGREEMENT_IMAGES = 32;

/** The model beside the float network, on the same images with the same random numbers. */
export async function measureFloat(setting: Setting): Promise<FloatReport | LeftOut> {
  const { pool, model, data, settings, reconstructed, trainingRates } = setting;
  const { floatImages, seed, timeSteps } = settings;
  if (floatImages === undefined) return { leftOut: "it needs the trained network" };
  const { pixels } = data.test;
  const { latentSize } = model.generator.info;
  const count = Math.min(floatImages, data.test.count);
  const run = async (title: string, job: Job, count: number) =>
    (await pool.runAll(title, [{ job, count }]))[0];
  const float = splitLosses(
    await run("Reconstruction by the float network", { kind: "float-loss", pixels, seed, timeSteps }, count),
    latentSize,
  );

  let latent: FloatReport["latent"] = NO_LABELS;
  if (trainingRates !== undefined) {
    const trainingImages = Math.min(count * FLOAT_TRAINING_RATIO, trainingRates.shape[0]);
    const floatRates = await run(
      "Firing rates of training images in the float network",
      { kind: "float-rates", pixels: data.training!.pixels, timeSteps },
      trainingImages,
    );
    latent = {
      accuracy: {
        integer: await latentAccuracy(
          setting,
          firstRows(trainingRates, trainingImages),
          firstRows(reconstructed.rates, count),
        ),
        float: await latentAccuracy(setting, tensorOf(floatRates, trainingImages), float.rates),
      },
      trainingImages,
      testImages: count,
    };
  }

  const names = comparedLayers(decodeModel(model.bytes));
  const images = Math.min(AGREEMENT_IMAGES, count);
  const agreement = numbersOf(
    await run("Spikes beside the float network's", { kind: "agreement", pixels, seed, timeSteps }, images),
  );
  return {
    images: count,
    reconstructionLoss: {
      integer: meanOf(reconstructed.losses.subarray(0, count)),
      float: meanOf(float.losses),
    },
    latent,
    agreement: {
      images,
      layers: names.map((name, layer) => ({
        name,
        equalSpikes: meanOf(agreement.filter((_, i) => i % names.length === layer)),
      })),
    },
  };
}

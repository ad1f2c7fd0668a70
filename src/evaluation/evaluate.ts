import { measureActivity } from "./activity.js";
import { encodeTraining, measureLatent } from "./latent.js";
import { measureFeatures } from "./measure-features.js";
import { measureFloat } from "./measure-float.js";
import type { EvaluationPool } from "./pool.js";
import type { EvaluationReport } from "./report.js";
import { measureRobustness } from "./robustness.js";
import { meanOf, splitLosses } from "./rows.js";
import type { EvaluatedModel, EvaluationData, EvaluationSettings, Setting } from "./setting.js";

const ACTIVITY_IMAGES = 64;

/**
 * Measures a model on a data set. The figures do not depend on the pool's threads.
 * @throws SpikeletError as `Generator.load`; what the pool throws when there is to be an end
 */
export async function evaluate(
  model: EvaluatedModel,
  data: EvaluationData,
  pool: EvaluationPool,
  settings: EvaluationSettings,
): Promise<EvaluationReport> {
  const { test } = data;
  const { seed, timeSteps } = settings;
  const { latentSize } = model.generator.info;
  const [rows] = await pool.runAll("Reconstruction of the test images", [
    { job: { kind: "loss", pixels: test.pixels, seed, timeSteps }, count: test.count },
  ]);
  const reconstructed = splitLosses(rows, latentSize);
  const trainingRates = await encodeTraining(model, data, pool, timeSteps);
  const setting: Setting = { model, data, pool, settings, reconstructed, trainingRates };
  const features = await measureFeatures(setting);
  const latent = await measureLatent(setting);
  const activityImages = Math.min(ACTIVITY_IMAGES, test.count);
  const activityPixels = test.pixels.subarray(0, activityImages * model.generator.imageBytes);
  const layers = await measureActivity(model.generator, activityPixels, {
    seed,
    timeSteps,
    pause: () => pool.pause(),
  });
  const float = await measureFloat(setting);
  const robustness = settings.robustness
    ? await measureRobustness(setting)
    : { leftOut: "it was not asked for" };
  return {
    reconstruction: { loss: meanOf(reconstructed.losses), images: test.count },
    ...features,
    latent,
    activity: { images: activityImages, layers },
    float,
    robustness,
  };
}

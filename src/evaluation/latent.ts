import type { Tensor } from "../network.js";
import { classifierAccuracy, trainLinearClassifier } from "./linear-classifier.js";
import type { EvaluationPool } from "./pool.js";
import type { LatentReport, LeftOut } from "./report.js";
import { ratesOf } from "./rows.js";
import { type EvaluatedModel, type EvaluationData, LATENT_IMAGES, type Setting } from "./setting.js";

export const NO_LABELS: LeftOut = { leftOut: "it needs training and test images with labels" };

/** Firing rates of the first training images, if these and the test images have labels. */
export async function encodeTraining(
  { generator }: EvaluatedModel,
  { test, training }: EvaluationData,
  pool: EvaluationPool,
  timeSteps: number,
): Promise<Tensor | undefined> {
  if (!training?.labels || !test.labels) return undefined;
  const count = Math.min(LATENT_IMAGES, training.count);
  const [rows] = await pool.runAll("Firing rates of training images", [
    { job: { kind: "encode", pixels: training.pixels, timeSteps }, count },
  ]);
  return ratesOf(rows, generator.info.latentSize);
}

/** How much the firing rates tell of the class. */
export async function measureLatent(setting: Setting): Promise<LatentReport | LeftOut> {
  const { data, trainingRates, reconstructed } = setting;
  if (trainingRates === undefined) return NO_LABELS;
  return {
    accuracy: await latentAccuracy(setting, trainingRates, reconstructed.rates),
    trainingImages: trainingRates.shape[0],
    testImages: data.test.count,
  };
}

/** Of a classifier trained on rates of the first training images, on those of the first test images. */
export async function latentAccuracy(
  { data, pool }: Setting,
  trainingRates: Tensor,
  testRates: Tensor,
): Promise<number> {
  const labelled = (rates: Tensor, labels: Uint8Array) => ({
    rates,
    labels: labels.subarray(0, rates.shape[0]),
  });
  const training = labelled(trainingRates, data.training!.labels!);
  const test = labelled(testRates, data.test.labels!);
  const highest = (labels: Uint8Array) => labels.reduce((a, b) => Math.max(a, b), 0);
  const classes = Math.max(highest(training.labels), highest(test.labels)) + 1;
  const classifier = await trainLinearClassifier(training, classes, () => pool.pause());
  return classifierAccuracy(classifier, test);
}

import { profile } from "../../../firmware-sim/cost/profile.js";
import { listDevices } from "../../../firmware-sim/devices/catalog.js";
import { stateDict } from "../../../src/checkpoint/state-dict.js";
import { SpikeletError } from "../../../src/errors.js";
import { evaluate } from "../../../src/evaluation/evaluate.js";
import { encodeModel } from "../../../src/model/file.js";
import type { Model, WeightBits } from "../../../src/model/model.js";
import type { Network } from "../../../src/network.js";
import { formatCount, formatMeasure } from "../../../src/numbers.js";
import { quantizeNetwork, quantizeReadout, type Rounding } from "../../../src/quantize/quantize.js";
import { Generator } from "../../../src/runtime/generator.js";
import { matchingContrast, withContrast } from "../../../src/training/contrast.js";
import { hasSplit, printNotes, readDataset } from "../../input/dataset.js";
import type { Dataset } from "../../input/dataset-images.js";
import { imageBytes } from "../../output/batch.js";
import { replaceFile } from "../../output/output.js";
import { formatProfile } from "../../report/profile-report.js";
import { encodeRates, fitPriors } from "../../run/rates.js";
import { StagePool, showStage } from "../../run/stages.js";
import { startPool } from "../../run/threads.js";
import { formatActivity, formatReconstruction } from "../evaluate/report.js";
import { formatQuantization } from "../import.js";
import { saveCheckpoint } from "./loop.js";

export interface FinishSettings {
  readonly network: Network;
  /** Steps of the optimizer that it has seen. */
  readonly steps: number;
  /** Where to write the network that the model is made from. */
  readonly finalOut: string;
  /** Whether to scale the readout so that images vary as those trained on do. */
  readonly matchContrast: boolean;
  readonly data: string;
  readonly images: Dataset;
  readonly out: string;
  readonly name: string;
  readonly bits: WeightBits;
  /** As the bits have it if not given. */
  readonly rounding: Rounding | undefined;
  /** Bytes of the codes of all books together. */
  readonly bookBytes: number;
  /** Where to write the model without its encoder as well. */
  readonly generatorOut: string | undefined;
  readonly seed: bigint;
  readonly threads: number;
}

/** Images that priors are fitted to, as `spikelet fit` does. */
const FITTED_IMAGES = 20000;
/** Images that the profile is the mean of. */
const PROFILED_IMAGES = 4;
/** Images of the final evaluation. */
const EVALUATED_IMAGES = 2000;

/** Images whose variance the reconstructions are to have. */
const CONTRAST_IMAGES = 1000;

/** Quantizes, matches contrast, fits priors, writes the model, and tells what it costs on microcontrollers and how good it is. */
export async function finishTraining(settings: FinishSettings): Promise<void> {
  const { out, bits, rounding, name, generatorOut, matchContrast } = settings;
  const quantized = quantizeNetwork(settings.network, { bits, name, ...(rounding && { rounding }) });
  let { network } = settings;
  let { model } = quantized;
  if (matchContrast) {
    const gain = await contrastOf(model, settings);
    network = withContrast(network, gain);
    model = { ...model, readout: quantizeReadout(network) };
    console.log(
      `contrast: the readout is scaled by ${formatMeasure(gain)}, so that images vary as those trained on\n`,
    );
  }
  await saveCheckpoint(settings.finalOut, stateDict(network, settings.steps), network.latentSize);
  const fitted = await withPriors(model, settings);
  const file = encodeModel(fitted);
  await replaceFile(out, file);
  console.log(
    `${formatQuantization(network, quantized.report)}\n\n${out}: model ${name}, ${formatCount(file.length)} bytes`,
  );
  if (generatorOut !== undefined) {
    const generatorFile = encodeModel({ ...fitted, encoder: [] });
    await replaceFile(generatorOut, generatorFile);
    console.log(`${generatorOut}: the same without its encoder, ${formatCount(generatorFile.length)} bytes`);
  }
  const devices = listDevices().filter(({ family }) => family === "microcontroller");
  console.log(`\n${formatProfile(await profile(file, { devices, count: PROFILED_IMAGES }))}\n`);
  await measure(file, settings);
}

/** What the readout is to be scaled by. */
function contrastOf(model: Model, { network, images }: FinishSettings): Promise<number> {
  const { count, pixels } = firstImages(images, CONTRAST_IMAGES);
  return showStage("Contrast of reconstructions", count, "images", ({ update }) =>
    matchingContrast(model, network, pixels, update),
  );
}

async function withPriors(model: Model, { images, bookBytes, threads }: FinishSettings): Promise<Model> {
  const count = Math.min(images.count, FITTED_IMAGES);
  const bytes = encodeModel(model);
  const load = { encoder: true };
  const generator = await Generator.load(bytes, load);
  const rates = await encodeRates({ bytes, load, generator }, images.pixels, count, threads);
  const fit = (labels?: Uint8Array) =>
    fitPriors(model, {
      ...{ rates, timeSteps: model.timeSteps, kind: "book", bookBytes },
      ...(labels && { labels }),
      ...(images.classNames && { classNames: images.classNames }),
    });
  try {
    return await fit(images.labels?.subarray(0, count));
  } catch (error) {
    if (images.labels === undefined || !(error instanceof SpikeletError) || error.code !== "bad-input")
      throw error;
    process.stderr.write(`spikelet: no class priors: ${error.message}\n`);
    return fit();
  }
}

/** What is known of the model on test images where the data set has them; else the loss on training images. */
async function measure(
  file: Uint8Array,
  { data, images, out, seed, threads }: FinishSettings,
): Promise<void> {
  const load = { encoder: true };
  const generator = await Generator.load(file, load);
  const hasTest = await hasSplit(data, "test");
  const test = hasTest
    ? await readDataset(data, "test", images, { most: EVALUATED_IMAGES })
    : firstImages(images, EVALUATED_IMAGES);
  if (hasTest) printNotes(test);
  const pool = new StagePool(
    startPool({ bytes: file, generator, load }, test.count, threads),
    `${out} is written`,
  );
  try {
    const { timeSteps } = generator.info;
    const evaluated = hasTest ? { test, training: images } : { test };
    const report = await evaluate({ bytes: file, generator }, evaluated, pool, { seed, timeSteps });
    console.log(
      hasTest
        ? `${formatReconstruction(report)}\n\n${formatActivity(report.activity)}`
        : `reconstruction loss on ${formatCount(test.count)} of the training images: ${formatMeasure(report.reconstruction.loss)}`,
    );
  } finally {
    await pool.close();
  }
}

function firstImages(images: Dataset, most: number): Dataset {
  const count = Math.min(images.count, most);
  return { ...images, count, pixels: images.pixels.subarray(0, count * imageBytes(images)) };
}

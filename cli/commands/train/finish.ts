import { profile } from "../../../firmware-sim/cost/profile.js";
import { listDevices } from "../../../firmware-sim/devices/catalog.js";
import { stateDict } from "../../../src/checkpoint/state-dict.js";
import { SpikeletError } from "../../../src/errors.js";
import { reconstructionLoss } from "../../../src/evaluation/reconstruction.js";
import { encodeModel } from "../../../src/model/file.js";
import type { Model, WeightBits } from "../../../src/model/model.js";
import type { Network } from "../../../src/network.js";
import { encodeRates } from "../../../src/priors/encode-rates.js";
import { withFittedPriors } from "../../../src/priors/with-fitted-priors.js";
import { quantizeNetwork, quantizeReadout, type Rounding } from "../../../src/quantize/quantize.js";
import { Generator } from "../../../src/runtime/generator.js";
import { HALVINGS, matchingContrast, withContrast } from "../../../src/training/contrast.js";
import { hasSplit } from "../../input/dataset.js";
import type { Dataset } from "../../input/dataset-images.js";
import { hasIdxLabels } from "../../input/idx-files.js";
import { replaceFile } from "../../output/output.js";
import { formatCount, formatMeasure } from "../../report/format.js";
import { formatProfile } from "../../report/profile-report.js";
import { startProgress } from "../../run/progress.js";
import { evaluate } from "../evaluate/command.js";
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
  /** Gaussians of the mixture that becomes the default prior; 0 for none. */
  readonly components: number;
  /** Where to write the model without its encoder as well. */
  readonly generatorOut: string | undefined;
  readonly seed: bigint;
  readonly threads: number;
}

/** Images that priors are fitted to, as `spikelet fit` does. */
const FITTED_IMAGES = 20000;
/** A Gaussian of a mixture needs so many images. */
const IMAGES_PER_COMPONENT = 100;
/** Images that the profile is the mean of. */
const PROFILED_IMAGES = 4;
/** Images of the final evaluation. */
const EVALUATED_IMAGES = 2000;

/** Images whose variance the reconstructions are to have. */
const CONTRAST_IMAGES = 1000;

/** Quantizes, matches contrast, fits priors, writes the model, and tells what it costs on microcontrollers and how good it is. */
export async function finishTraining(settings: FinishSettings): Promise<void> {
  const { out, bits, rounding, name, generatorOut, matchContrast, images } = settings;
  const quantized = quantizeNetwork(settings.network, { bits, name, ...(rounding && { rounding }) });
  let { network } = settings;
  let { model } = quantized;
  if (matchContrast) {
    const imageBytes = images.pixels.length / images.count;
    const count = Math.min(images.count, CONTRAST_IMAGES);
    const progress = startProgress(count * HALVINGS, 0);
    let done = 0;
    const gain = await matchingContrast(model, network, images.pixels.subarray(0, count * imageBytes), () =>
      progress.update(++done),
    );
    progress.stop();
    network = withContrast(network, gain);
    model = { ...model, readout: quantizeReadout(network) };
    console.log(
      `contrast: the readout is scaled by ${formatMeasure(gain)}, so that images vary as those trained on\n`,
    );
  }
  await saveCheckpoint(settings.finalOut, stateDict(network, settings.steps), network.latentSize);
  const fitted = await fitPriors(model, settings);
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

async function fitPriors(model: Model, { images, components }: FinishSettings): Promise<Model> {
  const generator = await Generator.load(encodeModel(model), { encoder: true });
  const count = Math.min(images.count, FITTED_IMAGES);
  const rates = encodeRates(generator, images.pixels.subarray(0, count * generator.imageBytes));
  const options = {
    rates,
    timeSteps: model.timeSteps,
    components: Math.min(components, Math.floor(count / IMAGES_PER_COMPONENT)),
  };
  if (images.labels === undefined) return withFittedPriors(model, options);
  try {
    const labels = images.labels.subarray(0, count);
    return withFittedPriors(model, {
      ...options,
      labels,
      ...(images.classNames && { classNames: images.classNames }),
    });
  } catch (error) {
    if (!(error instanceof SpikeletError) || error.code !== "bad-input") throw error;
    process.stderr.write(`spikelet: no class priors: ${error.message}\n`);
    return withFittedPriors(model, options);
  }
}

/** The whole evaluation where the data set has test images; else the loss on training images. */
async function measure(
  file: Uint8Array,
  { data, images, out, seed, threads }: FinishSettings,
): Promise<void> {
  if (await hasSplit(data, "test")) {
    const labels = (await hasIdxLabels(data, "test")) && (await hasIdxLabels(data, "train"));
    await evaluate({
      model: out,
      data,
      images: EVALUATED_IMAGES,
      labels,
      fadImages: 1,
      floatImages: 1,
      seed,
      threads,
    });
    return;
  }
  const generator = await Generator.load(file, { encoder: true });
  const count = Math.min(images.count, EVALUATED_IMAGES);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const pixels = images.pixels.subarray(i * generator.imageBytes, (i + 1) * generator.imageBytes);
    sum += reconstructionLoss(pixels, generator.reconstruct(pixels, { seed, index: i }).pixels);
  }
  console.log(
    `reconstruction loss on ${formatCount(count)} of the training images: ${formatMeasure(sum / count)}`,
  );
}

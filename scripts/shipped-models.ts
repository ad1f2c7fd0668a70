import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readNetwork } from "../src/checkpoint/architecture.js";
import { readCheckpoint } from "../src/checkpoint/checkpoint.js";
import { readIdxImages, readIdxLabels } from "../src/data/idx.js";
import { resizeImages } from "../src/data/resize.js";
import { encodeModel } from "../src/model/file.js";
import { encodeRates } from "../src/priors/encode-rates.js";
import { withFittedPriors } from "../src/priors/with-fitted-priors.js";
import { quantizeNetwork } from "../src/quantize/quantize.js";
import { Generator } from "../src/runtime/generator.js";

/** The shipped models, by name, and the folder of the data set that each is made for. */
export const SHIPPED_MODELS: Readonly<Record<string, string>> = {
  "esvae-mnist": "mnist",
  "esvae-fashion-mnist": "fashion-mnist",
  "esvae-mnist-t4": "mnist",
  "esvae-fashion-mnist-t4": "fashion-mnist",
};

/** Training images that the priors are fitted to, as `spikelet fit` does by default. */
const IMAGES = 20000;

/**
 * A shipped model: its checkpoint (models/README.md), imported, with priors fitted to the training images.
 * @param data - folder of the data sets' folders
 */
export async function makeShippedModel(name: string, data: string): Promise<Uint8Array> {
  const read = (path: string) => new Uint8Array(readFileSync(path));
  const network = readNetwork(readCheckpoint(read(`models/${name}.safetensors`)));
  const { model } = quantizeNetwork(network, { bits: 8, encoderBits: 5, name });
  const generator = await Generator.load(encodeModel(model), { encoder: true });
  const folder = join(data, SHIPPED_MODELS[name]);
  const images = readIdxImages(read(join(folder, "train-images-idx3-ubyte.gz")));
  const labels = readIdxLabels(read(join(folder, "train-labels-idx1-ubyte.gz")));
  const size = { rows: model.imageSize, columns: model.imageSize };
  const first = images.pixels.subarray(0, IMAGES * images.rows * images.columns);
  const rates = encodeRates(generator, resizeImages(first, images, size, 1));
  const { timeSteps } = model;
  return encodeModel(
    withFittedPriors(model, { rates, labels: labels.subarray(0, IMAGES), timeSteps, kind: "book" }),
  );
}

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readNetwork } from "../src/checkpoint/architecture.js";
import { readCheckpoint } from "../src/checkpoint/checkpoint.js";
import { readIdxImages, readIdxLabels } from "../src/data/idx.js";
import { resizeImages } from "../src/data/resize.js";
import { withFittedPriors } from "../src/evaluation/fit-priors.js";
import { encodeRates } from "../src/evaluation/rates.js";
import { Generator } from "../src/generator.js";
import { encodeModel } from "../src/model-file.js";
import { quantizeNetwork } from "../src/quantize.js";

/** Training images that the priors are fitted to, and Gaussians of the mixture: as `spikelet fit` does by default. */
const IMAGES = 20000;
const COMPONENTS = 30;

/** The shipped MNIST model: the imported checkpoint, with priors fitted to the training images. */
export async function makeMnistModel(data: string): Promise<Uint8Array> {
  const read = (path: string) => new Uint8Array(readFileSync(join(data, path)));
  const network = readNetwork(readCheckpoint(read("esvae-mnist/checkpoint.pth")));
  const { model } = quantizeNetwork(network, { bits: 8, encoderBits: 5, name: "esvae-mnist" });
  const generator = await Generator.load(encodeModel(model), { encoder: true });
  const images = readIdxImages(read("mnist/train-images-idx3-ubyte.gz"));
  const labels = readIdxLabels(read("mnist/train-labels-idx1-ubyte.gz"));
  const size = { rows: model.imageSize, columns: model.imageSize };
  const first = images.pixels.subarray(0, IMAGES * images.rows * images.columns);
  const rates = encodeRates(generator, resizeImages(first, images, size, 1));
  const { timeSteps } = model;
  return encodeModel(
    withFittedPriors(model, { rates, labels: labels.subarray(0, IMAGES), timeSteps, components: COMPONENTS }),
  );
}

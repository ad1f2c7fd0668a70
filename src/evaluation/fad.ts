// Fréchet Autoencoder Distance (ESVAE, arXiv 2310.14839; H. Kamata et al., "Fully Spiking Variational Autoencoder",
// AAAI 2022): the Fréchet distance between features of images, from the encoder of a convolutional autoencoder that
// the authors trained for each data set. Activations are float32 and sums float64.

import { readNpz } from "../data/npy.js";
import { SpikeletError } from "../errors.js";
import { fitGaussian, frechetDistance, type Gaussian } from "../math/gaussian.js";
import { BATCH_NORM_EPSILON, type Tensor } from "../network.js";

/** Negative slope of LeakyReLU (authors' code). */
const LEAKY_SLOPE = 0.01;
const TAPS = 9;
/** Rows (output positions) and columns (output channels) of the product that is summed in registers. */
const BLOCK_ROWS = 2;
const BLOCK_COLUMNS = 4;

/** A convolution 3×3, stride 2, pad 1, with its batch norm folded in, and LeakyReLU. */
interface ConvLayer {
  readonly inputSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** (outChannels / 4, taps, inChannels, 4), tap = 3·ky + kx */
  readonly weights: Float32Array;
  /** (outChannels) */
  readonly bias: Float32Array;
  /** (rows, columns, outChannels) of the output; reused for every image. */
  readonly output: Float32Array;
}

/** The authors' encoder: four convolutions and a linear layer. */
export class FadEncoder {
  /** Numbers per image. */
  readonly featureSize: number;
  /** Rows, and columns, of an image. */
  readonly imageSize: number;
  readonly imageChannels: number;
  readonly #layers: readonly ConvLayer[];
  /** (featureSize, rows, columns, channels) of the last map, and (featureSize). */
  readonly #latent: { readonly weights: Float32Array; readonly bias: Float32Array };
  readonly #pixels: Float32Array;
  /** The inputs that one row block sees, (inputs, rows of the block); of the layer with most. */
  readonly #patches: Float32Array;

  /**
   * @param tensors of `{mnist,fashion}_64.pth`: `encoder.K.0.*` convolutions, `encoder.K.1.*` batch norms,
   *   `latent_layer.*`. The decoder's are ignored.
   * @throws SpikeletError "bad-checkpoint" naming the tensor that is missing or misshapen.
   */
  constructor(tensors: ReadonlyMap<string, Tensor>) {
    let levels = 0;
    while (tensors.has(`encoder.${levels}.0.weight`)) levels++;
    const latent = take(tensors, "latent_layer.weight", [undefined, undefined]);
    const channels = take(tensors, `encoder.${Math.max(levels - 1, 0)}.0.weight`, [
      undefined,
      undefined,
      3,
      3,
    ]).shape[0];
    const lastSize = Math.sqrt(latent.shape[1] / channels);
    if (!Number.isInteger(lastSize)) {
      throw refused(
        "latent_layer.weight",
        `has shape (${latent.shape.join(", ")}); expected ${channels} channels of a square map as its inputs`,
      );
    }
    this.featureSize = latent.shape[0];
    this.imageSize = lastSize * 2 ** levels;
    const layers: ConvLayer[] = [];
    for (let level = 0; level < levels; level++) {
      layers.push(readConvLayer(tensors, level, this.imageSize / 2 ** level, layers.at(-1)?.outChannels));
    }
    this.#layers = layers;
    this.imageChannels = layers[0].inChannels;
    this.#latent = {
      weights: channelsLast(latent.data, this.featureSize, channels, lastSize ** 2),
      bias: take(tensors, "latent_layer.bias", [this.featureSize]).data,
    };
    this.#pixels = new Float32Array(this.imageSize ** 2 * this.imageChannels);
    const inputs = Math.max(...layers.map((layer) => TAPS * layer.inChannels));
    this.#patches = new Float32Array(inputs * BLOCK_ROWS);
  }

  /**
   * Features (N, featureSize) of images (N, imageSize, imageSize, imageChannels).
   * @param images pixels 0…255, or floats in [−1, 1] as the decoder gives them before they are rounded.
   */
  features(images: Uint8Array | Float32Array): Float32Array {
    const imageLength = this.#pixels.length;
    const count = images.length / imageLength;
    const features = new Float32Array(count * this.featureSize);
    for (let n = 0; n < count; n++) {
      const image = images.subarray(n * imageLength, (n + 1) * imageLength);
      if (image instanceof Float32Array) this.#pixels.set(image);
      else for (let i = 0; i < imageLength; i++) this.#pixels[i] = (image[i] / 255) * 2 - 1;
      let map = this.#pixels;
      for (const layer of this.#layers) {
        convolve(layer, map, this.#patches);
        map = layer.output;
      }
      this.#project(map, features.subarray(n * this.featureSize, (n + 1) * this.featureSize));
    }
    return features;
  }

  #project(map: Float32Array, features: Float32Array): void {
    const { weights, bias } = this.#latent;
    for (let feature = 0; feature < this.featureSize; feature++) {
      const row = feature * map.length;
      let sum = 0;
      for (let i = 0; i < map.length; i++) sum += weights[row + i] * map[i];
      features[feature] = sum + bias[feature];
    }
  }
}

/**
 * Reads the statistics of a data set's features: `mu` (d) and `sigma` (d, d) of a `.npz` file.
 * @throws SpikeletError "bad-input" if they are missing, misshapen or not finite.
 */
export function readFadStatistics(bytes: Uint8Array): Gaussian {
  const { mu, sigma } = readNpz(bytes, ["mu", "sigma"]);
  const size = mu.data.length;
  if (mu.shape.length !== 1 || sigma.shape.length !== 2 || sigma.shape.some((length) => length !== size)) {
    throw new SpikeletError(
      "bad-input",
      `Found mu of shape (${mu.shape.join(", ")}) and sigma (${sigma.shape.join(", ")}), expected (d) and (d, d). ` +
        "Give the statistics of a FAD encoder.",
    );
  }
  if (![...mu.data, ...sigma.data].every(Number.isFinite)) {
    throw new SpikeletError(
      "bad-input",
      "Found statistics that are not finite, expected only finite ones. Compute them anew.",
    );
  }
  return { mean: mu.data, covariance: sigma.data };
}

/**
 * FAD of images with these features (N, d) from the data set with these statistics.
 * @throws SpikeletError "bad-input" if the statistics are of another number of features, or N < 2.
 */
export function fadOfFeatures(features: Float32Array, statistics: Gaussian, featureSize: number): number {
  if (statistics.mean.length !== featureSize) {
    throw new SpikeletError(
      "bad-input",
      `Found statistics of ${statistics.mean.length} features, expected ${featureSize} as the encoder gives. ` +
        "Give the statistics made with this encoder.",
    );
  }
  return frechetDistance(fitGaussian(features, featureSize), statistics);
}

/** Runs a layer on a map (rows, columns, inChannels), into its `output`. */
function convolve(layer: ConvLayer, map: Float32Array, patches: Float32Array): void {
  const { inputSize, inChannels, outChannels, weights, bias, output } = layer;
  const outSize = inputSize / 2;
  const inputs = TAPS * inChannels;
  for (let first = 0; first < outSize * outSize; first += BLOCK_ROWS) {
    for (let row = 0; row < BLOCK_ROWS; row++) gatherPatch(layer, map, first + row, patches, row);
    // Every input and every weight that is read takes part in several products: loads are what this loop waits for.
    for (let channel = 0; channel < outChannels; channel += BLOCK_COLUMNS) {
      let a0 = bias[channel];
      let a1 = bias[channel + 1];
      let a2 = bias[channel + 2];
      let a3 = bias[channel + 3];
      let b0 = a0;
      let b1 = a1;
      let b2 = a2;
      let b3 = a3;
      let w = channel * inputs;
      for (let p = 0; p < BLOCK_ROWS * inputs; p += BLOCK_ROWS) {
        const a = patches[p];
        const b = patches[p + 1];
        const w0 = weights[w];
        const w1 = weights[w + 1];
        const w2 = weights[w + 2];
        const w3 = weights[w + 3];
        a0 += a * w0;
        a1 += a * w1;
        a2 += a * w2;
        a3 += a * w3;
        b0 += b * w0;
        b1 += b * w1;
        b2 += b * w2;
        b3 += b * w3;
        w += BLOCK_COLUMNS;
      }
      const at = first * outChannels + channel;
      output[at] = leakyRelu(a0);
      output[at + 1] = leakyRelu(a1);
      output[at + 2] = leakyRelu(a2);
      output[at + 3] = leakyRelu(a3);
      output[at + outChannels] = leakyRelu(b0);
      output[at + outChannels + 1] = leakyRelu(b1);
      output[at + outChannels + 2] = leakyRelu(b2);
      output[at + outChannels + 3] = leakyRelu(b3);
    }
  }
}

/** Copies the inputs (taps, inChannels) that output `position` sees to one row of `patches`; 0 outside the map. */
function gatherPatch(
  { inputSize, inChannels }: ConvLayer,
  map: Float32Array,
  position: number,
  patches: Float32Array,
  row: number,
): void {
  const outSize = inputSize / 2;
  const top = 2 * Math.floor(position / outSize) - 1;
  const left = 2 * (position % outSize) - 1;
  let p = row;
  for (let tap = 0; tap < TAPS; tap++) {
    const y = top + Math.floor(tap / 3);
    const x = left + (tap % 3);
    const inside = y >= 0 && x >= 0 && y < inputSize && x < inputSize;
    const from = (y * inputSize + x) * inChannels;
    for (let channel = 0; channel < inChannels; channel++) {
      patches[p] = inside ? map[from + channel] : 0;
      p += BLOCK_ROWS;
    }
  }
}

function leakyRelu(x: number): number {
  return x < 0 ? LEAKY_SLOPE * x : x;
}

/** y = (conv(x) + b − mean) / sqrt(variance + eps) · weight + bias, as one convolution. */
function readConvLayer(
  tensors: ReadonlyMap<string, Tensor>,
  level: number,
  inputSize: number,
  channelsBefore: number | undefined,
): ConvLayer {
  const conv = take(tensors, `encoder.${level}.0.weight`, [undefined, channelsBefore, 3, 3]);
  const [outChannels, inChannels] = conv.shape;
  if (outChannels % BLOCK_COLUMNS !== 0) {
    throw refused(
      `encoder.${level}.0.weight`,
      `has ${outChannels} output channels; expected a multiple of ${BLOCK_COLUMNS}`,
    );
  }
  const perChannel = (name: string) => take(tensors, `encoder.${level}.${name}`, [outChannels]).data;
  const convBias = perChannel("0.bias");
  const gamma = perChannel("1.weight");
  const beta = perChannel("1.bias");
  const mean = perChannel("1.running_mean");
  const variance = perChannel("1.running_var");
  const gain = gamma.map((weight, c) => weight / Math.sqrt(variance[c] + BATCH_NORM_EPSILON));

  const inputs = TAPS * inChannels;
  const weights = new Float32Array(outChannels * inputs);
  for (let c = 0; c < outChannels; c++) {
    for (let i = 0; i < inChannels; i++) {
      for (let tap = 0; tap < TAPS; tap++) {
        const block = Math.floor(c / BLOCK_COLUMNS);
        const to = (block * inputs + tap * inChannels + i) * BLOCK_COLUMNS + (c % BLOCK_COLUMNS);
        weights[to] = conv.data[(c * inChannels + i) * TAPS + tap] * gain[c];
      }
    }
  }
  return {
    inputSize,
    inChannels,
    outChannels,
    weights,
    bias: beta.map((bias, c) => bias + (convBias[c] - mean[c]) * gain[c]),
    output: new Float32Array((inputSize / 2) ** 2 * outChannels),
  };
}

/** (outer, channels, positions) to (outer, positions, channels). */
function channelsLast(data: Float32Array, outer: number, channels: number, positions: number): Float32Array {
  const result = new Float32Array(data.length);
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < positions; p++) {
        result[(o * positions + p) * channels + c] = data[(o * channels + c) * positions + p];
      }
    }
  }
  return result;
}

/** The tensor `name`, after checking the lengths of its axes that are given. */
function take(
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  expected: readonly (number | undefined)[],
): Tensor {
  const tensor = tensors.get(name);
  const wanted = `(${expected.map((length) => length ?? "any").join(", ")})`;
  if (tensor === undefined) throw refused(name, `is missing; expected one of shape ${wanted}`);
  const { shape } = tensor;
  if (
    shape.length !== expected.length ||
    shape.some((length, i) => length !== (expected[i] ?? length) || length === 0)
  ) {
    throw refused(name, `has shape (${shape.join(", ")}); expected ${wanted}`);
  }
  return tensor;
}

function refused(name: string, problem: string): SpikeletError {
  return new SpikeletError(
    "bad-checkpoint",
    `Tensor '${name}' ${problem}. Give the weights of the authors' FAD encoder, such as mnist_64.pth.`,
  );
}

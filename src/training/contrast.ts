import { encodeModel } from "../model/file.js";
import type { Model } from "../model/model.js";
import type { Network } from "../network.js";
import { COEFFICIENTS, sumOfCoefficients } from "../reference/coefficients.js";
import { convolveReadout } from "../reference/integer-network.js";
import { Generator } from "../runtime/generator.js";

// A decoder trained on squared error hedges: of what the latent spikes leave open it shows the mean, and its images vary less than
// those that it was trained on. A gain before tanh gives the variance back. The spikes stay as they are, and so does their cost.

/** What the gain is searched in. */
const LEAST_GAIN = 0.5;
const MOST_GAIN = 4;
/** Halvings of that range, on a scale of logarithms: to 0.2 %. */
const HALVINGS = 10;
const SEED = 0;

/** The network with the weights and biases of its readout, final_layer.1, times `gain`. */
export function withContrast(network: Network, gain: number): Network {
  const { weights, bias } = network.readout;
  return { ...network, readout: { weights: weights.map((w) => w * gain), bias: bias.map((b) => b * gain) } };
}

/**
 * The gain of the readout, 0.5 … 4, with which reconstructions vary as the images do: Σ over pixels of their variance over images.
 * @param model - the quantized network, with an encoder
 * @param pixels - (N, imageSize, imageSize, imageChannels), two images or more
 * @param onImage - called after each reconstruction with the number of those done
 * @throws SpikeletError as `Generator.load`
 */
export async function matchingContrast(
  model: Model,
  network: Network,
  pixels: Uint8Array,
  onImage?: (done: number) => void,
): Promise<number> {
  const wanted = variance(pixels, model);
  const membranes = await readoutMembranes(model, network, pixels, onImage);
  const images = new Uint8Array(pixels.length);
  let low = Math.log(LEAST_GAIN);
  let high = Math.log(MOST_GAIN);
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    const gain = Math.exp(middle);
    for (let at = 0; at < images.length; at++) {
      images[at] = Math.round(127.5 * (1 + Math.tanh(gain * membranes[at])));
    }
    if (variance(images, model) < wanted) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

/** What tanh makes the pixels of the reconstructions of: the spikes of the last layer do not depend on the readout. */
async function readoutMembranes(
  model: Model,
  { readout }: Network,
  pixels: Uint8Array,
  onImage?: (done: number) => void,
): Promise<Float32Array> {
  const { imageSize, imageChannels, timeSteps } = model;
  const generator = await Generator.load(encodeModel(model), { encoder: true, trace: true });
  const { imageBytes } = generator;
  const membranes = new Float32Array(pixels.length);
  for (let at = 0, index = 0; at < pixels.length; at += imageBytes, index++) {
    const { firingRates } = generator.encode(pixels.subarray(at, at + imageBytes));
    const { spikes } = generator.trace({ firingRates, seed: SEED, index }).layers.at(-1)!;
    const neurons = spikes.length / timeSteps;
    const sums = new Float64Array(neurons);
    for (let t = 0; t < timeSteps; t++) {
      const coefficient = COEFFICIENTS[timeSteps - 1 - t];
      for (let i = 0; i < neurons; i++) sums[i] += coefficient * spikes[t * neurons + i];
    }
    const convolved = convolveReadout(readout.weights, sums, imageSize, imageChannels);
    for (let i = 0; i < imageBytes; i++) {
      const bias = readout.bias[i % imageChannels] * sumOfCoefficients(timeSteps);
      membranes[at + i] = (convolved[i] + bias) / COEFFICIENTS[0];
    }
    onImage?.(index + 1);
  }
  return membranes;
}

/** Σ over the places of an image of the variance over images. */
function variance(pixels: Uint8Array, { imageSize, imageChannels }: Model): number {
  const values = imageSize ** 2 * imageChannels;
  const count = pixels.length / values;
  const sums = new Float64Array(values);
  let squares = 0;
  for (let i = 0; i < pixels.length; i++) {
    sums[i % values] += pixels[i];
    squares += pixels[i] ** 2;
  }
  return squares / count - sums.reduce((total, sum) => total + (sum / count) ** 2, 0);
}

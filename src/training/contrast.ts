import { encodeModel } from "../model/file.js";
import type { Model } from "../model/model.js";
import type { Network } from "../network.js";
import { quantizeReadout } from "../quantize/quantize.js";
import { Generator } from "../runtime/generator.js";

// A decoder trained on squared error hedges: of what the latent spikes leave open it shows the mean, and its images vary less than
// those that it was trained on. A gain before tanh gives the variance back. The spikes stay as they are, and so does their cost.

/** What the gain is searched in. */
const LEAST_GAIN = 0.5;
const MOST_GAIN = 4;
/** Halvings of that range, on a scale of logarithms: to 0.2 %. */
export const HALVINGS = 10;
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
 * @param onImage - called after each reconstruction, HALVINGS times for each image
 * @throws SpikeletError as `Generator.load`
 */
export async function matchingContrast(
  model: Model,
  network: Network,
  pixels: Uint8Array,
  onImage?: () => void,
): Promise<number> {
  const wanted = variance(pixels, model);
  let low = Math.log(LEAST_GAIN);
  let high = Math.log(MOST_GAIN);
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    const readout = quantizeReadout(withContrast(network, Math.exp(middle)));
    const reconstructions = await reconstruct({ ...model, readout }, pixels, onImage);
    if (variance(reconstructions, model) < wanted) low = middle;
    else high = middle;
  }
  return Math.exp((low + high) / 2);
}

async function reconstruct(model: Model, pixels: Uint8Array, onImage?: () => void): Promise<Uint8Array> {
  const generator = await Generator.load(encodeModel(model), { encoder: true });
  const { imageBytes } = generator;
  const reconstructions = new Uint8Array(pixels.length);
  for (let at = 0, index = 0; at < pixels.length; at += imageBytes, index++) {
    const image = pixels.subarray(at, at + imageBytes);
    reconstructions.set(generator.reconstruct(image, { seed: SEED, index }).pixels, at);
    onImage?.();
  }
  return reconstructions;
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

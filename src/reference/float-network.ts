// The network as it was trained: ESVAE's equations (arXiv 2310.14839, authors' code) in floating point. What
// quantization is measured against. Sums are in float64 and PyTorch's in float32: a potential within float32
// rounding of the threshold could fall on the other side (none does in the golden files).

import {
  BATCH_NORM_EPSILON,
  FIRING_THRESHOLD,
  type FloatLayer,
  LEAK,
  type Network,
  outputSize,
  READOUT_DECAY,
} from "../network.js";
import { accumulateSynapses, convolveImage, convolveReadout } from "./integer-network.js";

/**
 * Runs a layer's tdBN and LIF neurons,
 *
 *     u[t] = τ · u[t−1] · (1 − o[t−1]) + tdBN(x[t]),  o[t] = u[t] > Vth
 *
 * @param integrate - adds step t's weighted inputs, without the bias, to currents (rows, columns, outChannels)
 */
function fireFloatLayer(
  layer: FloatLayer,
  timeSteps: number,
  integrate: (t: number, currents: Float64Array) => void,
): Uint8Array {
  const { outChannels, batchNorm } = layer;
  const neurons = outputSize(layer) ** 2 * outChannels;
  // tdBN as a factor on x − mean, per channel.
  const gain = Float64Array.from(batchNorm.weight, (weight, c) => {
    return (FIRING_THRESHOLD * weight) / Math.sqrt(batchNorm.variance[c] + BATCH_NORM_EPSILON);
  });
  const output = new Uint8Array(timeSteps * neurons);
  const currents = new Float64Array(neurons);
  const carried = new Float64Array(neurons); // u[t−1] · (1 − o[t−1])
  for (let t = 0; t < timeSteps; t++) {
    for (let i = 0; i < neurons; i++) currents[i] = layer.bias[i % outChannels];
    integrate(t, currents);
    for (let i = 0; i < neurons; i++) {
      const c = i % outChannels;
      const current = gain[c] * (currents[i] - batchNorm.mean[c]) + batchNorm.bias[c];
      const potential = LEAK * carried[i] + current;
      const fires = potential > FIRING_THRESHOLD;
      output[t * neurons + i] = fires ? 1 : 0;
      carried[i] = fires ? 0 : potential;
    }
  }
  return output;
}

/** Output spikes of a layer on input spikes, both (timeSteps, rows, columns, channels). */
export function runFloatLayer(layer: FloatLayer, spikes: Uint8Array, timeSteps: number): Uint8Array {
  const inputs = layer.inputSize ** 2 * layer.inChannels;
  return fireFloatLayer(layer, timeSteps, (t, currents) => {
    accumulateSynapses(layer, spikes.subarray(t * inputs, (t + 1) * inputs), currents);
  });
}

export interface FloatEncoding {
  /** Of each encoder layer its output spikes (timeSteps, rows, columns, channels); linear: (timeSteps, channels). */
  readonly layers: readonly Uint8Array[];
  /** (latentSize) posterior firing rates r_q, multiples of 1/timeSteps. */
  readonly rates: Float64Array;
}

/** Encodes pixels (imageSize, imageSize, imageChannels), 0…255, which stand for −1…1. */
export function encodeFloat(network: Network, pixels: Uint8Array, timeSteps: number): FloatEncoding {
  const [image, ...spiking] = network.encoder;
  const sums = convolveImage(
    image,
    Array.from(pixels, (p) => (p / 255) * 2 - 1),
  );
  let spikes = fireFloatLayer(image, timeSteps, (_, currents) => {
    for (let i = 0; i < currents.length; i++) currents[i] += sums[i];
  });
  const layers = [spikes];
  for (const layer of spiking) {
    spikes = runFloatLayer(layer, spikes, timeSteps);
    layers.push(spikes);
  }
  const rates = Float64Array.from({ length: network.latentSize }, (_, neuron) => {
    let count = 0;
    for (let t = 0; t < timeSteps; t++) count += spikes[t * network.latentSize + neuron];
    return count / timeSteps;
  });
  return { layers, rates };
}

/**
 * tanh of the membrane output Σ_t 0.8^(T−1−t) · y[t]: image (imageSize, imageSize, imageChannels) in [−1, 1]
 * of the last spiking layer's output spikes (timeSteps, rows, columns, channels).
 */
function readFloatImage(network: Network, spikes: Uint8Array, timeSteps: number): Float64Array {
  const { imageSize, imageChannels, readout } = network;
  const neurons = spikes.length / timeSteps;
  // The sum over steps and the convolution are both linear, so one convolution of the summed spikes will do.
  const sums = new Float64Array(neurons);
  let coefficientSum = 0;
  for (let t = 0; t < timeSteps; t++) {
    const coefficient = READOUT_DECAY ** (timeSteps - 1 - t);
    coefficientSum += coefficient;
    for (let i = 0; i < neurons; i++) sums[i] += coefficient * spikes[t * neurons + i];
  }
  const convolved = convolveReadout(readout.weights, sums, imageSize, imageChannels);
  return convolved.map((sum, i) => Math.tanh(readout.bias[i % imageChannels] * coefficientSum + sum));
}

export interface FloatImage {
  /** Of each decoder layer its output spikes (timeSteps, rows, columns, channels); linear: (timeSteps, channels). */
  readonly layers: readonly Uint8Array[];
  /** (imageSize, imageSize, imageChannels), −1…1 */
  readonly image: Float64Array;
}

/** Decodes latent spikes (timeSteps, latentSize), 0 or 1. */
export function decodeFloat(network: Network, spikes: Uint8Array, timeSteps: number): FloatImage {
  const layers: Uint8Array[] = [];
  let input = spikes;
  for (const layer of network.decoder) {
    input = runFloatLayer(layer, input, timeSteps);
    layers.push(input);
  }
  return { layers, image: readFloatImage(network, input, timeSteps) };
}

/** The prior's firing rates (latentSize), 0…1: sigmoid(W n + b) of standard normals (latentSize). */
export function floatFiringRates(network: Network, normals: ArrayLike<number>): Float64Array {
  const { latentSize, prior } = network;
  return Float64Array.from({ length: latentSize }, (_, neuron) => {
    let logit = prior.bias[neuron];
    for (let j = 0; j < latentSize; j++) logit += prior.weights[neuron * latentSize + j] * normals[j];
    return 1 / (1 + Math.exp(-logit));
  });
}

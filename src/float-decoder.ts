// The decoder as it was trained: ESVAE's equations (arXiv 2310.14839, authors' code) in floating point. What
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
} from "./network.js";
import { accumulateSynapses, convolveReadout } from "./oracle.js";

/**
 * Runs a linear or transposed convolution layer on input spikes (timeSteps, rows, columns, channels).
 * Returns its output spikes, in the same layout: convolution, tdBN, then LIF
 *
 *     u[t] = τ · u[t−1] · (1 − o[t−1]) + x[t],  o[t] = u[t] > Vth
 */
export function runFloatLayer(layer: FloatLayer, spikes: Uint8Array, timeSteps: number): Uint8Array {
  const { outChannels, batchNorm } = layer;
  const inputs = layer.inputSize ** 2 * layer.inChannels;
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
    accumulateSynapses(layer, spikes.subarray(t * inputs, (t + 1) * inputs), currents);
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

// The reference implementation of docs/numerics.md in plain integers. The Wasm core is compared with it bit
// for bit, so it shares no code with the core and prefers clarity to speed. Numbers are doubles, but every
// value is an integer below 2^53 and therefore exact.

import { choiceWord, crossing, normals, type Uint64, uniforms } from "../math/random.js";
import type { BookPrior, GaussianPrior, IntegerLayer, Model, Prior, Readout } from "../model/model.js";
import { type LayerShape, outputSize } from "../network.js";
import { COEFFICIENTS } from "./coefficients.js";

export { normals };

/** Largest |x| that the sigmoid tells apart, Q12: just below 12. */
const SIGMOID_LIMIT = 49151;

/** (x + 2^(shift−1)) >> shift of a 32-bit number: rounds to nearest, halves up, and wraps as the core does. */
function roundShift(x: number, shift: number): number {
  return (x + ((1 << shift) >>> 1)) >> shift;
}

/** σ(x) in Q16, 0…65536, of x in Q12. */
export function sigmoid(x: number): number {
  const magnitude = Math.min(Math.abs(x), SIGMOID_LIMIT);
  const y = (magnitude * 23637 + 512) >> 10; // |x| · log2 e
  const f = (y & 0xffff) >> 2;
  const e = (65536 - ((f * (45325 - ((f * (15139 - ((f * 2582) >> 14))) >> 14))) >> 14)) >> (y >> 16); // 2^−y
  const h = Math.floor((e * 32768) / ((65536 + e) >> 1)); // e / (1 + e)
  return x < 0 ? h : 65536 - h;
}

/** A Gaussian prior's firing rates (latentSize), Q16, 0…65536: sigmoid(W n + b), ESVAE's r_p. */
export function firingRates(prior: GaussianPrior, normals: Int32Array): Int32Array {
  const latentSize = normals.length;
  return Int32Array.from({ length: latentSize }, (_, neuron) => {
    let sum = prior.bias[neuron];
    // Exact in doubles: 256 products of an i16 weight and a normal stay below 2^38.
    for (let j = 0; j < latentSize; j++) sum += prior.weights[neuron * latentSize + j] * normals[j];
    return sigmoid(roundShift(sum | 0, prior.shift));
  });
}

/** Firing rates (latentSize), 0 or 65536, of two neighbours in a book, crossed neuron by neuron. */
function crossedRates({ codes }: BookPrior, seed: Uint64, index: Uint64, latentSize: number): Int32Array {
  const codeWords = Math.ceil(latentSize / 32);
  const pairs = codes.length / codeWords - 1;
  const first = Math.floor(((choiceWord(seed, index) >>> 16) * pairs) / 65536);
  return Int32Array.from(crossing(seed, index, latentSize), (second, neuron) => {
    const code = first + second;
    const word = codes[code * codeWords + Math.floor(neuron / 32)];
    return ((word >>> (neuron % 32)) & 1) * 65536;
  });
}

/** The firing rates (latentSize), Q16, 0…65536, that image `index` of `seed` is drawn from. */
export function drawRates(prior: Prior, seed: Uint64, index: Uint64, latentSize: number): Int32Array {
  if (prior.kind === "book") return crossedRates(prior, seed, index, latentSize);
  return firingRates(prior, normals(seed, index, latentSize));
}

/** Poisson spiking sampling: latent spikes (timeSteps, latentSize), each 1 with its neuron's Q16 rate. */
export function sampleSpikes(rates: Int32Array, seed: Uint64, index: Uint64, timeSteps: number): Uint8Array {
  const latentSize = rates.length;
  const draws = uniforms(seed, index, latentSize, timeSteps);
  return Uint8Array.from(draws, (uniform, i) => (uniform < rates[i % latentSize] ? 1 : 0));
}

/** What one layer did while one image was made. */
export interface LayerEvents {
  /** Spikes that enter the layer. */
  readonly spikes: number;
  /** One per spike and synapse; taps that fall off the map's border have no synapse. */
  readonly synapticOperations: number;
  /** One per neuron and step; none in the readout. */
  readonly neuronUpdates: number;
}

/**
 * Adds to `currents` (rows, columns, outChannels) the weights of every synapse that one step's input spikes
 * (rows, columns, inChannels) drive in a linear, transposed convolution or convolution layer. Returns how many.
 */
export function accumulateSynapses(
  layer: LayerShape & { readonly weights: ArrayLike<number> },
  spikes: Uint8Array,
  currents: Int32Array | Float64Array,
): number {
  const { inputSize, inChannels, outChannels, weights } = layer;
  const size = outputSize(layer);
  const kernel = layer.kind === "linear" ? 1 : 3;
  // Output row (or column) that an input row reaches through a tap; a fraction where it reaches none.
  const target = (input: number, tap: number) => {
    if (layer.kind === "linear") return 0;
    return layer.kind === "transposedConv" ? 2 * input - 1 + tap : (input + 1 - tap) / 2;
  };
  let synapses = 0;
  for (let row = 0; row < inputSize; row++) {
    for (let column = 0; column < inputSize; column++) {
      for (let channel = 0; channel < inChannels; channel++) {
        if (spikes[(row * inputSize + column) * inChannels + channel] === 0) continue;
        for (let ky = 0; ky < kernel; ky++) {
          const y = target(row, ky);
          if (y < 0 || y >= size || y % 1) continue;
          for (let kx = 0; kx < kernel; kx++) {
            const x = target(column, kx);
            if (x < 0 || x >= size || x % 1) continue;
            const from = ((ky * kernel + kx) * inChannels + channel) * outChannels;
            const to = (y * size + x) * outChannels;
            for (let c = 0; c < outChannels; c++) currents[to + c] += weights[from + c];
            synapses += outChannels;
          }
        }
      }
    }
  }
  return synapses;
}

/**
 * Runs a layer's LIF neurons.
 * @param integrate - adds step t's weighted inputs to currents (rows, columns, outChannels)
 * @returns output spikes (timeSteps, rows, columns, channels), and the range of the potentials
 */
function fireLayer(
  layer: IntegerLayer,
  timeSteps: number,
  integrate: (t: number, currents: Int32Array) => void,
): { output: Uint8Array; range: PotentialRange } {
  const neurons = outputSize(layer) ** 2 * layer.outChannels;
  const output = new Uint8Array(timeSteps * neurons);
  const carried = new Int32Array(neurons); // u[t−1], or 0 where o[t−1] = 1
  const currents = new Int32Array(neurons); // x[t]
  let lowest = 0;
  let highest = 0;
  for (let t = 0; t < timeSteps; t++) {
    for (let i = 0; i < neurons; i++) currents[i] = layer.bias[i % layer.outChannels];
    integrate(t, currents);
    for (let i = 0; i < neurons; i++) {
      const potential = currents[i] + ((carried[i] + 2) >> 2);
      const fires = potential >= layer.threshold[i % layer.outChannels];
      output[t * neurons + i] = fires ? 1 : 0;
      carried[i] = fires ? 0 : potential;
      lowest = Math.min(lowest, potential);
      highest = Math.max(highest, potential);
    }
  }
  return { output, range: { lowest, highest } };
}

/** Runs a spiking layer on input spikes (timeSteps, rows, columns, channels). */
function runLayer(layer: IntegerLayer, spikes: Uint8Array, timeSteps: number) {
  const inputs = layer.inputSize ** 2 * layer.inChannels;
  let synapticOperations = 0;
  const { output, range } = fireLayer(layer, timeSteps, (t, currents) => {
    const input = spikes.subarray(t * inputs, (t + 1) * inputs);
    synapticOperations += accumulateSynapses(layer, input, currents);
  });
  const events: LayerEvents = {
    spikes: countSpikes(spikes),
    synapticOperations,
    neuronUpdates: output.length,
  };
  return { output, events, range };
}

/**
 * Sums an image (rows, columns, imageChannels) over the taps of the first convolution, without bias: result (rows / 2,
 * columns / 2, outChannels). Outside the image a value is 0.
 */
export function convolveImage(
  layer: LayerShape & { readonly weights: ArrayLike<number> },
  values: ArrayLike<number>,
): Float64Array {
  const { inputSize, inChannels, outChannels, weights } = layer;
  const size = outputSize(layer);
  const result = new Float64Array(size * size * outChannels);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let tap = 0; tap < 9; tap++) {
        const row = 2 * y - 1 + Math.floor(tap / 3);
        const column = 2 * x - 1 + (tap % 3);
        if (row < 0 || row >= inputSize || column < 0 || column >= inputSize) continue;
        for (let g = 0; g < inChannels; g++) {
          const value = values[(row * inputSize + column) * inChannels + g];
          const from = (tap * inChannels + g) * outChannels;
          const to = (y * size + x) * outChannels;
          for (let c = 0; c < outChannels; c++) result[to + c] += weights[from + c] * value;
        }
      }
    }
  }
  return result;
}

function countSpikes(spikes: Uint8Array): number {
  return spikes.reduce((sum, spike) => sum + spike, 0);
}

/**
 * Sums `values` (imageSize, imageSize, inChannels) over the readout's 3×3 taps, as a transposed convolution of
 * stride 1 and padding 1: result (imageSize, imageSize, imageChannels), without bias.
 */
export function convolveReadout(
  weights: ArrayLike<number>,
  values: ArrayLike<number>,
  imageSize: number,
  imageChannels: number,
): Float64Array {
  const inChannels = values.length / imageSize ** 2;
  const result = new Float64Array(imageSize ** 2 * imageChannels);
  for (let y = 0; y < imageSize; y++) {
    for (let x = 0; x < imageSize; x++) {
      for (let ky = 0; ky < 3; ky++) {
        const row = y + 1 - ky;
        if (row < 0 || row >= imageSize) continue;
        for (let kx = 0; kx < 3; kx++) {
          const column = x + 1 - kx;
          if (column < 0 || column >= imageSize) continue;
          const from = (row * imageSize + column) * inChannels;
          for (let g = 0; g < imageChannels; g++) {
            const tap = ((ky * 3 + kx) * imageChannels + g) * inChannels;
            let sum = 0;
            for (let c = 0; c < inChannels; c++) sum += weights[tap + c] * values[from + c];
            result[(y * imageSize + x) * imageChannels + g] += sum;
          }
        }
      }
    }
  }
  return result;
}

/** Taps of the readout that spikes (timeSteps, imageSize, imageSize, channels) reach inside the image. */
function countReadoutTaps(spikes: Uint8Array, imageSize: number, channels: number): number {
  const inside = (position: number) => 3 - (position === 0 ? 1 : 0) - (position === imageSize - 1 ? 1 : 0);
  let taps = 0;
  for (let i = 0; i < spikes.length; i++) {
    if (spikes[i] === 0) continue;
    const column = Math.floor(i / channels) % imageSize;
    const row = Math.floor(i / (channels * imageSize)) % imageSize;
    taps += inside(row) * inside(column);
  }
  return taps;
}

/** Pixels (imageSize, imageSize, imageChannels), 0…255, of the last spiking layer's output spikes. */
function readPixels(readout: Readout, model: Model, spikes: Uint8Array, timeSteps: number): Uint8Array {
  const { imageSize, imageChannels } = model;
  const neurons = spikes.length / timeSteps;
  const sums = new Int32Array(neurons); // R
  let coefficientSum = 0;
  for (let t = 0; t < timeSteps; t++) {
    const coefficient = COEFFICIENTS[timeSteps - 1 - t];
    coefficientSum += coefficient;
    for (let i = 0; i < neurons; i++) sums[i] += coefficient * spikes[t * neurons + i];
  }
  const convolved = convolveReadout(readout.weights, sums, imageSize, imageChannels);
  return Uint8Array.from(convolved, (sum, i) => {
    const accumulator = (readout.bias[i % imageChannels] * coefficientSum + sum) | 0; // wraps at 32 bits
    const logit = roundShift(accumulator, readout.shift - 1);
    return (sigmoid(logit) * 255 + 32768) >> 16;
  });
}

/** The lowest and highest potential met, zero included. */
export interface PotentialRange {
  readonly lowest: number;
  readonly highest: number;
}

export interface EncodedImage {
  /** Of each encoder layer its output spikes (timeSteps, rows, columns, channels); linear: (timeSteps, channels). */
  readonly layers: readonly Uint8Array[];
  readonly potentialRanges: readonly PotentialRange[];
  /** (latentSize) posterior firing rates r_q, Q16. */
  readonly rates: Int32Array;
  /** One per encoder layer; the convolution of the image sees no spikes. */
  readonly ledger: readonly LayerEvents[];
}

/** Encodes pixels (imageSize, imageSize, imageChannels), 0…255. The model must have an encoder. */
export function encodeImage(model: Model, pixels: Uint8Array, timeSteps: number): EncodedImage {
  const [image, ...spiking] = model.encoder;
  const sums = convolveImage(
    image,
    Array.from(pixels, (p) => 2 * p - 255),
  ).map((sum) => roundShift(sum, image.shift));
  const first = fireLayer(image, timeSteps, (_, currents) => {
    for (let i = 0; i < currents.length; i++) currents[i] += sums[i];
  });
  const layers = [first.output];
  const potentialRanges = [first.range];
  const ledger: LayerEvents[] = [{ spikes: 0, synapticOperations: 0, neuronUpdates: first.output.length }];
  for (const layer of spiking) {
    const { output, events, range } = runLayer(layer, layers[layers.length - 1], timeSteps);
    layers.push(output);
    potentialRanges.push(range);
    ledger.push(events);
  }
  const latent = layers[layers.length - 1];
  const padded = latent.length / timeSteps;
  const rates = Int32Array.from({ length: model.latentSize }, (_, neuron) => {
    let count = 0;
    for (let t = 0; t < timeSteps; t++) count += latent[t * padded + neuron];
    return Math.floor((count * 65536 + (timeSteps >> 1)) / timeSteps);
  });
  return { layers, potentialRanges, rates, ledger };
}

export interface DecodedImage {
  /** Of each decoder layer its output spikes (timeSteps, rows, columns, channels); linear: (timeSteps, channels). */
  readonly layers: readonly Uint8Array[];
  /** One per decoder layer. */
  readonly potentialRanges: readonly PotentialRange[];
  /** (imageSize, imageSize, imageChannels), 0…255 */
  readonly pixels: Uint8Array;
  /** One per decoder layer, then the readout. */
  readonly ledger: readonly LayerEvents[];
}

/** Decodes latent spikes (timeSteps, latentSize), 0 or 1; timeSteps is 1…16. */
export function decodeSpikes(model: Model, spikes: Uint8Array, timeSteps: number): DecodedImage {
  const { imageSize, imageChannels, readout } = model;
  const layers: Uint8Array[] = [];
  const potentialRanges: PotentialRange[] = [];
  const ledger: LayerEvents[] = [];
  let input = spikes;
  for (const layer of model.decoder) {
    const { output, events, range } = runLayer(layer, input, timeSteps);
    layers.push(output);
    potentialRanges.push(range);
    ledger.push(events);
    input = output;
  }
  const channels = input.length / (timeSteps * imageSize ** 2);
  ledger.push({
    spikes: countSpikes(input),
    synapticOperations: countReadoutTaps(input, imageSize, channels) * imageChannels,
    neuronUpdates: 0,
  });
  return { layers, potentialRanges, pixels: readPixels(readout, model, input, timeSteps), ledger };
}

export interface OracleOptions {
  readonly seed?: Uint64; // default 0
  readonly index?: Uint64; // default 0
  /** 1…16, default model.timeSteps */
  readonly timeSteps?: number;
  /** Position in model.priors, default 0. */
  readonly prior?: number;
}

export interface GeneratedImage extends DecodedImage {
  /** (latentSize), Q16, 0…65536 */
  readonly rates: Int32Array;
  /** (timeSteps, latentSize), 0 or 1 */
  readonly spikes: Uint8Array;
}

/** Makes image `index` of `seed`, and keeps every intermediate result. */
export function generate(model: Model, options: OracleOptions = {}): GeneratedImage {
  const { seed = 0, index = 0, timeSteps = model.timeSteps, prior = 0 } = options;
  const rates = drawRates(model.priors[prior], seed, index, model.latentSize);
  const spikes = sampleSpikes(rates, seed, index, timeSteps);
  return { rates, spikes, ...decodeSpikes(model, spikes, timeSteps) };
}

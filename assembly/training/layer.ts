import { KIND_IMAGE_CONV } from "../core/format";

// A spiking layer during training: synapses, tdBN, LIF neurons. All fields are 32 bits wide and written by the host, which
// knows them from here (scripts/build-training.ts).
//
// A frame is one time step of one image; frame `image · timeSteps + t` of a map follows the one before it. Maps are
// (frames, rows, columns, channels), of float32 or, for spikes, of one bit a neuron (channel c is bit c mod 32 of word c div 32).

/** Firing threshold Vth. */
export const THRESHOLD: f32 = 0.2;
/** Decay τ of the potential per step. */
export const LEAK: f32 = 0.25;
/** The surrogate gradient of a spike with respect to its potential u is 1 where |u| is below this, else 0. */
export const SURROGATE_WINDOW: f32 = 0.5;

@unmanaged
export class Layer {
  kind: u32;
  timeSteps: u32;
  /** Rows, and columns, of the maps; both 1 for linear. */
  inputSize: u32;
  outputSize: u32;
  inChannels: u32;
  /** A multiple of 32; so is inChannels, but for the image's. */
  outChannels: u32;

  /** Input spikes; of the image convolution the images (images, rows, columns, channels), −1 … 1. */
  inputs: u32;
  /** x = Σ weights · spikes + bias, before tdBN. */
  sums: u32;
  /** Output spikes o. */
  spikes: u32;
  /** ∂L/∂o, then ∂L/∂(tdBN's output), then ∂L/∂x, in place. */
  gradient: u32;
  /** Of the last layer the readout's coefficients: ∂L/∂o[t] is the t-th of them times the image's first frame. Else 0. */
  stepCoefficients: u32;
  /** ∂L/∂(input spikes): the `gradient` of the layer before. */
  inputGradient: u32;

  /** Parameters: (taps, inChannels, outChannels), tap = 3 · ky + kx, and tdBN's and the synapses' (outChannels). */
  weights: u32;
  bias: u32;
  normWeight: u32;
  normBias: u32;
  /** What the synapses compute with: the weights, or beside them these rounded to integers times a channel's scale. */
  usedWeights: u32;
  /** Those in the order of `inputGradient`: (inChannels / 8, taps, outChannels, 8). */
  packedWeights: u32;

  /** tdBN's running statistics (outChannels). */
  runningMean: u32;
  runningVariance: u32;
  /** The statistics in use (outChannels): mean, 1 / sqrt(variance + ε), Vth · normWeight / sqrt(variance + ε). */
  mean: u32;
  inverseDeviation: u32;
  gain: u32;
  /** ∂L/∂x = gain · ∂L/∂y − gradientShift − gradientSlope · (x − mean), (outChannels) each. */
  gradientShift: u32;
  gradientSlope: u32;
  /** Largest integer of a rounded weight; 0 if weights and potentials are not rounded. */
  largestInteger: u32;
  /** If they are: a scale as a part of that at which the channel's largest weight just fits (outChannels). */
  scaleParts: u32;
  /** The scales of the weights (outChannels). */
  scales: u32;
  /** The scales of tdBN's output and of potentials, |gain| · scale (outChannels). */
  units: u32;
  /** Of each thread float64 (4, outChannels): Σ x, Σ x², Σ ∂L/∂y, Σ ∂L/∂y · (x − mean), y = tdBN's output. */
  moments: u32;
  /** Of each thread the number of its spikes, float64. */
  spikeCounts: u32;

  /** Frames of `sums` for each image: the convolution of the image is the same at every step. */
  get sumFrames(): u32 {
    return this.kind == KIND_IMAGE_CONV ? 1 : this.timeSteps;
  }

  get positions(): u32 {
    return this.outputSize * this.outputSize;
  }

  /** Neurons of a frame of the output. */
  get neurons(): u32 {
    return this.positions * this.outChannels;
  }

  /** Bytes of a frame of input spikes. */
  get inputSpikeBytes(): u32 {
    return (this.inputSize * this.inputSize * this.inChannels) >> 3;
  }
}

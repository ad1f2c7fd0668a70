/** A dense float tensor, row-major (last axis fastest). */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * Linear, 3×3 transposed convolution of stride 2 (pad 1, output pad 1), 3×3 convolution of stride 2 (pad 1), or the same
 * convolution of an image, which is no spikes and the same at every step.
 */
export type LayerKind = "linear" | "transposedConv" | "conv" | "imageConv";

/** What every layer has, float or integer. */
export interface LayerShape {
  readonly kind: LayerKind;
  /** Rows, and columns, of the input map; 1 for linear. */
  readonly inputSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** tdBN in inference: y = Vth · (x − mean) / sqrt(variance + 1e-5) · weight + bias, each (outChannels). */
export interface BatchNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** A spiking layer as it was trained. */
export interface FloatLayer extends LayerShape {
  /** The layer's name in the checkpoint, such as `decoder.0`. */
  readonly name: string;
  /** (taps, inChannels, outChannels), tap = 3·ky + kx; one tap for linear. */
  readonly weights: Float32Array;
  /** (outChannels) */
  readonly bias: Float32Array;
  readonly batchNorm: BatchNorm;
}

/** A trained ESVAE in one canonical layout. Maps are (row, column, channel). */
export interface Network {
  readonly imageSize: number;
  readonly imageChannels: number;
  readonly latentSize: number;
  readonly timeSteps: number;
  /** From latent to the last spiking layer. The first is linear, its outputs permuted to (row, column, channel). */
  readonly decoder: readonly FloatLayer[];
  /** From image to latent; the last is linear, its inputs permuted to (row, column, channel). Empty if the checkpoint has none. */
  readonly encoder: readonly FloatLayer[];
  /** sample_layer.0: weights (latentSize outputs, latentSize normals), bias (latentSize). */
  readonly prior: { readonly weights: Float32Array; readonly bias: Float32Array };
  /** final_layer.1: weights (3, 3, imageChannels, inChannels), bias (imageChannels). */
  readonly readout: { readonly weights: Float32Array; readonly bias: Float32Array };
}

/** Firing threshold of every LIF neuron (authors' code). */
export const FIRING_THRESHOLD = 0.2;
/** Decay τ of the membrane potential per step (authors' code). */
export const LEAK = 0.25;
/** Decay per step of a spike's weight in the readout (authors' `membrane_output_layer`). */
export const READOUT_DECAY = 0.8;
/** Epsilon under the square root of tdBN (authors' code). */
export const BATCH_NORM_EPSILON = 1e-5;

/** Rows, and columns, of a layer's output map. */
export function outputSize(layer: LayerShape): number {
  if (layer.kind === "linear") return 1;
  return layer.kind === "transposedConv" ? layer.inputSize * 2 : layer.inputSize / 2;
}

/** Kernel taps of a layer: 9, or 1 for linear. */
export function tapCount(layer: LayerShape): number {
  return layer.kind === "linear" ? 1 : 9;
}

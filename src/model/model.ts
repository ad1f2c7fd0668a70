import type { LayerShape } from "../network.js";

/** Bits that one stored weight can have, the widest first. */
export const WEIGHT_BITS = [8, 6, 5, 4] as const;

/** Bits of one stored weight. */
export type WeightBits = (typeof WEIGHT_BITS)[number];

/** A spiking layer in integers; docs/numerics.md says how they are used. */
export interface IntegerLayer extends LayerShape {
  /** 16 for the convolution of the image. */
  readonly bits: WeightBits | 16;
  /** (taps, inChannels, outChannels), tap = 3·ky + kx, in −2^(bits−1) … 2^(bits−1)−1. */
  readonly weights: Int8Array | Int16Array;
  /** Of the convolution of the image: its weighted inputs are in units of 2^−shift; 0 for all others. */
  readonly shift: number;
  /** (outChannels) */
  readonly bias: Int16Array;
  /** (outChannels) The least potential that fires, 1…32767. */
  readonly threshold: Uint16Array;
  /** (outChannels) What one integer unit stands for. */
  readonly scale: Float32Array;
  /** Bounds of every potential, proved from the weights. */
  readonly lowest: number;
  readonly highest: number;
}

interface PriorEntry {
  /** At most 24 bytes of UTF-8. Priors in a row with the same name are the components of one mixture. */
  readonly name: string;
  /** Probability of this component in 1/65536; those of one mixture add up to 65536. */
  readonly share: number;
}

/** Firing rates = sigmoid(weights · normals + bias). */
export interface GaussianPrior extends PriorEntry {
  readonly kind: "gaussian";
  readonly shift: number;
  /** (latentSize neurons, latentSize normals), in units of 2^−shift */
  readonly weights: Int16Array;
  /** (latentSize), in units of 2^−(shift + 12) */
  readonly bias: Int32Array;
}

/** A book of codes: the rates of an image are 0 or 1, each neuron's from one of two codes that are neighbours. */
export interface BookPrior extends PriorEntry {
  readonly kind: "book";
  /** (codes, ⌈latentSize / 32⌉) Neuron i has bit i mod 32 of word i div 32. Books with one array share their bytes in the file. */
  readonly codes: Uint32Array;
}

export type Prior = GaussianPrior | BookPrior;

export interface Readout {
  readonly shift: number;
  /** (3, 3, imageChannels, 32) */
  readonly weights: Int16Array;
  /** (imageChannels) */
  readonly bias: Int32Array;
}

/** What a .spk file holds. */
export interface Model {
  /** At most 24 bytes of UTF-8. */
  readonly name: string;
  readonly imageSize: number;
  readonly imageChannels: number;
  /** Time steps of training, 1…16. */
  readonly timeSteps: number;
  readonly latentSize: number;
  readonly decoder: readonly IntegerLayer[];
  /** From image to latent; the last one's outputs are the latent neurons, padded to a multiple of 32. Empty if there is none. */
  readonly encoder: readonly IntegerLayer[];
  /** At least one; the first one's name is the default. */
  readonly priors: readonly Prior[];
  readonly readout: Readout;
}

/** A decoder layer's name in the reference code: decoder_input, decoder.0 …, final_layer.0. */
export function decoderLayerName(index: number, layers: number): string {
  if (index === 0) return "decoder_input";
  return index === layers - 1 ? "final_layer.0" : `decoder.${index - 1}`;
}

/** An encoder layer's name in the reference code: encoder.0 …, before_latent_layer. */
export function encoderLayerName(index: number, layers: number): string {
  return index === layers - 1 ? "before_latent_layer" : `encoder.${index}`;
}

import * as memory from "../../assembly/core/memory";
import type { ModelOutline } from "../model/file.js";
import { decoderLayerName, encoderLayerName } from "../model/model.js";
import { type LayerShape, outputSize } from "../network.js";

/** What happened in one layer of the decoder while it made one image. */
export interface LayerLedger {
  /** Name in the reference code; `final_layer.1` is the readout. */
  readonly name: string;
  /** Spikes that entered the layer. */
  readonly spikes: number;
  /**
   * One for each spike and each synapse that it reached: taps that fall off the border are not counted. For the readout it is
   * what papers count; the core sums before it multiplies, `Ledger.readout`.
   */
  readonly synapticOperations: number;
  /** LIF updates, one a neuron and step; 0 for the readout. */
  readonly neuronUpdates: number;
}

/**
 * What the readout did: it adds the coefficient of a step for each spike, and multiplies the sum of each neuron with its weights
 * once an image. Products that fall off the border are not counted.
 */
export interface ReadoutLedger {
  readonly additions: number;
  readonly multiplications: number;
}

/** What happened while one image was made. */
export interface Ledger {
  readonly layers: readonly LayerLedger[];
  /** Sum over the spiking layers, without the readout. */
  readonly synapticOperations: number;
  /** Nothing for an encoder. */
  readonly readout: ReadoutLedger;
  /** Bytes read from flash for this image; 0 with resident weights. */
  readonly bytesFetched: number;
  /** 32-bit random words drawn. */
  readonly randomWords: number;
}

/** Where a layer's counters lie in the core's ledger. */
export interface LedgerLayer {
  readonly name: string;
  /** Neurons that are updated at every step. */
  readonly neurons: number;
  readonly address: number;
}

function ledgerLayer(name: string, layer: LayerShape, i: number): LedgerLayer {
  const neurons = outputSize(layer) ** 2 * layer.outChannels;
  return { name, neurons, address: memory.LEDGER_LAYERS + i * memory.LEDGER_LAYER_BYTES };
}

export function decoderLedger({ decoder }: ModelOutline): LedgerLayer[] {
  const layers = decoder.map((layer, i) => ledgerLayer(decoderLayerName(i, decoder.length), layer, i));
  return [...layers, { name: "final_layer.1", neurons: 0, address: memory.LEDGER_READOUT }];
}

/** Multiplications of the readout: 3 × 3 taps for each of its inputs, but those off the border. */
export function readoutProducts(
  model: Pick<ModelOutline, "imageSize" | "imageChannels" | "decoder">,
): number {
  const { imageSize, imageChannels, decoder } = model;
  return (3 * imageSize - 2) ** 2 * decoder[decoder.length - 1].outChannels * imageChannels;
}

export function encoderLedger({ encoder }: ModelOutline): LedgerLayer[] {
  return encoder.map((layer, i) => ledgerLayer(encoderLayerName(i, encoder.length), layer, i));
}

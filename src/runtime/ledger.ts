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
  /** One for each spike and each synapse that it reached: taps that fall off the border are not counted. */
  readonly synapticOperations: number;
  /** LIF updates, one a neuron and step; 0 for the readout. */
  readonly neuronUpdates: number;
}

/** What happened while one image was made. */
export interface Ledger {
  readonly layers: readonly LayerLedger[];
  /** Sum over the layers. */
  readonly synapticOperations: number;
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

export function encoderLedger({ encoder }: ModelOutline): LedgerLayer[] {
  return encoder.map((layer, i) => ledgerLayer(encoderLayerName(i, encoder.length), layer, i));
}

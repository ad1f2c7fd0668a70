import type { ModelOutline } from "../model/file.js";
import { decoderLayerName } from "../model/model.js";
import { outputSize } from "../network.js";
import type { Core } from "./core.js";
import type { Ledger } from "./ledger.js";

/** Which neurons of one decoder layer fired, and when. */
export interface LayerSpikes {
  /** Name in the reference code. */
  readonly name: string;
  /** Rows, and columns, of the map that the neurons lie on. */
  readonly size: number;
  readonly channels: number;
  /** (timeSteps, size, size, channels) 0 or 1 */
  readonly spikes: Uint8Array;
}

/** Everything that happened in the decoder while it made one image. */
export interface Trace {
  readonly timeSteps: number;
  /** (timeSteps, latentSize) 0 or 1: what the first layer was given. */
  readonly latentSpikes: Uint8Array;
  /** From the latent up to the last spiking layer. */
  readonly layers: readonly LayerSpikes[];
  /** (imageSize, imageSize, imageChannels) 0 … 255 */
  readonly pixels: Uint8Array;
  readonly ledger: Ledger;
}

/** A map of spikes in the memory of a core that was opened with `trace`. */
export interface TracedMap {
  readonly name: string;
  readonly size: number;
  readonly channels: number;
  readonly address: number;
}

/** Where a traced core keeps the latent spikes, and then what each decoder layer gives. */
export function tracedMaps(core: Core, { decoder, latentSize, imageSize }: ModelOutline): TracedMap[] {
  const latent = { name: "latent", size: 1, channels: latentSize, address: core.mapAddress(0) };
  const outputs = decoder.map((layer, i): TracedMap => {
    // A linear layer's outputs are a map already, as the next layer takes it.
    const size = decoder[i + 1]?.inputSize ?? imageSize;
    const neurons = outputSize(layer) ** 2 * layer.outChannels;
    const name = decoderLayerName(i, decoder.length);
    return { name, size, channels: neurons / size ** 2, address: core.mapAddress(i + 1) };
  });
  return [latent, ...outputs];
}

/** Unpacks the spikes of a map: one bit a neuron in the core, and every step begins with a whole word. */
export function readSpikes({ bytes }: Core, map: TracedMap, timeSteps: number): Uint8Array {
  const neurons = map.size ** 2 * map.channels;
  const stepBytes = 4 * Math.ceil(neurons / 32);
  const spikes = new Uint8Array(timeSteps * neurons);
  for (let t = 0; t < timeSteps; t++) {
    const from = map.address + t * stepBytes;
    for (let n = 0; n < neurons; n++) spikes[t * neurons + n] = (bytes[from + (n >> 3)] >> (n & 7)) & 1;
  }
  return spikes;
}

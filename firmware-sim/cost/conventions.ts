// What two counters that papers use would say of the same run: figures to put beside theirs, not what happens here.

import type { Model } from "../../src/model/model.js";
import type { Trace } from "../../src/runtime/trace.js";
import { type LayerConnectivity, reachOf } from "./connectivity.js";
import type { MeanLedger } from "./mean-ledger.js";

/** An image in the convention of others, on average. */
export interface Conventions {
  /**
   * NeuroBench's effective accumulates: one for each spike and each weight that it meets and that is not 0, the readout's too, at
   * every step. Taps off the border are none.
   */
  readonly neuroBench: { readonly accumulates: number };
  /**
   * The counter in the ESVAE authors' code (`CountMulAddSNN`): a spike into a transposed convolution counts 9 × output channels ×
   * stride² additions, whether or not its taps are inside the map. Each output and step adds a bias, each neuron and step an
   * addition; each that does not fire is a multiplication.
   */
  readonly esvaeCounter: { readonly additions: number; readonly multiplications: number };
}

/**
 * The ESVAE authors' count. It needs no spikes, only their numbers.
 * @param layers - the decoder's spiking layers, then the readout
 */
export function esvaeCount(
  layers: readonly LayerConnectivity[],
  ledger: Pick<MeanLedger, "layers">,
  timeSteps: number,
): Conventions["esvaeCounter"] {
  let additions = 0;
  let multiplications = 0;
  layers.forEach(({ kind, outChannels, neurons }, i) => {
    const { spikesIn, spikesOut, neuronUpdates } = ledger.layers[i];
    const taps = { linear: 1, readout: 9, conv: 9 / 4, imageConv: 9 / 4, transposedConv: 9 * 4 }[kind];
    additions += spikesIn * taps * outChannels + neurons * timeSteps + neuronUpdates;
    multiplications += neuronUpdates - spikesOut;
  });
  return { additions, multiplications };
}

/** Counts as NeuroBench does: a spike meets the weights that are not 0. */
export class EffectiveAccumulates {
  readonly #layers: readonly LayerConnectivity[];
  /** Of each layer, for each input neuron: weights other than 0 that a spike of it meets. */
  readonly #fanOut: readonly Uint32Array[];

  /** @param layers - the decoder's spiking layers, then the readout */
  constructor({ decoder, readout }: Model, layers: readonly LayerConnectivity[]) {
    this.#layers = layers;
    this.#fanOut = layers.map((layer, i) => {
      const { inChannels, outChannels } = layer;
      // The readout's weights lie (taps, outChannels, inChannels), all others (taps, inChannels, outChannels).
      const isZero = (tap: number, from: number, to: number) =>
        decoder[i]
          ? decoder[i].weights[(tap * inChannels + from) * outChannels + to] === 0
          : readout.weights[(tap * outChannels + to) * inChannels + from] === 0;
      return fanOutOf(layer, isZero);
    });
  }

  /** Of one image. */
  count({ latentSpikes, layers, timeSteps }: Pick<Trace, "latentSpikes" | "layers" | "timeSteps">): number {
    const maps = [latentSpikes, ...layers.map(({ spikes }) => spikes)];
    let sum = 0;
    this.#layers.forEach((_, i) => {
      const fanOut = this.#fanOut[i];
      const spikes = maps[i];
      const stride = spikes.length / timeSteps;
      for (let k = 0; k < spikes.length; k++) if (spikes[k]) sum += fanOut[k % stride];
    });
    return sum;
  }
}

function fanOutOf(
  layer: LayerConnectivity,
  isZero: (tap: number, from: number, to: number) => boolean,
): Uint32Array {
  const { kind, inChannels, outChannels } = layer;
  const size = kind === "linear" ? 1 : Math.sqrt(new Set(layer.inputs.flat()).size);
  const taps = kind === "linear" ? 1 : 9;
  const weights = Array.from({ length: taps * inChannels }, (_, i) => {
    let count = 0;
    for (let to = 0; to < outChannels; to++) {
      if (!isZero(Math.floor(i / inChannels), i % inChannels, to)) count++;
    }
    return count;
  });
  /** Kernel row (or column) by which an input reaches each of its outputs along one axis. */
  const along: number[][] = Array.from({ length: size }, () => []);
  reachOf(kind, size).forEach((inputs, output) => {
    for (const input of inputs) along[input].push(tapBetween(kind, input, output));
  });
  return Uint32Array.from({ length: size * size * inChannels }, (_, neuron) => {
    const position = Math.floor(neuron / inChannels);
    let sum = 0;
    for (const ky of along[Math.floor(position / size)]) {
      for (const kx of along[position % size])
        sum += weights[(3 * ky + kx) * inChannels + (neuron % inChannels)];
    }
    return sum;
  });
}

function tapBetween(kind: LayerConnectivity["kind"], input: number, output: number): number {
  switch (kind) {
    case "linear":
      return 0;
    case "transposedConv":
      return output - 2 * input + 1;
    case "readout":
      // A transposed convolution of stride 1, as in the reference code.
      return output - input + 1;
    default:
      return input - 2 * output + 1;
  }
}

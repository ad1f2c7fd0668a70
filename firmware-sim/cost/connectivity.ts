import type { ModelOutline } from "../../src/model/file.js";
import { decoderLayerName } from "../../src/model/model.js";
import { type LayerKind, type LayerShape, outputSize, tapCount } from "../../src/network.js";

/** Output positions of a layer that equally many inputs reach. */
export interface Positions {
  readonly count: number;
  /** Inputs of each of their neurons: taps inside the map × input channels. */
  readonly fanIn: number;
}

/** A layer as neurons and synapses. */
export interface LayerConnectivity {
  readonly name: string;
  readonly kind: LayerKind | "readout";
  /** Bits of a weight. */
  readonly bits: number;
  /** Neurons at each position. */
  readonly outChannels: number;
  readonly positions: readonly Positions[];
  readonly neurons: number;
  /** One for each neuron and input; taps that fall off the border are none. */
  readonly synapses: number;
  /** Different weights: those of one kernel, however often it is applied. */
  readonly weights: number;
}

/** Along one axis: how many outputs are reached by how many taps. */
type TapProfile = readonly { readonly count: number; readonly taps: number }[];

function tapProfile(kind: LayerConnectivity["kind"], size: number): TapProfile {
  switch (kind) {
    case "linear":
      return [{ count: 1, taps: 1 }];
    case "transposedConv":
      // Even outputs lie under the centre tap; odd ones between two inputs, but the last has only one beside it.
      return [
        { count: size + 1, taps: 1 },
        { count: size - 1, taps: 2 },
      ];
    case "readout":
      return [
        { count: 2, taps: 2 },
        { count: size - 2, taps: 3 },
      ];
    default:
      return [
        { count: 1, taps: 2 },
        { count: size / 2 - 1, taps: 3 },
      ];
  }
}

function positionsOf(profile: TapProfile, inChannels: number): Positions[] {
  const counts = new Map<number, number>();
  for (const row of profile) {
    for (const column of profile) {
      const fanIn = row.taps * column.taps * inChannels;
      counts.set(fanIn, (counts.get(fanIn) ?? 0) + row.count * column.count);
    }
  }
  return [...counts]
    .map(([fanIn, count]) => ({ fanIn, count }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.fanIn - a.fanIn);
}

/** Neurons and synapses of one layer. */
export function layerConnectivity(name: string, layer: LayerShape, bits: number): LayerConnectivity {
  const positions = positionsOf(tapProfile(layer.kind, layer.inputSize), layer.inChannels);
  return {
    name,
    kind: layer.kind,
    bits,
    outChannels: layer.outChannels,
    positions,
    neurons: outputSize(layer) ** 2 * layer.outChannels,
    synapses: countSynapses(positions, layer.outChannels),
    weights: tapCount(layer) * layer.inChannels * layer.outChannels,
  };
}

function countSynapses(positions: readonly Positions[], outChannels: number): number {
  return outChannels * positions.reduce((sum, { count, fanIn }) => sum + count * fanIn, 0);
}

/** The decoder's spiking layers, from latent to last. */
export function decoderConnectivity({ decoder }: Pick<ModelOutline, "decoder">): LayerConnectivity[] {
  return decoder.map((layer, i) => layerConnectivity(decoderLayerName(i, decoder.length), layer, layer.bits));
}

/** The readout: a 3×3 convolution of stride 1 to pixels that never fire; its weights have 16 bits. */
export function readoutConnectivity(
  model: Pick<ModelOutline, "imageSize" | "imageChannels" | "decoder">,
): LayerConnectivity {
  const { imageSize, imageChannels, decoder } = model;
  const inChannels = decoder[decoder.length - 1].outChannels;
  const positions = positionsOf(tapProfile("readout", imageSize), inChannels);
  return {
    name: "final_layer.1",
    kind: "readout",
    bits: 16,
    outChannels: imageChannels,
    positions,
    neurons: imageSize ** 2 * imageChannels,
    synapses: countSynapses(positions, imageChannels),
    weights: 9 * inChannels * imageChannels,
  };
}

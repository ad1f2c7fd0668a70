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
  /** For each position, row by row, the positions before it that reach it. */
  readonly inputs: readonly (readonly number[])[];
  /** Neurons, or latent spike trains, at each position before it. */
  readonly inChannels: number;
  readonly neurons: number;
  /** One for each neuron and input; taps that fall off the border are none. */
  readonly synapses: number;
  /** Different weights: those of one kernel, however often it is applied. */
  readonly weights: number;
}

type Reach = readonly (readonly number[])[];

/** Along one axis: for each output, the inputs that reach it, in order. */
export function reachOf(kind: LayerConnectivity["kind"], size: number): Reach {
  const inside = (inputs: readonly number[]) => inputs.filter((input) => input >= 0 && input < size);
  const outputs = (count: number, inputsOf: (output: number) => readonly number[]) =>
    Array.from({ length: count }, (_, output) => inside(inputsOf(output)));
  switch (kind) {
    case "linear":
      return [[0]];
    case "transposedConv":
      // Even outputs lie under the centre tap; odd ones between two inputs, but the last has only one beside it.
      return outputs(2 * size, (o) => (o % 2 ? [(o - 1) / 2, (o + 1) / 2] : [o / 2]));
    case "readout":
      return outputs(size, (o) => [o - 1, o, o + 1]);
    default:
      return outputs(size / 2, (o) => [2 * o - 1, 2 * o, 2 * o + 1]);
  }
}

function positionsOf(inputs: Reach, inChannels: number): Positions[] {
  const counts = new Map<number, number>();
  for (const { length } of inputs)
    counts.set(length * inChannels, (counts.get(length * inChannels) ?? 0) + 1);
  return [...counts].map(([fanIn, count]) => ({ fanIn, count })).sort((a, b) => b.fanIn - a.fanIn);
}

/** For each output position, row by row, the input positions that reach it. */
function inputPositions(kind: LayerConnectivity["kind"], size: number): Reach {
  const reach = reachOf(kind, size);
  return reach.flatMap((rows) =>
    reach.map((columns) => rows.flatMap((row) => columns.map((column) => row * size + column))),
  );
}

/** Neurons and synapses of one layer. */
export function layerConnectivity(name: string, layer: LayerShape, bits: number): LayerConnectivity {
  const inputs = inputPositions(layer.kind, layer.inputSize);
  const positions = positionsOf(inputs, layer.inChannels);
  return {
    name,
    kind: layer.kind,
    bits,
    outChannels: layer.outChannels,
    positions,
    inputs,
    inChannels: layer.inChannels,
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
  const inputs = inputPositions("readout", imageSize);
  const positions = positionsOf(inputs, inChannels);
  return {
    name: "final_layer.1",
    kind: "readout",
    bits: 16,
    outChannels: imageChannels,
    positions,
    inputs,
    inChannels,
    neurons: imageSize ** 2 * imageChannels,
    synapses: countSynapses(positions, imageChannels),
    weights: 9 * inChannels * imageChannels,
  };
}

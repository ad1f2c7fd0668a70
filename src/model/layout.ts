import * as format from "../../assembly/core/format";
import type { LayerKind } from "../network.js";

// Where things lie in a .spk file: docs/format.md is the specification.

/** Numbers of the kinds in the file, and in the training module. */
export const KIND_NUMBERS: Record<LayerKind, number> = {
  linear: format.KIND_LINEAR,
  transposedConv: format.KIND_TRANSPOSED_CONV,
  conv: format.KIND_CONV,
  imageConv: format.KIND_IMAGE_CONV,
};

/** The kind of a number, if there is one. */
export function kindOf(number: number): LayerKind | undefined {
  return (Object.keys(KIND_NUMBERS) as LayerKind[]).find((kind) => KIND_NUMBERS[kind] === number);
}

/** Taps (3·ky + kx) in the order of the file. */
export const TAP_ORDER: Record<LayerKind, readonly number[]> = {
  linear: [0],
  transposedConv: [4, 5, 3, 7, 1, 8, 6, 2, 0],
  conv: [0, 1, 2, 3, 4, 5, 6, 7, 8],
  imageConv: [0, 1, 2, 3, 4, 5, 6, 7, 8],
};

/** Where block channel c lies in lane order. */
export function laneOf(c: number): number {
  return (c % 8) * 4 + (c >> 3);
}

/** Where, in lane order, the readout's weight k of the model lies. */
export function readoutPlaceOf(k: number): number {
  const c = k % format.READOUT_CHANNELS;
  return k - c + laneOf(c);
}

/** Bytes of a layer's packed weights. */
export function weightBytes(kind: LayerKind, inChannels: number, outChannels: number, bits: number): number {
  const rows = kind === "imageConv" ? inChannels : format.tapRows(inChannels);
  return (TAP_ORDER[kind].length * rows * outChannels * bits) / 8;
}

/** Bytes of the data of one prior; `pairs` is 0 for a Gaussian. */
export function priorBytes(pairs: number, latentSize: number): number {
  return pairs > 0
    ? (pairs + 1) * format.codeBytes(latentSize)
    : latentSize * (4 + format.normalBytes(latentSize));
}

/** Offsets of all sections; the file follows from the header's numbers alone. */
export function sections(shape: {
  layers: readonly { kind: LayerKind; inChannels: number; outChannels: number; bits: number }[];
  /** Entries and data. */
  priorsBytes: number;
  imageChannels: number;
}) {
  let offset = format.HEADER_BYTES + shape.layers.length * format.LAYER_BYTES;
  const take = (bytes: number) => {
    const start = offset;
    offset += bytes;
    return start;
  };
  const priors = take(shape.priorsBytes);
  const readout = take(format.readoutBytes(shape.imageChannels));
  const parameters = shape.layers.map((l) => take(l.outChannels * 4));
  const scales = shape.layers.map((l) => take(l.outChannels * 4));
  const scalesEnd = offset;
  offset = (offset + 7) & ~7;
  const weightsStart = offset;
  const weights = shape.layers.map((l) => take(weightBytes(l.kind, l.inChannels, l.outChannels, l.bits)));
  return { priors, readout, parameters, scales, scalesEnd, weightsStart, weights, length: offset };
}

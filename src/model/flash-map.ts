import * as format from "../../assembly/core/format";
import { outlineModel } from "./file.js";
import { decoderLayerName, encoderLayerName } from "./model.js";

/** Bytes `from` … `to` − 1 of a file. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where a decoder layer's parameters and packed weights lie: what the core reads when it comes to that layer. */
export function layerSpans(spk: Uint8Array, layer: number): { parameters: Span; weights: Span } {
  const view = new DataView(spk.buffer, spk.byteOffset, spk.length);
  const entry = format.HEADER_BYTES + layer * format.LAYER_BYTES;
  const field = (offset: number) => view.getUint32(entry + offset, true);
  const blocks = view.getUint16(entry + format.LAYER_OUT_CHANNELS, true) / format.BLOCK_CHANNELS;
  const span = (from: number, length: number): Span => ({ from, to: from + length });
  return {
    parameters: span(field(format.LAYER_PARAMETERS), blocks * format.BLOCK_PARAMETER_BYTES),
    weights: span(field(format.LAYER_WEIGHTS), field(format.LAYER_WEIGHTS_LENGTH)),
  };
}

interface Section {
  readonly name: string;
  readonly from: number;
}

/**
 * What lies where in a .spk file, in order of its bytes.
 * @throws SpikeletError "bad-model" or "unsupported-version"
 */
function sectionsOf(spk: Uint8Array): Section[] {
  const { decoder, encoder } = outlineModel(spk);
  const view = new DataView(spk.buffer, spk.byteOffset, spk.length);
  const layers = [
    ...decoder.map((_, i) => decoderLayerName(i, decoder.length)),
    ...encoder.map((_, i) => encoderLayerName(i, encoder.length)),
  ];
  const fieldOf = (layer: number, field: number) =>
    view.getUint32(format.HEADER_BYTES + layer * format.LAYER_BYTES + field, true);
  return [
    { name: "header and layer table", from: 0 },
    { name: "priors", from: view.getUint32(format.HEADER_PRIORS_OFFSET, true) },
    { name: "readout", from: view.getUint32(format.HEADER_READOUT_OFFSET, true) },
    ...layers.flatMap((layer, i) => [
      { name: `parameters of ${layer}`, from: fieldOf(i, format.LAYER_PARAMETERS) },
      { name: `scales of ${layer}`, from: fieldOf(i, format.LAYER_SCALES) },
      { name: `weights of ${layer}`, from: fieldOf(i, format.LAYER_WEIGHTS) },
    ]),
  ].sort((a, b) => a.from - b.from);
}

/** What lies at an offset of a .spk file, such as "weights of decoder.1"; undefined if it is no valid model. */
export function placeInModel(spk: Uint8Array, offset: number): string | undefined {
  try {
    return sectionsOf(spk).findLast(({ from }) => from <= offset)?.name;
  } catch {
    // Whoever runs a broken model wants to know how it ends, not that it is broken.
    return undefined;
  }
}

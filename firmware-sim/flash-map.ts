import * as format from "../assembly/format";
import { decoderLayerName, encoderLayerName } from "../src/model.js";
import { outlineModel } from "../src/model-file.js";

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

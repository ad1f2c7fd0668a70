import * as format from "../../assembly/core/format";
import { SpikeletError } from "../errors.js";
import { crc32 } from "./crc32.js";
import { KIND_NUMBERS, laneOf, priorBytes, readoutPlaceOf, sections } from "./layout.js";
import type { Model, Prior } from "./model.js";
import { packWeights } from "./weights.js";

function encodeName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > format.NAME_BYTES || name.includes("\0")) {
    throw new SpikeletError(
      "bad-option",
      `the name ${JSON.stringify(name)} takes ${bytes.length} bytes; expected at most ${format.NAME_BYTES}, without zeros. Choose a shorter one.`,
    );
  }
  return bytes;
}

/** Pairs of neighbours in a book; 0 for a Gaussian. */
function pairsOf(prior: Prior, latentSize: number): number {
  return prior.kind === "book" ? (4 * prior.codes.length) / format.codeBytes(latentSize) - 1 : 0;
}

/** Where each prior's data begin from the start of its table, and the bytes of the table and all data. */
function placePriors({ priors, latentSize }: Model): { offsets: number[]; bytes: number } {
  const places = new Map<object, number>();
  let bytes = priors.length * format.PRIOR_ENTRY_BYTES;
  const offsets = priors.map((prior) => {
    // Only books share.
    const data = prior.kind === "book" ? prior.codes : prior;
    const place = places.get(data);
    if (place !== undefined) return place;
    const offset = bytes;
    places.set(data, offset);
    bytes += priorBytes(pairsOf(prior, latentSize), latentSize);
    return offset;
  });
  return { offsets, bytes };
}

/**
 * The bytes of a .spk file.
 * @throws SpikeletError "bad-option" if a name is too long
 * @example
 * ```ts
 * import { readFile, writeFile } from "node:fs/promises";
 * import { decodeModel, encodeModel } from "spikelet";
 *
 * const model = decodeModel(await readFile("mine.spk"));
 * await writeFile("renamed.spk", encodeModel({ ...model, name: "renamed" }));
 * ```
 */
export function encodeModel(model: Model): Uint8Array {
  const layers = [...model.decoder, ...model.encoder];
  const table = placePriors(model);
  const at = sections({ ...model, layers, priorsBytes: table.bytes });
  const bytes = new Uint8Array(at.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, format.MAGIC, true);
  view.setUint32(format.HEADER_VERSION, format.VERSION, true);
  view.setUint32(format.HEADER_LENGTH, at.length, true);
  view.setUint16(format.HEADER_IMAGE_SIZE, model.imageSize, true);
  view.setUint8(format.HEADER_IMAGE_CHANNELS, model.imageChannels);
  view.setUint8(format.HEADER_TIME_STEPS, model.timeSteps);
  view.setUint16(format.HEADER_LATENT_SIZE, model.latentSize, true);
  view.setUint8(format.HEADER_DECODER_LAYERS, model.decoder.length);
  view.setUint8(format.HEADER_ENCODER_LAYERS, model.encoder.length);
  view.setUint8(format.HEADER_PRIORS, model.priors.length);
  view.setUint8(format.HEADER_READOUT_SHIFT, model.readout.shift);
  view.setUint32(format.HEADER_PRIORS_OFFSET, at.priors, true);
  view.setUint32(format.HEADER_READOUT_OFFSET, at.readout, true);
  view.setUint32(format.HEADER_WEIGHTS_OFFSET, at.weightsStart, true);
  bytes.set(encodeName(model.name), format.HEADER_NAME);

  layers.forEach((layer, i) => {
    const p = format.HEADER_BYTES + i * format.LAYER_BYTES;
    const packed = packWeights(layer);
    view.setUint8(p + format.LAYER_KIND, KIND_NUMBERS[layer.kind]);
    view.setUint8(p + format.LAYER_BITS, layer.bits);
    view.setUint16(p + format.LAYER_INPUT_SIZE, layer.inputSize, true);
    view.setUint16(p + format.LAYER_IN_CHANNELS, layer.inChannels, true);
    view.setUint16(p + format.LAYER_OUT_CHANNELS, layer.outChannels, true);
    view.setUint32(p + format.LAYER_PARAMETERS, at.parameters[i], true);
    view.setUint32(p + format.LAYER_SCALES, at.scales[i], true);
    view.setUint32(p + format.LAYER_WEIGHTS, at.weights[i], true);
    view.setUint32(p + format.LAYER_WEIGHTS_LENGTH, packed.length, true);
    view.setInt16(p + format.LAYER_LOWEST, layer.lowest, true);
    view.setInt16(p + format.LAYER_HIGHEST, layer.highest, true);
    view.setUint32(p + format.LAYER_SHIFT, layer.shift, true);
    for (let c = 0; c < layer.outChannels; c++) {
      const block = at.parameters[i] + Math.floor(c / format.BLOCK_CHANNELS) * format.BLOCK_PARAMETER_BYTES;
      const place = block + 2 * laneOf(c % format.BLOCK_CHANNELS);
      view.setUint16(place, layer.bias[c] + format.BIAS_OFFSET, true);
      view.setUint16(place + 2 * format.BLOCK_CHANNELS, layer.threshold[c] + format.THRESHOLD_OFFSET, true);
      view.setFloat32(at.scales[i] + 4 * c, layer.scale[c], true);
    }
    bytes.set(packed, at.weights[i]);
  });

  model.priors.forEach((prior, i) => {
    const d = model.latentSize;
    const p = at.priors + i * format.PRIOR_ENTRY_BYTES;
    const data = at.priors + table.offsets[i];
    bytes.set(encodeName(prior.name), p);
    view.setUint32(p + format.PRIOR_SHARE, prior.share, true);
    view.setUint32(p + format.PRIOR_OFFSET, data, true);
    view.setUint32(p + format.PRIOR_PAIRS, pairsOf(prior, d), true);
    if (prior.kind === "book") {
      prior.codes.forEach((word, k) => {
        view.setUint32(data + 4 * k, word, true);
      });
      return;
    }
    view.setUint32(p + format.PRIOR_SHIFT, prior.shift, true);
    for (let neuron = 0; neuron < d; neuron++) {
      view.setInt32(data + 4 * neuron, prior.bias[neuron], true);
      for (let k = 0; k < d; k++) {
        const column = data + 4 * d + k * format.normalBytes(d);
        view.setInt16(column + 2 * neuron, prior.weights[neuron * d + k], true);
      }
    }
  });

  model.readout.bias.forEach((b, g) => {
    view.setInt32(at.readout + 4 * g, b, true);
  });
  model.readout.weights.forEach((w, k) => {
    view.setInt16(at.readout + 4 * model.imageChannels + 2 * readoutPlaceOf(k), w, true);
  });
  view.setUint32(format.HEADER_CRC, crc32(bytes.subarray(format.HEADER_CRC_START)), true);
  return bytes;
}

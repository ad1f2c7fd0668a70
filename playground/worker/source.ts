// A model in another width: from a checkpoint as it was trained, or from a model's own weights.
import { NAME_BYTES } from "../../assembly/core/format";
import {
  decodeModel,
  dequantizeDecoder,
  encodeModel,
  type Model,
  type Network,
  type QuantizationReport,
  quantizeNetwork,
  readCheckpoint,
  readNetwork,
  type WeightBits,
} from "../../src/index.js";
import type { OpenedFile } from "../protocol.js";

/** What a model can be quantized from, again and again. */
export type Source =
  | { readonly kind: "checkpoint"; readonly network: Network; readonly name: string }
  | { readonly kind: "model"; readonly model: Model; readonly spk: Uint8Array };

/**
 * Reads a model file or a checkpoint, as its first bytes or else its name tell.
 * @throws SpikeletError "bad-model", "unsupported-version" or "bad-checkpoint"
 */
export function readSource({ name, bytes }: OpenedFile): Source {
  const isModel = /\.spk$/i.test(name) || String.fromCharCode(...bytes.subarray(0, 4)) === "SPKL";
  if (isModel) return { kind: "model", model: decodeModel(bytes), spk: bytes };
  return { kind: "checkpoint", network: readNetwork(readCheckpoint(bytes)), name: modelName(name) };
}

/** A file's name without its ending, cut to what a model file has room for. */
function modelName(file: string): string {
  let name = file.replace(/\.[^.]*$/, "") || "model";
  while (new TextEncoder().encode(name).length > NAME_BYTES) name = [...name].slice(0, -1).join("");
  return name;
}

/** The widest weights that a source has to give. */
export function widestBits(source: Source): WeightBits {
  if (source.kind === "checkpoint") return 8;
  return Math.max(...source.model.decoder.map(({ bits }) => bits)) as WeightBits;
}

export interface Quantized {
  readonly model: Model;
  readonly spk: Uint8Array;
  /** Absent for a model file as it is. */
  readonly report?: QuantizationReport;
}

/**
 * A source in a width. Of a model file only the decoder is rounded again: its encoder and its priors stay.
 * @param onProgress - is told the share that is done, 0 … 1
 * @throws SpikeletError "cannot-quantize"
 */
export function quantizeSource(
  source: Source,
  bits: WeightBits,
  onProgress: (share: number) => void,
): Quantized {
  const options = { bits, onProgress: (done: number, total: number) => onProgress(done / total) };
  if (source.kind === "checkpoint") {
    const { model, report } = quantizeNetwork(source.network, { ...options, name: source.name });
    return { model, spk: encodeModel(model), report };
  }
  if (bits === widestBits(source)) return source;
  const { name, encoder, priors } = source.model;
  const { model: decoder, report } = quantizeNetwork(dequantizeDecoder(source.model), { ...options, name });
  const model = { ...decoder, encoder, priors };
  return { model, spk: encodeModel(model), report };
}

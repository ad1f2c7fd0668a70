import * as format from "../../assembly/core/format";
import { SpikeletError } from "../errors.js";
import { crc32 } from "./crc32.js";
import { damaged } from "./damaged.js";
import { kindOf, laneOf, priorBytes, readoutPlaceOf, sections, weightBytes } from "./layout.js";
import { mixtures } from "./mixture.js";
import {
  type BookPrior,
  type GaussianPrior,
  type IntegerLayer,
  type Model,
  type Prior,
  type Readout,
  WEIGHT_BITS,
} from "./model.js";
import { checkDecoder, checkEncoder } from "./shapes.js";
import { unpackWeights } from "./weights.js";

/**
 * Reads a .spk file and checks every field of it.
 * @throws SpikeletError "bad-model" for anything that is not a whole .spk file, "unsupported-version" for another version
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { decodeModel } from "spikelet";
 *
 * const { name, timeSteps, decoder } = decodeModel(await readFile("mine.spk"));
 * console.log(name, timeSteps, decoder.map(({ kind, bits }) => `${kind}, ${bits} bits`));
 * ```
 */
export function decodeModel(bytes: Uint8Array): Model {
  const outline = outlineModel(bytes);
  const withWeights = (layer: LayerOutline): IntegerLayer => {
    const { weightsOffset, ...rest } = layer;
    const { kind, inChannels, outChannels, bits } = layer;
    const end = weightsOffset + weightBytes(kind, inChannels, outChannels, bits);
    return { ...rest, weights: unpackWeights(bytes.subarray(weightsOffset, end), rest) };
  };
  return { ...outline, decoder: outline.decoder.map(withWeights), encoder: outline.encoder.map(withWeights) };
}

/** A layer whose weights are left in the file. */
export interface LayerOutline extends Omit<IntegerLayer, "weights"> {
  readonly weightsOffset: number;
}

/** A model whose weights are left in the file. */
export interface ModelOutline extends Omit<Model, "decoder" | "encoder"> {
  readonly decoder: readonly LayerOutline[];
  readonly encoder: readonly LayerOutline[];
}

/**
 * As `decodeModel`, but leaves the weights in the file, which is much faster.
 * @throws as `decodeModel`, but for what only unpacking the weights would show
 */
export function outlineModel(bytes: Uint8Array): ModelOutline {
  const file = new ModelFile(bytes);
  file.checkEnvelope();
  return file.read();
}

/** The numbers of an entry in the layer table that say how large the layer is. */
type TableEntry = Pick<
  IntegerLayer,
  "kind" | "bits" | "inputSize" | "inChannels" | "outChannels" | "shift" | "lowest" | "highest"
> & { readonly offset: number };

/** An entry of the table of priors. */
interface PriorPlace {
  /** Where it lies. */
  readonly entry: number;
  /** Where its data begin and end. */
  readonly start: number;
  readonly end: number;
  readonly pairs: number;
  readonly shift: number;
  readonly share: number;
}

/** What the data of a prior say. */
type GaussianData = Omit<GaussianPrior, "name" | "share">;
type BookData = Omit<BookPrior, "name" | "share">;

const UTF8 = new TextDecoder("utf-8", { fatal: true });

class ModelFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    if (bytes.length < format.HEADER_BYTES) {
      throw damaged(`Found ${bytes.length} bytes; a model file has at least ${format.HEADER_BYTES}.`);
    }
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  #u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  #u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** Magic, version, length and checksum. */
  checkEnvelope(): void {
    if (this.#u32(0) !== format.MAGIC) {
      const found = [...this.#bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
      throw damaged(`Found ${found} at the start; a model file starts with 53 50 4b 4c ("SPKL").`);
    }
    const version = this.#u32(format.HEADER_VERSION);
    if (version !== format.VERSION) {
      throw new SpikeletError(
        "unsupported-version",
        `Got a model file of version ${version}; this Spikelet reads version ${format.VERSION}. Update Spikelet, or make the file again with \`spikelet import\`.`,
      );
    }
    const length = this.#u32(format.HEADER_LENGTH);
    if (length !== this.#bytes.length) {
      throw damaged(
        `The header says ${length} bytes, and the file has ${this.#bytes.length}: it was cut short or something was added.`,
      );
    }
    const stored = this.#u32(format.HEADER_CRC);
    const computed = crc32(this.#bytes.subarray(format.HEADER_CRC_START));
    if (stored !== computed) {
      throw damaged(
        `The checksum is ${computed.toString(16)}; the header says ${stored.toString(16)}: at least one byte has changed.`,
      );
    }
  }

  read(): ModelOutline {
    const imageSize = this.#u16(format.HEADER_IMAGE_SIZE);
    const imageChannels = this.#u8(format.HEADER_IMAGE_CHANNELS);
    const timeSteps = this.#u8(format.HEADER_TIME_STEPS);
    const latentSize = this.#u16(format.HEADER_LATENT_SIZE);
    const decoderLayers = this.#u8(format.HEADER_DECODER_LAYERS);
    const encoderLayers = this.#u8(format.HEADER_ENCODER_LAYERS);
    const priorCount = this.#u8(format.HEADER_PRIORS);
    this.#expectZeros("unused in the header", format.HEADER_READOUT_SHIFT + 1, format.HEADER_PRIORS_OFFSET);
    if (imageChannels !== 1 && imageChannels !== 3) {
      throw damaged(`Found ${imageChannels} image channels; expected 1 or 3.`);
    }
    expectRange("image size", imageSize, 2, format.MAX_IMAGE_SIZE);
    expectRange("number of time steps", timeSteps, 1, format.MAX_TIME_STEPS);
    expectRange("latent size", latentSize, 1, format.MAX_LATENT_SIZE);
    expectRange("number of decoder layers", decoderLayers, 2, format.MAX_DECODER_LAYERS);
    expectRange("number of encoder layers", encoderLayers, 0, format.MAX_ENCODER_LAYERS);
    expectRange("number of priors", priorCount, 1, format.MAX_PRIORS);

    const count = decoderLayers + encoderLayers;
    if (format.HEADER_BYTES + count * format.LAYER_BYTES > this.#bytes.length) {
      throw damaged("The layer table reaches past the end.");
    }
    const table = Array.from({ length: count }, (_, i) => this.#readTableEntry(i));
    checkDecoder(table.slice(0, decoderLayers), latentSize, imageSize);
    checkEncoder(table.slice(decoderLayers), latentSize, imageSize, imageChannels);

    const priorTable = format.HEADER_BYTES + count * format.LAYER_BYTES;
    const entries = this.#readPriorTable(priorTable, priorCount, latentSize);
    const priorsBytes = entries.reduce((end, entry) => Math.max(end, entry.end), 0) - priorTable;
    const at = sections({ layers: table, priorsBytes, imageChannels });
    if (at.length !== this.#bytes.length) {
      throw damaged(`The priors and layers take ${at.length} bytes; the file has ${this.#bytes.length}.`);
    }
    this.#expectOffset("priors", format.HEADER_PRIORS_OFFSET, at.priors);
    this.#expectOffset("readout", format.HEADER_READOUT_OFFSET, at.readout);
    this.#expectOffset("end of the front matter", format.HEADER_WEIGHTS_OFFSET, at.weightsStart);
    this.#expectZeros("unused between the scales and the weights", at.scalesEnd, at.weightsStart);

    const layers = table.map((entry, i) =>
      this.#readLayer(i, entry, at.parameters[i], at.scales[i], at.weights[i]),
    );
    return {
      name: this.#readName(format.HEADER_NAME),
      imageSize,
      imageChannels,
      timeSteps,
      latentSize,
      decoder: layers.slice(0, decoderLayers),
      encoder: layers.slice(decoderLayers),
      priors: this.#readPriors(entries, latentSize),
      readout: this.#readReadout(at.readout, imageChannels),
    };
  }

  #readTableEntry(i: number): TableEntry {
    const offset = format.HEADER_BYTES + i * format.LAYER_BYTES;
    const kind = kindOf(this.#u8(offset + format.LAYER_KIND));
    if (!kind) throw damaged(`Layer ${i} is of an unknown kind.`);
    const bits = this.#u8(offset + format.LAYER_BITS);
    const widths: readonly number[] = kind === "imageConv" ? [format.IMAGE_WEIGHT_BITS] : WEIGHT_BITS;
    if (!widths.includes(bits)) {
      throw damaged(`Layer ${i} has ${bits} bits a weight; expected ${widths.join(" or ")}.`);
    }
    const outChannels = this.#u16(offset + format.LAYER_OUT_CHANNELS);
    if (!outChannels || outChannels % format.BLOCK_CHANNELS || outChannels > format.MAX_CHANNELS) {
      throw damaged(
        `Layer ${i} has ${outChannels} output channels; expected a multiple of ${format.BLOCK_CHANNELS} up to ${format.MAX_CHANNELS}.`,
      );
    }
    const shift = this.#u32(offset + format.LAYER_SHIFT);
    expectRange(`shift of layer ${i}`, shift, 0, kind === "imageConv" ? format.MAX_SHIFT : 0);
    return {
      offset,
      kind,
      bits: bits as IntegerLayer["bits"],
      inputSize: this.#u16(offset + format.LAYER_INPUT_SIZE),
      inChannels: this.#u16(offset + format.LAYER_IN_CHANNELS),
      outChannels,
      shift,
      lowest: this.#view.getInt16(offset + format.LAYER_LOWEST, true),
      highest: this.#view.getInt16(offset + format.LAYER_HIGHEST, true),
    };
  }

  #readLayer(
    i: number,
    entry: TableEntry,
    parameters: number,
    scales: number,
    weights: number,
  ): LayerOutline {
    const { offset, ...shape } = entry;
    const { kind, bits, inChannels, outChannels } = shape;
    const length = weightBytes(kind, inChannels, outChannels, bits);
    this.#expectOffset(`parameters of layer ${i}`, offset + format.LAYER_PARAMETERS, parameters);
    this.#expectOffset(`scales of layer ${i}`, offset + format.LAYER_SCALES, scales);
    this.#expectOffset(`weights of layer ${i}`, offset + format.LAYER_WEIGHTS, weights);
    const storedLength = this.#u32(offset + format.LAYER_WEIGHTS_LENGTH);
    if (storedLength !== length) {
      throw damaged(`The length of the weights of layer ${i} is ${storedLength}; expected ${length}.`);
    }
    const bias = new Int16Array(outChannels);
    const threshold = new Uint16Array(outChannels);
    const scale = new Float32Array(outChannels);
    for (let c = 0; c < outChannels; c++) {
      const block = parameters + Math.floor(c / format.BLOCK_CHANNELS) * format.BLOCK_PARAMETER_BYTES;
      const place = block + 2 * laneOf(c % format.BLOCK_CHANNELS);
      const biasHere = this.#u16(place) - format.BIAS_OFFSET;
      const thresholdHere = this.#u16(place + 2 * format.BLOCK_CHANNELS) - format.THRESHOLD_OFFSET;
      const most = format.MAX_POTENTIAL;
      if (biasHere > most || thresholdHere < 1 || thresholdHere > most) {
        expectRange(`bias of layer ${i}, channel ${c}`, biasHere, -format.BIAS_OFFSET, most);
        expectRange(`threshold of layer ${i}, channel ${c}`, thresholdHere, 1, most);
      }
      bias[c] = biasHere;
      threshold[c] = thresholdHere;
      scale[c] = this.#view.getFloat32(scales + 4 * c, true);
    }
    return { ...shape, bias, threshold, scale, weightsOffset: weights };
  }

  /** The entries of the priors, their data within the rules but not yet known to be within the file. */
  #readPriorTable(table: number, count: number, latentSize: number): PriorPlace[] {
    const tableEnd = table + count * format.PRIOR_ENTRY_BYTES;
    if (tableEnd > this.#bytes.length) throw damaged("The table of the priors reaches past the end.");
    const entries: PriorPlace[] = [];
    let next = tableEnd;
    for (let i = 0; i < count; i++) {
      const entry = table + i * format.PRIOR_ENTRY_BYTES;
      const start = this.#u32(entry + format.PRIOR_OFFSET);
      const pairs = this.#u32(entry + format.PRIOR_PAIRS);
      const shift = this.#u32(entry + format.PRIOR_SHIFT);
      const share = this.#u32(entry + format.PRIOR_SHARE);
      expectRange(`number of codes of prior ${i}`, pairs + 1, 1, format.MAX_CODES);
      expectRange(`shift of prior ${i}`, shift, 0, pairs > 0 ? 0 : format.MAX_SHIFT);
      expectRange(`share of prior ${i}`, share, 1, format.WHOLE_SHARE);
      const end = start + priorBytes(pairs, latentSize);
      const isShared = pairs > 0 && entries.some((other) => other.start === start && other.pairs === pairs);
      if (!isShared) {
        this.#expectOffset(`data of prior ${i}`, entry + format.PRIOR_OFFSET, next);
        next = end;
      }
      entries.push({ entry, start, end, pairs, shift, share });
    }
    return entries;
  }

  #readPriors(entries: readonly PriorPlace[], latentSize: number): Prior[] {
    const books = new Map<number, BookData>();
    const priors = entries.map((place, i): Prior => {
      const name = this.#readName(place.entry);
      const { share, start } = place;
      if (place.pairs === 0) return { name, share, ...this.#readGaussian(i, place, latentSize) };
      const book = books.get(start) ?? this.#readBook(i, place, latentSize);
      books.set(start, book);
      return { name, share, ...book };
    });
    for (const { name, components } of mixtures(priors)) {
      const total = components.reduce((sum, { share }) => sum + share, 0);
      if (total !== format.WHOLE_SHARE) {
        throw damaged(`The shares of prior "${name}" add up to ${total}; expected ${format.WHOLE_SHARE}.`);
      }
    }
    return priors;
  }

  #readGaussian(i: number, { start, shift }: PriorPlace, latentSize: number): GaussianData {
    const weights = new Int16Array(latentSize * latentSize);
    const bytes = format.normalBytes(latentSize);
    for (let k = 0; k < latentSize; k++) {
      const column = start + 4 * latentSize + k * bytes;
      for (let neuron = 0; neuron < latentSize; neuron++) {
        weights[neuron * latentSize + k] = this.#view.getInt16(column + 2 * neuron, true);
      }
      this.#expectZeros(`unused in prior ${i}`, column + 2 * latentSize, column + bytes);
    }
    const bias = Int32Array.from({ length: latentSize }, (_, neuron) =>
      this.#view.getInt32(start + 4 * neuron, true),
    );
    return { kind: "gaussian", shift, weights, bias };
  }

  #readBook(i: number, { start, pairs }: PriorPlace, latentSize: number): BookData {
    const words = format.codeBytes(latentSize) / 4;
    const codes = Uint32Array.from({ length: (pairs + 1) * words }, (_, k) => this.#u32(start + 4 * k));
    const used = latentSize % 32;
    for (let k = words - 1; used > 0 && k < codes.length; k += words) {
      if (codes[k] >>> used !== 0) {
        throw damaged(`Code ${(k + 1) / words - 1} of prior ${i} has bits beyond its ${latentSize} neurons.`);
      }
    }
    return { kind: "book", codes };
  }

  #readReadout(offset: number, imageChannels: number): Readout {
    const shift = this.#u8(format.HEADER_READOUT_SHIFT);
    expectRange("shift of the readout", shift, 1, 30);
    return {
      shift,
      bias: Int32Array.from({ length: imageChannels }, (_, g) => this.#view.getInt32(offset + 4 * g, true)),
      weights: Int16Array.from({ length: 9 * imageChannels * format.READOUT_CHANNELS }, (_, k) =>
        this.#view.getInt16(offset + 4 * imageChannels + 2 * readoutPlaceOf(k), true),
      ),
    };
  }

  #readName(offset: number): string {
    const bytes = this.#bytes.subarray(offset, offset + format.NAME_BYTES);
    const end = bytes.indexOf(0);
    const used = end < 0 ? bytes : bytes.subarray(0, end);
    if (bytes.subarray(used.length).some((b) => b !== 0)) throw damaged("A name has bytes after its end.");
    try {
      return UTF8.decode(used);
    } catch {
      throw damaged("A name is not UTF-8.");
    }
  }

  #expectOffset(what: string, place: number, expected: number): void {
    const offset = this.#u32(place);
    if (offset === expected) return;
    const end = this.#bytes.length;
    throw damaged(
      `The header puts the ${what} at ${offset}${offset > end ? `, past the end at ${end}` : ""}; expected ${expected}.`,
    );
  }

  #expectZeros(what: string, from: number, to: number): void {
    for (let p = from; p < to; p++) {
      if (this.#bytes[p] !== 0) throw damaged(`Byte ${p}, ${what}, is ${this.#bytes[p]}; expected 0.`);
    }
  }
}

function expectRange(what: string, found: number, least: number, most: number): void {
  if (found >= least && found <= most) return;
  throw damaged(`The ${what} is ${found}; expected ${least === most ? least : `${least} to ${most}`}.`);
}

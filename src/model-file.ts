import * as format from "../assembly/format";
import { SpikeletError } from "./errors.js";
import type { IntegerLayer, Model, Prior, Readout, WeightBits } from "./model.js";
import { type LayerKind, outputSize, tapCount } from "./network.js";

// The one writer and the one reader of .spk files outside the core; docs/format.md is the specification.

const KINDS: readonly LayerKind[] = ["linear", "transposedConv", "conv", "imageConv"];

/** Taps (3·ky + kx) in the order of the file. */
const TAP_ORDER: Record<LayerKind, readonly number[]> = {
  linear: [0],
  transposedConv: [4, 5, 3, 7, 1, 8, 6, 2, 0],
  conv: [0, 1, 2, 3, 4, 5, 6, 7, 8],
  imageConv: [0, 1, 2, 3, 4, 5, 6, 7, 8],
};

const CRC_START = format.HEADER_IMAGE_SIZE;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** CRC-32 (ISO-HDLC), as zip and PNG use it. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (const byte of bytes) c = CRC_TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

/** Where block channel c lies in lane order. */
function laneOf(c: number): number {
  return (c % 8) * 4 + (c >> 3);
}

/** Channel 8j + 4h + n of a block lies in half row h, lane j, nibble n. */
function channelAt(half: number, lane: number, nibble: number): number {
  return 8 * lane + 4 * half + nibble;
}

/** Rows of weights for one tap, padded to an even number. */
function tapRows(inChannels: number): number {
  return inChannels + (inChannels & 1);
}

function weightBytes(kind: LayerKind, inChannels: number, outChannels: number, bits: number): number {
  const rows = kind === "imageConv" ? inChannels : tapRows(inChannels);
  return (TAP_ORDER[kind].length * rows * outChannels * bits) / 8;
}

function priorRowBytes(latentSize: number): number {
  return (4 + 2 * latentSize + 3) & ~3;
}

/** Bytes of one prior. */
export function priorBytes(latentSize: number): number {
  return format.PRIOR_HEADER_BYTES + latentSize * priorRowBytes(latentSize);
}

function readoutBytes(imageChannels: number): number {
  return imageChannels * (4 + 18 * format.READOUT_CHANNELS);
}

/** Visits the half rows of a layer in the order of the file. */
function forEachHalfRow(
  layer: { kind: LayerKind; inChannels: number; outChannels: number },
  visit: (halfRow: number, tap: number, row: number, block: number, half: number) => void,
): void {
  let halfRow = 0;
  for (let block = 0; block < layer.outChannels; block += format.BLOCK_CHANNELS) {
    for (const tap of TAP_ORDER[layer.kind]) {
      for (let row = 0; row < tapRows(layer.inChannels); row++) {
        for (let half = 0; half < 2; half++) visit(halfRow++, tap, row, block, half);
      }
    }
  }
}

/** Bits 4c … of half row h: where its low word starts, and in which bits of which high word the rest of a weight lies. */
function halfRowPlace(halfRow: number, bits: number): { low: number; high: number; slot: number } {
  const extra = bits - 4;
  if (!extra) return { low: halfRow * 8, high: 0, slot: 0 };
  const together = 4 / extra;
  const group = Math.floor(halfRow / together) * (together + 1) * 8;
  const slot = halfRow % together;
  return { low: group + slot * 8, high: group + together * 8, slot };
}

/** Where the weight of the convolution of the image from row (tap, image channel) to an output channel lies. */
function imageWeightPlace(row: number, rows: number, channel: number): number {
  const block = Math.floor(channel / format.BLOCK_CHANNELS) * rows;
  return 2 * ((block + row) * format.BLOCK_CHANNELS + laneOf(channel % format.BLOCK_CHANNELS));
}

function packImageWeights(layer: IntegerLayer): Uint8Array {
  const { kind, inChannels, outChannels, bits, weights } = layer;
  const bytes = new Uint8Array(weightBytes(kind, inChannels, outChannels, bits));
  const view = new DataView(bytes.buffer);
  weights.forEach((w, i) => {
    view.setInt16(imageWeightPlace(Math.floor(i / outChannels), 9 * inChannels, i % outChannels), w, true);
  });
  return bytes;
}

function unpackImageWeights(bytes: Uint8Array, layer: Omit<IntegerLayer, "weights">): Int16Array {
  const { inChannels, outChannels } = layer;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Int16Array.from({ length: 9 * inChannels * outChannels }, (_, i) =>
    view.getInt16(imageWeightPlace(Math.floor(i / outChannels), 9 * inChannels, i % outChannels), true),
  );
}

function packWeights(layer: IntegerLayer): Uint8Array {
  const { kind, inChannels, outChannels, bits, weights } = layer;
  if (kind === "imageConv") return packImageWeights(layer);
  const bytes = new Uint8Array(weightBytes(kind, inChannels, outChannels, bits));
  const extra = bits - 4;
  const zero = 2 ** (bits - 1);
  forEachHalfRow(layer, (halfRow, tap, row, block, half) => {
    const { low, high, slot } = halfRowPlace(halfRow, bits);
    for (let lane = 0; lane < 4; lane++) {
      for (let nibble = 0; nibble < 4; nibble++) {
        const channel = block + channelAt(half, lane, nibble);
        const w = row < inChannels ? weights[(tap * inChannels + row) * outChannels + channel] + zero : zero;
        bytes[low + lane * 2 + (nibble >> 1)] |= (w & 15) << (4 * (nibble & 1));
        const bit = extra * (4 * slot + nibble);
        if (extra) bytes[high + lane * 2 + (bit >> 3)] |= (w >> 4) << (bit & 7);
      }
    }
  });
  return bytes;
}

function unpackWeights(bytes: Uint8Array, layer: Omit<IntegerLayer, "weights">): Int8Array | Int16Array {
  const { kind, inChannels, outChannels, bits } = layer;
  if (kind === "imageConv") return unpackImageWeights(bytes, layer);
  const weights = new Int8Array(tapCount(layer) * inChannels * outChannels);
  const extra = bits - 4;
  const zero = 2 ** (bits - 1);
  forEachHalfRow({ kind, inChannels, outChannels }, (halfRow, tap, row, block, half) => {
    const { low, high, slot } = halfRowPlace(halfRow, bits);
    for (let lane = 0; lane < 4; lane++) {
      for (let nibble = 0; nibble < 4; nibble++) {
        const channel = block + channelAt(half, lane, nibble);
        let w = (bytes[low + lane * 2 + (nibble >> 1)] >> (4 * (nibble & 1))) & 15;
        const bit = extra * (4 * slot + nibble);
        if (extra) w |= ((bytes[high + lane * 2 + (bit >> 3)] >> (bit & 7)) & (2 ** extra - 1)) << 4;
        if (row < inChannels) weights[(tap * inChannels + row) * outChannels + channel] = w - zero;
        else if (w !== zero) throw bad("The row of weights that makes their number even is not zero.");
      }
    }
  });
  return weights;
}

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

/** Offsets of all sections; the file follows from the header's numbers alone. */
function sections(shape: {
  layers: readonly { kind: LayerKind; inChannels: number; outChannels: number; bits: number }[];
  priors: number;
  latentSize: number;
  imageChannels: number;
}) {
  let offset = format.HEADER_BYTES + shape.layers.length * format.LAYER_BYTES;
  const take = (bytes: number) => {
    const start = offset;
    offset += bytes;
    return start;
  };
  const priors = take(shape.priors * priorBytes(shape.latentSize));
  const readout = take(readoutBytes(shape.imageChannels));
  const parameters = shape.layers.map((l) => take(l.outChannels * 4));
  const scales = shape.layers.map((l) => take(l.outChannels * 4));
  offset = (offset + 7) & ~7;
  const weightsStart = offset;
  const weights = shape.layers.map((l) => take(weightBytes(l.kind, l.inChannels, l.outChannels, l.bits)));
  return { priors, readout, parameters, scales, weightsStart, weights, length: offset };
}

/**
 * The bytes of a .spk file.
 * @throws SpikeletError "bad-option" if a name is too long
 */
export function encodeModel(model: Model): Uint8Array {
  const layers = [...model.decoder, ...model.encoder];
  const at = sections({ ...model, layers, priors: model.priors.length });
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
    view.setUint8(p + format.LAYER_KIND, KINDS.indexOf(layer.kind));
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
      view.setUint16(place + 2 * format.BLOCK_CHANNELS, layer.threshold[c], true);
      view.setFloat32(at.scales[i] + 4 * c, layer.scale[c], true);
    }
    bytes.set(packed, at.weights[i]);
  });

  model.priors.forEach((prior, i) => {
    const d = model.latentSize;
    const p = at.priors + i * priorBytes(d);
    bytes.set(encodeName(prior.name), p);
    view.setUint32(p + format.PRIOR_SHIFT, prior.shift, true);
    for (let neuron = 0; neuron < d; neuron++) {
      const row = p + format.PRIOR_HEADER_BYTES + neuron * priorRowBytes(d);
      view.setInt32(row, prior.bias[neuron], true);
      for (let k = 0; k < d; k++) view.setInt16(row + 4 + 2 * k, prior.weights[neuron * d + k], true);
    }
  });

  model.readout.bias.forEach((b, g) => {
    view.setInt32(at.readout + 4 * g, b, true);
  });
  model.readout.weights.forEach((w, k) => {
    view.setInt16(at.readout + 4 * model.imageChannels + 2 * k, w, true);
  });
  view.setUint32(format.HEADER_CRC, crc32(bytes.subarray(CRC_START)), true);
  return bytes;
}

function bad(message: string): SpikeletError {
  return new SpikeletError(
    "bad-model",
    `${message} The file is damaged or was not made by Spikelet: make it again with \`spikelet import\`.`,
  );
}

function decodeName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const used = end < 0 ? bytes : bytes.subarray(0, end);
  if (bytes.subarray(used.length).some((b) => b !== 0)) throw bad("A name has bytes after its end.");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(used);
  } catch {
    throw bad("A name is not UTF-8.");
  }
}

/**
 * Reads a .spk file and checks every field of it.
 * @throws SpikeletError "bad-model" for anything that is not a whole .spk file, "unsupported-version" for another version
 */
export function decodeModel(bytes: Uint8Array): Model {
  const found = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
  if (bytes.length < format.HEADER_BYTES) {
    throw bad(`Found ${bytes.length} bytes; a model file has at least ${format.HEADER_BYTES}.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== format.MAGIC) {
    throw bad(`Found ${found} at the start; a model file starts with 53 50 4b 4c ("SPKL").`);
  }
  const version = view.getUint32(format.HEADER_VERSION, true);
  if (version !== format.VERSION) {
    throw new SpikeletError(
      "unsupported-version",
      `Got a model file of version ${version}; this Spikelet reads version ${format.VERSION}. Update Spikelet, or make the file again with \`spikelet import\`.`,
    );
  }
  const length = view.getUint32(format.HEADER_LENGTH, true);
  if (length !== bytes.length) {
    throw bad(
      `The header says ${length} bytes, and the file has ${bytes.length}: it was cut short or something was added.`,
    );
  }
  const crc = view.getUint32(format.HEADER_CRC, true);
  const computed = crc32(bytes.subarray(CRC_START));
  if (crc !== computed) {
    throw bad(
      `The checksum is ${computed.toString(16)}; the header says ${crc.toString(16)}: at least one byte has changed.`,
    );
  }

  const imageSize = view.getUint16(format.HEADER_IMAGE_SIZE, true);
  const imageChannels = view.getUint8(format.HEADER_IMAGE_CHANNELS);
  const timeSteps = view.getUint8(format.HEADER_TIME_STEPS);
  const latentSize = view.getUint16(format.HEADER_LATENT_SIZE, true);
  const expectZeros = (what: string, from: number, to: number) => {
    for (let p = from; p < to; p++) {
      if (bytes[p] !== 0) throw bad(`Byte ${p}, ${what}, is ${bytes[p]}; expected 0.`);
    }
  };
  expectZeros("unused in the header", format.HEADER_READOUT_SHIFT + 1, format.HEADER_PRIORS_OFFSET);
  const decoderLayers = view.getUint8(format.HEADER_DECODER_LAYERS);
  const encoderLayers = view.getUint8(format.HEADER_ENCODER_LAYERS);
  const priorCount = view.getUint8(format.HEADER_PRIORS);
  if (imageChannels !== 1 && imageChannels !== 3)
    throw bad(`Found ${imageChannels} image channels; expected 1 or 3.`);
  if (timeSteps < 1 || timeSteps > format.MAX_TIME_STEPS)
    throw bad(`Found ${timeSteps} time steps; expected 1 to 16.`);
  if (latentSize < 1 || latentSize > format.MAX_LATENT_SIZE) {
    throw bad(`Found a latent size of ${latentSize}; expected 1 to ${format.MAX_LATENT_SIZE}.`);
  }
  if (decoderLayers < 2 || decoderLayers > format.MAX_DECODER_LAYERS) {
    throw bad(`Found ${decoderLayers} decoder layers; expected 2 to ${format.MAX_DECODER_LAYERS}.`);
  }
  if (priorCount < 1) throw bad("Found no prior; expected at least one.");

  const count = decoderLayers + encoderLayers;
  if (format.HEADER_BYTES + count * format.LAYER_BYTES > bytes.length)
    throw bad("The layer table reaches past the end.");
  const shapes = Array.from({ length: count }, (_, i) => {
    const p = format.HEADER_BYTES + i * format.LAYER_BYTES;
    const kind = KINDS[view.getUint8(p + format.LAYER_KIND)];
    const bits = view.getUint8(p + format.LAYER_BITS) as WeightBits | 16;
    const shift = view.getUint32(p + format.LAYER_SHIFT, true);
    const inputSize = view.getUint16(p + format.LAYER_INPUT_SIZE, true);
    const inChannels = view.getUint16(p + format.LAYER_IN_CHANNELS, true);
    const outChannels = view.getUint16(p + format.LAYER_OUT_CHANNELS, true);
    if (!kind) throw bad(`Layer ${i} is of an unknown kind.`);
    const widths = kind === "imageConv" ? [16] : [4, 5, 6, 8];
    if (!widths.includes(bits))
      throw bad(
        `Layer ${i} has ${bits} bits a weight; expected ${widths.length > 1 ? "4, 5, 6 or 8" : "16"}.`,
      );
    const mostShift = kind === "imageConv" ? 24 : 0;
    if (shift > mostShift) throw bad(`Layer ${i} has a shift of ${shift}; expected at most ${mostShift}.`);
    if (!outChannels || outChannels % 32 || outChannels > format.MAX_CHANNELS) {
      throw bad(
        `Layer ${i} has ${outChannels} output channels; expected a multiple of 32 up to ${format.MAX_CHANNELS}.`,
      );
    }
    return { p, kind, bits, inputSize, inChannels, outChannels, shift };
  });
  checkDecoder(shapes.slice(0, decoderLayers), latentSize, imageSize);
  checkEncoder(shapes.slice(decoderLayers), latentSize, imageSize, imageChannels);

  const at = sections({ layers: shapes, priors: priorCount, latentSize, imageChannels });
  const expectNumber = (what: string, place: number, expected: number) => {
    const found = view.getUint32(place, true);
    if (found !== expected) throw bad(`The ${what} is ${found} by the header; expected ${expected}.`);
  };
  const expectOffset = (what: string, place: number, expected: number) => {
    const offset = view.getUint32(place, true);
    if (offset !== expected) {
      throw bad(
        `The header puts the ${what} at ${offset}${offset > bytes.length ? `, past the end at ${bytes.length}` : ""}; expected ${expected}.`,
      );
    }
  };
  if (at.length !== bytes.length)
    throw bad(`The layers take ${at.length} bytes; the file has ${bytes.length}.`);
  expectOffset("priors", format.HEADER_PRIORS_OFFSET, at.priors);
  expectOffset("readout", format.HEADER_READOUT_OFFSET, at.readout);
  expectOffset("end of the front matter", format.HEADER_WEIGHTS_OFFSET, at.weightsStart);

  const scalesEnd = at.scales[count - 1] + 4 * shapes[count - 1].outChannels;
  expectZeros("unused between the scales and the weights", scalesEnd, at.weightsStart);

  const layers = shapes.map((shape, i): IntegerLayer => {
    const { p, kind, bits, inputSize, inChannels, outChannels, shift } = shape;
    expectOffset(`parameters of layer ${i}`, p + format.LAYER_PARAMETERS, at.parameters[i]);
    expectOffset(`scales of layer ${i}`, p + format.LAYER_SCALES, at.scales[i]);
    expectOffset(`weights of layer ${i}`, p + format.LAYER_WEIGHTS, at.weights[i]);
    const weightsLength = weightBytes(kind, inChannels, outChannels, bits);
    expectNumber(`length of the weights of layer ${i}`, p + format.LAYER_WEIGHTS_LENGTH, weightsLength);
    const bias = new Int16Array(outChannels);
    const threshold = new Uint16Array(outChannels);
    const scale = new Float32Array(outChannels);
    for (let c = 0; c < outChannels; c++) {
      const block = at.parameters[i] + Math.floor(c / format.BLOCK_CHANNELS) * format.BLOCK_PARAMETER_BYTES;
      const place = block + 2 * laneOf(c % format.BLOCK_CHANNELS);
      bias[c] = view.getUint16(place, true) - format.BIAS_OFFSET;
      threshold[c] = view.getUint16(place + 2 * format.BLOCK_CHANNELS, true);
      scale[c] = view.getFloat32(at.scales[i] + 4 * c, true);
      if (threshold[c] < 1 || threshold[c] > 32767) {
        throw bad(`Layer ${i}, channel ${c}: the threshold is ${threshold[c]}; expected 1 to 32767.`);
      }
    }
    const shapeOnly = { kind, bits, inputSize, inChannels, outChannels, shift, bias, threshold, scale };
    const bounds = {
      lowest: view.getInt16(p + format.LAYER_LOWEST, true),
      highest: view.getInt16(p + format.LAYER_HIGHEST, true),
    };
    const layer = { ...shapeOnly, ...bounds };
    return {
      ...layer,
      weights: unpackWeights(bytes.subarray(at.weights[i], at.weights[i] + weightsLength), layer),
    };
  });

  const priors = Array.from({ length: priorCount }, (_, i): Prior => {
    const p = at.priors + i * priorBytes(latentSize);
    const weights = new Int16Array(latentSize * latentSize);
    const bias = new Int32Array(latentSize);
    const rowBytes = priorRowBytes(latentSize);
    expectZeros(`unused in prior ${i}`, p + format.PRIOR_SHIFT + 4, p + format.PRIOR_HEADER_BYTES);
    for (let neuron = 0; neuron < latentSize; neuron++) {
      const row = p + format.PRIOR_HEADER_BYTES + neuron * rowBytes;
      expectZeros(`unused in a row of prior ${i}`, row + 4 + 2 * latentSize, row + rowBytes);
      bias[neuron] = view.getInt32(row, true);
      for (let k = 0; k < latentSize; k++)
        weights[neuron * latentSize + k] = view.getInt16(row + 4 + 2 * k, true);
    }
    const shift = view.getUint32(p + format.PRIOR_SHIFT, true);
    if (shift > 24) throw bad(`Prior ${i} has a shift of ${shift}; expected 0 to 24.`);
    return { name: decodeName(bytes.subarray(p, p + format.NAME_BYTES)), shift, weights, bias };
  });

  const readout: Readout = {
    shift: view.getUint8(format.HEADER_READOUT_SHIFT),
    bias: Int32Array.from({ length: imageChannels }, (_, g) => view.getInt32(at.readout + 4 * g, true)),
    weights: Int16Array.from({ length: 9 * imageChannels * format.READOUT_CHANNELS }, (_, k) =>
      view.getInt16(at.readout + 4 * imageChannels + 2 * k, true),
    ),
  };
  if (readout.shift < 1 || readout.shift > 30)
    throw bad(`The readout's shift is ${readout.shift}; expected 1 to 30.`);

  const name = decodeName(bytes.subarray(format.HEADER_NAME, format.HEADER_NAME + format.NAME_BYTES));
  return {
    name,
    imageSize,
    imageChannels,
    timeSteps,
    latentSize,
    decoder: layers.slice(0, decoderLayers),
    encoder: layers.slice(decoderLayers),
    priors,
    readout,
  };
}

/** Each layer must follow from the one before it. */
function checkDecoder(
  layers: readonly { kind: LayerKind; inputSize: number; inChannels: number; outChannels: number }[],
  latentSize: number,
  imageSize: number,
): void {
  layers.forEach((layer, i) => {
    const before = layers[i - 1];
    const chained =
      i === 0
        ? layer.kind === "linear" && layer.inputSize === 1 && layer.inChannels === latentSize
        : layer.kind === "transposedConv" &&
          layer.inChannels > 0 &&
          layer.inChannels % 32 === 0 &&
          (i === 1
            ? layer.inputSize ** 2 * layer.inChannels === before.outChannels
            : layer.inChannels === before.outChannels && layer.inputSize === outputSize(before));
    if (!chained) {
      throw bad(
        `Decoder layer ${i} (${layer.kind}, ${layer.inChannels} channels of ${layer.inputSize}×${layer.inputSize}) does not follow from what is before it.`,
      );
    }
  });
  const last = layers[layers.length - 1];
  if (outputSize(last) !== imageSize || last.outChannels !== format.READOUT_CHANNELS) {
    throw bad(
      `The last decoder layer gives ${last.outChannels} channels of ${outputSize(last)}×${outputSize(last)}; expected ${format.READOUT_CHANNELS} of ${imageSize}×${imageSize}.`,
    );
  }
}

/** Likewise from image to latent; an encoder may be absent. */
function checkEncoder(
  layers: readonly { kind: LayerKind; inputSize: number; inChannels: number; outChannels: number }[],
  latentSize: number,
  imageSize: number,
  imageChannels: number,
): void {
  layers.forEach((layer, i) => {
    const before = layers[i - 1];
    const mapFollows = (size: number, channels: number) =>
      layer.inputSize === size && layer.inChannels === channels && layer.inputSize % 2 === 0;
    let chained: boolean;
    if (i === 0) chained = layer.kind === "imageConv" && mapFollows(imageSize, imageChannels);
    else if (i < layers.length - 1)
      chained = layer.kind === "conv" && mapFollows(outputSize(before), before.outChannels);
    else {
      chained =
        layer.kind === "linear" &&
        layer.inputSize === 1 &&
        layer.inChannels === outputSize(before) ** 2 * before.outChannels &&
        layer.outChannels === 32 * Math.ceil(latentSize / 32);
    }
    if (!chained) {
      throw bad(
        `Encoder layer ${i} (${layer.kind}, ${layer.inChannels} channels of ${layer.inputSize}×${layer.inputSize}) does not follow from what is before it.`,
      );
    }
  });
}

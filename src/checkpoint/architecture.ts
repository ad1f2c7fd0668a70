import { SpikeletError } from "../errors.js";
import {
  type BatchNorm,
  type FloatLayer,
  type LayerShape,
  type Network,
  READOUT_DECAY,
  type Tensor,
  tapCount,
} from "../network.js";

/** Limits of the model file and the core; both configs of the paper are well within them. */
const MAX_LATENT_SIZE = 256;
/** A neuron's spike train is one 16-bit word. */
const MAX_TIME_STEPS = 16;
const MAX_DECODER_LAYERS = 8;
/** Of a layer's inputs, and of its outputs. */
const MAX_CHANNELS = 4096;
/** Spikes of one position are packed in 32-bit words. */
const CHANNEL_MULTIPLE = 32;
/** The readout takes one such word per position. */
const LAST_CHANNELS = 32;
/** Of the readout, one for each time step. */
const COEFFICIENTS = "membrane_output_layer.coef";
/** Slack for coefficients that were stored in half precision. */
const COEFFICIENT_TOLERANCE = 1e-3;

const RESAVE =
  "Import the state dict of a trained ESVAE or ESVAE_large, torch.save(model.state_dict(), path)";

/** Parts that no other network has under these names, and an ESVAE has most of. */
const OWN_PARTS = [
  "decoder_input",
  "final_layer",
  "before_latent_layer",
  "sample_layer",
  "membrane_output_layer",
];
/** Parts of a network of another kind that an error names. */
const SHOWN_PARTS = 6;

/** An axis of a known size, or the name of one that is being found out. */
type Axis = number | string;

export interface NetworkOptions {
  /** T, 1 to 16, of a checkpoint that has no `membrane_output_layer.coef` to tell it. */
  readonly timeSteps?: number;
  /**
   * Take a checkpoint that has no `sample_layer` (FSVAE, an autoencoder): every latent neuron then has the firing rate
   * 1/2 as its prior, until other priors are fitted.
   */
  readonly withoutPrior?: boolean;
}

/**
 * Finds the architecture of an ESVAE from its tensors' names and shapes and brings its weights into one layout.
 * `prior.*` and `posterior.*` (left over from FSVAE) and `num_batches_tracked` are ignored.
 * @param tensors as torch lays them out: conv (out, in, 3, 3, 1), transposed conv (in, out, 3, 3, 1), linear (out, in);
 *   a last axis of 1 may be left out.
 * @returns the network; its encoder is empty if there is no `encoder.*`.
 * @throws SpikeletError "bad-checkpoint" naming the tensor that is missing, misshapen, not finite or beyond a limit;
 *   "bad-option" for other time steps than the checkpoint's
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { readCheckpoint, readNetwork } from "spikelet";
 *
 * const { imageSize, decoder } = readNetwork(readCheckpoint(await readFile("checkpoint.pth")));
 * console.log(imageSize, decoder.length);
 * ```
 */
export function readNetwork(
  tensors: ReadonlyMap<string, Tensor>,
  { timeSteps: given, withoutPrior = false }: NetworkOptions = {},
): Network {
  checkKind(tensors);
  const timeSteps = readTimeSteps(tensors, given);
  const latentSize = readLatentSize(tensors, withoutPrior);
  const prior = hasPrior(tensors)
    ? {
        weights: take(tensors, "sample_layer.0.weight", [latentSize, latentSize]).data,
        bias: take(tensors, "sample_layer.0.bias", [latentSize]).data,
      }
    : { weights: new Float32Array(latentSize ** 2), bias: new Float32Array(latentSize) };

  const transposedNames = [...numberedLayers(tensors, "decoder"), "final_layer.0"];
  // Only `decoder.*` can be many, so it is the last of these that is one too many.
  checkLimit(
    `${transposedNames.at(-2)}.weight`,
    "decoder layers",
    1 + transposedNames.length,
    MAX_DECODER_LAYERS,
  );
  const bottomSize = readBottomSize(tensors, transposedNames[0]);
  const imageSize = bottomSize * 2 ** transposedNames.length;
  const decoder = readDecoder(tensors, transposedNames, latentSize, bottomSize);
  const readout = readReadout(tensors, decoder.at(-1)!);
  const imageChannels = readout.bias.length;

  const hasEncoder = [...tensors.keys()].some((name) => name.startsWith("encoder."));
  const encoder = hasEncoder
    ? readEncoder(tensors, { imageSize, imageChannels, latentSize, levels: transposedNames.length })
    : [];
  return { imageSize, imageChannels, latentSize, timeSteps, decoder, encoder, prior, readout };
}

/** Whether a checkpoint has the prior that an ESVAE learns. */
export function hasPrior(tensors: ReadonlyMap<string, Tensor>): boolean {
  return [...tensors.keys()].some((name) => name.startsWith("sample_layer."));
}

/** Whether a checkpoint tells its number of time steps. */
export function tellsTimeSteps(tensors: ReadonlyMap<string, Tensor>): boolean {
  return tensors.has(COEFFICIENTS);
}

/** Throws for a network of another kind. */
function checkKind(tensors: ReadonlyMap<string, Tensor>): void {
  const parts = new Set([...tensors.keys()].map((name) => name.split(".")[0]));
  if (OWN_PARTS.some((part) => parts.has(part))) return;
  const shown = [...parts].slice(0, SHOWN_PARTS).join(", ");
  throw new SpikeletError(
    "bad-checkpoint",
    `Not an ESVAE: it has ${shown}${parts.size > SHOWN_PARTS ? ` and ${parts.size - SHOWN_PARTS} more` : ""}; ` +
      `expected ${OWN_PARTS.join(", ")}. ${RESAVE}.`,
  );
}

function readLatentSize(tensors: ReadonlyMap<string, Tensor>, withoutPrior: boolean): number {
  if (!hasPrior(tensors) && tensors.has("decoder_input.weight")) {
    if (!withoutPrior) {
      const isFsvae = [...tensors.keys()].some((name) => name.startsWith("posterior."));
      const kind = isFsvae ? "an FSVAE" : "a spiking autoencoder";
      throw new SpikeletError(
        "bad-checkpoint",
        `The checkpoint is ${kind}: its decoder is an ESVAE's, but it has no sample_layer, the prior; expected an ESVAE. ` +
          "Import it with spikelet import, then give it priors with spikelet fit.",
      );
    }
    const latentSize = take(tensors, "decoder_input.weight", ["out", "d"]).shape[1];
    checkLimit("decoder_input.weight", "latent neurons", latentSize, MAX_LATENT_SIZE);
    return latentSize;
  }
  const latentSize = take(tensors, "sample_layer.0.weight", ["d", "d"]).shape[0];
  checkLimit("sample_layer.0.weight", "latent neurons", latentSize, MAX_LATENT_SIZE);
  return latentSize;
}

// Tensors

/** The tensor `name`, after checking its shape and that every value is a finite number. */
function take(tensors: ReadonlyMap<string, Tensor>, name: string, expected: readonly Axis[]): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    const first = tensors.keys().next().value;
    throw refused(
      name,
      `is missing; expected one of shape ${shapeText(expected)} (the checkpoint has ${tensors.size} tensors, ` +
        `the first is '${first}')`,
    );
  }
  const shape =
    expected.at(-1) === 1 && tensor.shape.length === expected.length - 1
      ? [...tensor.shape, 1]
      : tensor.shape;
  const fits =
    shape.length === expected.length &&
    expected.every((size, axis) => (typeof size === "number" ? shape[axis] === size : shape[axis] > 0));
  if (!fits) throw refused(name, `has shape ${shapeText(shape)}; expected ${shapeText(expected)}`);
  const { data } = tensor;
  const bad = data.reduce((count, value) => (Number.isFinite(value) ? count : count + 1), 0);
  if (bad > 0) {
    throw new SpikeletError(
      "bad-checkpoint",
      `Tensor '${name}' has ${bad} of ${data.length} values that are NaN or infinite; expected none. ` +
        "The training diverged or the file is damaged: use an earlier checkpoint.",
    );
  }
  return { shape, data };
}

function refused(name: string, found: string): SpikeletError {
  return new SpikeletError("bad-checkpoint", `Tensor '${name}' ${found}. ${RESAVE}.`);
}

function shapeText(shape: readonly Axis[]): string {
  return `(${shape.join(", ")})`;
}

function checkLimit(name: string, what: string, found: number, limit: number): void {
  if (found > limit) {
    throw refused(name, `makes ${found} ${what}; at most ${limit} are supported`);
  }
}

/** `encoder.0`, `encoder.1`, … up to the highest of which there is any tensor; what is missing is reported when taken. */
function numberedLayers(tensors: ReadonlyMap<string, Tensor>, part: "encoder" | "decoder"): string[] {
  const pattern = new RegExp(`^${part}\\.(\\d{1,4})\\.`);
  let count = 0;
  for (const name of tensors.keys()) {
    const match = pattern.exec(name);
    if (match) count = Math.max(count, Number(match[1]) + 1);
  }
  return Array.from({ length: count }, (_, index) => `${part}.${index}`);
}

// Parts of the network

/** T, from the coefficients 0.8^(T−1−t) of the membrane output layer. */
function readTimeSteps(tensors: ReadonlyMap<string, Tensor>, given: number | undefined): number {
  const name = COEFFICIENTS;
  if (given !== undefined && !(Number.isInteger(given) && given >= 1 && given <= MAX_TIME_STEPS)) {
    throw new SpikeletError(
      "bad-option",
      `Found ${given} time steps, expected an integer from 1 to ${MAX_TIME_STEPS}.`,
    );
  }
  if (!tensors.has(name)) {
    if (given !== undefined) return given;
    throw new SpikeletError(
      "bad-checkpoint",
      `Tensor '${name}' is missing, which tells the number of time steps; expected one of shape (1, 1, 1, 1, T). ` +
        "Give T: --time-steps 16.",
    );
  }
  const coefficients = take(tensors, name, [1, 1, 1, 1, "T"]).data;
  const timeSteps = coefficients.length;
  checkLimit(name, "time steps", timeSteps, MAX_TIME_STEPS);
  for (let t = 0; t < timeSteps; t++) {
    const expected = READOUT_DECAY ** (timeSteps - 1 - t);
    if (Math.abs(coefficients[t] - expected) > COEFFICIENT_TOLERANCE) {
      throw refused(
        name,
        `has ${coefficients[t]} at step ${t}; expected ${READOUT_DECAY}^${timeSteps - 1 - t} = ${expected}`,
      );
    }
  }
  if (given !== undefined && given !== timeSteps) {
    throw new SpikeletError(
      "bad-option",
      `Found ${given} time steps, but '${name}' has ${timeSteps}; expected the same. Leave it out.`,
    );
  }
  return timeSteps;
}

/** Rows of the map that `decoder_input` makes for the first transposed conv: 2 in both configs of the paper. */
function readBottomSize(tensors: ReadonlyMap<string, Tensor>, first: string): number {
  const [neurons] = take(tensors, "decoder_input.weight", ["out", "d"]).shape;
  const [channels] = take(tensors, `${first}.weight`, ["in", "out", 3, 3, 1]).shape;
  const size = Math.sqrt(neurons / channels);
  if (!Number.isInteger(size)) {
    throw refused(
      "decoder_input.weight",
      `makes ${neurons} neurons, which is no square map of the ${channels} channels that '${first}.weight' takes; ` +
        `expected ${channels} times a square, such as ${4 * channels}`,
    );
  }
  return size;
}

function readDecoder(
  tensors: ReadonlyMap<string, Tensor>,
  transposedNames: readonly string[],
  latentSize: number,
  bottomSize: number,
): FloatLayer[] {
  const [channels] = take(tensors, `${transposedNames[0]}.weight`, ["in", "out", 3, 3, 1]).shape;
  checkChannels(`${transposedNames[0]}.weight`, channels);
  const input = readLayer(tensors, "decoder_input", {
    kind: "linear",
    inputSize: 1,
    inChannels: latentSize,
    outChannels: channels * bottomSize ** 2,
  });
  const layers = [reorderOutputs(input, rowColumnChannelOrder(bottomSize, channels))];
  let inChannels = channels;
  transposedNames.forEach((name, level) => {
    const outChannels = take(tensors, `${name}.weight`, [inChannels, "out", 3, 3, 1]).shape[1];
    checkChannels(`${name}.weight`, outChannels);
    layers.push(
      readLayer(tensors, name, {
        kind: "transposedConv",
        inputSize: bottomSize * 2 ** level,
        inChannels,
        outChannels,
      }),
    );
    inChannels = outChannels;
  });
  if (inChannels !== LAST_CHANNELS) {
    throw refused("final_layer.0.weight", `makes ${inChannels} channels; expected ${LAST_CHANNELS}`);
  }
  return layers;
}

function readEncoder(
  tensors: ReadonlyMap<string, Tensor>,
  network: { imageSize: number; imageChannels: number; latentSize: number; levels: number },
): FloatLayer[] {
  const { imageSize, imageChannels, latentSize, levels } = network;
  const extra = numberedLayers(tensors, "encoder")[levels];
  if (extra !== undefined) {
    throw refused(`${extra}.weight`, `is one conv too many; expected ${levels}, as many as transposed convs`);
  }
  const layers: FloatLayer[] = [];
  let inChannels = imageChannels;
  for (let level = 0; level < levels; level++) {
    const name = `encoder.${level}`;
    const outChannels = take(tensors, `${name}.weight`, ["out", inChannels, 3, 3, 1]).shape[0];
    checkChannels(`${name}.weight`, outChannels);
    layers.push(
      readLayer(tensors, name, {
        kind: level === 0 ? "imageConv" : "conv",
        inputSize: imageSize / 2 ** level,
        inChannels,
        outChannels,
      }),
    );
    inChannels = outChannels;
  }
  const bottomSize = imageSize / 2 ** levels;
  const latent = readLayer(tensors, "before_latent_layer", {
    kind: "linear",
    inputSize: 1,
    inChannels: inChannels * bottomSize ** 2,
    outChannels: latentSize,
  });
  return [...layers, reorderInputs(latent, rowColumnChannelOrder(bottomSize, inChannels))];
}

function checkChannels(name: string, channels: number): void {
  if (channels % CHANNEL_MULTIPLE !== 0) {
    throw refused(name, `has ${channels} spiking channels; expected a multiple of ${CHANNEL_MULTIPLE}`);
  }
}

/** final_layer.1: a transposed conv of stride 1, (in, out, 3, 3, 1) → (3, 3, out, in). */
function readReadout(tensors: ReadonlyMap<string, Tensor>, last: FloatLayer): Network["readout"] {
  const name = "final_layer.1.weight";
  const inChannels = last.outChannels;
  const { shape, data } = take(tensors, name, [inChannels, "imageChannels", 3, 3, 1]);
  const imageChannels = shape[1];
  if (imageChannels !== 1 && imageChannels !== 3) {
    throw refused(name, `makes ${imageChannels} image channels; expected 1 or 3`);
  }
  const weights = new Float32Array(data.length);
  for (let tap = 0; tap < 9; tap++) {
    for (let out = 0; out < imageChannels; out++) {
      for (let channel = 0; channel < inChannels; channel++) {
        weights[(tap * imageChannels + out) * inChannels + channel] =
          data[(channel * imageChannels + out) * 9 + tap];
      }
    }
  }
  return { weights, bias: take(tensors, "final_layer.1.bias", [imageChannels]).data };
}

// Layers

/** A spiking layer with its weights as (taps, in, out); the order of the neurons is the checkpoint's. */
function readLayer(tensors: ReadonlyMap<string, Tensor>, name: string, shape: LayerShape): FloatLayer {
  const { kind, inChannels, outChannels } = shape;
  checkLimit(`${name}.weight`, "input channels", inChannels, MAX_CHANNELS);
  checkLimit(`${name}.weight`, "output channels", outChannels, MAX_CHANNELS);
  const channels = kind === "transposedConv" ? [inChannels, outChannels] : [outChannels, inChannels];
  const kernel = kind === "linear" ? [] : [3, 3, 1];
  const source = take(tensors, `${name}.weight`, [...channels, ...kernel]).data;

  const taps = tapCount(shape);
  const weights = new Float32Array(source.length);
  for (let tap = 0; tap < taps; tap++) {
    for (let input = 0; input < inChannels; input++) {
      for (let output = 0; output < outChannels; output++) {
        const pair = kind === "transposedConv" ? input * outChannels + output : output * inChannels + input;
        weights[(tap * inChannels + input) * outChannels + output] = source[pair * taps + tap];
      }
    }
  }
  const bias = take(tensors, `${name}.bias`, [outChannels]).data;
  return { ...shape, name, weights, bias, batchNorm: readBatchNorm(tensors, `${name}.bn`, outChannels) };
}

function readBatchNorm(tensors: ReadonlyMap<string, Tensor>, name: string, channels: number): BatchNorm {
  const variance = take(tensors, `${name}.running_var`, [channels]).data;
  const negative = variance.find((value) => value < 0);
  if (negative !== undefined) {
    throw refused(`${name}.running_var`, `has the value ${negative}; expected variances, 0 or more`);
  }
  return {
    weight: take(tensors, `${name}.weight`, [channels]).data,
    bias: take(tensors, `${name}.bias`, [channels]).data,
    mean: take(tensors, `${name}.running_mean`, [channels]).data,
    variance,
  };
}

/** For each neuron of a map in (row, column, channel) order, its index in (channel, row, column) order. */
function rowColumnChannelOrder(size: number, channels: number): Uint32Array {
  const positions = size * size;
  return Uint32Array.from({ length: positions * channels }, (_, neuron) => {
    const position = Math.floor(neuron / channels);
    return (neuron % channels) * positions + position;
  });
}

function reorder(values: Float32Array, order: Uint32Array): Float32Array {
  return Float32Array.from(order, (index) => values[index]);
}

/** A linear layer whose output neuron j is neuron order[j] of `layer`. */
function reorderOutputs(layer: FloatLayer, order: Uint32Array): FloatLayer {
  const { inChannels, outChannels, batchNorm } = layer;
  const weights = new Float32Array(layer.weights.length);
  for (let input = 0; input < inChannels; input++) {
    const row = layer.weights.subarray(input * outChannels, (input + 1) * outChannels);
    weights.set(reorder(row, order), input * outChannels);
  }
  return {
    ...layer,
    weights,
    bias: reorder(layer.bias, order),
    batchNorm: {
      weight: reorder(batchNorm.weight, order),
      bias: reorder(batchNorm.bias, order),
      mean: reorder(batchNorm.mean, order),
      variance: reorder(batchNorm.variance, order),
    },
  };
}

/** A linear layer whose input j is input order[j] of `layer`. */
function reorderInputs(layer: FloatLayer, order: Uint32Array): FloatLayer {
  const { outChannels } = layer;
  const weights = new Float32Array(layer.weights.length);
  order.forEach((input, j) => {
    weights.set(layer.weights.subarray(input * outChannels, (input + 1) * outChannels), j * outChannels);
  });
  return { ...layer, weights };
}

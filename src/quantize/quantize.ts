import { BLOCK_CHANNELS, MAX_POTENTIAL, MAX_SHIFT, WHOLE_SHARE } from "../../assembly/core/format";
import { SpikeletError } from "../errors.js";
import { LARGEST_NORMAL } from "../math/random.js";
import type { GaussianPrior, IntegerLayer, Model, Readout, WeightBits } from "../model/model.js";
import type { FloatLayer, LayerShape, Network } from "../network.js";
import { BATCH_NORM_EPSILON, FIRING_THRESHOLD } from "../network.js";
import { sumOfCoefficients } from "../reference/coefficients.js";
import { AdaptiveRounder } from "./adaptive-rounding.js";
import { calibrate, inputPower, type LayerMoments, phasesOf } from "./calibration.js";

/**
 * "nearest" rounds each weight to the nearest integer; "adaptive" rounds each so that it makes up for the errors of
 * those before it, as far as the layer's typical inputs allow (docs/quantization.md).
 */
export type Rounding = "nearest" | "adaptive";

export interface QuantizeOptions {
  /** Bits of a weight in the spiking layers; 8 if not given. */
  readonly bits?: WeightBits;
  /** Likewise in the encoder; `bits` if not given. */
  readonly encoderBits?: WeightBits;
  /** Name to store in the model, at most 24 bytes of UTF-8. */
  readonly name?: string;
  /** "nearest" for 8 bits, "adaptive" for less, if not given. */
  readonly rounding?: Rounding;
  /** Images, made from the network's own prior, that weigh rounding errors; 12 if not given. */
  readonly calibrationImages?: number;
  /** Called after each calibration image and each layer. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface LayerReport {
  readonly name: string;
  readonly bits: number;
  readonly weights: number;
  /** Bytes of the packed weights. */
  readonly bytes: number;
  /** Root mean square of (folded weight − scale · integer), over that of the folded weights. */
  readonly relativeError: number;
  /**
   * Root mean square of the error that these weights make in the layer's weighted inputs, over that of the weighted
   * inputs, Σ weights · spikes, on calibration images. It is what adaptive rounding makes small, if need be at the
   * expense of `relativeError`.
   */
  readonly relativeOutputError: number;
  /** Output channels whose scale had to grow so that potentials are proved to fit in 16 bits. */
  readonly widenedChannels: number;
  readonly lowest: number;
  readonly highest: number;
}

export interface QuantizationReport {
  readonly layers: readonly LayerReport[];
}

/** tdBN folded into the layer: x = Σ weights · spikes + bias, to be compared with Vth. */
export interface FoldedLayer extends LayerShape {
  readonly name: string;
  /** (taps, inChannels, outChannels) */
  readonly weights: Float64Array;
  /** (outChannels) */
  readonly bias: Float64Array;
}

export function foldBatchNorm(layer: FloatLayer): FoldedLayer {
  const { weight, bias, mean, variance } = layer.batchNorm;
  const gain = Float64Array.from(
    weight,
    (w, c) => (FIRING_THRESHOLD * w) / Math.sqrt(variance[c] + BATCH_NORM_EPSILON),
  );
  return {
    name: layer.name,
    kind: layer.kind,
    inputSize: layer.inputSize,
    inChannels: layer.inChannels,
    outChannels: layer.outChannels,
    weights: Float64Array.from(layer.weights, (w, i) => w * gain[i % layer.outChannels]),
    bias: Float64Array.from(layer.bias, (b, c) => (b - mean[c]) * gain[c] + bias[c]),
  };
}

/** Least value of potential − threshold. */
const LOWEST_MARGIN = -32768;
/** How much a scale grows when its channel does not fit. */
const SCALE_STEP = 1.02;

/**
 * Bounds of the potential where the weighted inputs lie in low … high; null if it is not proved to fit in 16 bits
 * (docs/numerics.md, "Range").
 */
function potentialRange(
  low: number,
  high: number,
  threshold: number,
): { lowest: number; highest: number } | null {
  // Only a potential below the threshold is carried over, a quarter of it.
  const highest = high + Math.max(0, (threshold + 1) >> 2);
  let lowest = low;
  for (let before = lowest + 1; before !== lowest; ) {
    before = lowest;
    lowest = low + Math.min(0, (lowest + 2) >> 2);
  }
  const fits = threshold <= MAX_POTENTIAL && highest <= MAX_POTENTIAL && lowest - threshold >= LOWEST_MARGIN;
  return fits ? { lowest, highest } : null;
}

/** Bias and threshold of one output channel in integers of `scale`, and bounds of its potentials; null if they are not proved to fit. */
function fitChannel(
  folded: FoldedLayer,
  channel: number,
  scale: number,
  weights: Int8Array,
): { bias: number; threshold: number; lowest: number; highest: number } | null {
  const { inChannels, outChannels } = folded;
  const bias = Math.round(folded.bias[channel] / scale);
  const threshold = Math.floor(FIRING_THRESHOLD / scale) + 1;
  let low = bias;
  let high = bias;
  for (const taps of phasesOf(folded.kind)) {
    let negative = bias;
    let positive = bias;
    for (const tap of taps) {
      for (let r = tap * inChannels; r < (tap + 1) * inChannels; r++) {
        const weight = weights[r * outChannels + channel];
        if (weight < 0) negative += weight;
        else positive += weight;
      }
    }
    low = Math.min(low, negative);
    high = Math.max(high, positive);
  }
  const range = potentialRange(low, high, threshold);
  return range && { bias, threshold, ...range };
}

/** How the weights of one layer become integers. */
interface Rounder {
  /** Scale of a channel whose largest weight just fits at the scale `widest`. */
  chooseScale(channel: number, widest: number): number;
  /** Writes the columns of these channels into `integers`, (rows, outChannels), for scales (outChannels). */
  round(channels: readonly number[], scales: Float32Array, integers: Int8Array): void;
}

function nearestRounder({ weights, outChannels }: FoldedLayer): Rounder {
  return {
    chooseScale: (_, widest) => widest,
    round(channels, scales, integers) {
      for (const c of channels) {
        for (let i = c; i < weights.length; i += outChannels)
          integers[i] = Math.round(weights[i] / scales[c]);
      }
    },
  };
}

interface QuantizedLayer {
  readonly layer: IntegerLayer;
  readonly report: LayerReport;
}

function quantizeLayer(
  folded: FoldedLayer,
  bits: WeightBits,
  rounding: Rounding,
  moments: LayerMoments,
): QuantizedLayer {
  const { kind, inputSize, inChannels, outChannels, name } = folded;
  const rounder =
    rounding === "adaptive" ? new AdaptiveRounder(folded, moments, bits) : nearestRounder(folded);
  const largest = 2 ** (bits - 1) - 1;
  const weights = new Int8Array(folded.weights.length);
  const bias = new Int16Array(outChannels);
  const threshold = new Uint16Array(outChannels);
  const top = new Float64Array(outChannels);
  folded.weights.forEach((w, i) => {
    top[i % outChannels] = Math.max(top[i % outChannels], Math.abs(w));
  });
  const scale = Float32Array.from(top, (most, c) => {
    // With weights of zero any scale serves; this one keeps the bias and the threshold in range.
    const least = Math.max(Math.abs(folded.bias[c]), FIRING_THRESHOLD) / 16384;
    return Math.max(rounder.chooseScale(c, Math.max(most / largest, least)), least);
  });
  let lowest = 0;
  let highest = 0;
  let misfits = Array.from(top.keys());
  let widenedChannels = 0;
  for (let attempt = 0; misfits.length; attempt++) {
    rounder.round(misfits, scale, weights);
    misfits = misfits.filter((c) => {
      const channel = fitChannel(folded, c, scale[c], weights);
      if (!channel) {
        scale[c] *= SCALE_STEP;
        if (scale[c] < FIRING_THRESHOLD) return true;
        throw new SpikeletError(
          "cannot-quantize",
          `${name}: output channel ${c} cannot be held in 16 bits: its weights (up to ${top[c].toPrecision(3)}, bias ${folded.bias[c].toPrecision(3)}) are too large beside the firing threshold ${FIRING_THRESHOLD}. Check its tdBN parameters, or train on with weight decay.`,
        );
      }
      bias[c] = channel.bias;
      threshold[c] = channel.threshold;
      lowest = Math.min(lowest, channel.lowest);
      highest = Math.max(highest, channel.highest);
      return false;
    });
    if (attempt === 0) widenedChannels = misfits.length;
  }
  const layer: IntegerLayer = {
    kind,
    bits,
    inputSize,
    inChannels,
    outChannels,
    weights,
    shift: 0,
    bias,
    threshold,
    scale,
    lowest,
    highest,
  };
  const errors = folded.weights.map((w, i) => w - scale[i % outChannels] * weights[i]);
  return { layer, report: makeReport(folded, layer, errors, moments, widenedChannels) };
}

/** @param errors - (taps, inChannels, outChannels) of the folded weights */
function makeReport(
  folded: FoldedLayer,
  { bits, weights, lowest, highest }: IntegerLayer,
  errors: Float64Array,
  moments: LayerMoments,
  widenedChannels: number,
): LayerReport {
  return {
    name: folded.name,
    bits,
    weights: weights.length,
    bytes: (weights.length * bits) / 8,
    relativeError: rootOfRatio(sumOfSquares(errors), sumOfSquares(folded.weights)),
    relativeOutputError: rootOfRatio(
      inputPower(moments, folded, errors),
      inputPower(moments, folded, folded.weights),
    ),
    widenedChannels,
    lowest,
    highest,
  };
}

function sumOfSquares(values: Float64Array): number {
  return values.reduce((sum, v) => sum + v * v, 0);
}

function rootOfRatio(error: number, power: number): number {
  return power ? Math.sqrt(error / power) : 0;
}

/** What the lowest potential and the threshold of an image channel may take together: 16 bits, less some room for rounding. */
const IMAGE_RANGE = 32500;

/**
 * The convolution of the image (docs/numerics.md, "Encoder"). Its scales are not bound to the size of a weight, so each
 * channel takes the finest that keeps its potentials in 16 bits.
 */
function quantizeImageLayer(folded: FoldedLayer, moments: LayerMoments): QuantizedLayer {
  const { name, kind, inputSize, inChannels, outChannels } = folded;
  const rows = 9 * inChannels;
  const scale = Float32Array.from({ length: outChannels }, (_, c) => {
    let bound = Math.abs(folded.bias[c]);
    for (let r = 0; r < rows; r++) bound += Math.abs(folded.weights[r * outChannels + c]);
    // With the leak a potential falls to 4/3 of the lowest input; the threshold is compared with it.
    return ((4 / 3) * bound + FIRING_THRESHOLD) / IMAGE_RANGE;
  });
  const exact = folded.weights.map((w, i) => w / (255 * scale[i % outChannels]));
  const shift = largestShift(exact, 32767, MAX_SHIFT);
  const weights = Int16Array.from(scaled(exact, shift));
  const bias = Int16Array.from(folded.bias, (b, c) => Math.round(b / scale[c]));
  const threshold = Uint16Array.from(scale, (s) => Math.floor(FIRING_THRESHOLD / s) + 1);
  let lowest = 0;
  let highest = 0;
  for (let c = 0; c < outChannels; c++) {
    let sum = 0;
    for (let i = c; i < weights.length; i += outChannels) sum += Math.abs(weights[i]) * 255;
    const most = Math.ceil(sum / 2 ** shift) + 1;
    const range = potentialRange(bias[c] - most, bias[c] + most, threshold[c]);
    if (!range || shift < 0 || sum + 2 ** shift > 2 ** 31) {
      throw new SpikeletError(
        "cannot-quantize",
        `${name}: output channel ${c} cannot be held in 16 bits. Check its tdBN parameters.`,
      );
    }
    lowest = Math.min(lowest, range.lowest);
    highest = Math.max(highest, range.highest);
  }
  const layer: IntegerLayer = {
    kind,
    bits: 16,
    inputSize,
    inChannels,
    outChannels,
    weights,
    shift,
    bias,
    threshold,
    scale,
    lowest,
    highest,
  };
  const errors = exact.map((w, i) => (w - weights[i] / 2 ** shift) * 255 * scale[i % outChannels]);
  return { layer, report: makeReport(folded, layer, errors, moments, 0) };
}

/** Adds output channels up to a multiple of 32 that never fire. */
function padChannels(layer: IntegerLayer): IntegerLayer {
  const { outChannels } = layer;
  const padded = BLOCK_CHANNELS * Math.ceil(outChannels / BLOCK_CHANNELS);
  const weights = new Int8Array((layer.weights.length / outChannels) * padded);
  layer.weights.forEach((w, i) => {
    weights[Math.floor(i / outChannels) * padded + (i % outChannels)] = w;
  });
  const bias = new Int16Array(padded);
  const threshold = new Uint16Array(padded).fill(MAX_POTENTIAL);
  const scale = new Float32Array(padded).fill(FIRING_THRESHOLD / MAX_POTENTIAL);
  bias.set(layer.bias);
  threshold.set(layer.threshold);
  scale.set(layer.scale);
  return { ...layer, outChannels: padded, weights, bias, threshold, scale };
}

/** The largest shift, at most `most`, with which all values times 2^shift are at most `limit`. */
function largestShift(values: ArrayLike<number>, limit: number, most: number): number {
  let top = 0;
  for (let i = 0; i < values.length; i++) top = Math.max(top, Math.abs(values[i]));
  let shift = most;
  while (shift >= 0 && Math.round(top * 2 ** shift) > limit) shift--;
  return shift;
}

function scaled(values: ArrayLike<number>, shift: number): number[] {
  return Array.from(values, (v) => Math.round(v * 2 ** shift));
}

/**
 * A prior sigmoid(W n + b) in integers.
 * @param weights - (latentSize, latentSize)
 * @param bias - (latentSize)
 * @throws SpikeletError "cannot-quantize" if a weight or bias is too large
 */
export function quantizePrior(
  name: string,
  weights: ArrayLike<number>,
  bias: ArrayLike<number>,
): GaussianPrior {
  const latentSize = bias.length;
  for (let shift = largestShift(weights, 32767, 15); shift >= 0; shift--) {
    const w = scaled(weights, shift);
    const b = scaled(bias, shift + 12);
    const sums = b.map(Math.abs);
    w.forEach((value, i) => {
      sums[Math.floor(i / latentSize)] += Math.abs(value) * LARGEST_NORMAL;
    });
    if (Math.max(...sums) + 2 ** shift < 2 ** 31) {
      return {
        kind: "gaussian",
        name,
        share: WHOLE_SHARE,
        shift,
        weights: Int16Array.from(w),
        bias: Int32Array.from(b),
      };
    }
  }
  throw new SpikeletError(
    "cannot-quantize",
    `prior "${name}": its weights and biases are too large for 32-bit logits; expected logits of ordinary size. Check sample_layer.0.`,
  );
}

/**
 * The readout in integers, with the largest shift for which the 32-bit sum is proved not to wrap.
 * @throws SpikeletError "cannot-quantize" if a weight is too large
 */
export function quantizeReadout(network: Network): Readout {
  const { weights, bias } = network.readout;
  const channels = network.imageChannels;
  const inChannels = weights.length / (9 * channels);
  const coefficients = sumOfCoefficients(network.timeSteps);
  for (let shift = largestShift(weights, 32767, 15); shift >= 1; shift--) {
    const w = scaled(weights, shift);
    const b = scaled(bias, shift);
    const sums = b.map(Math.abs);
    w.forEach((value, i) => {
      sums[Math.floor(i / inChannels) % channels] += Math.abs(value);
    });
    if (Math.max(...sums) * coefficients + 2 ** shift < 2 ** 31) {
      return { shift, weights: Int16Array.from(w), bias: Int32Array.from(b) };
    }
  }
  throw new SpikeletError(
    "cannot-quantize",
    "final_layer.1: its weights are too large for a 32-bit readout; expected membrane outputs of the order of 1. Check the checkpoint.",
  );
}

/** Name of the prior that was trained with the network. */
export const LEARNED_NAME = "learned";
/** With more the images of MNIST get no better (docs/quantization.md). */
const CALIBRATION_IMAGES = 12;

/**
 * Folds tdBN and quantizes a trained network (docs/numerics.md, "Spiking layers" and "Range"; docs/quantization.md): one
 * scale for each output channel. The same network gives the same model, always.
 * @throws SpikeletError "cannot-quantize" if no integer width holds the network; "bad-option"
 * @example
 * ```ts
 * import { readFile, writeFile } from "node:fs/promises";
 * import { encodeModel, quantizeNetwork, readCheckpoint, readNetwork } from "spikelet";
 *
 * const network = readNetwork(readCheckpoint(await readFile("checkpoint.pth")));
 * const { model, report } = quantizeNetwork(network, { bits: 6, name: "mine" });
 * await writeFile("mine.spk", encodeModel(model));
 * ```
 */
export function quantizeNetwork(
  network: Network,
  options: QuantizeOptions = {},
): { model: Model; report: QuantizationReport } {
  const { bits = 8, encoderBits = bits, name = "esvae", rounding, onProgress } = options;
  const { calibrationImages = CALIBRATION_IMAGES } = options;
  if (!Number.isInteger(calibrationImages) || calibrationImages < 1) {
    throw new SpikeletError(
      "bad-option",
      `calibrationImages is ${String(calibrationImages)}; expected a positive integer.`,
    );
  }
  const prior = quantizePrior(LEARNED_NAME, network.prior.weights, network.prior.bias);
  const total = calibrationImages + network.decoder.length + network.encoder.length;
  let done = 0;
  const advance = () => onProgress?.(++done, total);
  const moments = calibrate(network, prior, calibrationImages, advance);
  const quantize = (layer: FloatLayer, width: WeightBits, layerMoments: LayerMoments): QuantizedLayer => {
    const folded = foldBatchNorm(layer);
    const rule = rounding ?? (width < 8 ? "adaptive" : "nearest");
    const quantized =
      layer.kind === "imageConv"
        ? quantizeImageLayer(folded, layerMoments)
        : quantizeLayer(folded, width, rule, layerMoments);
    advance();
    return quantized;
  };
  const decoder = network.decoder.map((layer, i) => quantize(layer, bits, moments.decoder[i]));
  const encoder = network.encoder.map((layer, i) => quantize(layer, encoderBits, moments.encoder[i]));
  return {
    model: {
      name,
      imageSize: network.imageSize,
      imageChannels: network.imageChannels,
      timeSteps: network.timeSteps,
      latentSize: network.latentSize,
      decoder: decoder.map((l) => l.layer),
      encoder: encoder.map((l) => (l.layer.kind === "linear" ? padChannels(l.layer) : l.layer)),
      priors: [prior],
      readout: quantizeReadout(network),
    },
    report: { layers: [...decoder, ...encoder].map((l) => l.report) },
  };
}

import type { Model } from "../model/model.js";
import { BATCH_NORM_EPSILON, FIRING_THRESHOLD, type FloatLayer, type Network } from "../network.js";

/** tdBN that changes nothing: Vth · (x − 0) / sqrt(variance + ε) · weight + 0 = x. */
function identityBatchNorm(channels: number) {
  return {
    weight: new Float32Array(channels).fill(1 / FIRING_THRESHOLD),
    bias: new Float32Array(channels),
    mean: new Float32Array(channels),
    variance: new Float32Array(channels).fill(1 - BATCH_NORM_EPSILON),
  };
}

/**
 * A model's decoder in floating point: weight times scale. A potential above Vth is one that reaches the integer threshold. The
 * network has no encoder, and of the priors the first Gaussian alone, without its mixture; a model of books has rates of a half.
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { decodeModel, dequantizeDecoder, quantizeNetwork } from "spikelet";
 *
 * const wide = decodeModel(await readFile("mine.spk"));
 * const { model: narrow } = quantizeNetwork(dequantizeDecoder(wide), { bits: 4 });
 * ```
 */
export function dequantizeDecoder(model: Model): Network {
  const decoder = model.decoder.map((layer, i): FloatLayer => {
    const { kind, inputSize, inChannels, outChannels, scale } = layer;
    return {
      kind,
      inputSize,
      inChannels,
      outChannels,
      name: `layer${i}`,
      weights: Float32Array.from(layer.weights, (w, k) => w * scale[k % outChannels]),
      bias: Float32Array.from(layer.bias, (b, c) => b * scale[c]),
      batchNorm: identityBatchNorm(outChannels),
    };
  });
  const { latentSize } = model;
  const prior = model.priors.find((candidate) => candidate.kind === "gaussian");
  const inUnits = (values: ArrayLike<number>, shift: number) =>
    Float32Array.from(values, (v) => v / 2 ** shift);
  return {
    imageSize: model.imageSize,
    imageChannels: model.imageChannels,
    latentSize,
    timeSteps: model.timeSteps,
    decoder,
    encoder: [],
    prior: prior
      ? { weights: inUnits(prior.weights, prior.shift), bias: inUnits(prior.bias, prior.shift + 12) }
      : { weights: new Float32Array(latentSize ** 2), bias: new Float32Array(latentSize) },
    readout: {
      weights: inUnits(model.readout.weights, model.readout.shift),
      bias: inUnits(model.readout.bias, model.readout.shift),
    },
  };
}

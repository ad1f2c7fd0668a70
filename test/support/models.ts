import * as format from "../../assembly/core/format.js";
import * as memory from "../../assembly/core/memory.js";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import type { BookPrior, Model, WeightBits } from "../../src/model/model.js";
import { type FloatLayer, type LayerShape, type Network, outputSize } from "../../src/network.js";
import { quantizeNetwork, quantizePrior } from "../../src/quantize/quantize.js";
import type { Core } from "../../src/runtime/core.js";
import { type SyntheticOptions, syntheticTensors } from "./network.js";

export interface SyntheticModelOptions extends SyntheticOptions {
  bits?: WeightBits;
  /** Priors, made from one another by turning the weights around. */
  priors?: number;
}

/** A quantized network of seeded random weights. */
export function syntheticModel({ bits = 8, priors = 1, ...options }: SyntheticModelOptions = {}): Model {
  const network = readNetwork(syntheticTensors({ encoder: false, ...options }));
  const { model } = quantizeNetwork(network, {
    bits,
    name: "synthetic",
    rounding: "nearest",
    calibrationImages: 1,
  });
  const { weights, bias } = network.prior;
  const more = Array.from({ length: priors - 1 }, (_, i) =>
    quantizePrior(
      `turned ${i + 1}`,
      weights.map((_, k) => weights[(k + 17 * (i + 1)) % weights.length]),
      bias.map((b) => b + i + 1),
    ),
  );
  return { ...model, priors: [...model.priors, ...more] };
}

/** A book of random codes. */
export function randomBook(latentSize: number, codes: number): BookPrior {
  const random = randomSource(latentSize + codes);
  const words = Math.ceil(latentSize / 32);
  const lastBits = latentSize - 32 * (words - 1);
  return {
    kind: "book",
    name: `${codes} codes`,
    share: 65536,
    codes: Uint32Array.from({ length: codes * words }, (_, k) =>
      Math.floor(random() * 2 ** (k % words === words - 1 ? lastBits : 32)),
    ),
  };
}

/** Seeded uniforms in [0, 1), for test inputs. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // The low bits of a linear congruence are poor.
    let word = Math.imul(state ^ (state >>> 16), 0x7feb352d);
    word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
    return ((word ^ (word >>> 16)) >>> 0) / 2 ** 32;
  };
}

/** A float layer whose tdBN changes nothing: x = Σ weights · spikes + bias. */
export function plainLayer(
  shape: LayerShape,
  weight: (row: number, channel: number) => number,
  bias: (channel: number) => number,
  name = "layer",
): FloatLayer {
  const taps = shape.kind === "linear" ? 1 : 9;
  const { outChannels } = shape;
  const channels = (value: number) => new Float32Array(outChannels).fill(value);
  return {
    ...shape,
    name,
    weights: Float32Array.from({ length: taps * shape.inChannels * outChannels }, (_, i) =>
      weight(Math.floor(i / outChannels), i % outChannels),
    ),
    bias: channels(0),
    batchNorm: {
      weight: channels(1),
      bias: Float32Array.from({ length: outChannels }, (_, c) => bias(c)),
      mean: channels(0),
      // 0.2 · x / sqrt(0.04 − 1e-5 + 1e-5) = x
      variance: channels(0.04 - 1e-5),
    },
  };
}

/** A network of these decoder layers, with a small random prior and readout. */
export function networkOf(decoder: readonly FloatLayer[], imageChannels: 1 | 3 = 1, timeSteps = 16): Network {
  const random = randomSource(5);
  const latentSize = decoder[0].inChannels;
  const small = (length: number) => Float32Array.from({ length }, () => random() - 0.5);
  return {
    imageSize: outputSize(decoder[decoder.length - 1]),
    imageChannels,
    latentSize,
    timeSteps,
    decoder,
    encoder: [],
    prior: { weights: small(latentSize ** 2), bias: small(latentSize) },
    readout: { weights: small(9 * imageChannels * 32), bias: small(imageChannels) },
  };
}

/** Bytes of one step of a map in the core's memory: one bit a neuron; the latent map is padded to whole words. */
export function mapStepBytes(model: Model, layer: number): number {
  if (layer === 0) return 4 * Math.ceil(model.latentSize / 32);
  const before = model.decoder[layer - 1];
  return (outputSize(before) ** 2 * before.outChannels) / 8;
}

/** Spikes (timeSteps, neurons), 0 or 1, as the core keeps them. */
export function packSpikes(spikes: Uint8Array, timeSteps: number, stepBytes: number): Uint8Array {
  const neurons = spikes.length / timeSteps;
  const packed = new Uint8Array(timeSteps * stepBytes);
  for (let t = 0; t < timeSteps; t++) {
    for (let i = 0; i < neurons; i++) packed[t * stepBytes + (i >> 3)] |= spikes[t * neurons + i] << (i & 7);
  }
  return packed;
}

/** The map that enters decoder layer `layer`; that which leaves the last one for `layer` = number of layers. */
export function readMap(core: Core, model: Model, layer: number, timeSteps: number): Uint8Array {
  const address = core.mapAddress(layer);
  return core.bytes.slice(address, address + timeSteps * mapStepBytes(model, layer));
}

/** Puts latent spikes (timeSteps, latentSize) where `Core.decode` reads them. */
export function writeLatentSpikes(core: Core, model: Model, spikes: Uint8Array, timeSteps: number): void {
  const address = core.mapAddress(0);
  core.bytes.set(packSpikes(spikes, timeSteps, mapStepBytes(model, 0)), address);
}

export function readPixels(core: Core, model: Model): Uint8Array {
  const address = core.imageAddress;
  return core.bytes.slice(address, address + model.imageSize ** 2 * model.imageChannels);
}

/** The core's ledger, in the oracle's words. */
export function readLedger(core: Core, model: Model) {
  const word = (address: number) => core.words[address / 4];
  return {
    fetchedBytes: word(memory.LEDGER_FETCHED),
    randomWords: word(memory.LEDGER_RANDOM),
    layers: Array.from({ length: model.decoder.length + 1 }, (_, i) => {
      const at =
        i < model.decoder.length
          ? memory.LEDGER_LAYERS + i * memory.LEDGER_LAYER_BYTES
          : memory.LEDGER_READOUT;
      return { spikes: word(at), synapticOperations: word(at + 4) };
    }),
  };
}

/** Bytes that making one image takes from flash where weights are streamed (docs/format.md). */
export function streamedBytes(model: Model, prior: number): number {
  const d = model.latentSize;
  const entry = 40;
  const data =
    model.priors[prior].kind === "book" ? 2 * 4 * Math.ceil(d / 32) : 4 * d + d * 4 * Math.ceil(d / 2);
  const layers = model.decoder.map(({ kind, inChannels, outChannels, bits }) => {
    const rows = (kind === "linear" ? 1 : 9) * 2 * Math.ceil(inChannels / 2);
    return 4 * outChannels + (rows * outChannels * bits) / 8;
  });
  return entry + data + layers.reduce((sum, bytes) => sum + bytes, 0);
}

/**
 * Random words that one image takes (docs/numerics.md): a block of four for each neuron of the prior, for each eight steps of
 * a neuron, and for the choice of codes.
 */
export function randomWords(model: Model, timeSteps: number, prior: number): number {
  const choice = model.priors[prior].kind === "book" ? 4 : 0;
  return choice + 4 * model.latentSize + 4 * model.latentSize * Math.ceil(timeSteps / 8);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** The smallest chain of layers that has every part: linear to 2×2 of 32 channels, then to 4×4. */
export const TINY = { channels: [32], latentSize: 5, timeSteps: 4 } as const;

/** Where the front matter that the core reads while it opens a model ends: header and layer table. */
export function tableEnd(model: Model): number {
  return format.HEADER_BYTES + model.decoder.length * format.LAYER_BYTES;
}

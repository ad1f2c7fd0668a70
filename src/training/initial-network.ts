import { SpikeletError } from "../errors.js";
import type { Uint64 } from "../math/random.js";
import type { FloatLayer, LayerShape, Network } from "../network.js";
import { tapCount } from "../network.js";
import { drawWeights } from "./draws.js";

/** What a network is to be like. */
export interface Architecture {
  /** A power of two, 8 … 64: 32 for the config ESVAE, 64 for ESVAE_large. */
  readonly imageSize: number;
  readonly imageChannels: number;
  /** A multiple of 32. */
  readonly latentSize: number;
  readonly timeSteps: number;
  /** Channels of every map as a part of the config's: 32 at the top, twice as many at each level below. */
  readonly width: number;
}

/** Spikes of a position are packed in words of 32, so channels come in such. */
const CHANNEL_MULTIPLE = 32;
/** Rows, and columns, of the smallest map. */
const BOTTOM_SIZE = 2;

/** Channels of the maps from the bottom up, but for the last, which has 32. */
export function channelsOf({ imageSize, width }: Pick<Architecture, "imageSize" | "width">): number[] {
  const levels = Math.log2(imageSize / BOTTOM_SIZE);
  return Array.from({ length: levels }, (_, level) => {
    const multiples = Math.round(2 ** (levels - 1 - level) * width);
    return CHANNEL_MULTIPLE * Math.max(1, multiples);
  });
}

/**
 * A network with the random weights that PyTorch's layers start with: uniform on ±1/sqrt(fan in), biases likewise; tdBN
 * with weight 1 and bias 0.
 */
export function initialNetwork(architecture: Architecture, seed: Uint64): Network {
  const { imageSize, imageChannels, latentSize, timeSteps } = architecture;
  if (latentSize % CHANNEL_MULTIPLE !== 0) {
    throw new SpikeletError(
      "bad-option",
      `latentSize is ${latentSize}; expected a multiple of ${CHANNEL_MULTIPLE}.`,
    );
  }
  const channels = channelsOf(architecture);
  const levels = channels.length;
  let drawn = 0;
  const draw = (count: number, fanIn: number) =>
    drawWeights(seed, drawn++, count).map((value) => value / Math.sqrt(fanIn));

  const layerOf = (name: string, shape: LayerShape): FloatLayer => {
    const { kind, inChannels, outChannels } = shape;
    const taps = tapCount(shape);
    // Of a transposed convolution PyTorch takes the fan out for the fan in.
    const fanIn = taps * (kind === "transposedConv" ? outChannels : inChannels);
    return {
      ...shape,
      name,
      weights: draw(taps * inChannels * outChannels, fanIn),
      bias: draw(outChannels, fanIn),
      batchNorm: {
        weight: new Float32Array(outChannels).fill(1),
        bias: new Float32Array(outChannels),
        mean: new Float32Array(outChannels),
        variance: new Float32Array(outChannels).fill(1),
      },
    };
  };

  const widths = [imageChannels, ...channels.toReversed()];
  const bottom = channels[0] * BOTTOM_SIZE ** 2;
  const encoder = channels.map((_, level) =>
    layerOf(`encoder.${level}`, {
      kind: level === 0 ? "imageConv" : "conv",
      inputSize: imageSize / 2 ** level,
      inChannels: widths[level],
      outChannels: widths[level + 1],
    }),
  );
  encoder.push(
    layerOf("before_latent_layer", {
      kind: "linear",
      inputSize: 1,
      inChannels: bottom,
      outChannels: latentSize,
    }),
  );
  const prior = { weights: draw(latentSize ** 2, latentSize), bias: draw(latentSize, latentSize) };
  const decoder = [
    layerOf("decoder_input", { kind: "linear", inputSize: 1, inChannels: latentSize, outChannels: bottom }),
    ...channels.map((inChannels, level) =>
      layerOf(level === levels - 1 ? "final_layer.0" : `decoder.${level}`, {
        kind: "transposedConv",
        inputSize: BOTTOM_SIZE * 2 ** level,
        inChannels,
        outChannels: channels[level + 1] ?? CHANNEL_MULTIPLE,
      }),
    ),
  ];
  const readout = {
    weights: draw(9 * imageChannels * CHANNEL_MULTIPLE, 9 * imageChannels),
    bias: draw(imageChannels, 9 * imageChannels),
  };
  return { imageSize, imageChannels, latentSize, timeSteps, encoder, decoder, prior, readout };
}

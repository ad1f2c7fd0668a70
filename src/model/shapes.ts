import { BLOCK_CHANNELS, READOUT_CHANNELS } from "../../assembly/core/format";
import { type LayerShape, outputSize } from "../network.js";
import { damaged } from "./damaged.js";

function refuse(part: string, i: number, layer: LayerShape): never {
  throw damaged(
    `${part} layer ${i} (${layer.kind}, ${layer.inChannels} channels of ${layer.inputSize}×${layer.inputSize}) does not follow from what is before it.`,
  );
}

function outputs(layer: LayerShape): number {
  return outputSize(layer) ** 2 * layer.outChannels;
}

/** Each layer must follow from the one before it, from latent to image. */
export function checkDecoder(layers: readonly LayerShape[], latentSize: number, imageSize: number): void {
  layers.forEach((layer, i) => {
    const { kind, inputSize, inChannels } = layer;
    const before = layers[i - 1];
    let follows: boolean;
    if (i === 0) {
      follows = kind === "linear" && inputSize === 1 && inChannels === latentSize;
    } else {
      follows =
        kind === "transposedConv" &&
        inChannels > 0 &&
        inChannels % BLOCK_CHANNELS === 0 &&
        inputSize ** 2 * inChannels === outputs(before) &&
        (i === 1 || inChannels === before.outChannels);
    }
    if (!follows) refuse("Decoder", i, layer);
  });
  const last = layers[layers.length - 1];
  if (outputSize(last) !== imageSize || last.outChannels !== READOUT_CHANNELS) {
    throw damaged(
      `The last decoder layer gives ${last.outChannels} channels of ${outputSize(last)}×${outputSize(last)}; expected ${READOUT_CHANNELS} of ${imageSize}×${imageSize}.`,
    );
  }
}

/** Likewise from image to latent; an encoder may be absent. */
export function checkEncoder(
  layers: readonly LayerShape[],
  latentSize: number,
  imageSize: number,
  imageChannels: number,
): void {
  layers.forEach((layer, i) => {
    const { kind, inputSize, inChannels, outChannels } = layer;
    const before = layers[i - 1];
    let follows: boolean;
    if (i === 0) {
      follows = kind === "imageConv" && inputSize === imageSize && inChannels === imageChannels;
    } else if (i < layers.length - 1) {
      follows = kind === "conv" && inputSize === outputSize(before) && inChannels === before.outChannels;
    } else {
      follows =
        kind === "linear" &&
        inputSize === 1 &&
        inChannels === outputs(before) &&
        outChannels === BLOCK_CHANNELS * Math.ceil(latentSize / BLOCK_CHANNELS);
    }
    const halves = kind === "linear" || inputSize % 2 === 0;
    if (!follows || !halves) refuse("Encoder", i, layer);
  });
}

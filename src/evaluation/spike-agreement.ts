import { SpikeletError } from "../errors.js";
import { decoderLayerName, encoderLayerName, type Model } from "../model/model.js";
import type { LayerShape, Network } from "../network.js";
import { decodeFloat, encodeFloat } from "../reference/float-network.js";
import { decodeSpikes, encodeImage, sampleSpikes } from "../reference/integer-network.js";

/** Names of the layers that `spikeAgreement` compares, in its order. */
export function comparedLayers({ encoder, decoder }: Model): string[] {
  return [
    ...encoder.map((_, i) => encoderLayerName(i, encoder.length)),
    ...decoder.map((_, i) => decoderLayerName(i, decoder.length)),
  ];
}

/**
 * Fraction of neurons and time steps, for each layer, at which the integer and the float network do the same: fire, or not.
 * Both encode the same image, and both decode the same latent spikes, drawn from the integer encoder's rates. Within encoder
 * and decoder each layer sees the spikes of its own network, so that what differs in one layer is carried on to the next.
 */
export function spikeAgreement(
  model: Model,
  network: Network,
  pixels: Uint8Array,
  { seed, index, timeSteps }: { seed: bigint; index: bigint; timeSteps: number },
): number[] {
  const encoded = encodeImage(model, pixels, timeSteps);
  const latent = sampleSpikes(encoded.rates, seed, index, timeSteps);
  const integer = [...encoded.layers, ...decodeSpikes(model, latent, timeSteps).layers];
  const float = [
    ...encodeFloat(network, pixels, timeSteps).layers,
    ...decodeFloat(network, latent, timeSteps).layers,
  ];
  return float.map((spikes, layer) => equalFraction(spikes, integer[layer], timeSteps));
}

/** Of spikes (timeSteps, neurons); a step of `padded` may have more neurons, at its end, that the float network lacks. */
function equalFraction(spikes: Uint8Array, padded: Uint8Array, timeSteps: number): number {
  const neurons = spikes.length / timeSteps;
  const stride = padded.length / timeSteps;
  let equal = 0;
  for (let t = 0; t < timeSteps; t++) {
    for (let i = 0; i < neurons; i++) {
      if (spikes[t * neurons + i] === padded[t * stride + i]) equal++;
    }
  }
  return equal / spikes.length;
}

/**
 * Throws "bad-checkpoint" unless a checkpoint has the very layers, the encoder's too, that the model has.
 */
export function checkSameNetwork(network: Network, model: Model): void {
  if (network.encoder.length === 0) {
    throw new SpikeletError(
      "bad-checkpoint",
      "Found no encoder in the checkpoint, expected `encoder.*` tensors. Give the whole network's checkpoint.",
    );
  }
  const found = describeShape(network, network.latentSize);
  const expected = describeShape(model, model.latentSize);
  if (found === expected) return;
  throw new SpikeletError(
    "bad-checkpoint",
    `Found a network of ${found}, expected ${expected} as the model has. Give the checkpoint that the model was made from.`,
  );
}

function describeShape(
  {
    imageSize,
    imageChannels,
    encoder,
    decoder,
  }: Pick<Network, "imageSize" | "imageChannels"> & {
    readonly encoder: readonly LayerShape[];
    readonly decoder: readonly LayerShape[];
  },
  latentSize: number,
): string {
  const channels = (layers: readonly LayerShape[]) => layers.map((layer) => layer.inChannels).join("-");
  return (
    `${imageSize}×${imageSize}×${imageChannels} images, channels ${channels(encoder)} in the encoder, ` +
    `latent size ${latentSize}, channels ${channels(decoder)} in the decoder`
  );
}

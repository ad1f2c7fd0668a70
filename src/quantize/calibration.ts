// What the layers of a network see, for the quantizer to weigh rounding errors by. No data are needed: the network's own
// prior draws latents, its decoder makes images of them, and its encoder sees those images.

import { sumOfQuadraticForms } from "../math/linear-algebra.js";
import type { GaussianPrior } from "../model/model.js";
import type { LayerKind, LayerShape, Network } from "../network.js";
import { decodeFloat, encodeFloat } from "../reference/float-network.js";
import { firingRates, normals, sampleSpikes } from "../reference/integer-network.js";

/**
 * The taps (3·ky + kx) that one output position sees together, by phase. Every tap is in one phase: a transposed
 * convolution of stride 2 has four kinds of output positions, by the parity of row and column.
 */
export function phasesOf(kind: LayerKind): readonly (readonly number[])[] {
  if (kind === "linear") return [[0]];
  if (kind === "transposedConv") return [[4], [5, 3], [7, 1], [8, 6, 2, 0]];
  return [[0, 1, 2, 3, 4, 5, 6, 7, 8]];
}

/** Second moments of the inputs that the neurons of one phase see. */
export interface PhaseMoments {
  readonly taps: readonly number[];
  /** taps.length · inChannels: input k is channel k mod inChannels of tap taps[k div inChannels]. */
  readonly size: number;
  /** (size, size), lower triangle: Σ input i · input k over output positions, steps and images. */
  readonly matrix: Float64Array;
}

/** By phase. All phases have the same number of output positions, so that their sums may be added. */
export type LayerMoments = readonly PhaseMoments[];

export function emptyMoments({ kind, inChannels }: LayerShape): LayerMoments {
  return phasesOf(kind).map((taps) => {
    const size = taps.length * inChannels;
    return { taps, size, matrix: new Float64Array(size * size) };
  });
}

/** Input row (or column) that output position `position` of a phase sees through a tap's row (or column). */
function inputPosition(kind: LayerKind, position: number, tap: number): number {
  if (kind === "linear") return 0;
  // out[2i − 1 + k] += w[k] · in[i] and out[y] += w[k] · in[2y − 1 + k] (docs/numerics.md).
  return kind === "transposedConv" ? position + (tap === 0 ? 1 : 0) : 2 * position - 1 + tap;
}

/** Adds one step's input (rows, columns, inChannels) to a layer's moments. Outside the map an input is 0. */
export function addMoments(moments: LayerMoments, layer: LayerShape, input: ArrayLike<number>): void {
  const { kind, inputSize, inChannels } = layer;
  const positions = kind === "conv" || kind === "imageConv" ? inputSize / 2 : inputSize;
  for (const { taps, size, matrix } of moments) {
    // The inputs that are not 0: few, if they are spikes.
    const active = new Int32Array(size);
    const values = new Float64Array(size);
    for (let y = 0; y < positions; y++) {
      for (let x = 0; x < positions; x++) {
        let count = 0;
        for (let t = 0; t < taps.length; t++) {
          const row = inputPosition(kind, y, Math.floor(taps[t] / 3));
          const column = inputPosition(kind, x, taps[t] % 3);
          if (row < 0 || row >= inputSize || column < 0 || column >= inputSize) continue;
          const from = (row * inputSize + column) * inChannels;
          for (let c = 0; c < inChannels; c++) {
            if (input[from + c] === 0) continue;
            active[count] = t * inChannels + c;
            values[count++] = input[from + c];
          }
        }
        for (let i = 0; i < count; i++) {
          const start = active[i] * size;
          const value = values[i];
          for (let k = 0; k <= i; k++) matrix[start + active[k]] += value * values[k];
        }
      }
    }
  }
}

/**
 * Power of what weights (taps, inChannels, outChannels) make of the inputs: Σ (Σ weights · inputs)² over output
 * positions, channels, steps and images.
 */
export function inputPower(moments: LayerMoments, layer: LayerShape, weights: Float64Array): number {
  const tapWeights = layer.inChannels * layer.outChannels;
  let power = 0;
  for (const { taps, size, matrix } of moments) {
    const ofPhase = new Float64Array(size * layer.outChannels);
    taps.forEach((tap, t) => {
      ofPhase.set(weights.subarray(tap * tapWeights, (tap + 1) * tapWeights), t * tapWeights);
    });
    power += sumOfQuadraticForms(matrix, size, ofPhase, layer.outChannels);
  }
  return power;
}

function addSpikes(moments: LayerMoments, layer: LayerShape, spikes: Uint8Array, timeSteps: number): void {
  const inputs = spikes.length / timeSteps;
  for (let t = 0; t < timeSteps; t++)
    addMoments(moments, layer, spikes.subarray(t * inputs, (t + 1) * inputs));
}

/** Any will do that no user is likely to draw from. */
const CALIBRATION_SEED = 0x5350494b454c4554n; // "SPIKELET"

export interface NetworkMoments {
  /** One per layer. */
  readonly decoder: readonly LayerMoments[];
  readonly encoder: readonly LayerMoments[];
}

/**
 * Second moments of all layers' inputs while the float network makes images from its prior, and encodes them again.
 * @param onImage - called with the number of images done
 */
export function calibrate(
  network: Network,
  prior: GaussianPrior,
  images: number,
  onImage: (done: number) => void = () => {},
): NetworkMoments {
  const { timeSteps, latentSize } = network;
  const decoder = network.decoder.map(emptyMoments);
  const encoder = network.encoder.map(emptyMoments);
  for (let index = 0; index < images; index++) {
    const rates = firingRates(prior, normals(CALIBRATION_SEED, index, latentSize));
    const latent = sampleSpikes(rates, CALIBRATION_SEED, index, timeSteps);
    const { layers, image } = decodeFloat(network, latent, timeSteps);
    network.decoder.forEach((layer, i) => {
      addSpikes(decoder[i], layer, i === 0 ? latent : layers[i - 1], timeSteps);
    });
    if (encoder.length) {
      // As images come: 0 … 255 for −1 … 1.
      const pixels = Uint8Array.from(image, (value) => Math.round((value + 1) * 127.5));
      const encoded = encodeFloat(network, pixels, timeSteps);
      addMoments(
        encoder[0],
        network.encoder[0],
        Array.from(pixels, (p) => (p / 255) * 2 - 1),
      );
      network.encoder.slice(1).forEach((layer, i) => {
        addSpikes(encoder[i + 1], layer, encoded.layers[i], timeSteps);
      });
    }
    onImage(index + 1);
  }
  return { decoder, encoder };
}

import type { Model } from "../src/index.js";
import { drawRates, sampleSpikes } from "../src/reference/integer-network.js";

/** Latent spike trains (timeSteps, latentSize): those of images 0 … count − 1 of a seed, as `generate` draws them. */
export function drawLatents(model: Model, seed: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const rates = drawRates(model.priors[0], seed, index, model.latentSize);
    return sampleSpikes(rates, seed, index, model.timeSteps);
  });
}

/** Uniform numbers in [0, 1) from a seed: Mulberry32. */
export function uniformNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A latent spike train whose neurons all fire at one rate. */
export function evenLatent(model: Model, rate: number, uniform: () => number): Uint8Array {
  return Uint8Array.from({ length: model.timeSteps * model.latentSize }, () => (uniform() < rate ? 1 : 0));
}

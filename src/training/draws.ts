import {
  STREAM_ORDER,
  STREAM_STEP_NORMALS,
  STREAM_STEP_UNIFORMS,
  STREAM_WEIGHTS,
} from "../../assembly/core/streams";
import { drawBlock, type Uint64 } from "../math/random.js";

// The random numbers of a training run: blocks of Philox (docs/numerics.md, "Random numbers") with the run's seed as the key and the
// number of the step or epoch in the place of the image, so that a run that was stopped goes on as it would have.

/** Words of a stream, one after another. */
function words(seed: Uint64, index: Uint64, stream: number): () => number {
  const block = new Uint32Array(4);
  let drawn = 0;
  return () => {
    if (drawn % 4 === 0) drawBlock(block, drawn / 4, stream, index, seed);
    return block[drawn++ % 4];
  };
}

/** As float32 can hold it: 0 … 1, without 1. */
const toUniform = (word: number) => (word >>> 8) / 2 ** 24;

/** The numbers 0 … count − 1 in the order of an epoch (Fisher and Yates). */
export function drawOrder(seed: Uint64, epoch: number, count: number): Uint32Array {
  const next = words(seed, epoch, STREAM_ORDER);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((next() / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Standard normals of a step's prior (Box and Muller). */
export function drawNormals(seed: Uint64, step: number, count: number): Float32Array {
  const next = words(seed, step, STREAM_STEP_NORMALS);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - toUniform(next())));
    return radius * Math.cos(2 * Math.PI * toUniform(next()));
  });
}

/** Uniforms of a step's Poisson sampler. */
export function drawUniforms(seed: Uint64, step: number, count: number): Float32Array {
  const next = words(seed, step, STREAM_STEP_UNIFORMS);
  return Float32Array.from({ length: count }, () => toUniform(next()));
}

/** Uniforms on −1 … 1 for the weights of tensor `index`. */
export function drawWeights(seed: Uint64, index: number, count: number): Float32Array {
  const next = words(seed, index, STREAM_WEIGHTS);
  return Float32Array.from({ length: count }, () => 2 * toUniform(next()) - 1);
}

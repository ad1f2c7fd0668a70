import type { Uint64 } from "../math/random.js";
import { drawNormals, drawOrder, drawUniforms } from "./draws.js";
import type { Batch } from "./trainer.js";

export interface TrainingSet {
  /** (count, rows, columns, channels), 0 … 255 */
  readonly pixels: Uint8Array;
  readonly count: number;
}

/** The batches of a run: step by step what its seed says, each epoch in an order of its own. */
export class Batches {
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  readonly #set: TrainingSet;
  readonly #seed: Uint64;
  readonly #latentSize: number;
  readonly #timeSteps: number;
  #epoch = -1;
  #order: Uint32Array = new Uint32Array();

  /** @param wanted - images of a batch; fewer if there are not so many. What is left at an epoch's end is passed over. */
  constructor(
    set: TrainingSet,
    network: { readonly latentSize: number; readonly timeSteps: number },
    seed: Uint64,
    wanted: number,
  ) {
    this.#set = set;
    this.#seed = seed;
    this.#latentSize = network.latentSize;
    this.#timeSteps = network.timeSteps;
    this.batchSize = Math.min(wanted, set.count);
    this.stepsPerEpoch = Math.floor(set.count / this.batchSize);
  }

  /** The batch of a step, counted from 0. */
  at(step: number): Batch {
    const epoch = Math.floor(step / this.stepsPerEpoch);
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#order = drawOrder(this.#seed, epoch, this.#set.count);
    }
    const { pixels, count } = this.#set;
    const values = pixels.length / count;
    const images = new Float32Array(this.batchSize * values);
    const first = (step % this.stepsPerEpoch) * this.batchSize;
    for (let i = 0; i < this.batchSize; i++) {
      const from = this.#order[first + i] * values;
      for (let k = 0; k < values; k++) images[i * values + k] = (pixels[from + k] / 255) * 2 - 1;
    }
    return { images, ...this.draws(step, this.batchSize) };
  }

  /** The random numbers that `images` images take at a step. */
  draws(step: number, images: number): Omit<Batch, "images"> {
    return {
      normals: drawNormals(this.#seed, step, images * this.#latentSize),
      uniforms: drawUniforms(this.#seed, step, images * this.#timeSteps * this.#latentSize),
    };
  }
}

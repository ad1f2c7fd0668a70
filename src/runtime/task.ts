import { type ClassDensities, classLikelihoods } from "../priors/nearest-class.js";
import type { Generator } from "./generator.js";
import { type Turns, turnOf } from "./turns.js";

/** Images from random numbers, the same however the work is split. */
export interface GenerateTask extends Turns {
  readonly kind: "generate";
  readonly seed: bigint;
  readonly timeSteps: number;
  /** All images are kept if not given. */
  readonly choice?: Choice;
}

/** Images are drawn until one is of its class, as far as the encoder can tell. Needs class priors and a core with the encoder. */
export interface Choice {
  /** Images drawn for one, at most; image i is one of i · tries … i · tries + tries − 1 of the seed. */
  readonly tries: number;
  readonly densities: ClassDensities;
}

/** Firing rates (latentSize), float32, of given images. */
export interface EncodeTask {
  readonly kind: "encode";
  /** (count, imageSize, imageSize, imageChannels) */
  readonly pixels: Uint8Array;
  readonly timeSteps: number;
}

/** Given images, encoded and decoded. */
export interface ReconstructTask {
  readonly kind: "reconstruct";
  /** (count, imageSize, imageSize, imageChannels) */
  readonly pixels: Uint8Array;
  readonly seed: bigint;
  readonly timeSteps: number;
}

/** Images on the line between two points in rate space, all with the random numbers of one image. */
export interface InterpolateTask {
  readonly kind: "interpolate";
  /** (latentSize) */
  readonly from: Float64Array;
  /** (latentSize) */
  readonly to: Float64Array;
  /** Images, both ends included. */
  readonly steps: number;
  readonly seed: bigint;
  readonly index: bigint;
  readonly timeSteps: number;
}

/** What is to be made of each image of a run. Plain data, so that it can be sent to worker threads. */
export type Task = GenerateTask | EncodeTask | ReconstructTask | InterpolateTask;

const KINDS: ReadonlySet<string> = new Set<Task["kind"]>([
  "generate",
  "encode",
  "reconstruct",
  "interpolate",
]);

/** Whether a job is one of these. */
export function isTask(job: { readonly kind: string }): job is Task {
  return KINDS.has(job.kind);
}

/** Number of the first image of the seed that image `index` of a run is, or is chosen from. */
export function firstDraw({ choice }: GenerateTask, index: bigint): bigint {
  return index * BigInt(choice?.tries ?? 1);
}

/** Bytes that a task makes for one image. */
export function resultBytes(generator: Generator, { kind }: Task): number {
  return kind === "encode"
    ? generator.info.latentSize * Float32Array.BYTES_PER_ELEMENT
    : generator.imageBytes;
}

/**
 * Does a task for image `index`.
 * @param result - (resultBytes) is written
 */
export function performTask(generator: Generator, task: Task, index: bigint, result: Uint8Array): void {
  switch (task.kind) {
    case "generate": {
      const { seed, timeSteps, priors, choice } = task;
      const prior = priors[turnOf(task, index)];
      const first = firstDraw(task, index);
      if (choice) chooseImage(generator, { seed, index: first, timeSteps, prior }, choice, result);
      else generator.generateInto(result, { seed, index: first, timeSteps, prior });
      break;
    }
    case "encode": {
      const { firingRates } = generator.encode(pixelsOf(generator, task, index), task);
      result.set(new Uint8Array(Float32Array.from(firingRates).buffer));
      break;
    }
    case "reconstruct": {
      const { seed, timeSteps } = task;
      result.set(generator.reconstruct(pixelsOf(generator, task, index), { seed, index, timeSteps }).pixels);
      break;
    }
    case "interpolate": {
      const { from, to, steps, seed, timeSteps } = task;
      const weight = Number(index) / (steps - 1);
      const firingRates = from.map((rate, neuron) => rate * (1 - weight) + to[neuron] * weight);
      result.set(generator.decode({ firingRates, seed, index: task.index, timeSteps }).pixels);
      break;
    }
  }
}

/** Draws images from `options.index` on; keeps the first that is of its class, or the one that is so most nearly. */
function chooseImage(
  generator: Generator,
  options: {
    readonly seed: bigint;
    readonly index: bigint;
    readonly timeSteps: number;
    readonly prior: string;
  },
  { tries, densities }: Choice,
  result: Uint8Array,
): void {
  const { timeSteps } = options;
  const own = densities.names.indexOf(options.prior);
  const drawn = new Uint8Array(result.length);
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < tries && least > 0; k++) {
    generator.generateInto(drawn, { ...options, index: options.index + BigInt(k) });
    const { firingRates } = generator.encode(drawn, { timeSteps });
    const likelihoods = classLikelihoods(densities, firingRates, timeSteps);
    const lack = Math.max(...likelihoods) - likelihoods[own];
    if (lack >= least) continue;
    least = lack;
    result.set(drawn);
  }
}

/** The pixels of image `index` of those that a task was given. */
function pixelsOf(
  { imageBytes }: Generator,
  { pixels }: EncodeTask | ReconstructTask,
  index: bigint,
): Uint8Array {
  const at = Number(index) * imageBytes;
  return pixels.subarray(at, at + imageBytes);
}

import type { Generator } from "./generator.js";

/** Images from random numbers. */
export interface GenerateTask {
  readonly kind: "generate";
  readonly seed: bigint;
  readonly timeSteps: number;
  /** Image i takes prior i mod n, whatever the run starts with: so it is the same however the work is split. */
  readonly priors: readonly string[];
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

/** The prior that image `index` is drawn from. */
export function priorOf({ priors }: GenerateTask, index: bigint): string {
  return priors[Number(index % BigInt(priors.length))];
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
      const { seed, timeSteps } = task;
      generator.generateInto(result, { seed, index, timeSteps, prior: priorOf(task, index) });
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

/** The pixels of image `index` of those that a task was given. */
function pixelsOf(
  { imageBytes }: Generator,
  { pixels }: EncodeTask | ReconstructTask,
  index: bigint,
): Uint8Array {
  const at = Number(index) * imageBytes;
  return pixels.subarray(at, at + imageBytes);
}

// What is measured image by image, and can therefore be spread over threads: each job gives a row of numbers per image.

import { FULL_RATE } from "../../assembly/core/memory";
import { readNetwork } from "../checkpoint/architecture.js";
import { readCheckpoint } from "../checkpoint/checkpoint.js";
import { decodeModel } from "../model/file.js";
import type { Model } from "../model/model.js";
import type { Network, Tensor } from "../network.js";
import { decodeFloat, encodeFloat } from "../reference/float-network.js";
import { sampleSpikes } from "../reference/integer-network.js";
import type { LoadOptions } from "../runtime/core.js";
import { Generator } from "../runtime/generator.js";
import type { Task } from "../runtime/task.js";
import { flipSpikes, silenceSteps } from "./disturbances.js";
import { FadEncoder } from "./fad.js";
import { isCovered, nearestNeighbours, rowOf } from "./neighbours.js";
import { floatReconstructionLoss, reconstructionLoss } from "./reconstruction.js";
import { comparedLayers, spikeAgreement } from "./spike-agreement.js";

/** Files that some measurements need; plain data, so that worker threads can be started with it. */
export interface JobFiles {
  /** The checkpoint of a FAD encoder. */
  readonly fadEncoder?: Uint8Array;
  /** The checkpoint of the float network. */
  readonly checkpoint?: Uint8Array;
  /** Which of several networks in it. */
  readonly checkpointKey?: string;
}

/** The network of a checkpoint that a model is compared with; its prior is not needed. */
export function readFloatNetwork(checkpoint: Uint8Array, key: string | undefined): Network {
  return readNetwork(readCheckpoint(checkpoint, key === undefined ? {} : { key }), { withoutPrior: true });
}

/** (count, imageSize, imageSize, imageChannels) images of which job image i is image i. */
interface OnImages {
  readonly pixels: Uint8Array;
  readonly timeSteps: number;
}

/** Image i is decoded with the random numbers of image i of the seed. */
interface Drawn {
  readonly seed: bigint;
}

/** What happens to the latent spikes on their way from the encoder to the decoder. */
export type SpikeDisturbance =
  | { readonly kind: "flip"; readonly probability: number }
  | { readonly kind: "silence"; readonly steps: number };

/** Row: the reconstruction loss, then the posterior firing rates. */
export interface LossJob extends OnImages, Drawn {
  readonly kind: "loss";
  readonly disturbance?: SpikeDisturbance;
  /** A .spk file in place of the model that is evaluated. */
  readonly model?: Uint8Array;
}

/** Row: FAD features of the image itself, or of its reconstruction. */
export interface FeaturesJob extends OnImages, Drawn {
  readonly kind: "features";
  readonly of: "image" | "reconstruction";
}

/** Row: FAD features of a generated image. */
export interface GeneratedFeaturesJob extends Drawn {
  readonly kind: "generated-features";
  readonly timeSteps: number;
  /** Image i takes prior i mod n. */
  readonly priors: readonly string[];
}

/** As `LossJob`, of the float network. */
export interface FloatLossJob extends OnImages, Drawn {
  readonly kind: "float-loss";
}
/** Row: the posterior firing rates of the float network. */
export interface FloatRatesJob extends OnImages {
  readonly kind: "float-rates";
}

/** Row: fraction of equal spikes in each layer. */
export interface AgreementJob extends OnImages, Drawn {
  readonly kind: "agreement";
}

/** Row: distances of the `neighbours` nearest references to the features of an image, then their numbers. */
export interface NeighboursJob {
  readonly kind: "neighbours";
  /** (N, d) */
  readonly features: Tensor;
  /** (M, d); if not given, the other rows of `features`. */
  readonly references?: Tensor;
  readonly neighbours: number;
}

/** Row: 1 if the features of an image lie in the sphere of one of the references, else 0. */
export interface CoverageJob {
  readonly kind: "coverage";
  /** (N, d) */
  readonly features: Tensor;
  /** (M, d) */
  readonly references: Tensor;
  /** (M) */
  readonly radii: Float64Array;
}

/** What is measured of each image: a row of float64. */
export type MeasureJob =
  | LossJob
  | FeaturesJob
  | GeneratedFeaturesJob
  | FloatLossJob
  | FloatRatesJob
  | AgreementJob
  | NeighboursJob
  | CoverageJob;

/** All that a pool can do. */
export type Job = Task | MeasureJob;

/** A job that can be done at once: rows of `width` numbers. */
export interface PreparedMeasure {
  readonly width: number;
  measure(index: number): ArrayLike<number>;
}

/** Does measurements, one job after the other, in one thread. */
export class MeasureRunner {
  readonly #generator: Generator;
  readonly #spk: Uint8Array;
  readonly #load: LoadOptions;
  readonly #files: JobFiles;
  #fadEncoder: FadEncoder | undefined;
  #network: Network | undefined;
  #model: Model | undefined;

  /** @param generator - for the .spk file and with the options of `load` */
  constructor(generator: Generator, spk: Uint8Array, load: LoadOptions, files: JobFiles = {}) {
    this.#generator = generator;
    this.#spk = spk;
    this.#load = load;
    this.#files = files;
  }

  /** Gets everything ready for a job. */
  async prepare(job: MeasureJob): Promise<PreparedMeasure> {
    const generator = this.#generator;
    const { latentSize } = generator.info;
    switch (job.kind) {
      case "loss": {
        const used = job.model ? await Generator.load(job.model, this.#load) : generator;
        return { width: 1 + latentSize, measure: (index) => lossRow(used, job, index) };
      }
      case "features": {
        const encoder = this.#loadFadEncoder();
        const { of, seed, timeSteps } = job;
        return {
          width: encoder.featureSize,
          measure(index) {
            const image = imageOf(generator, job, index);
            if (of === "image") return encoder.features(image);
            return encoder.features(generator.reconstruct(image, { seed, index, timeSteps }).pixels);
          },
        };
      }
      case "generated-features": {
        const encoder = this.#loadFadEncoder();
        const pixels = new Uint8Array(generator.imageBytes);
        const { seed, timeSteps, priors } = job;
        return {
          width: encoder.featureSize,
          measure(index) {
            generator.generateInto(pixels, { seed, index, timeSteps, prior: priors[index % priors.length] });
            return encoder.features(pixels);
          },
        };
      }
      case "float-loss": {
        const network = this.#loadNetwork();
        return {
          width: 1 + latentSize,
          measure: (index) => floatLossRow(network, imageOf(generator, job, index), job, index),
        };
      }
      case "float-rates": {
        const network = this.#loadNetwork();
        return {
          width: latentSize,
          measure: (index) => encodeFloat(network, imageOf(generator, job, index), job.timeSteps).rates,
        };
      }
      case "agreement": {
        const network = this.#loadNetwork();
        this.#model ??= decodeModel(this.#spk);
        const model = this.#model;
        return {
          width: comparedLayers(model).length,
          measure: (index) =>
            spikeAgreement(model, network, imageOf(generator, job, index), { ...job, index: BigInt(index) }),
        };
      }
      case "neighbours":
        return { width: 2 * job.neighbours, measure: (index) => neighboursRow(job, index) };
      case "coverage": {
        const { features, references, radii } = job;
        return {
          width: 1,
          measure: (index) => [isCovered(rowOf(features, index), references, radii) ? 1 : 0],
        };
      }
    }
  }

  #loadFadEncoder(): FadEncoder {
    this.#fadEncoder ??= new FadEncoder(readCheckpoint(this.#files.fadEncoder!));
    return this.#fadEncoder;
  }

  #loadNetwork(): Network {
    this.#network ??= readFloatNetwork(this.#files.checkpoint!, this.#files.checkpointKey);
    return this.#network;
  }
}

function neighboursRow({ features, references, neighbours }: NeighboursJob, index: number): number[] {
  const row = rowOf(features, index);
  const found = references
    ? nearestNeighbours(row, references, neighbours)
    : nearestNeighbours(row, features, neighbours, index);
  return [...found.map(({ distance }) => distance), ...found.map((neighbour) => neighbour.index)];
}

function imageOf({ imageBytes }: Generator, { pixels }: OnImages, index: number): Uint8Array {
  return pixels.subarray(index * imageBytes, (index + 1) * imageBytes);
}

function lossRow(generator: Generator, job: LossJob, index: number): number[] {
  const { seed, timeSteps, disturbance } = job;
  const image = imageOf(generator, job, index);
  const { firingRates } = generator.encode(image, { timeSteps });
  const decoded =
    disturbance === undefined
      ? generator.decode({ firingRates, seed, index, timeSteps })
      : generator.decode({ spikeTrains: disturbedSpikes(firingRates, disturbance, job, index), timeSteps });
  return [reconstructionLoss(image, decoded.pixels), ...firingRates];
}

/** The spike trains that the core would draw, disturbed. */
function disturbedSpikes(
  firingRates: Float64Array,
  disturbance: SpikeDisturbance,
  { seed, timeSteps }: LossJob,
  index: number,
): Uint8Array {
  const spikes = sampleSpikes(fixedPointRates(firingRates), seed, index, timeSteps);
  const draw = { seed, index: BigInt(index) };
  return disturbance.kind === "flip"
    ? flipSpikes(spikes, disturbance.probability, draw)
    : silenceSteps(spikes, timeSteps, disturbance.steps, draw);
}

/** The float network with the random numbers that the integer one takes. */
function floatLossRow(
  network: Network,
  pixels: Uint8Array,
  { seed, timeSteps }: FloatLossJob,
  index: number,
): number[] {
  const { rates } = encodeFloat(network, pixels, timeSteps);
  const spikes = sampleSpikes(fixedPointRates(rates), seed, index, timeSteps);
  return [floatReconstructionLoss(pixels, decodeFloat(network, spikes, timeSteps).image), ...rates];
}

/** Q16, as the sampler takes them. */
function fixedPointRates(rates: Float64Array): Int32Array {
  return Int32Array.from(rates, (rate) => Math.round(rate * FULL_RATE));
}

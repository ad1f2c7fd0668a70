// What is measured image by image, and can therefore be spread over threads: each job gives a row of numbers per image.

import { FULL_RATE } from "../../assembly/core/memory";
import { readNetwork } from "../checkpoint/architecture.js";
import { readCheckpoint } from "../checkpoint/checkpoint.js";
import { decodeModel } from "../model/file.js";
import type { Model } from "../model/model.js";
import type { Network } from "../network.js";
import { decodeFloat, encodeFloat } from "../reference/float-network.js";
import { sampleSpikes } from "../reference/integer-network.js";
import type { LoadOptions } from "../runtime/core.js";
import { Generator } from "../runtime/generator.js";
import { flipSpikes, silenceSteps } from "./disturbances.js";
import { FadEncoder } from "./fad.js";
import { floatReconstructionLoss, reconstructionLoss } from "./reconstruction.js";
import { spikeAgreement } from "./spike-agreement.js";

/** All files that jobs work with; plain data, so that worker threads can be started with it. */
export interface JobFiles {
  /** A .spk file. */
  readonly model: Uint8Array;
  readonly load: LoadOptions;
  /** The checkpoint of a FAD encoder. */
  readonly fadEncoder?: Uint8Array;
  /** The checkpoint of the float network. */
  readonly checkpoint?: Uint8Array;
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
export interface ReconstructJob extends OnImages, Drawn {
  readonly kind: "reconstruct";
  readonly disturbance?: SpikeDisturbance;
  /** In place of the .spk file of `JobFiles`. */
  readonly model?: Uint8Array;
}

/** Row: the posterior firing rates. */
export interface RatesJob extends OnImages {
  readonly kind: "rates";
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

/** As `ReconstructJob` and `RatesJob`, of the float network. */
export interface FloatReconstructJob extends OnImages, Drawn {
  readonly kind: "float-reconstruct";
}
export interface FloatRatesJob extends OnImages {
  readonly kind: "float-rates";
}

/** Row: fraction of equal spikes in each layer. */
export interface AgreementJob extends OnImages, Drawn {
  readonly kind: "agreement";
}

export type Job =
  | ReconstructJob
  | RatesJob
  | FeaturesJob
  | GeneratedFeaturesJob
  | FloatReconstructJob
  | FloatRatesJob
  | AgreementJob;

type Measure = (index: number) => ArrayLike<number>;

/** Does jobs, one after the other, in one thread. */
export class JobRunner {
  readonly #files: JobFiles;
  readonly #generator: Promise<Generator>;
  #fadEncoder: FadEncoder | undefined;
  #network: Network | undefined;
  #model: Model | undefined;

  /** @param generator - for the model and with the options of `files`; loaded if not given */
  constructor(files: JobFiles, generator?: Generator) {
    this.#files = files;
    this.#generator = generator ? Promise.resolve(generator) : Generator.load(files.model, files.load);
  }

  /** Gets everything ready for a job; what it gives measures one image. */
  async prepare(job: Job): Promise<Measure> {
    switch (job.kind) {
      case "reconstruct": {
        const generator = await (job.model ? Generator.load(job.model, this.#files.load) : this.#generator);
        return (index) => reconstructRow(generator, job, index);
      }
      case "rates": {
        const generator = await this.#generator;
        return (index) => generator.encode(imageOf(generator, job, index), job).firingRates;
      }
      case "features": {
        const generator = await this.#generator;
        const encoder = this.#loadFadEncoder();
        return (index) => {
          const image = imageOf(generator, job, index);
          if (job.of === "image") return encoder.features(image);
          const { seed, timeSteps } = job;
          return encoder.features(generator.reconstruct(image, { seed, index, timeSteps }).pixels);
        };
      }
      case "generated-features": {
        const generator = await this.#generator;
        const encoder = this.#loadFadEncoder();
        const pixels = new Uint8Array(generator.imageBytes);
        const { seed, timeSteps, priors } = job;
        return (index) => {
          generator.generateInto(pixels, { seed, index, timeSteps, prior: priors[index % priors.length] });
          return encoder.features(pixels);
        };
      }
      case "float-reconstruct": {
        const generator = await this.#generator;
        const network = this.#loadNetwork();
        return (index) => floatReconstructRow(network, imageOf(generator, job, index), job, index);
      }
      case "float-rates": {
        const generator = await this.#generator;
        const network = this.#loadNetwork();
        return (index) => encodeFloat(network, imageOf(generator, job, index), job.timeSteps).rates;
      }
      case "agreement": {
        const generator = await this.#generator;
        const network = this.#loadNetwork();
        this.#model ??= decodeModel(this.#files.model);
        const model = this.#model;
        return (index) =>
          spikeAgreement(model, network, imageOf(generator, job, index), { ...job, index: BigInt(index) });
      }
    }
  }

  #loadFadEncoder(): FadEncoder {
    this.#fadEncoder ??= new FadEncoder(readCheckpoint(this.#files.fadEncoder!));
    return this.#fadEncoder;
  }

  #loadNetwork(): Network {
    this.#network ??= readNetwork(readCheckpoint(this.#files.checkpoint!));
    return this.#network;
  }
}

/** Measures images `first` … `first + count − 1`: rows (count, width). */
export function measureSpan(measure: Measure, first: number, count: number): Float64Array {
  const row = measure(first);
  const rows = new Float64Array(count * row.length);
  rows.set(row);
  for (let i = 1; i < count; i++) rows.set(measure(first + i), i * row.length);
  return rows;
}

function imageOf({ imageBytes }: Generator, { pixels }: OnImages, index: number): Uint8Array {
  return pixels.subarray(index * imageBytes, (index + 1) * imageBytes);
}

function reconstructRow(generator: Generator, job: ReconstructJob, index: number): number[] {
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
  { seed, timeSteps }: ReconstructJob,
  index: number,
): Uint8Array {
  const spikes = sampleSpikes(fixedPointRates(firingRates), seed, index, timeSteps);
  const draw = { seed, index: BigInt(index) };
  return disturbance.kind === "flip"
    ? flipSpikes(spikes, disturbance.probability, draw)
    : silenceSteps(spikes, timeSteps, disturbance.steps, draw);
}

/** The float network with the random numbers that the integer one takes. */
function floatReconstructRow(
  network: Network,
  pixels: Uint8Array,
  { seed, timeSteps }: FloatReconstructJob,
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

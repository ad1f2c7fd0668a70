import type { Encoding, Generator } from "../../src/runtime/generator.js";
import type { InputImages } from "../input/image-input.js";
import { imageBytes } from "../output/batch.js";
import { LEDGER_IMAGES, mean } from "./summary.js";

/** Means over the first images of a run. */
export interface EncoderMeasures {
  /** Images that were measured. */
  readonly ledgers: number;
  /** Posterior firing rate of the latent neurons, 0 … 1. */
  readonly firingRate: number;
  readonly encoderSynapticOperations: number;
}

export interface ReconstructionMeasures extends EncoderMeasures {
  readonly decoderSynapticOperations: number;
}

/** Encodes the first images with a ledger. */
export function measureEncoder(
  generator: Generator,
  images: InputImages,
  timeSteps: number,
): EncoderMeasures {
  return encoderMeans(encodeFirst(generator, images, timeSteps));
}

/** Encodes and decodes the first images with a ledger. */
export function measureReconstruction(
  generator: Generator,
  images: InputImages,
  timeSteps: number,
  seed: bigint,
): ReconstructionMeasures {
  const encodings = encodeFirst(generator, images, timeSteps);
  const decoderOperations = encodings.map(({ firingRates }, index) => {
    const { ledgers } = generator.decode({ firingRates, seed, index, timeSteps, ledger: true });
    return ledgers[0].synapticOperations;
  });
  return { ...encoderMeans(encodings), decoderSynapticOperations: mean(decoderOperations) };
}

function encodeFirst(generator: Generator, { count, pixels }: InputImages, timeSteps: number): Encoding[] {
  const bytes = imageBytes(generator.info);
  return Array.from({ length: Math.min(count, LEDGER_IMAGES) }, (_, i) =>
    generator.encode(pixels.subarray(i * bytes, (i + 1) * bytes), { timeSteps, ledger: true }),
  );
}

function encoderMeans(encodings: readonly Encoding[]): EncoderMeasures {
  return {
    ledgers: encodings.length,
    firingRate: mean(encodings.map(({ firingRates }) => mean(firingRates))),
    encoderSynapticOperations: mean(encodings.map(({ ledger }) => ledger!.synapticOperations)),
  };
}

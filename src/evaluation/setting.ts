import type { Gaussian } from "../math/gaussian.js";
import type { Tensor } from "../network.js";
import type { Generator } from "../runtime/generator.js";
import type { EvaluationPool } from "./pool.js";

/** The model that is evaluated. */
export interface EvaluatedModel {
  /** The .spk file. */
  readonly bytes: Uint8Array;
  /** For this file, with the encoder. */
  readonly generator: Generator;
}

/** Images at the model's size and channels. */
export interface EvaluatedImages {
  readonly count: number;
  /** (count, imageSize, imageSize, imageChannels) */
  readonly pixels: Uint8Array;
  /** (count) Class of each; what needs them is left out if they are not given. */
  readonly labels?: Uint8Array;
}

export interface EvaluationData {
  readonly test: EvaluatedImages;
  /** `trainingImagesOf` says how many are of use. What needs them is left out if they are not given. */
  readonly training?: EvaluatedImages;
}

export interface EvaluationSettings {
  readonly seed: bigint;
  readonly timeSteps: number;
  /** What needs the FAD encoder that the pool has. */
  readonly features?: FeatureSettings;
  /** Test images for the float network that the pool has. */
  readonly floatImages?: number;
  readonly robustness?: boolean;
}

/** Priors that images are drawn from together. */
export interface PriorGroup {
  readonly of: "prior" | "class priors";
  readonly name: string;
  /** Image i takes prior i mod n. */
  readonly priors: readonly string[];
  /** (n) Class that images of each are of, as the labels count them; absent for priors of no class. */
  readonly labels?: readonly number[];
}

export interface FeatureSettings {
  /** Statistics of real images, and where they come from; computed from the test images if not given. */
  readonly statistics?: { readonly of: Gaussian; readonly source: string };
  /** Images that FAD, precision and recall are taken of. */
  readonly images: number;
  /** Training images that neighbours are looked for among; 0 for none. */
  readonly neighbourImages: number;
  readonly priors: readonly PriorGroup[];
}

/** All that the measurements work with. */
export interface Setting {
  readonly model: EvaluatedModel;
  readonly data: EvaluationData;
  readonly pool: EvaluationPool;
  readonly settings: EvaluationSettings;
  /** Of the test images. */
  readonly reconstructed: { readonly losses: Float64Array; readonly rates: Tensor };
  /** Of training images, if they have labels. */
  readonly trainingRates: Tensor | undefined;
}

/** Training images of the linear classifier; beside the float network, so many for each test image. */
export const LATENT_IMAGES = 10000;
export const FLOAT_TRAINING_RATIO = 10;

/** Training images that an evaluation can make use of. */
export function trainingImagesOf({ features, floatImages = 0 }: EvaluationSettings): number {
  const { images = 0, neighbourImages = 0 } = features ?? {};
  return Math.max(LATENT_IMAGES, images, neighbourImages, floatImages * FLOAT_TRAINING_RATIO);
}

import type { LayerActivity } from "./activity.js";
import type { RobustnessReport } from "./robustness.js";

/** A part of the evaluation that was not made, and why. */
export interface LeftOut {
  readonly leftOut: string;
}

/** What the features are of that a figure is of. */
export interface FeatureSource {
  readonly of: "prior" | "class priors" | "posterior rates" | "images";
  readonly name: string;
  readonly images: number;
}

export interface FadReport {
  /** Where the statistics that the images are compared with come from. */
  readonly statistics: string;
  readonly results: readonly FadResult[];
}

export interface FadResult extends FeatureSource {
  readonly fad: number;
}

/** Generated images beside real ones, in the features of the FAD encoder. */
export interface NeighboursReport {
  /** Images that classes are told by, and that the nearest is looked for among. */
  readonly trainingImages: number;
  /** Real images of precision and recall. */
  readonly testImages: number;
  readonly results: readonly NeighboursResult[];
}

/** A figure is null where it would say nothing. */
export interface NeighboursResult extends FeatureSource {
  /** Fraction that a nearest-neighbour classifier takes for the class that they should be of. */
  readonly classAgreement: number | null;
  /** Fraction whose nearest training images are all of one class. */
  readonly unanimity: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  /** Median distance to the nearest training image. */
  readonly nearestTrainingImage: number | null;
}

export interface LatentReport {
  /** Of a linear classifier on the posterior firing rates of test images, 0 … 1. */
  readonly accuracy: number;
  readonly trainingImages: number;
  readonly testImages: number;
}

/** The integer model beside the float one, on the same images. */
export interface FloatReport {
  readonly images: number;
  readonly reconstructionLoss: { readonly integer: number; readonly float: number };
  readonly latent:
    | LeftOut
    | {
        readonly accuracy: { readonly integer: number; readonly float: number };
        readonly trainingImages: number;
        readonly testImages: number;
      };
  readonly agreement: {
    readonly images: number;
    /** Fraction of neurons and steps at which both do the same. */
    readonly layers: readonly { readonly name: string; readonly equalSpikes: number }[];
  };
}

/** What an evaluation found. */
export interface EvaluationReport {
  /** Mean squared difference on [−1, 1]. */
  readonly reconstruction: { readonly loss: number; readonly images: number };
  readonly fad: FadReport | LeftOut;
  readonly neighbours: NeighboursReport | LeftOut;
  readonly latent: LatentReport | LeftOut;
  readonly activity: { readonly images: number; readonly layers: readonly LayerActivity[] };
  readonly float: FloatReport | LeftOut;
  readonly robustness: RobustnessReport | LeftOut;
}

// Fréchet autoencoder distance, and generated images beside their nearest real ones: what the features of the FAD encoder tell.

import { fitGaussian } from "../math/gaussian.js";
import type { Tensor } from "../network.js";
import { fadOfFeatures } from "./fad.js";
import type { Job } from "./job.js";
import { CLASS_NEIGHBOURS, median, type Neighbour, SPHERE_NEIGHBOURS, voteOf } from "./neighbours.js";
import type { Stage } from "./pool.js";
import type {
  FadReport,
  FadResult,
  FeatureSource,
  LeftOut,
  NeighboursReport,
  NeighboursResult,
} from "./report.js";
import { firstRows, meanOf, numbersOf, tensorOf } from "./rows.js";
import type { FeatureSettings, Setting } from "./setting.js";

export interface FeaturesReport {
  readonly fad: FadReport | LeftOut;
  readonly neighbours: NeighboursReport | LeftOut;
}

/** Features of images, and what is known of these. */
interface FeatureSet extends FeatureSource {
  readonly features: Tensor;
  /** Class of image i is label i mod n. */
  readonly labels?: ArrayLike<number>;
}

const LEFT_OUT: LeftOut = { leftOut: "it needs the authors' encoder for the data set, and training images" };
/** More than a sphere, and more than a vote, needs. */
const LEAST_IMAGES = 1 + Math.max(CLASS_NEIGHBOURS, SPHERE_NEIGHBOURS);

export async function measureFeatures(setting: Setting): Promise<FeaturesReport> {
  const { data, settings } = setting;
  const { features } = settings;
  const { training, test } = data;
  if (features === undefined || training === undefined) return { fad: LEFT_OUT, neighbours: LEFT_OUT };
  const { seed, timeSteps } = settings;
  const { statistics, images, priors } = features;

  const extract = async (title: string, job: Job, count: number) => {
    const [rows] = await setting.pool.runAll(`Features: ${title}`, [{ job, count }]);
    return tensorOf(rows, count);
  };
  const ofImages = (title: string, pixels: Uint8Array, count: number) =>
    extract(title, { kind: "features", of: "image", pixels, seed, timeSteps }, count);

  const testImages = statistics === undefined ? test.count : Math.min(images, test.count);
  const testFeatures = await ofImages("test images", test.pixels, testImages);
  const sets: FeatureSet[] = [];
  for (const { of, name, priors: names, labels } of priors) {
    const job: Job = { kind: "generated-features", seed, timeSteps, priors: names };
    sets.push({
      ...{ of, name, images },
      features: await extract(name, job, images),
      ...(labels && { labels }),
    });
  }
  const { pixels, labels } = training;
  const some = Math.min(images, training.count);
  const resampled = "re-sampled rates of training images";
  const job: Job = { kind: "features", of: "reconstruction", pixels, seed, timeSteps };
  sets.push({
    ...{ of: "posterior rates", name: resampled, images: some },
    features: await extract(resampled, job, some),
    ...(labels && { labels }),
  });
  const trainingImages = Math.min(Math.max(images, features.neighbourImages), training.count);
  const trainingFeatures = await ofImages("training images", pixels, trainingImages);
  const real: FeatureSet = {
    ...{ of: "images", name: "training images themselves", images: some },
    features: firstRows(trainingFeatures, some),
  };

  const against = statistics?.of ?? fitGaussian(testFeatures.data, testFeatures.shape[1]);
  const results = [...sets, real].map(
    ({ of, name, images, features }): FadResult => ({
      ...{ of, name, images },
      fad: fadOfFeatures(features.data, against, features.shape[1]),
    }),
  );
  return {
    fad: { statistics: statistics?.source ?? `the statistics of ${test.count} test images`, results },
    neighbours: await measureNeighbours(setting, features, {
      sets: [...sets, real],
      test: firstRows(testFeatures, images),
      training: trainingFeatures,
    }),
  };
}

interface RealFeatures {
  /** The last one is of training images. */
  readonly sets: readonly FeatureSet[];
  readonly test: Tensor;
  readonly training: Tensor;
}

async function measureNeighbours(
  setting: Setting,
  { neighbourImages }: FeatureSettings,
  { sets, test, training }: RealFeatures,
): Promise<NeighboursReport | LeftOut> {
  if (neighbourImages === 0) return { leftOut: "no training images were asked for" };
  const references = firstRows(training, neighbourImages);
  const smallest = Math.min(
    ...[references, test, ...sets.map(({ features }) => features)].map((f) => f.shape[0]),
  );
  if (smallest < LEAST_IMAGES) return { leftOut: `it needs ${LEAST_IMAGES} images or more of each kind` };

  const { data } = setting;
  const testSet: FeatureSet = {
    ...{ of: "images", name: "test images", images: test.shape[0], features: test },
    ...(data.test.labels && { labels: data.test.labels }),
  };
  const testRadii = await sphereRadii(setting, test);
  const results: NeighboursResult[] = [];
  for (const set of [...sets, testSet]) {
    const { of, name, images } = set;
    const isTraining = set === sets.at(-1);
    results.push({
      ...{ of, name, images },
      ...(isTraining
        ? { classAgreement: null, unanimity: null, nearestTrainingImage: null }
        : await measureNearest(setting, set, references)),
      ...(set === testSet
        ? { precision: null, recall: null }
        : await measureCoverage(setting, set, test, testRadii)),
    });
  }
  return { trainingImages: references.shape[0], testImages: test.shape[0], results };
}

/** What the nearest training images tell. */
async function measureNearest(
  setting: Setting,
  { name, features, labels }: FeatureSet,
  references: Tensor,
): Promise<Pick<NeighboursResult, "classAgreement" | "unanimity" | "nearestTrainingImage">> {
  const found = await findNeighbours(setting, `nearest training images of ${name}`, {
    ...{ features, references, neighbours: CLASS_NEIGHBOURS },
  });
  const classes = setting.data.training!.labels;
  const fraction = (holds: (neighbours: Neighbour[], index: number) => boolean) =>
    found.filter(holds).length / found.length;
  return {
    classAgreement:
      classes && labels
        ? fraction((neighbours, i) => voteOf(neighbours, classes) === labels[i % labels.length])
        : null,
    unanimity: classes
      ? fraction((neighbours) => new Set(neighbours.map(({ index }) => classes[index])).size === 1)
      : null,
    nearestTrainingImage: median(found.map(([nearest]) => nearest.distance)),
  };
}

/** Precision and recall beside the test images (Kynkäänniemi et al. 2019). */
async function measureCoverage(
  setting: Setting,
  { name, features }: FeatureSet,
  test: Tensor,
  testRadii: Float64Array,
): Promise<{ precision: number; recall: number }> {
  const radii = await sphereRadii(setting, features);
  const coverage = (features: Tensor, references: Tensor, radii: Float64Array): Stage => ({
    job: { kind: "coverage", features, references, radii },
    count: features.shape[0],
  });
  const [precision, recall] = await setting.pool.runAll(`Precision and recall of ${name}`, [
    coverage(features, test, testRadii),
    coverage(test, features, radii),
  ]);
  return { precision: meanOf(numbersOf(precision)), recall: meanOf(numbersOf(recall)) };
}

async function sphereRadii(setting: Setting, features: Tensor): Promise<Float64Array> {
  const neighbours = SPHERE_NEIGHBOURS;
  const found = await findNeighbours(setting, "Spheres of images", { features, neighbours });
  return Float64Array.from(found, (row) => row[neighbours - 1].distance);
}

async function findNeighbours(
  { pool }: Setting,
  title: string,
  job: { readonly features: Tensor; readonly references?: Tensor; readonly neighbours: number },
): Promise<Neighbour[][]> {
  const count = job.features.shape[0];
  const [rows] = await pool.runAll(title, [{ job: { kind: "neighbours", ...job }, count }]);
  const numbers = numbersOf(rows);
  const k = job.neighbours;
  return Array.from({ length: count }, (_, n) =>
    Array.from({ length: k }, (_, i) => ({
      index: numbers[(2 * n + 1) * k + i],
      distance: numbers[2 * n * k + i],
    })),
  );
}

import { join } from "node:path";
import type { Command } from "commander";
import { readNetwork } from "../../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../../src/checkpoint/checkpoint.js";
import { SpikeletError } from "../../../src/errors.js";
import { measureActivity } from "../../../src/evaluation/activity.js";
import { FadEncoder, fadOfFeatures, readFadStatistics } from "../../../src/evaluation/fad.js";
import type { Job, JobFiles } from "../../../src/evaluation/job.js";
import { classifierAccuracy, trainLinearClassifier } from "../../../src/evaluation/linear-classifier.js";
import { checkSameNetwork, comparedLayers } from "../../../src/evaluation/spike-agreement.js";
import { fitGaussian, type Gaussian } from "../../../src/math/gaussian.js";
import { decodeModel } from "../../../src/model/file.js";
import type { Tensor } from "../../../src/network.js";
import type { ModelInfo } from "../../../src/runtime/generator.js";
import { needLabels, printNotes, readDataset } from "../../input/dataset.js";
import type { Dataset, Split } from "../../input/dataset-images.js";
import { about, readInput } from "../../input/input.js";
import { type LoadedModel, loadModel } from "../../input/load.js";
import { integerOption } from "../../options/options.js";
import { checkPrior } from "../../options/priors.js";
import { addCoreOptions, type CoreArguments, modelOption, seedOption } from "../../options/shared-options.js";
import { prepareFolder, replaceFile } from "../../output/output.js";
import { modelCrc32 } from "../../output/run-description.js";
import { version } from "../../version.js";
import { EvaluationPool } from "./pool.js";
import {
  type EvaluationReport,
  type FadReport,
  type FadResult,
  type FloatReport,
  formatEvaluation,
  type LatentReport,
  type LeftOut,
} from "./report.js";
import { measureRobustness, type RobustnessReport, writeRobustness } from "./robustness.js";

export interface EvaluateArguments extends CoreArguments {
  readonly data: string;
  readonly images?: number;
  readonly labels: boolean;
  readonly fadEncoder?: string;
  readonly fadStatistics?: string;
  readonly fadImages: number;
  readonly prior?: readonly string[];
  readonly checkpoint?: string;
  readonly floatImages: number;
  readonly robustness?: true;
  readonly seed: bigint;
  readonly out?: string;
}

/** As the paper's FAD is of. */
const FAD_IMAGES = 5000;
/** Images that the float network, which is slow, reconstructs. */
const FLOAT_IMAGES = 200;
/** Images whose spikes are compared. */
const AGREEMENT_IMAGES = 32;
/** Training images of the linear classifier; beside the float network, so many for each test image. */
const LATENT_IMAGES = 10000;
const FLOAT_TRAINING_RATIO = 10;
const ACTIVITY_IMAGES = 64;
const ROBUSTNESS_IMAGES = 200;

/** All priors that are named after a class, as a choice of --prior. */
const CLASSES = "classes";
const CLASS_NAME = /^(0|[1-9]\d{0,2})$/;

/** A checkpoint with its optimizer's state; as `spikelet import` takes. */
const MAX_CHECKPOINT_BYTES = 2 ** 30;
const MAX_STATISTICS_BYTES = 2 ** 28;
const MAX_IMAGES = 2 ** 24;

const EXAMPLES = `
Examples:
  spikelet evaluate --data mnist/                      what needs no other files
  spikelet evaluate --data mnist/ --fad-encoder mnist_64.pth --fad-statistics mnist_test_64.npz
  spikelet evaluate --data mnist/ --checkpoint checkpoint.pth     beside the float model
  spikelet evaluate --data mnist/ --robustness --out results/     curves as CSV and SVG

docs/evaluation.md says what each figure means.`;

export function addEvaluateCommand(program: Command): void {
  const count = (flag: string, example: number, min = 1) =>
    integerOption(flag, { min, max: MAX_IMAGES, example });
  const command = program
    .command("evaluate")
    .summary("measure a model on a data set")
    .description(
      "Measures reconstruction loss, Fréchet autoencoder distance (FAD), latent information, firing rates and synaptic " +
        "operations of a model on a data set, and its agreement with the float network that it was made from.",
    )
    .requiredOption("--data <folder>", "folder with the data set's four IDX files (train-…, t10k-…)")
    .addOption(modelOption())
    .option("--images <n>", "only the first so many test images", count("--images", 1000))
    .option("--no-labels", "leave out what needs the images' labels")
    .option("--fad-encoder <file.pth>", "the authors' encoder for this data set; FAD needs it")
    .option("--fad-statistics <file.npz>", "statistics of its features (default: those of the test images)")
    .option("--fad-images <n>", "images that FAD is taken of", count("--fad-images", 1000, 2), FAD_IMAGES)
    .option(
      "--prior <name...>",
      `priors that FAD is taken of; "${CLASSES}" for all class priors together (default: all, and ${CLASSES})`,
    )
    .option("--checkpoint <file.pth>", "the trained network, to compare with")
    .option(
      "--float-images <n>",
      "test images that the trained network, which is slow, reconstructs",
      count("--float-images", 100),
      FLOAT_IMAGES,
    )
    .option("--robustness", "also measure the loss with spikes, time steps and weight bits disturbed")
    .option("--out <folder>", "folder for evaluation.json, and for robustness.csv and .svg")
    .addOption(seedOption("other random numbers"));
  addCoreOptions(command).addHelpText("after", EXAMPLES).action(evaluate);
}

/** All that the measurements work with. */
interface Setting {
  readonly pool: EvaluationPool;
  readonly loaded: LoadedModel;
  readonly args: EvaluateArguments;
  readonly timeSteps: number;
  readonly test: Dataset;
  /** Absent if nothing needs them. */
  readonly training: Dataset | undefined;
  /** Of the test images: rows of loss and rates. */
  readonly reconstructed: { readonly losses: Float64Array; readonly rates: Tensor };
}

/** Measures a model, and prints the report. */
export async function evaluate(args: EvaluateArguments): Promise<void> {
  checkArguments(args);
  const loaded = await loadModel(args, { encoder: true });
  const { generator, bytes } = loaded;
  const { info } = generator;
  const timeSteps = args.timeSteps ?? info.timeSteps;
  if (timeSteps > info.timeSteps) {
    throw new SpikeletError(
      "bad-option",
      `--time-steps: found ${timeSteps}, expected at most ${info.timeSteps}, as the model was trained with`,
    );
  }
  const files: JobFiles = {
    model: bytes,
    load: loaded.load,
    ...(args.fadEncoder !== undefined && { fadEncoder: await readFadEncoder(args.fadEncoder, info) }),
    ...(args.checkpoint !== undefined && { checkpoint: await readFloatNetwork(args.checkpoint, bytes) }),
  };
  const statistics = args.fadStatistics === undefined ? undefined : await readStatistics(args.fadStatistics);
  if (args.out !== undefined) await prepareFolder(args.out);

  const { labels } = args;
  const test = await readSplit(args, "test", info, args.images ?? MAX_IMAGES);
  const mostTraining = Math.max(LATENT_IMAGES, args.fadImages, args.floatImages * FLOAT_TRAINING_RATIO);
  const training =
    labels || files.fadEncoder !== undefined ? await readSplit(args, "train", info, mostTraining) : undefined;
  const priors = choosePriorGroups(args, info, training?.labels);

  const began = performance.now();
  const pool = new EvaluationPool(files, generator, args.threads);
  try {
    const { seed } = args;
    const rows = await pool.run({
      title: "Reconstruction of the test images",
      job: { kind: "reconstruct", pixels: test.pixels, seed, timeSteps },
      count: test.count,
    });
    const reconstructed = splitRows(rows, info.latentSize);
    const setting: Setting = { pool, loaded, args, timeSteps, test, training, reconstructed };
    const trainingRates =
      labels && training !== undefined ? await encodeTraining(setting, training) : undefined;
    const fad = await measureFad(setting, priors, statistics);
    const latent = measureLatent(setting, trainingRates);
    pool.checkStop();
    const activityImages = Math.min(ACTIVITY_IMAGES, test.count);
    const activityPixels = test.pixels.subarray(0, activityImages * generator.imageBytes);
    const activity = measureActivity(generator, activityPixels, { seed, timeSteps });
    const float = await measureFloat(setting, trainingRates);
    const robustness = await measureAllRobustness(setting);
    const report: EvaluationReport = {
      spikelet: version,
      model: { name: info.name, bytes: info.bytes, crc32: modelCrc32(bytes) },
      data: args.data,
      seed: String(seed),
      timeSteps,
      wasm: { build: generator.build, bytes: generator.wasmBytes, weights: generator.weights },
      threads: pool.threads,
      seconds: (performance.now() - began) / 1000,
      reconstruction: { loss: meanOf(reconstructed.losses), images: test.count },
      fad,
      latent,
      activity: { images: activityImages, layers: activity },
      float,
      robustness,
      output: args.out === undefined ? [] : await writeFiles(args.out, robustness),
    };
    const json = JSON.stringify(report, null, 2);
    if (args.out !== undefined) await replaceFile(reportPath(args.out), `${json}\n`);
    console.log(args.json ? json : formatEvaluation(report));
  } finally {
    await pool.close();
  }
}

function checkArguments(args: EvaluateArguments): void {
  if (args.robustness && args.out === undefined) {
    throw new SpikeletError(
      "bad-option",
      "--robustness: found no --out, expected a folder for its curves; for example --robustness --out results/",
    );
  }
  for (const [flag, value] of [
    ["--fad-statistics", args.fadStatistics],
    ["--prior", args.prior],
  ] as const) {
    if (value === undefined || args.fadEncoder !== undefined) continue;
    throw new SpikeletError(
      "bad-option",
      `${flag}: found it without --fad-encoder, expected both, for FAD needs an encoder; ` +
        "for example --fad-encoder mnist_64.pth",
    );
  }
}

// Files

async function readSplit(
  { data, labels }: EvaluateArguments,
  split: Split,
  info: ModelInfo,
  most: number,
): Promise<Dataset> {
  const images = await readDataset(data, split, info, { most, labels });
  if (labels) needLabels(images, data, split, ", or leave out what needs labels with --no-labels");
  printNotes(images);
  return images;
}

async function readFadEncoder(path: string, { imageSize, imageChannels }: ModelInfo): Promise<Uint8Array> {
  const bytes = await readInput(path, "FAD encoder (.pth)", MAX_CHECKPOINT_BYTES);
  const encoder = await about(path, () => new FadEncoder(readCheckpoint(bytes)));
  if (encoder.imageSize !== imageSize || encoder.imageChannels !== imageChannels) {
    const describe = (size: number, channels: number) => `${size}×${size} images of ${channels} channels`;
    throw new SpikeletError(
      "bad-checkpoint",
      `${path}: found an encoder of ${describe(encoder.imageSize, encoder.imageChannels)}, expected ` +
        `${describe(imageSize, imageChannels)} as the model has; give the FAD encoder of the model's data set`,
    );
  }
  return bytes;
}

async function readStatistics(path: string): Promise<Gaussian> {
  const bytes = await readInput(path, "file of FAD statistics (.npz)", MAX_STATISTICS_BYTES);
  return about(path, () => readFadStatistics(bytes));
}

async function readFloatNetwork(path: string, model: Uint8Array): Promise<Uint8Array> {
  const bytes = await readInput(path, "checkpoint (.pth or .safetensors)", MAX_CHECKPOINT_BYTES);
  await about(path, () => checkSameNetwork(readNetwork(readCheckpoint(bytes)), decodeModel(model)));
  return bytes;
}

function reportPath(folder: string): string {
  return join(folder, "evaluation.json");
}

async function writeFiles(folder: string, robustness: RobustnessReport | LeftOut): Promise<string[]> {
  const curves = "leftOut" in robustness ? [] : await writeRobustness(folder, robustness);
  return [reportPath(folder), ...curves];
}

// Fréchet autoencoder distance

/** Priors that FAD is taken of together. */
interface PriorGroup {
  readonly of: "prior" | "class priors";
  readonly name: string;
  /** Image i takes prior i mod n. */
  readonly priors: readonly string[];
}

/** The priors asked for, else all that are not of a class, and those of the classes together. */
function choosePriorGroups(
  { prior: asked }: EvaluateArguments,
  { priors: names }: ModelInfo,
  labels: Uint8Array | undefined,
): PriorGroup[] {
  const classNames = names.filter((name) => CLASS_NAME.test(name));
  const others = names.filter((name) => !CLASS_NAME.test(name));
  // As often as in the training images, and in their order.
  const drawn = Array.from(labels ?? [], String).filter((label) => classNames.includes(label));
  const chosen = asked ?? [...others, ...(drawn.length > 0 ? [CLASSES] : [])];
  return chosen.map((name) => {
    if (name !== CLASSES || names.includes(name)) {
      checkPrior(`--prior: found "${name}"`, name, [...names, ...(drawn.length > 0 ? [CLASSES] : [])]);
      return { of: "prior", name, priors: [name] };
    }
    if (drawn.length > 0) return { of: "class priors", name: classNames.join(", "), priors: drawn };
    throw new SpikeletError(
      "bad-option",
      `--prior: found "${CLASSES}" without ` +
        (labels === undefined
          ? "labels (--no-labels), expected them for the frequency of each class; leave out one of the two"
          : "class priors in the model, expected some named after the labels; fit them with spikelet fit"),
    );
  });
}

async function measureFad(
  { pool, args, timeSteps, test, training }: Setting,
  groups: readonly PriorGroup[],
  stored: Gaussian | undefined,
): Promise<FadReport | LeftOut> {
  if (args.fadEncoder === undefined) {
    return {
      leftOut: "it needs the authors' encoder for the data set; give its file with --fad-encoder",
    };
  }
  const { seed } = args;
  const features = async (title: string, job: Job, count: number) => {
    const rows = await pool.run({ title: `FAD: ${title}`, job, count });
    return { rows: Float32Array.from(rows), size: rows.length / count };
  };
  const onImages = (of: "image" | "reconstruction", pixels: Uint8Array): Job => ({
    kind: "features",
    of,
    pixels,
    seed,
    timeSteps,
  });
  let statistics = stored;
  if (statistics === undefined) {
    const { rows, size } = await features("test images", onImages("image", test.pixels), test.count);
    statistics = fitGaussian(rows, size);
  }
  const results: FadResult[] = [];
  const add = async (result: Omit<FadResult, "fad">, job: Job) => {
    const { rows, size } = await features(result.name, job, result.images);
    results.push({ ...result, fad: fadOfFeatures(rows, statistics, size) });
  };
  for (const { of, name, priors } of groups) {
    await add({ of, name, images: args.fadImages }, { kind: "generated-features", seed, timeSteps, priors });
  }
  const { pixels, count } = training!;
  const images = Math.min(args.fadImages, count);
  await add(
    { of: "posterior rates", name: "re-sampled rates of training images", images },
    onImages("reconstruction", pixels),
  );
  await add({ of: "images", name: "training images themselves", images }, onImages("image", pixels));
  return {
    statistics:
      args.fadStatistics === undefined
        ? `the statistics of ${test.count} test images`
        : `the statistics in ${args.fadStatistics}`,
    results,
  };
}

// Latent information

async function encodeTraining({ pool, loaded, timeSteps }: Setting, training: Dataset): Promise<Tensor> {
  const count = Math.min(LATENT_IMAGES, training.count);
  const rows = await pool.run({
    title: "Firing rates of training images",
    job: { kind: "rates", pixels: training.pixels, timeSteps },
    count,
  });
  return { shape: [count, loaded.generator.info.latentSize], data: Float32Array.from(rows) };
}

function measureLatent(
  { test, training, reconstructed }: Setting,
  trainingRates: Tensor | undefined,
): LatentReport | LeftOut {
  if (trainingRates === undefined) return { leftOut: "it needs labels (--no-labels was given)" };
  return {
    accuracy: accuracyOf(trainingRates, training!.labels!, reconstructed.rates, test.labels!),
    trainingImages: trainingRates.shape[0],
    testImages: test.count,
  };
}

/** Of a classifier trained on the first rates, on the others; each with the labels that begin with theirs. */
function accuracyOf(
  trainingRates: Tensor,
  trainingLabels: Uint8Array,
  testRates: Tensor,
  testLabels: Uint8Array,
): number {
  const labelled = (rates: Tensor, labels: Uint8Array) => ({
    rates,
    labels: labels.subarray(0, rates.shape[0]),
  });
  const training = labelled(trainingRates, trainingLabels);
  const test = labelled(testRates, testLabels);
  const highest = (labels: Uint8Array) => labels.reduce((a, b) => Math.max(a, b), 0);
  const classes = Math.max(highest(training.labels), highest(test.labels)) + 1;
  return classifierAccuracy(trainLinearClassifier(training, classes), test);
}

// Beside the float network

async function measureFloat(
  setting: Setting,
  trainingRates: Tensor | undefined,
): Promise<FloatReport | LeftOut> {
  const { pool, loaded, args, timeSteps, test, training, reconstructed } = setting;
  if (args.checkpoint === undefined) {
    return { leftOut: "it needs the trained network; give its file with --checkpoint" };
  }
  const { seed } = args;
  const { latentSize } = loaded.generator.info;
  const count = Math.min(args.floatImages, test.count);
  const rows = await pool.run({
    title: "Reconstruction by the float network",
    job: { kind: "float-reconstruct", pixels: test.pixels, seed, timeSteps },
    count,
  });
  const float = splitRows(rows, latentSize);

  let latent: FloatReport["latent"] = { leftOut: "it needs labels (--no-labels was given)" };
  if (trainingRates !== undefined) {
    const { pixels, labels } = training!;
    const trainingImages = Math.min(count * FLOAT_TRAINING_RATIO, trainingRates.shape[0]);
    const floatRates = await pool.run({
      title: "Firing rates of training images in the float network",
      job: { kind: "float-rates", pixels, timeSteps },
      count: trainingImages,
    });
    const accuracy = (ofTraining: Tensor, ofTest: Tensor) =>
      accuracyOf(ofTraining, labels!, ofTest, test.labels!);
    const shape = [trainingImages, latentSize];
    latent = {
      accuracy: {
        integer: accuracy(firstRows(trainingRates, trainingImages), firstRows(reconstructed.rates, count)),
        float: accuracy({ shape, data: Float32Array.from(floatRates) }, float.rates),
      },
      trainingImages,
      testImages: count,
    };
  }

  const names = comparedLayers(decodeModel(loaded.bytes));
  const images = Math.min(AGREEMENT_IMAGES, count);
  const agreement = await pool.run({
    title: "Spikes beside the float network's",
    job: { kind: "agreement", pixels: test.pixels, seed, timeSteps },
    count: images,
  });
  return {
    images: count,
    reconstructionLoss: {
      integer: meanOf(reconstructed.losses.subarray(0, count)),
      float: meanOf(float.losses),
    },
    latent,
    agreement: {
      images,
      layers: names.map((name, layer) => ({
        name,
        equalSpikes: meanOf(agreement.filter((_, i) => i % names.length === layer)),
      })),
    },
  };
}

// Robustness

async function measureAllRobustness(setting: Setting): Promise<RobustnessReport | LeftOut> {
  const { pool, loaded, args, timeSteps, test, reconstructed } = setting;
  if (!args.robustness) return { leftOut: "ask for it with --robustness --out FOLDER" };
  const count = Math.min(ROBUSTNESS_IMAGES, test.count);
  return measureRobustness(pool, {
    model: loaded.bytes,
    pixels: test.pixels,
    count,
    seed: args.seed,
    timeSteps,
    reconstructionLoss: meanOf(reconstructed.losses.subarray(0, count)),
  });
}

// Rows

/** Rows of a loss and the rates that follow it. */
function splitRows(rows: Float64Array, latentSize: number): { losses: Float64Array; rates: Tensor } {
  const width = 1 + latentSize;
  const count = rows.length / width;
  const data = new Float32Array(count * latentSize);
  for (let n = 0; n < count; n++) {
    data.set(rows.subarray(n * width + 1, (n + 1) * width), n * latentSize);
  }
  return {
    losses: Float64Array.from({ length: count }, (_, n) => rows[n * width]),
    rates: { shape: [count, latentSize], data },
  };
}

function firstRows({ shape, data }: Tensor, count: number): Tensor {
  return { shape: [count, shape[1]], data: data.subarray(0, count * shape[1]) };
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

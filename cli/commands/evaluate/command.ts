import { join } from "node:path";
import type { Command } from "commander";
import { readCheckpoint } from "../../../src/checkpoint/checkpoint.js";
import { SpikeletError } from "../../../src/errors.js";
import { evaluate } from "../../../src/evaluation/evaluate.js";
import { FadEncoder, readFadStatistics } from "../../../src/evaluation/fad.js";
import { type JobFiles, readFloatNetwork } from "../../../src/evaluation/job.js";
import type { EvaluationReport } from "../../../src/evaluation/report.js";
import {
  type EvaluationSettings,
  type FeatureSettings,
  type PriorGroup,
  trainingImagesOf,
} from "../../../src/evaluation/setting.js";
import { checkSameNetwork } from "../../../src/evaluation/spike-agreement.js";
import { decodeModel } from "../../../src/model/file.js";
import type { ModelInfo } from "../../../src/runtime/generator.js";
import { needLabels, printNotes, readDataset } from "../../input/dataset.js";
import type { Dataset, Split } from "../../input/dataset-images.js";
import { about, readInput } from "../../input/input.js";
import { loadModel } from "../../input/load.js";
import { integerOption } from "../../options/options.js";
import { checkPrior } from "../../options/priors.js";
import { addCoreOptions, type CoreArguments, modelOption, seedOption } from "../../options/shared-options.js";
import { prepareFolder, replaceFile } from "../../output/output.js";
import { modelCrc32 } from "../../output/run-description.js";
import { StagePool } from "../../run/stages.js";
import { startPool } from "../../run/threads.js";
import { version } from "../../version.js";
import { formatEvaluation, type PrintedReport } from "./report.js";
import { writeRobustness } from "./robustness-files.js";

interface EvaluateArguments extends CoreArguments {
  readonly data: string;
  readonly images?: number;
  readonly labels: boolean;
  readonly fadEncoder?: string;
  readonly fadStatistics?: string;
  readonly fadImages: number;
  readonly neighbourImages: number;
  readonly prior?: readonly string[];
  readonly checkpoint?: string;
  readonly key?: string;
  readonly floatImages: number;
  readonly robustness?: true;
  readonly seed: bigint;
  readonly out?: string;
}

/** As the paper's FAD is of. */
const FAD_IMAGES = 5000;
/** Images that the float network, which is slow, reconstructs. */
const FLOAT_IMAGES = 200;
/** Training images that a generated image's neighbours are looked for among. */
const NEIGHBOUR_IMAGES = 20000;

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
      "Measures reconstruction loss, Fréchet autoencoder distance (FAD), class agreement, precision and recall, latent " +
        "information, firing rates and synaptic operations of a model on a data set, and its agreement with the float network " +
        "that it was made from.",
    )
    .requiredOption("--data <folder>", "folder with the data set's four IDX files (train-…, t10k-…)")
    .addOption(modelOption())
    .option("--images <n>", "only the first so many test images", count("--images", 1000))
    .option("--no-labels", "leave out what needs the images' labels")
    .option("--fad-encoder <file.pth>", "the authors' encoder for this data set; FAD needs it")
    .option("--fad-statistics <file.npz>", "statistics of its features (default: those of the test images)")
    .option(
      "--fad-images <n>",
      "images that FAD, precision and recall are taken of",
      count("--fad-images", 1000, 2),
      FAD_IMAGES,
    )
    .option(
      "--neighbour-images <n>",
      "training images that generated ones are compared with one by one; 0 for none",
      count("--neighbour-images", 1000, 0),
      NEIGHBOUR_IMAGES,
    )
    .option(
      "--prior <name...>",
      `priors that FAD is taken of; "${CLASSES}" for all class priors together (default: all, and ${CLASSES})`,
    )
    .option("--checkpoint <file.pth>", "the trained network, to compare with")
    .option("--key <key>", "which of several networks in --checkpoint: its key, such as ema")
    .option(
      "--float-images <n>",
      "test images that the trained network, which is slow, reconstructs",
      count("--float-images", 100),
      FLOAT_IMAGES,
    )
    .option("--robustness", "also measure the loss with spikes, time steps and weight bits disturbed")
    .option("--out <folder>", "folder for evaluation.json, and for robustness.csv and .svg")
    .addOption(seedOption("other random numbers"));
  addCoreOptions(command).addHelpText("after", EXAMPLES).action(evaluateModel);
}

/** Measures a model, and prints the report. */
async function evaluateModel(args: EvaluateArguments): Promise<void> {
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
  const { seed } = args;
  const files: JobFiles = {
    ...(args.fadEncoder !== undefined && { fadEncoder: await readFadEncoder(args.fadEncoder, info) }),
    ...(args.checkpoint !== undefined && {
      checkpoint: await readTrainedNetwork(args.checkpoint, args.key, bytes),
    }),
    ...(args.key !== undefined && { checkpointKey: args.key }),
  };
  const features = args.fadEncoder === undefined ? undefined : await featureSettings(args);
  const wanted: EvaluationSettings = {
    ...{ seed, timeSteps, robustness: args.robustness ?? false },
    ...(features && { features }),
    ...(args.checkpoint !== undefined && { floatImages: args.floatImages }),
  };
  if (args.out !== undefined) await prepareFolder(args.out);

  const test = await readSplit(args, "test", info, args.images ?? MAX_IMAGES);
  const training =
    args.labels || features !== undefined
      ? await readSplit(args, "train", info, trainingImagesOf(wanted))
      : undefined;
  const settings: EvaluationSettings = {
    ...wanted,
    ...(features && { features: { ...features, priors: choosePriorGroups(args, info, training!) } }),
  };

  const began = performance.now();
  const threads = startPool(loaded, Number.POSITIVE_INFINITY, args.threads, files);
  const pool = new StagePool(threads, "results are written at the end only");
  try {
    const found = await evaluate(
      { bytes, generator },
      { test, ...(training && { training }) },
      pool,
      settings,
    );
    const report: PrintedReport = {
      spikelet: version,
      model: { name: info.name, bytes: info.bytes, crc32: modelCrc32(bytes) },
      data: args.data,
      seed: String(seed),
      timeSteps,
      wasm: { build: generator.build, bytes: generator.wasmBytes, weights: generator.weights },
      threads: pool.threads,
      seconds: (performance.now() - began) / 1000,
      ...found,
      output: args.out === undefined ? [] : await writeFiles(args.out, found.robustness),
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
  if (args.key !== undefined && args.checkpoint === undefined) {
    throw new SpikeletError(
      "bad-option",
      "--key: found it without --checkpoint, expected both; for example --checkpoint checkpoint.pth --key ema",
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

/** Without the priors, which are known when the labels are. */
async function featureSettings(args: EvaluateArguments): Promise<FeatureSettings> {
  const { fadStatistics: path, fadImages: images, neighbourImages } = args;
  if (path === undefined) return { images, neighbourImages, priors: [] };
  const bytes = await readInput(path, "file of FAD statistics (.npz)", MAX_STATISTICS_BYTES);
  const of = await about(path, () => readFadStatistics(bytes));
  return { images, neighbourImages, priors: [], statistics: { of, source: `the statistics in ${path}` } };
}

async function readTrainedNetwork(
  path: string,
  key: string | undefined,
  model: Uint8Array,
): Promise<Uint8Array> {
  const bytes = await readInput(path, "checkpoint (.pth or .safetensors)", MAX_CHECKPOINT_BYTES);
  await about(path, () => checkSameNetwork(readFloatNetwork(bytes, key), decodeModel(model)));
  return bytes;
}

function reportPath(folder: string): string {
  return join(folder, "evaluation.json");
}

async function writeFiles(folder: string, robustness: EvaluationReport["robustness"]): Promise<string[]> {
  const curves = "leftOut" in robustness ? [] : await writeRobustness(folder, robustness);
  return [reportPath(folder), ...curves];
}

// Priors

/** The priors asked for, else all that are not of a class, and those of the classes together. */
function choosePriorGroups(
  { prior: asked }: EvaluateArguments,
  { priors: names }: ModelInfo,
  { labels, classNames = [] }: Dataset,
): PriorGroup[] {
  const nameOf = (label: number) => classNames[label] ?? String(label);
  const classOf = new Map(Array.from(new Set(labels), (label) => [nameOf(label), label] as const));
  const isClass = (name: string) => classOf.has(name) || CLASS_NAME.test(name);
  // As often as in the training images, and in their order.
  const drawn = Array.from(labels ?? []).filter((label) => names.includes(nameOf(label)));
  const choices = drawn.length > 0 ? [CLASSES] : [];
  const chosen = asked ?? [...names.filter((name) => !isClass(name)), ...choices];
  return chosen.map((name): PriorGroup => {
    if (name !== CLASSES || names.includes(name)) {
      checkPrior(`--prior: found "${name}"`, name, [...names, ...choices]);
      const label = classOf.get(name);
      return { of: "prior", name, priors: [name], ...(label !== undefined && { labels: [label] }) };
    }
    if (drawn.length > 0) {
      const priors = drawn.map(nameOf);
      return { of: "class priors", name: names.filter(isClass).join(", "), priors, labels: drawn };
    }
    throw new SpikeletError(
      "bad-option",
      `--prior: found "${CLASSES}" without ` +
        (labels === undefined
          ? "labels (--no-labels), expected them for the frequency of each class; leave out one of the two"
          : "class priors in the model, expected some named after the labels; fit them with spikelet fit"),
    );
  });
}

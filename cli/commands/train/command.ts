import { stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import type { Command } from "commander";
import { readNetwork, tellsTimeSteps } from "../../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../../src/checkpoint/checkpoint.js";
import { SpikeletError } from "../../../src/errors.js";
import { crc32 } from "../../../src/model/file.js";
import type { Network } from "../../../src/network.js";
import { formatCount, formatMeasure } from "../../../src/numbers.js";
import { Batches } from "../../../src/training/batches.js";
import { type Architecture, channelsOf, initialNetwork } from "../../../src/training/initial-network.js";
import {
  checkSameTraining,
  decodeSavedRun,
  type SavedRun,
  type TrainingDescription,
} from "../../../src/training/saved-run.js";
import { Trainer } from "../../../src/training/trainer.js";
import { printNotes, readDataset } from "../../input/dataset.js";
import type { Dataset } from "../../input/dataset-images.js";
import { about, readInput } from "../../input/input.js";
import { prepareFolder, prepareFolderOf } from "../../output/output.js";
import { formatFacts } from "../../report/format.js";
import { checkName, MAX_CHECKPOINT_BYTES } from "../import.js";
import { fineTune } from "./fine-tune.js";
import { finishTraining } from "./finish.js";
import { type LoopSummary, runFiles, trainLoop } from "./loop.js";
import {
  addTrainOptions,
  DEFAULTS,
  MAX_IMAGES,
  PRESETS,
  type Preset,
  type TrainArguments,
} from "./options.js";

/** Fine-tuning starts with this part of the learning rate: what is learnt is there already. */
const FINE_TUNE_RATE = 0.25;

const EXAMPLES = `
Examples:
  spikelet train --data mnist/ --out mine.spk --minutes 60
  spikelet train --data mnist/ --out mine.spk --resume --epochs 40    resume, also after Ctrl-C
  spikelet train --data photos/ --out photos.spk                      a folder of PNG or JPEG files
  spikelet train --data mnist/ --out small.spk --preset tiny          under 64 KB of flash
  spikelet train --data mnist/ --out better.spk --from checkpoint.pth

Beside mine.spk, mine.training/ keeps the run: checkpoint.safetensors (the authors' tensor names), curves as CSV and SVG,
and a grid of samples for each epoch.`;

export function addTrainCommand(program: Command): void {
  const command = program
    .command("train")
    .summary("train a model on your images")
    .description(
      "Trains an ESVAE on the CPU, from nothing or from a checkpoint, then quantizes it, fits its priors, writes a .spk file and evaluates it.",
    );
  addTrainOptions(command).addHelpText("after", EXAMPLES).action(train);
}

async function train(args: TrainArguments): Promise<void> {
  if (!args.out.endsWith(".spk")) {
    throw new SpikeletError("bad-option", `--out: found "${args.out}", expected a name that ends in .spk`);
  }
  const stem = args.out.slice(0, -".spk".length);
  const name = args.name ?? basename(stem);
  checkName(name);
  const preset: Preset = args.preset === undefined ? DEFAULTS : PRESETS[args.preset];
  const folder = `${stem}.training`;
  const files = runFiles(folder);
  if (args.key !== undefined && args.from === undefined) {
    throw new SpikeletError(
      "bad-option",
      "--key: found it without --from, expected both; for example --from checkpoint.pth --key ema",
    );
  }
  await prepareFolderOf(args.out);
  await prepareFolder(folder);

  const saved = await findRun(files.run, args);
  const given = saved?.network ?? (args.from === undefined ? undefined : await readStart(args.from, args));
  const images = await readDataset(args.data, "train", given, {
    most: args.images ?? MAX_IMAGES,
    strict: args.strict ?? false,
  });
  printNotes(images);
  if (images.count < 2) {
    throw new SpikeletError("bad-input", `${args.data}: found one image, expected 2 or more to train on`);
  }
  const network = given ?? initialNetwork(architectureOf(args, preset, images), args.seed);
  const batches = new Batches(images, network, args.seed, args.batch);
  const run = describeRun(args, network, images, batches);
  if (saved) checkSameTraining(saved.run, run);

  const workerUrl = new URL("./training-worker.js", import.meta.url);
  const learningRate = args.learningRate ?? preset.learningRate(batches.batchSize);
  const threads = Math.min(args.threads ?? availableParallelism(), batches.batchSize);
  const trainer = await Trainer.create(network, {
    batchSize: batches.batchSize,
    threads,
    workerUrl,
  });
  let summary: LoopSummary;
  try {
    if (saved) trainer.restore(saved);
    summary = await trainLoop({
      trainer,
      batches,
      files,
      run,
      shape: images,
      epochs: args.epochs,
      minutes: args.minutes ?? Number.POSITIVE_INFINITY,
      schedule: {
        peak: learningRate,
        warmUpSteps: preset.warmUpSteps,
        decays: args.decay ?? preset.decays,
      },
      firingPenalty: args.firingPenalty,
    });
  } finally {
    await trainer.close();
  }
  console.log(`${formatSummary(summary, threads, folder)}\n`);
  const bits = args.bits ?? preset.bits;
  const isRounded = args.fineTune > 0;
  const trained = isRounded
    ? await fineTune({
        network: summary.network,
        batches,
        file: files.fineTuning,
        run: { ...run, bits, "trained steps": summary.steps },
        resume: args.resume ?? false,
        bits,
        steps: args.fineTune * batches.stepsPerEpoch,
        learningRate: FINE_TUNE_RATE * learningRate,
        firingPenalty: args.firingPenalty,
        threads,
        workerUrl,
      })
    : summary.network;
  await finishTraining({
    network: trained,
    steps: summary.steps,
    finalOut: files.final,
    matchContrast: args.matchContrast ?? false,
    rounding: isRounded ? "nearest" : undefined,
    data: args.data,
    images,
    out: args.out,
    name,
    bits,
    bookBytes: args.book ?? preset.bookBytes,
    generatorOut: preset.alone ? `${stem}.generator.spk` : undefined,
    seed: args.seed,
    threads,
  });
}

/** The run that is to be gone on with. Throws if there is one and it is not, or the other way round. */
async function findRun(path: string, { resume, from }: TrainArguments): Promise<SavedRun | undefined> {
  if (resume) {
    if (from !== undefined) {
      throw new SpikeletError(
        "bad-option",
        "--resume: found --from with it, expected one of them: a run has its own weights",
      );
    }
    const bytes = await readInput(path, "run that `spikelet train` saved", MAX_CHECKPOINT_BYTES);
    return about(path, () => decodeSavedRun(bytes));
  }
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) {
    throw new SpikeletError(
      "bad-option",
      `${path}: an earlier run is there; resume it with --resume, delete it, or choose another --out`,
    );
  }
  return undefined;
}

/** The network of --from. Its time steps may be others than it was trained with; all else is as it is. */
async function readStart(
  path: string,
  { key, timeSteps, width, latent, preset }: TrainArguments,
): Promise<Network> {
  if (width !== undefined || latent !== undefined || preset !== undefined) {
    throw new SpikeletError(
      "bad-option",
      "--from: found --width, --latent or --preset with it, expected none: a checkpoint's layers are as they are",
    );
  }
  const bytes = await readInput(path, "checkpoint (.pth or .safetensors)", MAX_CHECKPOINT_BYTES);
  const network = await about(path, () => {
    const tensors = readCheckpoint(bytes, key === undefined ? {} : { key });
    return readNetwork(tensors, tellsTimeSteps(tensors) || timeSteps === undefined ? {} : { timeSteps });
  });
  if (network.encoder.length === 0 || network.latentSize % 32 !== 0) {
    throw new SpikeletError(
      "bad-checkpoint",
      `${path}: found ${network.encoder.length === 0 ? "no encoder" : `${network.latentSize} latent neurons`}, ` +
        "expected a whole network with a multiple of 32; train one from nothing without --from",
    );
  }
  return { ...network, timeSteps: timeSteps ?? network.timeSteps };
}

function architectureOf(args: TrainArguments, preset: Preset, images: Dataset): Architecture {
  const latentSize = args.latent ?? preset.latent;
  if (latentSize % 32 !== 0) {
    throw new SpikeletError(
      "bad-option",
      `--latent: found ${latentSize}, expected a multiple of 32; for example --latent 64`,
    );
  }
  const { imageSize, imageChannels } = images;
  return {
    imageSize,
    imageChannels,
    latentSize,
    timeSteps: args.timeSteps ?? preset.timeSteps,
    width: args.width ?? preset.width,
  };
}

/** What a run that goes on must have as it had it: what the options say, or else the network. */
function describeRun(
  { seed, timeSteps, latent, width, preset }: TrainArguments,
  network: Network,
  images: Dataset,
  { batchSize }: Batches,
): TrainingDescription {
  const chosenWidth = width ?? (preset && PRESETS[preset].width);
  const channels =
    chosenWidth === undefined
      ? network.decoder.slice(1).map(({ inChannels }) => inChannels)
      : channelsOf({ imageSize: network.imageSize, width: chosenWidth });
  return {
    seed: String(seed),
    batch: batchSize,
    images: images.count,
    pixels: crc32(images.pixels).toString(16),
    "time steps": timeSteps ?? network.timeSteps,
    "latent neurons": latent ?? network.latentSize,
    channels: channels.join("-"),
  };
}

function formatSummary(
  { steps, images, seconds, last }: LoopSummary,
  threads: number,
  folder: string,
): string {
  return formatFacts([
    ["steps", formatCount(steps)],
    ["images", `${formatCount(images)}, ${formatMeasure(images / seconds)} a second (${threads} threads)`],
    ...(last === undefined
      ? []
      : ([
          ["loss", formatMeasure(last.loss)],
          ["reconstruction", formatMeasure(last.reconstruction)],
          ["MMD²", formatMeasure(last.discrepancy)],
          ["firing rate", formatMeasure(last.firingRate)],
        ] as const)),
    ["run", folder],
  ]);
}

import type { Command } from "commander";
import { BLOCK_CHANNELS, MAX_LATENT_SIZE } from "../../../assembly/core/format";
import type { WeightBits } from "../../../src/model/model.js";
import { DEFAULT_BOOK_BYTES } from "../../../src/priors/with-fitted-priors.js";
import { choiceOption, integerOption, numberOption } from "../../options/options.js";
import { bookOption } from "../../options/priors.js";
import { seedOption, timeStepsOption, weightBitsOption } from "../../options/shared-options.js";

/** What the command line says. */
export interface TrainArguments {
  readonly data: string;
  readonly out: string;
  readonly name?: string;
  readonly from?: string;
  readonly key?: string;
  readonly resume?: true;
  readonly images?: number;
  readonly epochs: number;
  readonly minutes?: number;
  readonly batch: number;
  readonly learningRate?: number;
  readonly decay?: boolean;
  readonly width?: number;
  readonly timeSteps?: number;
  readonly latent?: number;
  readonly firingPenalty: number;
  readonly preset?: PresetName;
  readonly bits?: WeightBits;
  readonly book?: number;
  readonly fineTune: number;
  readonly matchContrast?: true;
  readonly strict?: true;
  readonly seed: bigint;
  readonly threads?: number;
}

/** What options that are not given are. */
export interface Preset {
  readonly width: number;
  readonly timeSteps: number;
  readonly latent: number;
  readonly bits: WeightBits;
  /** Bytes of the codes of all books together. */
  readonly bookBytes: number;
  /** Write the model without its encoder as well. */
  readonly alone: boolean;
  /** For a batch of so many images. */
  readonly learningRate: (batch: number) => number;
  readonly warmUpSteps: number;
  readonly decays: boolean;
}

/** Batch that the learning rates below were chosen for. */
const DEFAULT_BATCH = 64;
/** AdamW's steps are as long for a large gradient as for a small one, so that the rate goes with the root of the batch. */
const rateFor = (rate: number) => (batch: number) => rate * Math.sqrt(batch / DEFAULT_BATCH);

export const DEFAULTS: Preset = {
  width: 1,
  timeSteps: 4,
  latent: 128,
  bits: 8,
  bookBytes: DEFAULT_BOOK_BYTES,
  alone: false,
  learningRate: rateFor(0.003),
  warmUpSteps: 60,
  decays: true,
};
export const PRESETS = {
  /** As the paper has it, and the authors' code. */
  paper: {
    ...DEFAULTS,
    timeSteps: 16,
    latent: 32,
    learningRate: (batch) => (0.003 * batch) / 250,
    warmUpSteps: 0,
    decays: false,
  },
  /** Core and generator of grey images in less than 64 KB of flash, a prior for each of ten classes included. */
  tiny: {
    ...DEFAULTS,
    width: 0.25,
    latent: 32,
    bits: 4,
    bookBytes: 8192,
    alone: true,
    learningRate: rateFor(0.004),
  },
} satisfies Record<string, Preset>;
type PresetName = keyof typeof PRESETS;

const DEFAULT_EPOCHS = 20;
export const MAX_IMAGES = 2 ** 24;

/** Adds the options of `spikelet train`. */
export function addTrainOptions(command: Command): Command {
  return command
    .requiredOption("--data <folder>", "folder with the IDX files of a data set, or with PNG or JPEG files")
    .requiredOption("--out <file.spk>", "the model file to write")
    .option("--name <name>", "the model's name, kept in the file (default: the file's name)")
    .option("--from <checkpoint>", "start from a .pth or .safetensors file")
    .option("--key <key>", "which of several networks in --from: its key, such as ema")
    .option("--resume", "resume the run beside --out")
    .option(
      "--images <n>",
      "at most so many of the images",
      integerOption("--images", { min: 2, max: MAX_IMAGES, example: 10000 }),
    )
    .option(
      "--epochs <n>",
      "times that every image is seen",
      integerOption("--epochs", { min: 1, max: 1e6, example: 20 }),
      DEFAULT_EPOCHS,
    )
    .option(
      "--minutes <n>",
      "stop training after so long",
      numberOption("--minutes", { min: 0, max: 1e6, example: 60 }),
    )
    .option(
      "--batch <n>",
      "images of a step",
      integerOption("--batch", { min: 2, max: 4096, example: 64 }),
      DEFAULT_BATCH,
    )
    .option(
      "--learning-rate <x>",
      `highest of AdamW (default: ${DEFAULTS.learningRate(DEFAULT_BATCH)} at a batch of ${DEFAULT_BATCH}, in proportion to the root of the batch)`,
      numberOption("--learning-rate", { min: 0, max: 1, example: 0.001 }),
    )
    .option(
      "--decay",
      "let the learning rate fall to 0 in a straight line until the last epoch or minute ends (default, but for --preset paper)",
    )
    .option("--no-decay", "keep the learning rate constant")
    .option(
      "--width <m>",
      "channels, as a part of the paper's (default: 1)",
      numberOption("--width", { min: 0.03, max: 4, example: 0.5 }),
    )
    .option("--time-steps <n>", "steps of the spike trains (default: 4)", timeStepsOption())
    .option(
      "--latent <n>",
      "latent neurons, a multiple of 32 (default: 128)",
      integerOption("--latent", { min: BLOCK_CHANNELS, max: MAX_LATENT_SIZE, example: 64 }),
    )
    .option(
      "--firing-penalty <x>",
      "weight of the mean firing rate in the loss: fewer spikes, cheaper images",
      numberOption("--firing-penalty", { min: 0, max: 1000, example: 0.1 }),
      0,
    )
    .option(
      "--preset <paper|tiny>",
      "options as the paper has them, or for a small device",
      choiceOption("--preset", Object.keys(PRESETS) as PresetName[]),
    )
    .option(
      "--bits <8|6|5|4>",
      "bits of one weight in the model file (default: 8)",
      weightBitsOption("--bits"),
    )
    .addOption(bookOption())
    .option(
      "--fine-tune <n>",
      "epochs with weights and potentials rounded as in the model file, after the others",
      integerOption("--fine-tune", { min: 0, max: 1e6, example: 1 }),
      0,
    )
    .option(
      "--match-contrast",
      "scale the readout at the end so that images vary as those trained on: lower FAD, higher reconstruction loss",
    )
    .option("--strict", "a file that cannot be read, or of another size than the others, is an error")
    .addOption(seedOption("seed of the weights and of all draws"))
    .option(
      "--threads <n>",
      "threads (default: one per processor)",
      integerOption("--threads", { min: 1, max: 64, example: 2 }),
    );
}

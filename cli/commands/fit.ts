import type { Command } from "commander";
import { SpikeletError } from "../../src/errors.js";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import { mixtures } from "../../src/model/mixture.js";
import { formatCount } from "../../src/numbers.js";
import { DEFAULT_BOOK_BYTES, PRIOR_KINDS, type PriorKind } from "../../src/priors/with-fitted-priors.js";
import { needLabels, printNotes, readDataset } from "../input/dataset.js";
import { loadModel } from "../input/load.js";
import { choiceOption, integerOption } from "../options/options.js";
import { bookOption } from "../options/priors.js";
import { threadsOption } from "../options/shared-options.js";
import { prepareFolderOf, replaceFile } from "../output/output.js";
import { encodeRates, fitPriors } from "../run/rates.js";

interface FitArguments {
  readonly data: string;
  readonly out: string;
  readonly images: number;
  readonly prior: PriorKind;
  readonly book?: number;
  readonly components: number;
  readonly threads?: number;
}

/** Images that the priors of the shipped models are fitted to. */
const DEFAULT_IMAGES = 20000;
/** Gaussians of a mixture. */
const DEFAULT_COMPONENTS = 30;

const EXAMPLES = `
Examples:
  spikelet fit mine.spk --data mnist/ --out mine.spk
  spikelet fit mine.spk --data mnist/ --book 16K --out small.spk
  spikelet fit mine.spk --data mnist/ --prior gaussian --out smooth.spk
  spikelet generate --model mine.spk --class 7`;

export function addFitCommand(program: Command): void {
  program
    .command("fit")
    .summary("fit priors to labelled images")
    .description(
      "Encodes labelled training images and fits priors to their firing rates: one over all of them, which becomes the " +
        "model's default, and one for each class, for generate --class. They are books of codes, of which an image " +
        "crosses two, or Gaussians. The network itself stays as it is.",
    )
    .argument("<model>", "a .spk file with an encoder, or the name of a model that comes with Spikelet")
    .requiredOption(
      "--data <folder>",
      "folder with the data set's IDX files (train-images…, train-labels…), or with a folder of PNG or JPEG files for each class",
    )
    .requiredOption("--out <file.spk>", "the model file to write")
    .option(
      "--images <n>",
      "at most so many images",
      integerOption("--images", { min: 2, max: 2 ** 24, example: DEFAULT_IMAGES }),
      DEFAULT_IMAGES,
    )
    .option(
      "--prior <book|gaussian>",
      "books of codes, or Gaussians: a mixture over all images, and one for each class",
      choiceOption("--prior", PRIOR_KINDS),
      "book" as const,
    )
    .addOption(bookOption())
    .option(
      "--components <n>",
      "Gaussians in the mixture; 0 for none",
      integerOption("--components", { min: 0, max: 200, example: DEFAULT_COMPONENTS }),
      DEFAULT_COMPONENTS,
    )
    .addOption(threadsOption())
    .addHelpText("after", EXAMPLES)
    .action(fit);
}

async function fit(modelName: string, args: FitArguments): Promise<void> {
  if (!args.out.endsWith(".spk")) {
    throw new SpikeletError("bad-option", `--out: found "${args.out}", expected a name that ends in .spk`);
  }
  const loaded = await loadModel({ model: modelName }, { encoder: true });
  const { generator } = loaded;
  const images = await readDataset(args.data, "train", generator.info, { most: args.images });
  const labels = needLabels(images, args.data, "train");
  printNotes(images);
  const rates = await encodeRates(loaded, images.pixels, images.count, args.threads);
  const model = await fitPriors(decodeModel(loaded.bytes), {
    ...{ rates, labels, timeSteps: generator.info.timeSteps },
    ...{ kind: args.prior, bookBytes: args.book ?? DEFAULT_BOOK_BYTES, components: args.components },
    ...(images.classNames && { classNames: images.classNames }),
  });
  const file = encodeModel(model);
  await prepareFolderOf(args.out);
  await replaceFile(args.out, file);
  const names = mixtures(model.priors).map((prior) =>
    prior.components.length > 1 ? `${prior.name} (${prior.components.length} components)` : prior.name,
  );
  console.log(`${args.out}: ${formatCount(file.length)} bytes, priors ${names.join(", ")}`);
}

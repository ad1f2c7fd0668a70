import { basename, dirname } from "node:path";
import { type Command, Option } from "commander";
import { SpikeletError } from "../../src/errors.js";
import { decodeModel } from "../../src/model/file.js";
import { classDensities } from "../../src/priors/nearest-class.js";
import type { Generator } from "../../src/runtime/generator.js";
import { type Choice, firstDraw, type GenerateTask } from "../../src/runtime/task.js";
import { type Turns, turnOf, turnsByFrequency } from "../../src/runtime/turns.js";
import { type LoadedModel, loadModel } from "../input/load.js";
import {
  labelFrequency,
  licenseOption,
  type SplitOption,
  shardOption,
  splitOption,
} from "../options/data-set-options.js";
import { checkIndexRange, choiceOption, integerOption } from "../options/options.js";
import { choosePriors, classOption } from "../options/priors.js";
import {
  addCoreOptions,
  type CoreArguments,
  countOption,
  modelOption,
  seedOption,
  startOption,
} from "../options/shared-options.js";
import { imageBytes } from "../output/batch.js";
import { cardText, modelFigures } from "../output/card.js";
import { classNames, labelsOf } from "../output/classes.js";
import type { DataSet, Shard, Split } from "../output/data-set.js";
import { openDataSet } from "../output/data-set-sink.js";
import { classLayout, drawGrid } from "../output/grid.js";
import { checkSpace, type SpaceNeeded } from "../output/output.js";
import {
  FOLDER_FORMATS,
  type FolderFormat,
  isArrayFormat,
  type OutputPlace,
  outputPlace,
} from "../output/output-format.js";
import { openPictureSink } from "../output/picture-sink.js";
import { modelCrc32 } from "../output/run-description.js";
import { provenance, sampleOf } from "../output/sample.js";
import type { Sink } from "../output/sink.js";
import { formatSummary, LEDGER_IMAGES, mean, type Summary } from "../report/summary.js";
import { fillSink } from "../run/fill.js";
import { startPool } from "../run/threads.js";
import { version } from "../version.js";

interface GenerateArguments extends CoreArguments {
  readonly count: number;
  readonly seed: bigint;
  readonly start: bigint;
  readonly prior?: string;
  readonly classes?: readonly string[];
  readonly labelFrequency?: string;
  readonly reject?: number;
  readonly split?: readonly SplitOption[];
  readonly out: string;
  readonly format?: FolderFormat;
  readonly imagesPerFile: number;
  readonly shard?: Shard;
  readonly license?: string;
  readonly restart?: true;
  readonly spaceCheck: boolean;
}

const IMAGES_PER_FILE = 10_000;

/** Of the models that come with Spikelet. */
const OWN_LICENSE = "mit";

const EXAMPLES = `
Examples:
  spikelet generate                                    100 digits in out/images.png
  spikelet generate --seed 7 --count 25 --out a.png    25 other digits
  spikelet generate --class 7                          sevens
  spikelet generate --class 0,1,2,3,4,5,6,7,8,9        a row of each digit
  spikelet generate --count 100000 --out digits.idx    a data set in MNIST's own format
  spikelet generate --count 50 --out digits/           one PNG per image
  spikelet generate --classes all --split train=60000,test=10000 --format idx --out data/MNIST/raw/
  spikelet generate --classes all --label-frequency mnist/ --count 60000 --format parquet --out digits/
  spikelet generate --classes all --count 1000000 --format tar --out digits/ --shard 3/16

A class is a prior of that name in the model ("spikelet inspect" lists them), and "all" stands for
each of them. With n classes image i is of class i mod n, in the order given, unless
--label-frequency says how often each comes; a .png has a row, or several, for each class. Labels
lie beside the images, or with them; class folders have them in their names.

Image i of a seed is always the same, however the work is split: --start 50 --count 50 makes
the second half of --count 100, and --shard 1/16 to 16/16, anywhere and at any time, the whole.
"spikelet merge" puts the shards of .idx, .npy and .npz together; other formats need nothing.
A long run into anything but a .png may be stopped with Ctrl-C; the same command resumes it.`;

export function addGenerateCommand(program: Command): void {
  const command = program
    .command("generate")
    .summary("make images from random numbers")
    .description(
      "Makes images: random numbers become firing rates, spike trains, and through the spiking decoder pixels.",
    )
    .addOption(modelOption())
    .addOption(countOption("how many images").default(100))
    .addOption(seedOption("another seed, other images"))
    .addOption(startOption("index of the first image"))
    .option("--prior <name>", "which of the model's priors gives the firing rates (default: its first)")
    .addOption(
      new Option(
        "--class, --classes <name,...>",
        "images of a class, or of several in turn; all for every one",
      )
        .argParser(classOption)
        .conflicts("prior"),
    )
    .option(
      "--label-frequency <n,...|folder>",
      "how often each class comes: numbers, or as in the training images of a data set (default: equally)",
    )
    .option(
      "--reject <n>",
      "draw up to n images for each, and keep the first that the model's encoder takes for its class",
      integerOption("--reject", { min: 2, max: 1000, example: 8 }),
    )
    .addOption(
      new Option("--split <name=n,...>", "parts of a data set, with no image twice, instead of --count")
        .argParser(splitOption)
        .conflicts("count"),
    )
    .option(
      "--out <path>",
      "where to: .png one grid, .idx, .npy or .npz one array, .tar or .parquet, or a folder",
      "out/images.png",
    )
    .option(
      "--format <format>",
      `how a folder holds the images: ${FOLDER_FORMATS.join(", ")} (default: png, one per image, in class folders)`,
      choiceOption("--format", FOLDER_FORMATS),
    )
    .option(
      "--images-per-file <n>",
      "images of each .tar or .parquet file in a folder",
      integerOption("--images-per-file", { min: 1, max: 1_000_000, example: IMAGES_PER_FILE }),
      IMAGES_PER_FILE,
    )
    .option("--shard <k/n>", "make the k-th of n parts of the work, 1/n to n/n", shardOption)
    .option(
      "--license <id>",
      "licence that a folder's card names (default: that of a shipped model)",
      licenseOption,
    )
    .option("--no-space-check", "begin even if the disk seems too small")
    .option("--restart", "throw away what an unfinished run left at --out");
  addCoreOptions(command).addHelpText("after", EXAMPLES).action(generate);
}

async function generate(args: GenerateArguments): Promise<void> {
  const splits = splitsOf(args);
  const count = splits.reduce((sum, split) => sum + split.count, 0);
  checkIndexRange(args.start, count, args.reject);
  const place = await outputPlace(args.out, args.format);
  const loaded = await loadModel(args, { encoder: args.reject !== undefined });
  const { generator } = loaded;
  const { info } = generator;
  const { turns, frequency } = await turnsFor(args, info.priors);
  const task: GenerateTask = {
    kind: "generate",
    seed: args.seed,
    timeSteps: args.timeSteps ?? info.timeSteps,
    ...turns,
    ...(args.reject !== undefined && { choice: choiceFor(args.reject, loaded, turns) }),
  };

  // Before any output is opened, so that options which the model refuses leave nothing behind.
  const ledgers = Math.min(count, LEDGER_IMAGES);
  const { synapticOperations, pixels } = firstImages(generator, task, args.start, ledgers);

  const data: DataSet = {
    run: {
      spikelet: version,
      model: info.name,
      modelCrc32: modelCrc32(loaded.bytes),
      seed: String(args.seed),
      start: String(args.start),
      count,
      timeSteps: task.timeSteps,
      prior: turns.priors.join(","),
      ...(frequency && { labelFrequency: frequency.join(",") }),
      ...(args.split && { split: splitText(args.split) }),
      ...(place.isFolder && { format: place.format }),
      ...(hasParts(place) && { imagesPerFile: args.imagesPerFile }),
      ...(args.reject !== undefined && { reject: args.reject }),
    },
    shape: info,
    splits,
    turns,
    labels: labelsOf(turns, info.priors),
  };
  const sink = await openSink(args, place, data, loaded);
  const { toMake } = sink;
  if (args.spaceCheck) {
    try {
      await checkSpace(place.isFolder ? args.out : dirname(args.out), spaceFor(place, data, toMake, pixels));
    } catch (error) {
      await sink.suspend();
      throw error;
    }
  }
  const pool = startPool(loaded, toMake, args.threads);
  const milliseconds = await fillSink(sink, pool, task);

  const summary: Summary = {
    images: sink.total,
    imagesMade: toMake,
    seed: String(args.seed),
    start: data.run.start,
    timeSteps: task.timeSteps,
    priors: turns.priors,
    labels: data.labels?.names ?? null,
    splits: args.split ? Object.fromEntries(args.split.map(({ name, count }) => [name, count])) : null,
    shard: args.shard ? `${args.shard.number}/${args.shard.of}` : null,
    model: { name: info.name, bytes: info.bytes },
    wasm: { build: generator.build, bytes: generator.wasmBytes, weights: generator.weights },
    threads: pool.threads,
    millisecondsPerImage: toMake === 0 ? null : milliseconds / toMake,
    synapticOperationsPerImage: mean(synapticOperations),
    ledgers,
    output: { path: args.out, format: place.format, isFolder: place.isFolder, bytes: await sink.finish() },
  };
  console.log(args.json ? JSON.stringify(summary, null, 2) : formatSummary(summary));
}

/** The splits asked for, one after another; or one without a name. */
function splitsOf({ split, count, start }: GenerateArguments): Split[] {
  if (split === undefined) return [{ name: undefined, first: start, count }];
  let first = start;
  return split.map(({ name, count }) => {
    const own = { name, first, count };
    first += BigInt(count);
    return own;
  });
}

function splitText(splits: readonly SplitOption[]): string {
  return splits.map(({ name, count }) => `${name}=${count}`).join(",");
}

/** Which prior each image is drawn from, and the frequency of each if that was given. */
async function turnsFor(
  args: GenerateArguments,
  modelPriors: readonly string[],
): Promise<{ turns: Turns; frequency?: readonly number[] }> {
  const turns: Turns = { priors: choosePriors(args, modelPriors) };
  if (args.labelFrequency === undefined) return { turns };
  if (args.classes === undefined) {
    throw new SpikeletError(
      "bad-option",
      "--label-frequency: found no --class, expected the classes that it is of; for example --class all",
    );
  }
  const frequency = await labelFrequency(args.labelFrequency, turns.priors, labelsOf(turns, modelPriors));
  return { turns: turnsByFrequency(turns.priors, frequency), frequency };
}

function choiceFor(tries: number, { bytes, generator }: LoadedModel, turns: Turns): Choice {
  const names = classNames(generator.info.priors);
  if (names.length < 2 || !turns.priors.every((name) => names.includes(name))) {
    throw new SpikeletError(
      "bad-option",
      `--reject: found images of the prior ${turns.priors.join(", ")}, expected --class with classes of the model, ` +
        `and at least two to tell apart (it has ${names.join(", ") || "none"})`,
    );
  }
  return { tries, densities: classDensities(decodeModel(bytes), names) };
}

/** The first images of a run, and what each cost. */
function firstImages(
  generator: Generator,
  task: GenerateTask,
  start: bigint,
  count: number,
): { synapticOperations: number[]; pixels: Uint8Array[] } {
  const { seed, timeSteps, priors } = task;
  const made = Array.from({ length: count }, (_, i) => {
    const index = firstDraw(task, start + BigInt(i));
    const prior = priors[turnOf(task, start + BigInt(i))];
    return generator.generate({ seed, timeSteps, index, prior, ledger: true });
  });
  return {
    synapticOperations: made.map(({ ledgers }) => ledgers[0].synapticOperations),
    pixels: made.map(({ pixels }) => pixels),
  };
}

function hasParts({ isFolder, format }: OutputPlace): boolean {
  return isFolder && (format === "tar" || format === "parquet");
}

async function openSink(
  args: GenerateArguments,
  place: OutputPlace,
  data: DataSet,
  loaded: LoadedModel,
): Promise<Sink> {
  const { out: path, shard, imagesPerFile } = args;
  if (place.isFolder || place.format !== "png") {
    const license = args.license ?? (loaded.isShipped ? OWN_LICENSE : undefined);
    const figures = await modelFigures(loaded.path, data.run.modelCrc32);
    const command = commandOf(args, place, loaded);
    const card = cardText(data, { format: place.format, license, figures, command });
    return openDataSet({ path, place, data, shard, restart: args.restart ?? false, imagesPerFile, card });
  }
  if (args.split || shard) {
    throw new SpikeletError(
      "bad-option",
      `${args.split ? "--split" : "--shard"}: found --out ${path}, one picture; expected a folder (end its name with /)`,
    );
  }
  const { run, shape, turns } = data;
  const start = BigInt(run.start);
  const classes = turns.bounds ? 1 : turns.priors.length;
  const images = { index: `${start}-${start + BigInt(run.count) - 1n}`, prior: run.prior ?? "" };
  return openPictureSink({
    path,
    start,
    count: run.count,
    shape,
    remedy: "use .idx or .npy, or a folder",
    draw: (pictures) =>
      drawGrid(pictures, shape, classLayout(start, run.count, classes), provenance(run, images)),
  });
}

/** The command that makes the whole data set, wherever its model and its folder lie. */
function commandOf(args: GenerateArguments, place: OutputPlace, { path, isShipped }: LoadedModel): string {
  const options: readonly (readonly [string, string | number | bigint | undefined])[] = [
    ["--model", isShipped ? args.model : basename(path)],
    ["--seed", args.seed],
    ["--start", args.start === 0n ? undefined : args.start],
    ["--prior", args.prior],
    ["--class", args.classes?.join(",")],
    ["--label-frequency", args.labelFrequency],
    ["--reject", args.reject],
    ...(args.split ? ([["--split", splitText(args.split)]] as const) : ([["--count", args.count]] as const)),
    ["--time-steps", args.timeSteps],
    ["--format", place.format],
    [
      "--images-per-file",
      hasParts(place) && args.imagesPerFile !== IMAGES_PER_FILE ? args.imagesPerFile : undefined,
    ],
  ];
  const words = options.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  return `spikelet generate ${words.join(" ")} --out FOLDER/`;
}

/** A file takes whole blocks of a disk. */
const BLOCK_BYTES = 4096;
/** Of an image in a .tar file: headers and padding of image and label; in a .parquet file: lengths, path and label. */
const BESIDE_IMAGE = { tar: 2560, parquet: 64 };

/** About what `toMake` images will take, by the first ones. */
function spaceFor(
  { isFolder, format }: OutputPlace,
  data: DataSet,
  toMake: number,
  pixels: readonly Uint8Array[],
): SpaceNeeded {
  const pixelBytes = imageBytes(data.shape);
  if (isArrayFormat(format)) return { bytes: toMake * (pixelBytes + (data.labels ? 1 : 0)), files: 1 };
  const start = BigInt(data.run.start);
  const png = mean(pixels.map((image, i) => sampleOf(data, start + BigInt(i), image).png.length));
  if (format === "png") {
    return isFolder
      ? { bytes: toMake * Math.ceil(png / BLOCK_BYTES) * BLOCK_BYTES, files: toMake }
      : { bytes: toMake * png, files: 1 };
  }
  const imagesPerFile = isFolder ? (data.run.imagesPerFile ?? toMake) : toMake;
  // The pixels of one file lie beside it until it is written.
  const bytes = toMake * (png + BESIDE_IMAGE[format]) + Math.min(toMake, imagesPerFile) * pixelBytes;
  return { bytes, files: Math.ceil(toMake / imagesPerFile) };
}

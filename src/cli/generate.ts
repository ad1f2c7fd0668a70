import { availableParallelism } from "node:os";
import { type Command, Option } from "commander";
import { SpikeletError } from "../errors.js";
import { Generator, type LoadOptions } from "../generator.js";
import { idxHeader, npyHeader } from "./array-header.js";
import { openArraySink } from "./array-sink.js";
import { fillSink, SPAN_IMAGES } from "./fill.js";
import { openFolderSink } from "./folder-sink.js";
import { openGridSink } from "./grid-sink.js";
import { type ImageOptions, localMaker, workerMaker } from "./image-maker.js";
import { about } from "./input.js";
import { DEFAULT_MODEL, readModel } from "./model-source.js";
import { nearestHint } from "./nearest.js";
import { checkIndexRange, choiceOption, integerOption, u64Option } from "./options.js";
import { type OutputFormat, outputFormat } from "./output-format.js";
import { modelCrc32, type RunDescription } from "./run.js";
import { countImages, type Sink, type SinkOptions } from "./sink.js";
import { formatSummary, type Summary } from "./summary.js";
import { version } from "./version.js";

interface GenerateArguments {
  readonly model: string;
  readonly count: number;
  readonly seed: bigint;
  readonly start: bigint;
  readonly timeSteps?: number;
  readonly prior?: string;
  readonly threads?: number;
  readonly build?: "plain" | "simd";
  readonly streamed?: true;
  readonly out: string;
  readonly restart?: true;
  readonly json?: true;
}

/** Runs up to this long are over before worker threads would have started. */
const SMALL_RUN_IMAGES = 256;

/** Images whose synaptic operations are counted. */
const LEDGER_IMAGES = 16;

const EXAMPLES = `
Examples:
  spikelet generate                                    100 digits in out/images.png
  spikelet generate --seed 7 --count 25 --out a.png    25 other digits
  spikelet generate --count 100000 --out digits.idx    a data set in MNIST's own format
  spikelet generate --count 50 --out digits/           one PNG per image

Image i of a seed is always the same, however the work is split: --start 50 --count 50 makes
the second half of --count 100. A long run into .idx, .npy or a folder may be stopped with
Ctrl-C; the same command goes on from there.`;

export function addGenerateCommand(program: Command): void {
  program
    .command("generate")
    .summary("make images from random numbers")
    .description(
      "Makes images: random numbers become firing rates, spike trains, and through the spiking decoder pixels.",
    )
    .option(
      "--model <file|name>",
      "a .spk file, or the name of a model that comes with Spikelet",
      DEFAULT_MODEL,
    )
    .option(
      "--count <n>",
      "how many images",
      integerOption("--count", { min: 1, max: 2 ** 32 - 1, example: 100 }),
      100,
    )
    .addOption(
      new Option("--seed <n>", "another seed, other images").default(0n, "0").argParser(u64Option("--seed")),
    )
    .addOption(
      new Option("--start <n>", "index of the first image").default(0n, "0").argParser(u64Option("--start")),
    )
    .option(
      "--time-steps <n>",
      "steps of the spike trains, 1 to 16; fewer are faster and coarser (default: as the model was trained)",
      integerOption("--time-steps", { min: 1, max: 16, example: 8 }),
    )
    .option("--prior <name>", "which of the model's priors gives the firing rates (default: its first)")
    .option(
      "--out <path>",
      "where to: .png one grid, .idx or .npy one array, a folder one PNG per image",
      "out/images.png",
    )
    .option(
      "--threads <n>",
      "worker threads (default: 1 for few images, else one per processor)",
      integerOption("--threads", { min: 1, max: 256, example: 2 }),
    )
    .option(
      "--build <plain|simd>",
      "which build of the core (default: simd where it runs)",
      choiceOption("--build", ["plain", "simd"]),
    )
    .option("--streamed", "read the weights piece by piece, as a microcontroller does from flash")
    .option("--restart", "throw away what an unfinished run left at --out")
    .option("--json", "print the summary as JSON")
    .addHelpText("after", EXAMPLES)
    .action(generate);
}

async function generate(args: GenerateArguments): Promise<void> {
  checkIndexRange(args.start, args.count);
  const format = await outputFormat(args.out);
  const model = await readModel(args.model);
  const load: LoadOptions = {
    weights: args.streamed ? "streamed" : "resident",
    ...(args.build && { build: args.build }),
  };
  const generator = await about(model.path, () => Generator.load(model.bytes, load));
  const { info } = generator;
  const image: ImageOptions = {
    seed: args.seed,
    timeSteps: args.timeSteps ?? info.timeSteps,
    prior: choosePrior(args.prior, info.priors),
  };

  // Before any output is opened, so that options which the model refuses leave nothing behind.
  const ledgers = Math.min(args.count, LEDGER_IMAGES);
  const synapticOperationsPerImage = meanSynapticOperations(generator, image, args.start, ledgers);

  const run: RunDescription = {
    spikelet: version,
    model: info.name,
    modelCrc32: modelCrc32(model.bytes),
    seed: String(args.seed),
    start: String(args.start),
    count: args.count,
    timeSteps: image.timeSteps,
    prior: image.prior,
  };
  const sink = await openSink(format, { path: args.out, run, shape: info, restart: args.restart ?? false });
  const toMake = countImages(sink.missing);
  const wanted = args.threads ?? (args.count <= SMALL_RUN_IMAGES ? 1 : availableParallelism());
  const threads = Math.max(1, Math.min(wanted, Math.ceil(toMake / SPAN_IMAGES)));
  const makers =
    threads === 1
      ? [localMaker(generator, image)]
      : Array.from({ length: threads }, () => workerMaker(model.bytes, load, image));
  const milliseconds = await fillSink(sink, run.count, makers);

  const summary: Summary = {
    images: run.count,
    imagesMade: toMake,
    seed: run.seed,
    start: run.start,
    timeSteps: run.timeSteps,
    prior: run.prior,
    model: { name: info.name, bytes: info.bytes },
    wasm: { build: generator.build, bytes: generator.wasmBytes, weights: load.weights! },
    threads,
    millisecondsPerImage: toMake === 0 ? null : milliseconds / toMake,
    synapticOperationsPerImage,
    ledgers,
    output: { path: args.out, format, bytes: await sink.finish() },
  };
  console.log(args.json ? JSON.stringify(summary, null, 2) : formatSummary(summary));
}

function choosePrior(name: string | undefined, names: readonly string[]): string {
  if (name === undefined) return names[0];
  if (names.includes(name)) return name;
  throw new SpikeletError(
    "bad-option",
    `--prior: found "${name}"${nearestHint(name, names)}, expected one that the model has: ${names.join(", ")}`,
  );
}

function meanSynapticOperations(
  generator: Generator,
  image: ImageOptions,
  first: bigint,
  count: number,
): number {
  const { ledgers } = generator.generate({ ...image, index: first, count, ledger: true });
  return ledgers.reduce((sum, { synapticOperations }) => sum + synapticOperations, 0) / count;
}

function openSink(format: OutputFormat, options: SinkOptions): Promise<Sink> {
  const { run, shape } = options;
  switch (format) {
    case "png":
      return openGridSink(options);
    case "idx":
      return openArraySink(options, idxHeader(run.count, shape));
    case "npy":
      return openArraySink(options, npyHeader(run.count, shape));
    case "folder":
      return openFolderSink(options);
  }
}

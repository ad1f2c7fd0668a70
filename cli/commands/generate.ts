import { type Command, Option } from "commander";
import type { Generator } from "../../src/runtime/generator.js";
import { type GenerateTask, priorOf } from "../../src/runtime/task.js";
import { loadModel } from "../input/load.js";
import { checkIndexRange } from "../options/options.js";
import { choosePriors, classOption } from "../options/priors.js";
import {
  addCoreOptions,
  type CoreArguments,
  countOption,
  modelOption,
  seedOption,
  startOption,
} from "../options/shared-options.js";
import { idxHeader, npyHeader } from "../output/array-header.js";
import { openArraySink } from "../output/array-sink.js";
import { type ImageShape, imageBytes } from "../output/batch.js";
import { openFolderSink } from "../output/folder-sink.js";
import { classLayout, drawGrid } from "../output/grid.js";
import { type OutputFormat, outputFormat } from "../output/output-format.js";
import { openPictureSink } from "../output/picture-sink.js";
import { modelCrc32, type RunDescription } from "../output/run-description.js";
import { countImages, type Sink, type SinkOptions } from "../output/sink.js";
import { formatSummary, LEDGER_IMAGES, mean, type Summary } from "../report/summary.js";
import { fillSink } from "../run/fill.js";
import { startPool } from "../run/threads.js";
import { version } from "../version.js";

interface GenerateArguments extends CoreArguments {
  readonly count: number;
  readonly seed: bigint;
  readonly start: bigint;
  readonly prior?: string;
  readonly class?: readonly string[];
  readonly out: string;
  readonly restart?: true;
}

const EXAMPLES = `
Examples:
  spikelet generate                                    100 digits in out/images.png
  spikelet generate --seed 7 --count 25 --out a.png    25 other digits
  spikelet generate --class 7                          sevens
  spikelet generate --class 0,1,2,3,4,5,6,7,8,9        a row of each digit
  spikelet generate --count 100000 --out digits.idx    a data set in MNIST's own format
  spikelet generate --count 50 --out digits/           one PNG per image

A class is a prior of that name in the model ("spikelet inspect" lists them). With n classes
image i is of class i mod n, in the order given; a .png has a row, or several, for each class.

Image i of a seed is always the same, however the work is split: --start 50 --count 50 makes
the second half of --count 100. A long run into .idx, .npy or a folder may be stopped with
Ctrl-C; the same command resumes it.`;

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
      new Option("--class <name,...>", "images of a class, or of several in turn")
        .argParser(classOption)
        .conflicts("prior"),
    )
    .option(
      "--out <path>",
      "where to: .png one grid, .idx or .npy one array, a folder one PNG per image",
      "out/images.png",
    )
    .option("--restart", "throw away what an unfinished run left at --out");
  addCoreOptions(command).addHelpText("after", EXAMPLES).action(generate);
}

async function generate(args: GenerateArguments): Promise<void> {
  checkIndexRange(args.start, args.count);
  const format = await outputFormat(args.out);
  const loaded = await loadModel(args);
  const { generator } = loaded;
  const { info } = generator;
  const task: GenerateTask = {
    kind: "generate",
    seed: args.seed,
    timeSteps: args.timeSteps ?? info.timeSteps,
    priors: choosePriors(args, info.priors),
  };

  // Before any output is opened, so that options which the model refuses leave nothing behind.
  const ledgers = Math.min(args.count, LEDGER_IMAGES);
  const synapticOperationsPerImage = meanSynapticOperations(generator, task, args.start, ledgers);

  const run: RunDescription = {
    spikelet: version,
    model: info.name,
    modelCrc32: modelCrc32(loaded.bytes),
    seed: String(args.seed),
    start: String(args.start),
    count: args.count,
    timeSteps: task.timeSteps,
    prior: task.priors.join(","),
  };
  const sink = await openSink(
    format,
    { path: args.out, run, restart: args.restart ?? false },
    info,
    task.priors.length,
  );
  const toMake = countImages(sink.missing);
  const pool = startPool(loaded, toMake, args.threads);
  const milliseconds = await fillSink(sink, run.count, pool, task);

  const summary: Summary = {
    images: run.count,
    imagesMade: toMake,
    seed: String(args.seed),
    start: run.start,
    timeSteps: run.timeSteps,
    priors: task.priors,
    model: { name: info.name, bytes: info.bytes },
    wasm: { build: generator.build, bytes: generator.wasmBytes, weights: generator.weights },
    threads: pool.threads,
    millisecondsPerImage: toMake === 0 ? null : milliseconds / toMake,
    synapticOperationsPerImage,
    ledgers,
    output: { path: args.out, format, bytes: await sink.finish() },
  };
  console.log(args.json ? JSON.stringify(summary, null, 2) : formatSummary(summary));
}

function meanSynapticOperations(
  generator: Generator,
  task: GenerateTask,
  first: bigint,
  count: number,
): number {
  const { seed, timeSteps } = task;
  return mean(
    Array.from({ length: count }, (_, i) => {
      const index = first + BigInt(i);
      const prior = priorOf(task, index);
      const { ledgers } = generator.generate({ seed, timeSteps, index, prior, ledger: true });
      return ledgers[0].synapticOperations;
    }),
  );
}

function openSink(
  format: OutputFormat,
  options: SinkOptions,
  shape: ImageShape,
  classes: number,
): Promise<Sink> {
  const { path, run } = options;
  const start = BigInt(run.start);
  switch (format) {
    case "png":
      return openPictureSink({
        path,
        start,
        count: run.count,
        shape,
        remedy: "use .idx or .npy, or a folder",
        draw: (images) => drawGrid(images, shape, classLayout(start, run.count, classes)),
      });
    case "idx":
      return openArraySink(options, idxHeader(run.count, shape), imageBytes(shape));
    case "npy":
      return openArraySink(options, npyHeader(run.count, shape), imageBytes(shape));
    case "folder":
      return openFolderSink(options, shape);
  }
}

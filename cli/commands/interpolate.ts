import type { Command } from "commander";
import { formatCount } from "../../src/numbers.js";
import type { Generator } from "../../src/runtime/generator.js";
import type { InterpolateTask } from "../../src/runtime/task.js";
import { INPUT_DESCRIPTION, readInputImages } from "../input/image-input.js";
import { type LoadedModel, loadModel } from "../input/load.js";
import { integerOption } from "../options/options.js";
import { checkPrior } from "../options/priors.js";
import {
  addCoreOptions,
  type CoreArguments,
  modelOption,
  seedOption,
  startOption,
} from "../options/shared-options.js";
import { encodeApng } from "../output/apng.js";
import type { ImageShape } from "../output/batch.js";
import { drawGrid, stripLayout } from "../output/grid.js";
import { checkEnding } from "../output/output-format.js";
import { openPictureSink } from "../output/picture-sink.js";
import { formatFacts } from "../report/format.js";
import { formatTime, formatWasm, type WasmFacts } from "../report/summary.js";
import { fillSink } from "../run/fill.js";
import { startPool } from "../run/threads.js";

interface InterpolateArguments extends CoreArguments {
  readonly steps: number;
  readonly seed: bigint;
  readonly start: bigint;
  readonly out: string;
}

/** What `spikelet interpolate` did; `--json` prints it as it is. */
interface InterpolateSummary {
  readonly from: string;
  readonly to: string;
  readonly steps: number;
  /** 64-bit, hence text. */
  readonly seed: string;
  readonly start: string;
  readonly timeSteps: number;
  readonly model: { readonly name: string; readonly bytes: number };
  readonly wasm: WasmFacts;
  readonly threads: number;
  readonly millisecondsPerImage: number;
  readonly output: { readonly path: string; readonly frames: number; readonly bytes: number };
}

/** What marks an end as a class rather than a file. */
const CLASS_PREFIX = "class:";

/** How long an animation shows each image, and its two ends. */
const FRAME_MILLISECONDS = 100;
const END_MILLISECONDS = 600;

const EXAMPLES = `
Examples:
  spikelet interpolate class:3 class:8 --out strip.png
  spikelet interpolate class:3 class:8 --steps 30 --out morph.apng
  spikelet interpolate four.png nine.png --steps 15 --out strip.png

An end is an image, or class:NAME for the firing rates that image --start of --seed has from the
model's prior NAME. Firing rates in between lie on a straight line. All images are decoded with the
random numbers of that one image, so that spikes come and go one by one. An .apng runs to B and back.`;

export function addInterpolateCommand(program: Command): void {
  const command = program
    .command("interpolate")
    .summary("go from one image or class to another in rate space")
    .description(
      "Decodes firing rates on the straight line between two images, two classes, or an image and a class.",
    )
    .argument("<A>", `where to begin: class:NAME, or an image from ${INPUT_DESCRIPTION}`)
    .argument("<B>", "where to end")
    .requiredOption("--out <file>", "where to: .png a strip, .apng an animation")
    .addOption(modelOption())
    .option(
      "--steps <n>",
      "images, both ends included",
      integerOption("--steps", { min: 2, max: 1000, example: 9 }),
      9,
    )
    .addOption(seedOption("other random numbers"))
    .addOption(startOption("index of the image whose random numbers are used"));
  addCoreOptions(command).addHelpText("after", EXAMPLES).action(interpolate);
}

async function interpolate(from: string, to: string, args: InterpolateArguments): Promise<void> {
  const ending = checkEnding(args.out, [".png", ".apng"]);
  const encoder = [from, to].some((end) => !end.startsWith(CLASS_PREFIX));
  const loaded = await loadModel(args, { encoder });
  const { generator } = loaded;
  const { info } = generator;
  const timeSteps = args.timeSteps ?? info.timeSteps;
  const ratesAt = (name: string, end: string) =>
    end.startsWith(CLASS_PREFIX)
      ? classRates(loaded, name, end, args)
      : imageRates(generator, end, timeSteps);
  const task: InterpolateTask = {
    kind: "interpolate",
    from: await ratesAt("A", from),
    to: await ratesAt("B", to),
    steps: args.steps,
    seed: args.seed,
    index: args.start,
    timeSteps,
  };

  const sink = await openPictureSink({
    path: args.out,
    start: 0n,
    count: args.steps,
    shape: info,
    remedy: "use fewer --steps",
    draw: (images) =>
      ending === ".apng" ? drawAnimation(images, info) : drawGrid(images, info, stripLayout(images.length)),
  });
  const pool = startPool(loaded, args.steps, args.threads);
  const milliseconds = await fillSink(sink, pool, task);

  const summary: InterpolateSummary = {
    from,
    to,
    steps: args.steps,
    seed: String(args.seed),
    start: String(args.start),
    timeSteps,
    model: { name: info.name, bytes: info.bytes },
    wasm: { build: generator.build, bytes: generator.wasmBytes, weights: generator.weights },
    threads: pool.threads,
    millisecondsPerImage: milliseconds / args.steps,
    output: {
      path: args.out,
      frames: ending === ".apng" ? framePositions(args.steps).length : 1,
      bytes: await sink.finish(),
    },
  };
  console.log(args.json ? JSON.stringify(summary, null, 2) : formatInterpolateSummary(summary));
}

/** The rates that a class has for the run's random numbers: those that `generate` would draw. */
function classRates(
  { generator }: LoadedModel,
  argument: string,
  end: string,
  { seed, start }: InterpolateArguments,
): Float64Array {
  const found = `${argument}: found "${end}"`;
  const prior = checkPrior(found, end.slice(CLASS_PREFIX.length), generator.info.priors);
  return generator.firingRates({ prior, seed, index: start });
}

async function imageRates(generator: Generator, input: string, timeSteps: number): Promise<Float64Array> {
  const { pixels } = await readInputImages([input], generator.info, 1);
  return generator.encode(pixels, { timeSteps }).firingRates;
}

/** There and back, without either end twice. */
function framePositions(steps: number): number[] {
  const there = Array.from({ length: steps }, (_, i) => i);
  return [...there, ...there.slice(1, -1).reverse()];
}

function drawAnimation(images: readonly Uint8Array[], shape: ImageShape): Uint8Array {
  const frames = framePositions(images.length).map((position) => ({
    pixels: images[position],
    milliseconds: position === 0 || position === images.length - 1 ? END_MILLISECONDS : FRAME_MILLISECONDS,
  }));
  return encodeApng(frames, shape);
}

function formatInterpolateSummary(summary: InterpolateSummary): string {
  const { from, to, steps, model, timeSteps, output } = summary;
  return formatFacts([
    ["images", `${formatCount(steps)}, from ${from} to ${to}`],
    ["seed", `${summary.seed}, random numbers of image ${summary.start}`],
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes, ${timeSteps} time steps`],
    ["wasm", formatWasm(summary.wasm)],
    ["time per image", formatTime(summary.millisecondsPerImage, summary.threads)],
    [
      "output",
      `${output.path}, ${formatCount(output.bytes)} bytes ` +
        `(${output.frames === 1 ? "a strip" : `an animation of ${formatCount(output.frames)} frames`})`,
    ],
  ]);
}

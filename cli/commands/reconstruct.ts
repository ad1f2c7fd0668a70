import type { Command } from "commander";
import { formatCount, formatMeasure } from "../../src/numbers.js";
import type { ReconstructTask } from "../../src/runtime/task.js";
import { FITTING_DESCRIPTION, INPUT_DESCRIPTION, readInputImages } from "../input/image-input.js";
import { loadModel } from "../input/load.js";
import {
  addCoreOptions,
  type CoreArguments,
  countOption,
  modelOption,
  seedOption,
} from "../options/shared-options.js";
import { drawGrid, MAX_GRID_IMAGES, pairLayout, splitImages } from "../output/grid.js";
import { checkEnding } from "../output/output-format.js";
import { openPictureSink } from "../output/picture-sink.js";
import { formatFacts } from "../report/format.js";
import { measureReconstruction, type ReconstructionMeasures } from "../report/measure.js";
import { formatTime, formatWasm, mean, type WasmFacts } from "../report/summary.js";
import { fillSink } from "../run/fill.js";
import { startPool } from "../run/threads.js";

interface ReconstructArguments extends CoreArguments {
  readonly count: number;
  readonly seed: bigint;
  readonly out: string;
}

/** What `spikelet reconstruct` did; `--json` prints it as it is. */
interface ReconstructSummary extends ReconstructionMeasures {
  readonly images: number;
  readonly hasMore: boolean;
  /** 64-bit, hence text. */
  readonly seed: string;
  readonly timeSteps: number;
  readonly model: { readonly name: string; readonly bytes: number };
  readonly wasm: WasmFacts;
  readonly threads: number;
  readonly millisecondsPerImage: number;
  /** Mean over the images; each image's is the mean squared difference of its pixels on [−1, 1]. */
  readonly reconstructionLoss: number;
  readonly losses: readonly { readonly image: string; readonly reconstructionLoss: number }[];
  readonly output: { readonly path: string; readonly bytes: number };
}

const EXAMPLES = `
Examples:
  spikelet reconstruct four.png photo.jpg --out pairs.png
  spikelet reconstruct t10k-images-idx3-ubyte.gz --out pairs.png --count 50
  spikelet reconstruct "t10k-images-idx3-ubyte.gz#17" --out pair.png

Each pair shows an image, at the model's size, on the left and its reconstruction on the right.
Image i of the inputs is decoded with the random numbers of image i of --seed.`;

export function addReconstructCommand(program: Command): void {
  const command = program
    .command("reconstruct")
    .summary("encode images and decode them again")
    .description(
      "Runs images through the spiking encoder and the spiking decoder, draws them beside their reconstructions, and " +
        "tells the reconstruction loss. " +
        FITTING_DESCRIPTION,
    )
    .argument("<input...>", INPUT_DESCRIPTION)
    .requiredOption("--out <file.png>", "the grid of pairs to write")
    .addOption(modelOption())
    .addOption(countOption("at most so many images").default(100))
    .addOption(seedOption("other random numbers for the spike trains"));
  addCoreOptions(command).addHelpText("after", EXAMPLES).action(reconstruct);
}

async function reconstruct(inputs: readonly string[], args: ReconstructArguments): Promise<void> {
  checkEnding(args.out, [".png"]);
  const loaded = await loadModel(args, { encoder: true });
  const { generator } = loaded;
  const { info } = generator;
  const images = await readInputImages(inputs, info, args.count);
  const originals = splitImages(images.pixels, info);
  const timeSteps = args.timeSteps ?? info.timeSteps;
  const measures = measureReconstruction(generator, images, timeSteps, args.seed);

  const task: ReconstructTask = { kind: "reconstruct", pixels: images.pixels, seed: args.seed, timeSteps };
  const sink = await openPictureSink({
    path: args.out,
    start: 0n,
    count: images.count,
    shape: info,
    remedy: `use --count ${MAX_GRID_IMAGES}`,
    draw: (reconstructions) => {
      const pairs = originals.flatMap((original, i) => [original, reconstructions[i]]);
      return drawGrid(pairs, info, pairLayout(images.count));
    },
  });
  const pool = startPool(loaded, images.count, args.threads);
  const milliseconds = await fillSink(sink, pool, task);

  const losses = originals.map((original, i) => ({
    image: images.names[i],
    reconstructionLoss: meanSquaredError(original, sink.images[i]),
  }));
  const summary: ReconstructSummary = {
    images: images.count,
    hasMore: images.hasMore,
    seed: String(args.seed),
    timeSteps,
    model: { name: info.name, bytes: info.bytes },
    wasm: { build: generator.build, bytes: generator.wasmBytes, weights: generator.weights },
    threads: pool.threads,
    millisecondsPerImage: milliseconds / images.count,
    reconstructionLoss: mean(losses.map((loss) => loss.reconstructionLoss)),
    ...measures,
    losses,
    output: { path: args.out, bytes: await sink.finish() },
  };
  console.log(args.json ? JSON.stringify(summary, null, 2) : formatReconstructSummary(summary));
}

/** Mean squared difference on [−1, 1], which 255 steps of a pixel cover. */
function meanSquaredError(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return (sum / a.length) * (2 / 255) ** 2;
}

function formatReconstructSummary(summary: ReconstructSummary): string {
  const { images, hasMore, model, timeSteps, wasm, ledgers, output } = summary;
  const encoder = formatCount(summary.encoderSynapticOperations);
  const decoder = formatCount(summary.decoderSynapticOperations);
  return formatFacts([
    ["images", formatCount(images) + (hasMore ? ", the first of more (--count takes others)" : "")],
    ["reconstruction loss", `${formatMeasure(summary.reconstructionLoss)} (MSE on [−1, 1], mean)`],
    ["seed", summary.seed],
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes, ${timeSteps} time steps`],
    ["wasm", formatWasm(wasm)],
    ["time per image", formatTime(summary.millisecondsPerImage, summary.threads)],
    [
      "synaptic operations per image",
      `${encoder} in the encoder, ${decoder} in the decoder (mean of the first ${ledgers})`,
    ],
    ["output", `${output.path}, ${formatCount(output.bytes)} bytes (image and reconstruction side by side)`],
  ]);
}

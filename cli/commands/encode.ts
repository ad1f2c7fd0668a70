import type { Command } from "commander";
import { npyHeader } from "../../src/data/npy.js";
import { crc32 } from "../../src/model/file.js";
import { formatCount, formatMeasure } from "../../src/numbers.js";
import { type EncodeTask, resultBytes } from "../../src/runtime/task.js";
import { FITTING_DESCRIPTION, INPUT_DESCRIPTION, readInputImages } from "../input/image-input.js";
import { loadModel } from "../input/load.js";
import { addCoreOptions, type CoreArguments, countOption, modelOption } from "../options/shared-options.js";
import { openArraySink } from "../output/array-sink.js";
import { checkEnding } from "../output/output-format.js";
import { formatCrc32, modelCrc32, type RunDescription } from "../output/run-description.js";
import { formatFacts } from "../report/format.js";
import { type EncoderMeasures, measureEncoder } from "../report/measure.js";
import { formatTime, formatWasm, type WasmFacts } from "../report/summary.js";
import { fillSink } from "../run/fill.js";
import { startPool } from "../run/threads.js";
import { version } from "../version.js";

interface EncodeArguments extends CoreArguments {
  readonly count?: number;
  readonly out: string;
  readonly restart?: true;
}

/** What `spikelet encode` did; `--json` prints it as it is. */
interface EncodeSummary extends EncoderMeasures {
  /** Images in the output, and those of them that this command encoded rather than found. */
  readonly images: number;
  readonly imagesMade: number;
  readonly hasMore: boolean;
  readonly timeSteps: number;
  readonly latentSize: number;
  readonly model: { readonly name: string; readonly bytes: number };
  readonly wasm: WasmFacts;
  readonly threads: number;
  readonly millisecondsPerImage: number | null;
  readonly output: { readonly path: string; readonly bytes: number };
}

const EXAMPLES = `
Examples:
  spikelet encode four.png five.jpg --out rates.npy
  spikelet encode t10k-images-idx3-ubyte.gz --out rates.npy --threads 2

rates.npy holds float32 (images, latent size): for each latent neuron the part of the time steps
in which it fired. A long run may be stopped with Ctrl-C; the same command resumes it.`;

export function addEncodeCommand(program: Command): void {
  const command = program
    .command("encode")
    .summary("turn images into firing rates")
    .description(
      "Runs the spiking encoder on images and writes the posterior firing rates of the latent neurons as one NumPy array. " +
        FITTING_DESCRIPTION,
    )
    .argument("<input...>", INPUT_DESCRIPTION)
    .requiredOption("--out <file.npy>", "the array to write")
    .addOption(modelOption())
    .addOption(countOption("at most so many images (default: all)"))
    .option("--restart", "throw away what an unfinished run left at --out");
  addCoreOptions(command).addHelpText("after", EXAMPLES).action(encode);
}

async function encode(inputs: readonly string[], args: EncodeArguments): Promise<void> {
  checkEnding(args.out, [".npy"]);
  const loaded = await loadModel(args, { encoder: true });
  const { generator } = loaded;
  const { info } = generator;
  const images = await readInputImages(inputs, info, args.count ?? Number.POSITIVE_INFINITY);
  const timeSteps = args.timeSteps ?? info.timeSteps;
  const measures = measureEncoder(generator, images, timeSteps);

  const task: EncodeTask = { kind: "encode", pixels: images.pixels, timeSteps };
  const run: RunDescription = {
    spikelet: version,
    model: info.name,
    modelCrc32: modelCrc32(loaded.bytes),
    start: "0",
    count: images.count,
    timeSteps,
    inputCrc32: formatCrc32(crc32(images.pixels)),
  };
  const sink = await openArraySink(
    { run, restart: args.restart ?? false },
    {
      path: args.out,
      span: { first: 0n, count: images.count },
      header: npyHeader("<f4", [images.count, info.latentSize]),
      bytesEach: resultBytes(generator, task),
    },
  );
  const { toMake } = sink;
  const pool = startPool(loaded, toMake, args.threads);
  const milliseconds = await fillSink(sink, pool, task);

  const summary: EncodeSummary = {
    images: images.count,
    imagesMade: toMake,
    hasMore: images.hasMore,
    timeSteps,
    latentSize: info.latentSize,
    model: { name: info.name, bytes: info.bytes },
    wasm: { build: generator.build, bytes: generator.wasmBytes, weights: generator.weights },
    threads: pool.threads,
    millisecondsPerImage: toMake === 0 ? null : milliseconds / toMake,
    ...measures,
    output: { path: args.out, bytes: await sink.finish() },
  };
  console.log(args.json ? JSON.stringify(summary, null, 2) : formatEncodeSummary(summary));
}

function formatEncodeSummary(summary: EncodeSummary): string {
  const { images, hasMore, latentSize, model, timeSteps, wasm, ledgers, output } = summary;
  const first = `(mean of the first ${ledgers})`;
  return formatFacts([
    ["images", formatCount(images) + (hasMore ? ", the first of more" : "")],
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes, ${timeSteps} time steps`],
    ["wasm", formatWasm(wasm)],
    ["time per image", formatTime(summary.millisecondsPerImage, summary.threads)],
    ["latent firing rate", `${formatMeasure(summary.firingRate)} ${first}`],
    [
      "synaptic operations per image",
      `${formatCount(summary.encoderSynapticOperations)} in the encoder ${first}`,
    ],
    ["output", `${output.path}, ${formatCount(output.bytes)} bytes (float32 ${images}×${latentSize})`],
  ]);
}

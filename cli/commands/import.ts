import { basename } from "node:path";
import type { Command } from "commander";
import { NAME_BYTES } from "../../assembly/core/format";
import { hasPrior, readNetwork } from "../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { SpikeletError } from "../../src/errors.js";
import { encodeModel } from "../../src/model/file.js";
import type { WeightBits } from "../../src/model/model.js";
import type { Network } from "../../src/network.js";
import { formatCount, formatMeasure } from "../../src/numbers.js";
import { type QuantizationReport, quantizeNetwork } from "../../src/quantize/quantize.js";
import { about, readInput } from "../input/input.js";
import { integerOption } from "../options/options.js";
import { weightBitsOption } from "../options/shared-options.js";
import { prepareFolderOf, replaceFile } from "../output/output.js";
import { formatTable } from "../report/format.js";
import { formatShape } from "../report/layers.js";

interface ImportArguments {
  readonly out: string;
  readonly bits: WeightBits;
  readonly encoderBits?: WeightBits;
  readonly encoder: boolean;
  readonly name?: string;
  readonly key?: string;
  readonly timeSteps?: number;
  readonly json?: true;
}

const DEFAULT_BITS: WeightBits = 8;

/** The largest ESVAE's checkpoint, with its optimizer's state, has less than a tenth of this. */
export const MAX_CHECKPOINT_BYTES = 2 ** 30;

const EXAMPLES = `
Examples:
  spikelet import checkpoint.pth --out digits.spk              8-bit weights
  spikelet import checkpoint.pth --out small.spk --bits 4      half the bytes
  spikelet import checkpoint.pth --out flash.spk --no-encoder  for a device that only generates
  spikelet generate --model digits.spk`;

export function addImportCommand(program: Command): void {
  program
    .command("import")
    .summary("make a model file from a trained checkpoint")
    .description(
      "Reads a trained ESVAE (PyTorch .pth, or .safetensors), folds its batch normalization into the weights, quantizes " +
        "them, writes a .spk file and reports each layer's error. Nothing in the checkpoint is executed.",
    )
    .argument("<checkpoint>", "a .pth or .safetensors file")
    .requiredOption("--out <file.spk>", "the model file to write")
    .option(
      "--bits <8|6|5|4>",
      "bits of one weight of a spiking layer",
      weightBitsOption("--bits"),
      DEFAULT_BITS,
    )
    .option(
      "--encoder-bits <8|6|5|4>",
      "likewise in the encoder (default: as --bits)",
      weightBitsOption("--encoder-bits"),
    )
    .option("--no-encoder", "leave the encoder out: a device that only generates needs half the flash")
    .option("--name <name>", "the model's name, kept in the file (default: the file's name)")
    .option("--key <key>", "which of several networks in the checkpoint: its key, such as ema")
    .option(
      "--time-steps <n>",
      "time steps of a checkpoint that does not have their number",
      integerOption("--time-steps", { min: 1, max: 16, example: 16 }),
    )
    .option("--json", "print the report as JSON")
    .addHelpText("after", EXAMPLES)
    .action(importCheckpoint);
}

async function importCheckpoint(checkpoint: string, args: ImportArguments): Promise<void> {
  if (!args.out.endsWith(".spk")) {
    throw new SpikeletError("bad-option", `--out: found "${args.out}", expected a name that ends in .spk`);
  }
  const name = args.name ?? basename(args.out, ".spk");
  checkName(name);

  const bytes = await readInput(checkpoint, "checkpoint (.pth or .safetensors)", MAX_CHECKPOINT_BYTES);
  const { key, timeSteps } = args;
  const tensors = await about(checkpoint, () => readCheckpoint(bytes, key === undefined ? {} : { key }));
  const whole = await about(checkpoint, () =>
    readNetwork(tensors, { withoutPrior: true, ...(timeSteps !== undefined && { timeSteps }) }),
  );
  const network = args.encoder ? whole : { ...whole, encoder: [] };
  const { model, report } = await about(checkpoint, () =>
    quantizeNetwork(network, {
      bits: args.bits,
      encoderBits: args.encoderBits ?? args.bits,
      name,
    }),
  );
  const file = encodeModel(model);
  await prepareFolderOf(args.out);
  await replaceFile(args.out, file);

  if (args.json) {
    console.log(JSON.stringify({ name, path: args.out, bytes: file.length, ...report }, null, 2));
  } else {
    console.log(formatQuantization(network, report));
    console.log(`\n${args.out}: model ${name}, ${formatCount(file.length)} bytes`);
  }
  if (!hasPrior(tensors)) {
    process.stderr.write(
      "spikelet: the checkpoint has no prior (sample_layer), as an FSVAE or an autoencoder has none: " +
        `give the model priors with spikelet fit ${args.out} --data FOLDER --out ${args.out}\n`,
    );
  }
}

export function checkName(name: string): void {
  const length = Buffer.byteLength(name);
  if (length >= 1 && length <= NAME_BYTES && !/[\0\ufffd]/.test(name)) return;
  throw new SpikeletError(
    "bad-option",
    `--name: found "${name}" (${length} bytes), expected 1 to ${NAME_BYTES} bytes of UTF-8; give a shorter --name`,
  );
}

/** A table of the layers with their errors. */
export function formatQuantization(network: Network, report: QuantizationReport): string {
  const shapes = new Map(
    [...network.decoder, ...network.encoder].map((layer) => [layer.name, formatShape(layer)]),
  );
  return formatTable(
    [
      "layer",
      "shape",
      "bits",
      "weights",
      "bytes",
      "weight error",
      "input error",
      "widened channels",
      "potentials",
    ],
    report.layers.map((layer) => [
      layer.name,
      shapes.get(layer.name) ?? "",
      String(layer.bits),
      formatCount(layer.weights),
      formatCount(layer.bytes),
      formatMeasure(layer.relativeError),
      formatMeasure(layer.relativeOutputError),
      formatCount(layer.widenedChannels),
      `${layer.lowest} … ${layer.highest}`,
    ]),
  );
}

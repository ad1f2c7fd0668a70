import type { Command } from "commander";
import { decodeModel } from "../../src/model/file.js";
import { mixtures } from "../../src/model/mixture.js";
import { decoderLayerName, encoderLayerName, type IntegerLayer, type Model } from "../../src/model/model.js";
import { formatCount, formatMeasure } from "../../src/numbers.js";
import { type MemoryPlan, memoryPlan } from "../../src/runtime/memory-plan.js";
import { about } from "../input/input.js";
import { DEFAULT_MODEL, readModel } from "../input/model-file.js";
import { choiceOption } from "../options/options.js";
import { modelCrc32 } from "../output/run-description.js";
import { formatFacts, formatTable } from "../report/format.js";
import { formatShape } from "../report/layers.js";

interface InspectArguments {
  readonly build: "plain" | "simd";
  readonly json?: true;
}

/** What is said of one spiking layer. */
interface LayerFacts {
  readonly name: string;
  readonly kind: string;
  readonly shape: string;
  readonly bits: number;
  readonly bytes: number;
  readonly scale: { readonly min: number; readonly median: number; readonly max: number };
  readonly threshold: { readonly min: number; readonly max: number };
  readonly potential: { readonly lowest: number; readonly highest: number };
}

const EXAMPLES = `
Examples:
  spikelet inspect ${DEFAULT_MODEL}           a model that comes with Spikelet
  spikelet inspect digits.spk --json     a file, as JSON`;

export function addInspectCommand(program: Command): void {
  program
    .command("inspect")
    .summary("show what is in a model file, and the memory it needs")
    .description(
      "Shows a model's layers, bytes, scales and priors, and how its run is laid out in the core's linear memory: with " +
        "all weights resident, and with weights streamed from flash.",
    )
    .argument("[model]", "a .spk file, or the name of a model that comes with Spikelet", DEFAULT_MODEL)
    .option(
      "--build <plain|simd>",
      "which build of the core the memory plan is for",
      choiceOption("--build", ["plain", "simd"]),
      "plain",
    )
    .option("--json", "print all as JSON")
    .addHelpText("after", EXAMPLES)
    .action(inspect);
}

async function inspect(fileOrName: string, { build, json }: InspectArguments): Promise<void> {
  const { path, bytes } = await readModel(fileOrName);
  const model = await about(path, () => decodeModel(bytes));
  const resident = await about(path, () => memoryPlan(bytes, { weights: "resident", build }));
  const streamed = await about(path, () => memoryPlan(bytes, { weights: "streamed", build }));
  const facts = {
    name: model.name,
    path,
    bytes: bytes.length,
    crc32: modelCrc32(bytes),
    imageSize: model.imageSize,
    imageChannels: model.imageChannels,
    timeSteps: model.timeSteps,
    latentSize: model.latentSize,
    priors: mixtures(model.priors).map(({ name, components }) =>
      components.length > 1 ? `${name} (${components.length} components)` : name,
    ),
    decoder: model.decoder.map((layer, i) => layerFacts(decoderLayerName(i, model.decoder.length), layer)),
    encoder: model.encoder.map((layer, i) => layerFacts(encoderLayerName(i, model.encoder.length), layer)),
    memory: { build, resident, streamed },
  };
  console.log(json ? JSON.stringify(facts, null, 2) : formatModel(facts));
}

type ModelFacts = Omit<Model, "decoder" | "encoder" | "priors" | "readout"> & {
  readonly path: string;
  readonly bytes: number;
  readonly crc32: string;
  readonly priors: readonly string[];
  readonly decoder: readonly LayerFacts[];
  readonly encoder: readonly LayerFacts[];
  readonly memory: { readonly build: string; readonly resident: MemoryPlan; readonly streamed: MemoryPlan };
};

function layerFacts(name: string, layer: IntegerLayer): LayerFacts {
  const scales = layer.scale.toSorted();
  const thresholds = layer.threshold.toSorted();
  return {
    name,
    kind: layer.kind,
    shape: formatShape(layer),
    bits: layer.bits,
    bytes: (layer.weights.length * layer.bits) / 8,
    scale: { min: scales[0], median: scales[scales.length >> 1], max: scales[scales.length - 1] },
    threshold: { min: thresholds[0], max: thresholds[thresholds.length - 1] },
    potential: { lowest: layer.lowest, highest: layer.highest },
  };
}

function formatModel(facts: ModelFacts): string {
  const { imageSize, imageChannels, memory } = facts;
  const parts = [
    formatFacts([
      ["model", facts.name],
      ["file", `${facts.path}, ${formatCount(facts.bytes)} bytes, CRC-32 ${facts.crc32}`],
      [
        "images",
        `${imageSize}×${imageSize}, ${imageChannels} ${imageChannels === 1 ? "channel" : "channels"}`,
      ],
      ["time steps", `${facts.timeSteps} in training`],
      ["latent size", String(facts.latentSize)],
      ["priors", facts.priors.join(", ")],
    ]),
    `Decoder\n${formatLayers(facts.decoder)}`,
  ];
  if (facts.encoder.length > 0) parts.push(`Encoder\n${formatLayers(facts.encoder)}`);
  parts.push(`Memory, weights resident (${memory.build} build)\n${formatPlan(memory.resident)}`);
  parts.push(`Memory, weights streamed (${memory.build} build)\n${formatPlan(memory.streamed)}`);
  return parts.join("\n\n");
}

function formatLayers(layers: readonly LayerFacts[]): string {
  return formatTable(
    ["layer", "kind", "shape", "bits", "bytes", "scale min / median / max", "threshold", "potential"],
    layers.map(({ name, kind, shape, bits, bytes, scale, threshold, potential }) => [
      name,
      kind,
      shape,
      String(bits),
      formatCount(bytes),
      [scale.min, scale.median, scale.max].map(formatMeasure).join(" / "),
      `${threshold.min} … ${threshold.max}`,
      `${potential.lowest} … ${potential.highest}`,
    ]),
  );
}

function formatPlan({ pages, totalBytes, regions }: MemoryPlan): string {
  const table = formatTable(
    ["region", "offset", "bytes"],
    regions.map(({ name, offset, bytes }) => [name, formatCount(offset), formatCount(bytes)]),
  );
  return `${table}\n${formatCount(totalBytes)} bytes, ${pages} ${pages === 1 ? "page" : "pages"} of 64 KiB`;
}

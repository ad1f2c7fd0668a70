import { BLOCK_CHANNELS, HEADER_WEIGHTS_OFFSET, MAX_TIME_STEPS } from "../../assembly/core/format";
import * as memory from "../../assembly/core/memory";
import { outlineModel } from "../model/file.js";
import { decoderLayerName } from "../model/model.js";
import { Core, type LoadOptions, loadOptions } from "./core.js";

/** A place in the core's linear memory. */
export interface Region {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface MemoryPlan {
  /** 64 KiB pages of linear memory. */
  readonly pages: number;
  /** Bytes in use. */
  readonly totalBytes: number;
  /** By offset. Maps and weights of different layers share places. */
  readonly regions: readonly Region[];
}

/**
 * How the core would lay out its memory for a model, to generate images: without the encoder, and without a trace.
 * @param bytes - of a .spk file
 * @throws SpikeletError "bad-model", "unsupported-version" or "bad-option"
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { memoryPlan } from "spikelet";
 *
 * const { pages, regions } = await memoryPlan(await readFile("mine.spk"), { weights: "streamed" });
 * for (const { name, offset, bytes } of regions) console.log(offset, bytes, name);
 * ```
 */
export async function memoryPlan(
  bytes: Uint8Array,
  options: Pick<LoadOptions, "build" | "weights"> = {},
): Promise<MemoryPlan> {
  const { build, weights } = loadOptions(options);
  const model = outlineModel(bytes);
  const core = await Core.open(bytes, { build, weights });
  const layers = model.decoder.length;
  const planned = (address: number) => core.words[address / 4];
  const regions: Region[] = [
    { name: "header, plan, ledger and work space", offset: 0, bytes: memory.ARENA },
    { name: "readout", offset: memory.READOUT, bytes: core.imageAddress - memory.READOUT },
    { name: "image", offset: core.imageAddress, bytes: planned(memory.PLAN_FRONT) - core.imageAddress },
  ];
  if (weights === "resident") {
    const bytesInFront = planned(memory.HEADER + HEADER_WEIGHTS_OFFSET);
    regions.push({ name: "priors and parameters", offset: planned(memory.PLAN_FRONT), bytes: bytesInFront });
  }
  model.decoder.forEach((layer, i) => {
    const name = decoderLayerName(i, layers);
    regions.push({
      name: `spikes into ${name}`,
      offset: core.mapAddress(i),
      bytes: MAX_TIME_STEPS * core.layerWord(i, memory.LAYER_STEP_BYTES),
    });
    const isSplit = core.layerWord(i, memory.LAYER_SUMS_STEP) > 0;
    const taps = layer.kind === "linear" ? 1 : weights === "resident" ? 9 : isSplit ? 2 : 4;
    const blocks = weights === "resident" ? layer.outChannels / BLOCK_CHANNELS : 1;
    regions.push({
      name: `weighted inputs of ${name}`,
      offset: core.layerWord(i, memory.LAYER_SUMS),
      bytes: memory.SUMS_BYTES * (isSplit ? layer.inputSize ** 2 : 1),
    });
    regions.push({
      name: weights === "resident" ? `weights of ${name}` : `weights of ${name}, a pass at a time`,
      offset: core.layerWord(i, memory.LAYER_UNPACKED),
      bytes: taps * blocks * memory.tapBytes(layer.inChannels),
    });
  });
  regions.sort((a, b) => a.offset - b.offset);
  return { pages: core.pages, totalBytes: planned(memory.PLAN_BYTES), regions };
}

import * as format from "../../assembly/core/format";
import * as memory from "../../assembly/core/memory";
import { SpikeletError } from "../../src/errors.js";
import { outlineModel } from "../../src/model/file.js";
import { FIRMWARE_SOURCES } from "../generated/firmware-sources.js";
import type { FirmwareTarget } from "./targets.js";

/** Bytes of stack that the linker script sets aside; the deepest call takes less than half of them (test/firmware-sim/firmware-folder.test.ts). */
const STACK_BYTES = 2048;

/** Places in the model file and in the core's memory that generator.c knows, by the names that both compilers read. */
function memoryMap(): string {
  const constants = {
    HEADER_BYTES: format.HEADER_BYTES,
    HEADER_IMAGE_SIZE: format.HEADER_IMAGE_SIZE,
    HEADER_IMAGE_CHANNELS: format.HEADER_IMAGE_CHANNELS,
    HEADER_TIME_STEPS: format.HEADER_TIME_STEPS,
    HEADER_DECODER_LAYERS: format.HEADER_DECODER_LAYERS,
    HEADER_PRIORS: format.HEADER_PRIORS,
    LAYER_BYTES: format.LAYER_BYTES,
    LAYER_OUT_CHANNELS: format.LAYER_OUT_CHANNELS,
    LAYER_PARAMETERS: format.LAYER_PARAMETERS,
    LAYER_WEIGHTS: format.LAYER_WEIGHTS,
    LAYER_WEIGHTS_LENGTH: format.LAYER_WEIGHTS_LENGTH,
    SEED: memory.SEED,
    IMAGE_INDEX: memory.IMAGE_INDEX,
    PLAN_IMAGE: memory.PLAN_IMAGE,
    LEDGER_FETCHED: memory.LEDGER_FETCHED,
  };
  const lines = Object.entries(constants).map(([name, value]) => `  ${name} = ${value},`);
  return [
    "/* Places in the .spk file (HEADER and LAYER) and in the core's memory, in bytes. */",
    "#ifndef MEMORY_MAP_H",
    "#define MEMORY_MAP_H",
    "",
    "enum {",
    ...lines,
    "};",
    "",
    "#endif",
    "",
  ].join("\n");
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, "0")}`;
}

function settings(target: FirmwareTarget, modelName: string, modelBytes: number): Record<string, string> {
  const timer = target.timer === undefined ? "" : ` -DTIMER_ADDRESS=${hex(target.timer)}`;
  return {
    TARGET: target.name,
    NOTE: target.note ? `\n\n${target.note}` : "",
    MODEL_NAME: modelName,
    MODEL_BYTES: modelBytes.toLocaleString("en-US"),
    PREFIX: target.prefix,
    TARGET_FLAGS: target.flags,
    BOARD: `-DBOARD_TICK=${target.tick}${timer}`,
    QEMU: target.qemu,
    ENTRY: target.entry,
    FLASH_START: hex(target.flash.start),
    FLASH_BYTES: String(target.flash.bytes),
    RAM_START: hex(target.ram.start),
    RAM_BYTES: String(target.ram.bytes),
    STACK_BYTES: String(STACK_BYTES),
  };
}

/**
 * The files of a firmware that draws images from a model: the core as C, a board, a linker script and a Makefile. They compile
 * with a stock cross compiler and no C library.
 * @param model - a .spk file
 * @returns contents by path, with / between folders
 * @throws SpikeletError "bad-model" or "unsupported-version"; "bad-option" for a model that does not fit the target's flash
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { deviceModel, firmwareFiles, firmwareTarget } from "spikelet/simulator";
 *
 * const model = deviceModel(await readFile("mine.spk"));
 * for (const [path, bytes] of firmwareFiles(model, firmwareTarget("cortex-m4"))) console.log(path, bytes.length);
 * ```
 */
export function firmwareFiles(model: Uint8Array, target: FirmwareTarget): Map<string, Uint8Array> {
  const { name } = outlineModel(model);
  const room = target.flash.bytes - 65536;
  if (model.length > room) {
    throw new SpikeletError(
      "bad-option",
      `the model has ${model.length} bytes; the board of ${target.name} has room for ${room}`,
    );
  }
  const values = settings(target, name, model.length);
  const fill = (text: string) =>
    text.replace(/@([A-Z_]+)@/g, (placeholder, key: string) => values[key] ?? placeholder);
  const encoder = new TextEncoder();
  const files = new Map<string, Uint8Array>();
  for (const [path, text] of Object.entries(FIRMWARE_SOURCES)) files.set(path, encoder.encode(fill(text)));
  files.set("memory-map.h", encoder.encode(memoryMap()));
  files.set("model.spk", model);
  return files;
}

import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { machineInstructions } from "../../firmware-sim/cost/engines.js";
import { isPriced } from "../../firmware-sim/cost/estimate.js";
import { deviceModel } from "../../firmware-sim/firmware/device-model.js";
import { firmwareFiles } from "../../firmware-sim/firmware/files.js";
import { writeFolder } from "../../firmware-sim/firmware/folder.js";
import { type FirmwareRun, runFolder } from "../../firmware-sim/firmware/qemu.js";
import {
  FIRMWARE_TARGETS,
  type FirmwareTarget,
  firmwareTarget,
} from "../../firmware-sim/firmware/targets.js";
import { CountedCore, type CountedImage } from "../../firmware-sim/wasm/counted-core.js";
import { addKinds } from "../../firmware-sim/wasm/instruction-kinds.js";
import { SpikeletError } from "../../src/errors.js";
import { formatCount } from "../../src/numbers.js";
import { about } from "../input/input.js";
import { DEFAULT_MODEL, readModel } from "../input/model-file.js";
import { integerOption } from "../options/options.js";
import { classOption } from "../options/priors.js";
import { partialPath, prepareFolderOf, writing } from "../output/output.js";
import { formatFacts, formatTable } from "../report/format.js";

interface FirmwareArguments {
  readonly target: string;
  readonly out: string;
  readonly priors?: readonly string[];
  readonly run?: true;
  readonly seed: number;
  readonly json?: true;
}

const TARGET_NAMES = FIRMWARE_TARGETS.map(({ name }) => name).join(", ");

const EXAMPLES = `
Examples:
  spikelet firmware --target cortex-m4 --out firmware            every prior of the model
  spikelet firmware --target rv32 --priors 0,1,8 --out firmware  three of them, and less flash
  spikelet firmware --target cortex-m4 --out firmware --run      compile it and count its instructions in QEMU`;

export function addFirmwareCommand(program: Command): void {
  program
    .command("firmware")
    .summary("write a firmware folder for a microcontroller")
    .description(
      "Writes a folder that a stock cross compiler turns into firmware: the core as C, the model, a board, a linker script, " +
        "start-up code and a Makefile. It draws the same bits as `spikelet generate`. The model's encoder is left out.",
    )
    .argument("[model]", "a .spk file, or the name of a model that comes with Spikelet", DEFAULT_MODEL)
    .requiredOption("--target <name>", `the processor: ${TARGET_NAMES}`)
    .requiredOption("--out <folder>", "the folder to write; it must not be there, or be empty")
    .option("--priors <names>", "priors to keep, with commas; the first is the default one", classOption)
    .option(
      "--run",
      "compile it, run it in QEMU, and compare it with the Wasm and with the simulator's estimate",
    )
    .option(
      "--seed <n>",
      "which image --run draws",
      integerOption("--seed", { min: 0, max: 2 ** 32 - 1, example: 7 }),
      1,
    )
    .option("--json", "print the summary as JSON")
    .addHelpText("after", EXAMPLES)
    .action(writeFirmware);
}

async function writeFirmware(fileOrName: string, options: FirmwareArguments): Promise<void> {
  const target = firmwareTarget(options.target);
  const { path, bytes } = await readModel(fileOrName);
  const model = await about(path, () => deviceModel(bytes, options.priors));
  const files = await about(path, () => firmwareFiles(model, target));
  await placeFolder(options.out, files);
  const run = options.run && (await runFolder(options.out, target, { seed: options.seed }));
  const summary = {
    folder: options.out,
    target: target.name,
    files: files.size,
    modelBytes: model.length,
    ...(run ? { run: compare(run, target, new CountedCore(model).draw(options.seed, 0)) } : {}),
  };
  console.log(options.json ? JSON.stringify(summary, null, 2) : formatSummary(summary));
}

/** Writes the folder aside and then renames it. */
async function placeFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const place = resolve(folder);
  const found = await stat(place).catch(() => undefined);
  if (found && (!found.isDirectory() || (await readdir(place)).length > 0)) {
    throw new SpikeletError(
      "bad-option",
      `--out: ${folder} is there and not an empty folder; choose another name or remove it`,
    );
  }
  await prepareFolderOf(place);
  const partial = partialPath(place);
  await writing(folder, async () => {
    try {
      await rm(partial, { recursive: true, force: true });
      await mkdir(partial);
      await writeFolder(partial, files);
      if (found) await rm(place, { recursive: true });
      await rename(partial, place);
    } catch (error) {
      await rm(partial, { recursive: true, force: true }).catch(() => {});
      throw error;
    }
  });
}

/** What QEMU found, beside the same image in Wasm and the instructions that the simulator expects. */
function compare({ size, images, display }: FirmwareRun, target: FirmwareTarget, wasm: CountedImage) {
  const [image] = images;
  const pixels = display.subarray(display.length - wasm.pixels.length);
  const estimate = machineInstructions(
    "wasm2c",
    target.name,
    wasm.stages.map((stage) => stage.instructions).reduce(addKinds),
  );
  return {
    sameBits: Buffer.from(pixels).equals(wasm.pixels),
    codeBytes: size.code,
    ramBytes: size.data + size.stack,
    stackUsed: image.stackUsed,
    instructions: image.instructions,
    estimatedInstructions: isPriced(estimate) ? Math.round(estimate.value) : null,
    stages: wasm.stages.map(({ name }, i) => ({ name, instructions: image.stages[i] })),
  };
}

interface Summary {
  readonly folder: string;
  readonly target: string;
  readonly files: number;
  readonly modelBytes: number;
  readonly run?: ReturnType<typeof compare>;
}

function formatSummary({ folder, target, files, modelBytes, run }: Summary): string {
  const written = `${folder}: ${files} files for ${target}, with a model of ${formatCount(modelBytes)} bytes.`;
  if (!run) return `${written}\nCompile it with \`make -C ${folder}\`; ${folder}/README.md tells more.`;
  const { instructions, estimatedInstructions: estimate } = run;
  const error =
    estimate === null ? "" : `, estimated ${formatCount(estimate)} (${percent(estimate / instructions - 1)})`;
  return [
    written,
    formatFacts([
      ["bits", run.sameBits ? "the same as in Wasm" : "NOT those of the Wasm core"],
      ["flash", `${formatCount(run.codeBytes)} bytes of code, ${formatCount(modelBytes)} of model (ELF)`],
      [
        "RAM",
        `${formatCount(run.ramBytes)} bytes, of them a stack of which ${formatCount(run.stackUsed)} were used`,
      ],
      ["instructions", `${formatCount(instructions)} an image, counted in QEMU${error}`],
    ]),
    formatTable(
      ["stage", "instructions"],
      run.stages.map((stage) => [stage.name, formatCount(stage.instructions)]),
    ),
  ].join("\n\n");
}

function percent(ratio: number): string {
  return `${ratio < 0 ? "−" : "+"}${Math.abs(100 * ratio).toFixed(1)} %`;
}

import { type Command, Option } from "commander";
import { cycles, ENGINES, type Engine, engineCosts } from "../../firmware-sim/cost/engines.js";
import { type Estimate, isPriced } from "../../firmware-sim/cost/estimate.js";
import { findDevice, listDevices, readDevice } from "../../firmware-sim/devices/catalog.js";
import type { Microcontroller } from "../../firmware-sim/devices/device.js";
import { deviceModel } from "../../firmware-sim/firmware/device-model.js";
import type { Frame } from "../../firmware-sim/simulator/frames.js";
import {
  describePlace,
  describeRead,
  type PowerLoss,
  type Simulation,
  simulate,
} from "../../firmware-sim/simulator/simulator.js";
import { type KindCounts, sumOfKinds } from "../../firmware-sim/wasm/instruction-kinds.js";
import { SpikeletError } from "../../src/errors.js";
import { FIRMWARE_HEX } from "../../src/generated/wasm.js";
import { outlineModel } from "../../src/model/file.js";
import { formatCount, formatMeasure } from "../../src/numbers.js";
import { decodeHex } from "../../src/runtime/core.js";
import { about, readInput } from "../input/input.js";
import { DEFAULT_MODEL, readModel } from "../input/model-file.js";
import { checkIndexRange, choiceOption, integerOption } from "../options/options.js";
import { checkPrior } from "../options/priors.js";
import { countOption, seedOption, startOption } from "../options/shared-options.js";
import { drawGrid, stripLayout } from "../output/grid.js";
import { prepareFolderOf, replaceFile } from "../output/output.js";
import { checkEnding } from "../output/output-format.js";
import { drawAsText } from "../output/terminal-picture.js";
import { formatFacts } from "../report/format.js";

interface SimulateArguments {
  readonly device: string;
  readonly count: number;
  readonly seed: bigint;
  readonly start: bigint;
  readonly prior?: string;
  readonly class?: string;
  readonly firmware?: string;
  readonly fuel?: number;
  readonly powerLoss?: PowerLoss;
  readonly engine: Engine;
  readonly cyclesPerInstruction?: number;
  readonly out?: string;
  readonly json?: true;
}

const MOST_FIRMWARE_BYTES = 16 * 2 ** 20;
const MOST_DEVICE_BYTES = 2 ** 20;
/** Instructions that an image may take, and as many for the start; an MNIST image at full size takes 55 million. */
const FUEL_PER_IMAGE = 1e9;

const EXAMPLES = `
Examples:
  spikelet simulate                                    one digit on an nRF52840
  spikelet simulate --device rp2040 --class 7 --count 2
  spikelet simulate digits.spk --device my-board.json --out digits.png
  spikelet simulate --firmware mine.wasm --fuel 500000000
  spikelet simulate --count 3 --power-loss frames:1    the plug is pulled after one image

The firmware is a WASI preview 1 command; docs/firmware-wasi.md says what it finds on a device. Device time is simulated:
executed Wasm instructions, counted exactly, times the cycles of each kind on that engine and processor.`;

export function addSimulateCommand(program: Command): void {
  program
    .command("simulate")
    .summary("boot the firmware on a simulated device")
    .description(
      "Boots the firmware on a simulated microcontroller with a model in its flash, and shows the pictures that it sent to its " +
        "display, its telemetry and the device's time.",
    )
    .argument("[model]", "a .spk file, or the name of a model that comes with Spikelet", DEFAULT_MODEL)
    .option("--device <name|file>", "a microcontroller, or a file that describes one", "nrf52840")
    .addOption(countOption("how many images").default(1))
    .addOption(seedOption("another seed, other images"))
    .addOption(startOption("index of the first image"))
    .option("--prior <name>", "which of the model's priors gives the firing rates (default: its first)")
    .addOption(new Option("--class <name>", "images of a class").conflicts("prior"))
    .option("--firmware <file>", "another firmware: a WASI preview 1 command, as .wasm")
    .option(
      "--fuel <n>",
      "instructions after which a firmware that still runs is stopped (default: a billion an image)",
      integerOption("--fuel", { min: 1, max: Number.MAX_SAFE_INTEGER, example: 1_000_000_000 }),
    )
    .option(
      "--power-loss <when>",
      "power is lost after so many instructions, or after frames:<n>",
      powerLossOption,
    )
    .option(
      "--engine <wasm2c|wasm3>",
      "how the device runs Wasm: compiled ahead of time, or interpreted",
      choiceOption("--engine", ENGINES),
      "wasm2c",
    )
    .option(
      "--cycles-per-instruction <n>",
      "cycles that a Wasm instruction takes, instead of the engine's table",
      cyclesOption,
    )
    .option("--out <path>", "save the pictures: .png side by side, .pgm or .ppm as the display got them")
    .option("--json", "print all as JSON")
    .addHelpText("after", EXAMPLES)
    .action(run);
}

function powerLossOption(text: string): PowerLoss {
  const found = /^(frames:)?(\d{1,15})$/.exec(text);
  if (found) return found[1] ? { frames: Number(found[2]) } : { instructions: Number(found[2]) };
  throw new SpikeletError(
    "bad-option",
    `--power-loss: found "${text}", expected a number of instructions or of frames; for example --power-loss 30000000 or --power-loss frames:1`,
  );
}

function cyclesOption(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1e6) return value;
  throw new SpikeletError(
    "bad-option",
    `--cycles-per-instruction: found "${text}", expected a number above 0; for example --cycles-per-instruction 1.5`,
  );
}

async function run(fileOrName: string, args: SimulateArguments): Promise<void> {
  checkIndexRange(args.start, args.count);
  const ending =
    args.out === undefined ? undefined : checkEnding(args.out, [".png", ".pgm", ".ppm"] as const);
  const device = await chooseDevice(args.device);
  const { path, bytes } = await readModel(fileOrName);
  const outline = await about(path, () => outlineModel(bytes));
  const prior = args.class ?? args.prior;
  if (prior !== undefined) {
    const names = [...new Set(outline.priors.map(({ name }) => name))];
    checkPrior(`--${args.class === undefined ? "prior" : "class"}: found "${prior}"`, prior, names);
  }
  const firmware = args.firmware
    ? await readInput(args.firmware, "firmware (.wasm)", MOST_FIRMWARE_BYTES)
    : decodeHex(FIRMWARE_HEX);
  if (args.out !== undefined) await prepareFolderOf(args.out);

  const cost = engineCosts(args.engine, device);
  const simulation = await simulate(firmware, {
    device,
    ...(cost && { engineCodeBytes: cost.codeBytes, otherRamBytes: cost.ramBytes }),
    model: await about(path, () => deviceModel(bytes)),
    args: [
      String(args.seed),
      String(args.count),
      String(args.start),
      ...(prior === undefined ? [] : [prior]),
    ],
    cycles: (executed) => pricedCycles(executed, device, args).value,
    fuel: args.fuel ?? FUEL_PER_IMAGE * (args.count + 1),
    ...(args.powerLoss && { faults: { powerLoss: args.powerLoss } }),
  });
  if (args.out !== undefined && simulation.frames.length > 0) {
    await replaceFile(args.out, ending === ".png" ? strip(simulation.frames) : simulation.display);
  }
  console.log(args.json ? json(simulation, device, args) : text(simulation, device, args));
  checkOutcome(simulation);
}

async function chooseDevice(nameOrFile: string): Promise<Microcontroller> {
  const device = nameOrFile.endsWith(".json")
    ? readDevice(
        new TextDecoder().decode(await readInput(nameOrFile, "device file", MOST_DEVICE_BYTES)),
        nameOrFile,
      )
    : findDevice(nameOrFile);
  if (device.family === "microcontroller") return device;
  const ids = listDevices().flatMap(({ family, id }) => (family === "microcontroller" ? [id] : []));
  throw new SpikeletError(
    "bad-option",
    `--device: found "${nameOrFile}", which runs no Wasm; expected a microcontroller: ${ids.join(", ")}`,
  );
}

function strip(frames: readonly Frame[]): Uint8Array {
  const [{ width, height, channels }] = frames;
  if (width !== height || frames.some((frame) => frame.width !== width || frame.channels !== channels)) {
    throw new SpikeletError(
      "bad-option",
      "--out: the pictures are not squares of one size, which .png needs; save them as .pgm",
    );
  }
  const shape = { imageSize: width, imageChannels: channels };
  return drawGrid(
    frames.map(({ pixels }) => pixels),
    shape,
    stripLayout(frames.length),
  );
}

/** How the run ended, in words. */
function ending({ outcome, instructions, frames, flash }: Simulation): string {
  const count = `${formatCount(frames.length)} whole frame${frames.length === 1 ? "" : "s"}`;
  switch (outcome.kind) {
    case "finished": {
      const past = flash.pastEnd ? `; it read past the end of flash: ${describeRead(flash.pastEnd)}` : "";
      return `the firmware ended with exit code ${outcome.exitCode} after ${count}${past}`;
    }
    case "power lost":
      return `power was lost after ${formatCount(sumOfKinds(instructions))} instructions and ${count}`;
    case "trapped":
      return `the firmware trapped (${outcome.reason}) ${describePlace(outcome.place, instructions)}`;
    case "out of fuel":
      return `the firmware was still running when its fuel of ${formatCount(outcome.fuel)} instructions was spent: ${describePlace(outcome.place, instructions)}`;
  }
}

/** Throws for a run that no fault of the user's own making ended before its time. */
function checkOutcome(simulation: Simulation): void {
  const { outcome, uart } = simulation;
  if (outcome.kind === "power lost" || (outcome.kind === "finished" && outcome.exitCode === 0)) return;
  const lastWords = outcome.kind === "finished" && uart.length > 0 ? `; its last words: ${uart.at(-1)}` : "";
  throw new SpikeletError("firmware-failed", `${ending(simulation)}${lastWords}`);
}

/** Cycles of a run, with where they come from. */
function pricedCycles(executed: KindCounts, device: Microcontroller, args: SimulateArguments) {
  const { engine, cyclesPerInstruction } = args;
  const estimate: Estimate =
    cyclesPerInstruction === undefined
      ? cycles(engine, device, executed)
      : {
          value: sumOfKinds(executed) * cyclesPerInstruction,
          unit: "cycles",
          grade: "derived",
          basis: "simulated",
          sources: ["--cycles-per-instruction"],
          note: `${cyclesPerInstruction} for each Wasm instruction`,
        };
  if (isPriced(estimate)) return estimate;
  throw new SpikeletError(
    "bad-option",
    `--device ${device.id}: how long a Wasm instruction takes there is not known: ${estimate.notPriced}; give --cycles-per-instruction`,
  );
}

function text(simulation: Simulation, device: Microcontroller, args: SimulateArguments): string {
  const { frames, uart, instructions, seconds, need, flash } = simulation;
  const { value, basis, note, grade, sources } = pricedCycles(instructions, device, args);
  const { isTTY, columns = 80 } = process.stdout;
  const facts = formatFacts([
    ["device", `${device.name}, ${device.core} at ${formatMeasure(device.clock.value)} MHz`],
    ["flash", `${formatCount(need.flashBytes)} of ${formatCount(device.flash.value)} bytes`],
    [
      "RAM",
      `${formatCount(need.ramBytes)} of ${formatCount(device.ram.value)} bytes, with ${need.wasmPages} Wasm page${need.wasmPages === 1 ? "" : "s"}`,
    ],
    ["flash reads", `${formatCount(flash.reads)} of ${formatCount(flash.bytes)} bytes in all`],
    ["executed", `${formatCount(sumOfKinds(instructions))} Wasm instructions (counted)`],
    [
      "cycles",
      `${formatCount(value)} (${[basis, grade === "weak" && "weak", note].filter(Boolean).join("; ")})`,
    ],
    ["device time", `${formatMeasure(seconds)} s (${basis})`],
    ["end", ending(simulation)],
    ...sources.map((source, i) => [i === 0 ? "sources" : "", source] as const),
  ]);
  return [drawAsText(frames, columns, isTTY === true), uart.join("\n"), facts]
    .filter((part) => part !== "")
    .join("\n\n");
}

function json(simulation: Simulation, device: Microcontroller, args: SimulateArguments): string {
  const { frames, uart, instructions, seconds, need, flash, outcome } = simulation;
  const priced = pricedCycles(instructions, device, args);
  const summary = {
    device: device.id,
    outcome,
    frames: frames.length,
    ...(args.out !== undefined && frames.length > 0 && { output: args.out }),
    uart,
    instructions: { total: sumOfKinds(instructions), ...instructions },
    engine: args.engine,
    cycles: priced,
    seconds: { value: seconds, basis: priced.basis },
    flash,
    need,
  };
  return JSON.stringify(summary, null, 2);
}

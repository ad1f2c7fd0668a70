import { type Command, Option } from "commander";
import { MAX_TIME_STEPS } from "../../assembly/core/format";
import { WEIGHT_BITS, type WeightBits } from "../../src/model/model.js";
import type { Build } from "../../src/runtime/core.js";
import { DEFAULT_MODEL } from "../input/model-file.js";
import { choiceOption, integerOption, u64Option } from "./options.js";

/** Which model runs, and how. */
export interface CoreArguments {
  readonly model: string;
  readonly timeSteps?: number;
  readonly threads?: number;
  readonly build?: Build;
  readonly streamed?: true;
  readonly json?: true;
}

export function modelOption(): Option {
  return new Option(
    "--model <file|name>",
    "a .spk file, or the name of a model that comes with Spikelet",
  ).default(DEFAULT_MODEL);
}

/** The most images that any output takes: IDX counts them in 32 bits. */
const MAX_COUNT = 2 ** 32 - 1;

export function countOption(description: string): Option {
  return new Option("--count <n>", description).argParser(
    integerOption("--count", { min: 1, max: MAX_COUNT, example: 100 }),
  );
}

export function seedOption(description: string): Option {
  return u64(new Option("--seed <n>", description), "--seed");
}

export function startOption(description: string): Option {
  return u64(new Option("--start <n>", description), "--start");
}

/** A parser for commander that takes a number of time steps. */
export function timeStepsOption(): (text: string) => number {
  return integerOption("--time-steps", { min: 1, max: MAX_TIME_STEPS, example: 8 });
}

/** A parser for commander that takes the bits of a weight. */
export function weightBitsOption(flag: string): (text: string) => WeightBits {
  const parse = choiceOption(flag, WEIGHT_BITS.map(String));
  return (text) => Number(parse(text)) as WeightBits;
}

function u64(option: Option, flag: string): Option {
  return option.default(0n, "0").argParser(u64Option(flag));
}

export function threadsOption(): Option {
  return new Option(
    "--threads <n>",
    "worker threads (default: 1 for few images, else one per processor)",
  ).argParser(integerOption("--threads", { min: 1, max: 256, example: 2 }));
}

/** Adds what every command that runs a core has. */
export function addCoreOptions(command: Command): Command {
  return command
    .option(
      "--time-steps <n>",
      `steps of the spike trains, 1 to ${MAX_TIME_STEPS}; fewer are faster and coarser (default: as the model was trained)`,
      timeStepsOption(),
    )
    .addOption(threadsOption())
    .option(
      "--build <plain|simd>",
      "which build of the core (default: simd where it runs)",
      choiceOption("--build", ["plain", "simd"]),
    )
    .option("--streamed", "read the weights piece by piece, as a microcontroller does from flash")
    .option("--json", "print the summary as JSON");
}

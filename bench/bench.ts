// The benchmark: `npm run bench -- [OPTIONS]`. docs/performance.md says what it does and how to read it.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { plotFiring, printFiring, sweepFiring } from "./firing.js";
import { countInstructions, printInstructions } from "./instructions.js";
import { printLayers, timeLayers } from "./layers.js";
import { measureMemory, printMemory } from "./memory-use.js";
import { openSetting } from "./setting.js";
import { measureSpeed, printSpeed, type SpeedResult, speedTable } from "./speed.js";
import { measureStartup, printStartup } from "./startup.js";

const HELP = `Usage: npm run bench -- [SECTION ...] [OPTIONS]

Sections; all of them if none is named:
  --speed            images a second, beside ONNX Runtime on the same latents
  --layers           where time goes, layer by layer
  --instructions     executed Wasm instructions for a synaptic operation
  --firing           time against firing rate
  --memory           linear memory, and what an image allocates
  --startup          from import to first image

Options:
  --model FILE       model to run (models/esvae-mnist.spk)
  --onnx PREFIX      dense networks PREFIX1.onnx and PREFIX16.onnx, or "built" to make them from the model's weights
                     (the reference data's if they lie beside the repository, otherwise built)
  --seed N           seed of the latents (1)
  --images N         latents that each round decodes, a multiple of 16 (16)
  --rounds N         rounds of everything that is timed (15)
  --threads N        threads of the runs on all cores (all cores)
  --json FILE        where the figures go (bench/results.json)
  --plot FILE        where the plot of --firing goes (bench/firing-rate.svg)
  --markdown [FILE]  prints the README's table from a finished run's figures and measures nothing
  --help             shows this`;

const flag = { type: "boolean", default: false } as const;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    speed: flag,
    layers: flag,
    instructions: flag,
    firing: flag,
    memory: flag,
    startup: flag,
    markdown: flag,
    help: flag,
    model: { type: "string", default: "models/esvae-mnist.spk" },
    onnx: { type: "string" },
    seed: { type: "string", default: "1" },
    images: { type: "string", default: "16" },
    rounds: { type: "string", default: "15" },
    threads: { type: "string", default: String(availableParallelism()) },
    json: { type: "string", default: "bench/results.json" },
    plot: { type: "string", default: "bench/firing-rate.svg" },
  },
});

function integerOption(name: "seed" | "images" | "rounds" | "threads", least: number): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new Error(`--${name} is ${values[name]}; expected an integer of at least ${least}.`);
}

function print(title: string, text: string): void {
  console.log(`\n## ${title}\n\n${text}`);
}

async function measure(): Promise<void> {
  const seed = integerOption("seed", 0);
  const images = integerOption("images", 16);
  const rounds = integerOption("rounds", 1);
  const threads = integerOption("threads", 1);
  if (images % 16) throw new Error(`--images is ${images}; expected a multiple of 16, the larger batch.`);
  const everything = !["speed", "layers", "instructions", "firing", "memory", "startup"].some(
    (section) => values[section as "speed"],
  );
  const wants = (section: "speed" | "layers" | "instructions" | "firing" | "memory" | "startup") =>
    everything || values[section];
  const setting = openSetting(values.model, values.onnx);
  const results: Record<string, unknown> = {
    date: new Date().toISOString(),
    machine: {
      processor: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      platform: `${process.platform} ${process.arch}`,
      node: process.version,
    },
    model: values.model,
  };
  console.log(
    `${cpus()[0]?.model}, ${availableParallelism()} cores; Node ${process.version}; ${values.model}`,
  );

  if (wants("speed")) {
    const speed = await measureSpeed(setting, { seed, images, rounds, threads });
    results.speed = speed;
    print("Speed", printSpeed(speed));
  }
  if (wants("layers")) {
    const layers = await timeLayers(setting, seed, rounds);
    results.layers = layers;
    print("Layers", printLayers(layers));
  }
  if (wants("instructions")) {
    const instructions = await countInstructions(setting, images, seed);
    results.instructions = instructions;
    print("Instructions", printInstructions(instructions));
  }
  if (wants("firing")) {
    const firing = await sweepFiring(setting, seed, rounds);
    results.firing = firing;
    writeFileSync(values.plot, plotFiring(firing));
    print("Firing rate", `${printFiring(firing)}\n\nPlot: ${values.plot}`);
  }
  if (wants("memory")) {
    const memory = await measureMemory(setting);
    results.memory = memory;
    print("Memory", printMemory(memory));
  }
  if (wants("startup")) {
    const startup = await measureStartup(values.model, rounds);
    results.startup = startup;
    print("Start-up", printStartup(startup));
  }
  writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nFigures: ${values.json}`);
}

/** The README's table, and what it was measured on. */
function markdown(file: string): string {
  const { machine, speed } = JSON.parse(readFileSync(file, "utf8")) as {
    machine: { processor: string; cores: number; node: string };
    speed?: SpeedResult;
  };
  if (!speed) throw new Error(`${file} has no figures of --speed.`);
  const { versions, options, onnx } = speed;
  return [
    speedTable(speed),
    `${machine.processor}, ${machine.cores} cores, Node ${machine.node}, ONNX Runtime ${versions["onnxruntime-node"]}; ` +
      `${options.images} latents, ${options.rounds} rounds; dense network: ${onnx}.`,
  ].join("\n\n");
}

try {
  if (values.help) console.log(HELP);
  else if (values.markdown) console.log(markdown(positionals[0] ?? values.json));
  else await measure();
  // ONNX Runtime's threads would keep the process.
  process.exit(0);
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}

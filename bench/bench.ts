// The benchmark: `npm run bench -- [OPTIONS]`. docs/performance.md says what it does and how to read it.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { checkAgreement } from "./agreement.js";
import { plotFiring, printFiring, sweepFiring } from "./firing.js";
import { countInstructions, printInstructions } from "./instructions.js";
import { printLayers, timeLayers } from "./layers.js";
import { measureMemory, printMemory } from "./memory-use.js";
import { openSetting, type Setting } from "./setting.js";
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
  --onnx PREFIX      dense networks PREFIX1.onnx and PREFIX16.onnx (otherwise they are made from the model's weights)
  --seed N           seed of the latents (1)
  --images N         latents that each round decodes, a multiple of 16 (16)
  --rounds N         rounds of everything that is timed (15)
  --threads N        threads of the runs on all cores (all cores)
  --json FILE        where the figures go (bench/results.json)
  --plot FILE        where the plot of --firing goes (bench/firing-rate.svg)
  --markdown [FILE]  prints the README's table from a finished run's figures and measures nothing
  --help             shows this`;

const SECTION_NAMES = ["speed", "layers", "instructions", "firing", "memory", "startup"] as const;
type SectionName = (typeof SECTION_NAMES)[number];

interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
}

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

interface Section {
  readonly title: string;
  /** The figures, and what is printed of them. */
  measure(): Promise<{ figures: unknown; text: string }>;
}

function sectionsOf(setting: Setting): Readonly<Record<SectionName, Section>> {
  const seed = integerOption("seed", 0);
  const images = integerOption("images", 16);
  const rounds = integerOption("rounds", 1);
  const threads = integerOption("threads", 1);
  if (images % 16) throw new Error(`--images is ${images}; expected a multiple of 16, the larger batch.`);
  return {
    speed: {
      title: "Speed",
      async measure() {
        const figures = await measureSpeed(setting, { seed, images, rounds, threads });
        return { figures, text: printSpeed(figures) };
      },
    },
    layers: {
      title: "Layers",
      async measure() {
        const figures = await timeLayers(setting, seed, rounds);
        return { figures, text: printLayers(figures) };
      },
    },
    instructions: {
      title: "Instructions",
      async measure() {
        const figures = await countInstructions(setting, images, seed);
        return { figures, text: printInstructions(figures) };
      },
    },
    firing: {
      title: "Firing rate",
      async measure() {
        const figures = await sweepFiring(setting, seed, rounds);
        writeFileSync(values.plot, plotFiring(figures));
        return { figures, text: `${printFiring(figures)}\n\nPlot: ${values.plot}` };
      },
    },
    memory: {
      title: "Memory",
      async measure() {
        const figures = await measureMemory(setting);
        return { figures, text: printMemory(figures) };
      },
    },
    startup: {
      title: "Start-up",
      async measure() {
        const figures = await measureStartup(setting.path, rounds);
        return { figures, text: printStartup(figures) };
      },
    },
  };
}

async function measure(): Promise<void> {
  const named = SECTION_NAMES.filter((name) => values[name]);
  const setting = openSetting(values.model, values.onnx);
  const sections = sectionsOf(setting);
  const machine: Machine = {
    processor: cpus()[0]?.model ?? "unknown processor",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  };
  const results: Record<string, unknown> = { date: new Date().toISOString(), machine, model: setting.path };
  console.log(`${machine.processor}, ${machine.cores} cores; Node ${machine.node}; ${setting.path}`);
  await checkAgreement(setting, integerOption("seed", 0));
  for (const name of named.length ? named : SECTION_NAMES) {
    const { figures, text } = await sections[name].measure();
    results[name] = figures;
    console.log(`\n## ${sections[name].title}\n\n${text}`);
  }
  writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nFigures: ${values.json}`);
}

/** The README's table, and what it was measured on. */
function markdown(file: string): string {
  const { machine, speed } = JSON.parse(readFileSync(file, "utf8")) as {
    machine: Machine;
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

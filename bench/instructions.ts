import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { Counters, instrument } from "../firmware-sim/instrument.js";
import { functionNames, haveSameCode } from "../firmware-sim/wasm-binary.js";
import { networkOf } from "../src/float-model.js";
import { encodeModel, Generator, quantizeNetwork, type WeightBits, wasmBytes } from "../src/index.js";
import { BareCore } from "./bare-core.js";
import { atMost, type Bar, barTable, digits, percent, table } from "./report.js";
import type { Setting } from "./setting.js";
import { sumOf } from "./statistics.js";

/** Most executed instructions of the plain build for each synaptic operation, by bits a weight. */
const BARS = { 8: 3.5, 4: 2.5 } as const;

export interface InstructionCount {
  readonly bits: number;
  readonly weights: "resident" | "streamed";
  /** Means over the images, each from seed to pixels. */
  readonly executed: number;
  readonly synapticOperations: number;
  readonly perSynapticOperation: number;
  /** Executed instructions by function, most first. */
  readonly functions: readonly { readonly name: string; readonly executed: number }[];
}

export interface InstructionsResult {
  readonly images: number;
  readonly counts: readonly InstructionCount[];
  readonly bars: readonly Bar[];
}

/** The names that the published binary lacks, from the same source compiled once more with names. */
async function namesOf(binary: Uint8Array): Promise<Map<number, string>> {
  const outFile = join(tmpdir(), `spikelet-named-${process.pid}.wasm`);
  const options = [
    "assembly/index.ts",
    "--config",
    "asconfig.json",
    "--target",
    "plain",
    "--debug",
    "--outFile",
    outFile,
  ];
  const { error } = await asc.main(options);
  if (error) return new Map();
  const named = readFileSync(outFile);
  return haveSameCode(named, binary) ? functionNames(named) : new Map();
}

function modelOf(setting: Setting, bits: WeightBits): Uint8Array {
  if (setting.model.decoder.every((layer) => layer.bits === bits)) return setting.spk;
  return encodeModel(quantizeNetwork(networkOf(setting.model), { bits, name: `${bits} bits` }).model);
}

export async function countInstructions(
  setting: Setting,
  images: number,
  seed: number,
): Promise<InstructionsResult> {
  const plain = wasmBytes("plain");
  const instrumented = new WebAssembly.Module(new Uint8Array(instrument(plain)));
  const names = await namesOf(plain);
  const { timeSteps } = setting.model;
  const counts: InstructionCount[] = [];
  for (const bits of [8, 4] as const) {
    const spk = modelOf(setting, bits);
    const { ledgers } = (await Generator.load(spk)).generate({ seed, count: images, ledger: true });
    const synapticOperations = sumOf(ledgers.map((l) => l.synapticOperations)) / images;
    for (const weights of ["resident", "streamed"] as const) {
      const core = new BareCore(instrumented, spk, weights === "resident");
      const counters = new Counters(core.exports);
      counters.reset();
      for (let index = 0; index < images; index++) core.generate(seed, index, timeSteps);
      const functions = [...counters.byFunction()]
        .map(([index, executed]) => ({
          name: names.get(index) ?? `function ${index}`,
          executed: executed / images,
        }))
        .sort((a, b) => b.executed - a.executed);
      const executed = sumOf(functions.map((f) => f.executed));
      const perSynapticOperation = executed / synapticOperations;
      counts.push({ bits, weights, executed, synapticOperations, perSynapticOperation, functions });
    }
  }
  const bars = counts.map((c) => {
    const what = `instructions for a synaptic operation, ${c.bits} bits, ${c.weights}`;
    return atMost(what, c.perSynapticOperation, BARS[c.bits as 8 | 4]);
  });
  return { images, counts, bars };
}

export function printInstructions({ images, counts, bars }: InstructionsResult): string {
  return [
    `Executed Wasm instructions of the plain build, mean of ${images} images from seed to pixels:`,
    table(
      ["bits", "weights", "instructions", "synaptic operations", "ratio", "by function"],
      counts.map((c) => [
        String(c.bits),
        c.weights,
        digits(c.executed),
        digits(c.synapticOperations),
        c.perSynapticOperation.toFixed(3),
        c.functions
          .slice(0, 4)
          .map((f) => `${f.name} ${percent(f.executed / c.executed)}`)
          .join(", "),
      ]),
    ),
    barTable(bars),
  ].join("\n\n");
}

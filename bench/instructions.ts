import { KINDS, type Kind, sumOfKinds } from "../firmware-sim/wasm/instruction-kinds.js";
import { Counters, instrument } from "../firmware-sim/wasm/instrument.js";
import { encodeModel, Generator, quantizeNetwork, type WeightBits, wasmBytes } from "../src/index.js";
import { dequantizeDecoder } from "../src/quantize/dequantize.js";
import { BareCore } from "./bare-core.js";
import { atMost, type Bar, barTable, digits, percent, table } from "./report.js";
import type { Setting } from "./setting.js";
import { reachedSynapses, sumOf } from "./statistics.js";

/** Most executed instructions of the plain build for each synaptic operation, by bits a weight. */
const BARS = { 8: 3.5, 4: 2.5 } as const;

export interface InstructionCount {
  readonly bits: number;
  readonly weights: "resident" | "streamed";
  /** Means over the images, each from seed to pixels. */
  readonly executed: number;
  readonly synapticOperations: number;
  readonly perSynapticOperation: number;
  /** Executed instructions by kind, most first. */
  readonly kinds: readonly { readonly kind: Kind; readonly executed: number }[];
}

export interface InstructionsResult {
  readonly images: number;
  readonly counts: readonly InstructionCount[];
  readonly bars: readonly Bar[];
}

function modelOf(setting: Setting, bits: WeightBits): Uint8Array {
  if (setting.model.decoder.every((layer) => layer.bits === bits)) return setting.spk;
  return encodeModel(quantizeNetwork(dequantizeDecoder(setting.model), { bits, name: `${bits} bits` }).model);
}

export async function countInstructions(
  setting: Setting,
  images: number,
  seed: number,
): Promise<InstructionsResult> {
  const instrumented = new WebAssembly.Module(new Uint8Array(instrument(wasmBytes("plain"))));
  const { timeSteps } = setting.model;
  const counts: InstructionCount[] = [];
  for (const bits of [8, 4] as const) {
    const spk = modelOf(setting, bits);
    const { ledgers } = (await Generator.load(spk)).generate({ seed, count: images, ledger: true });
    const synapticOperations = sumOf(ledgers.map(reachedSynapses)) / images;
    for (const weights of ["resident", "streamed"] as const) {
      const core = new BareCore(instrumented, spk, weights === "resident");
      const counters = new Counters(core.exports);
      counters.reset();
      for (let index = 0; index < images; index++) core.generate(seed, index, timeSteps);
      const byKind = counters.byKind();
      const kinds = KINDS.map((kind) => ({ kind, executed: byKind[kind] / images })).sort(
        (a, b) => b.executed - a.executed,
      );
      const executed = sumOfKinds(byKind) / images;
      const perSynapticOperation = executed / synapticOperations;
      counts.push({ bits, weights, executed, synapticOperations, perSynapticOperation, kinds });
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
      ["bits", "weights", "instructions", "synaptic operations", "ratio", "by kind"],
      counts.map((c) => [
        String(c.bits),
        c.weights,
        digits(c.executed),
        digits(c.synapticOperations),
        c.perSynapticOperation.toFixed(3),
        c.kinds
          .slice(0, 6)
          .map((k) => `${k.kind} ${percent(k.executed / c.executed)}`)
          .join(", "),
      ]),
    ),
    barTable(bars),
  ].join("\n\n");
}

// Time against firing rate. The shipped network is made to fire more, or less, by moving its thresholds: layer by layer, until each
// layer (and the latent before it) fires at the rate in question on average. Shapes, weights and neurons stay the same.

import {
  type Build,
  encodeModel,
  Generator,
  type IntegerLayer,
  type Ledger,
  type Model,
} from "../src/index.js";
import { evenLatent, uniformNumbers } from "./latents.js";
import { linePlot } from "./plot.js";
import { atMost, type Bar, barTable, digits, percent, table, withQuartiles } from "./report.js";
import type { Setting } from "./setting.js";
import { ratiosOf, reachedSynapses, type Spread, spreadOf, sumOf } from "./statistics.js";

const TARGETS: readonly number[] = [0.02, 0.05, 0.1, 0.15, 0.2, 0.3];
/** The bar: at the first rate an image takes at most a third of that at the second. */
const SPARSE = 0.02;
const BUSY = 0.2;

const LATENTS = 4;
/** How near a layer's rate must be to its target, relatively. */
const TOLERANCE = 0.04;
const MOST_STEPS = 12;
const BUILDS: readonly Build[] = ["plain", "simd"];

/** All thresholds times a factor. Potentials keep their 16 bits with room to spare: that is checked. */
function withThresholds(layer: IntegerLayer, factor: number): IntegerLayer {
  const threshold = layer.threshold.map((t) => Math.max(1, Math.round(t * factor)));
  const most = Math.max(...threshold);
  if (layer.highest + ((most + 1) >> 2) > 32765 || layer.lowest - most < -32768) {
    throw new Error(`Thresholds up to ${most} leave the 16-bit range.`);
  }
  return { ...layer, threshold };
}

async function ledgersOf(model: Model, latents: readonly Uint8Array[]): Promise<Ledger[]> {
  const generator = await Generator.load(encodeModel(model));
  return latents.map((spikeTrains) => generator.decode({ spikeTrains, ledger: true }).ledgers[0]);
}

/** Mean firing rate of a layer's neurons: spikes that enter the next layer. */
function rateOf(ledgers: readonly Ledger[], layer: number): number {
  const spikes = sumOf(ledgers.map((l) => l.layers[layer + 1].spikes));
  return spikes / sumOf(ledgers.map((l) => l.layers[layer].neuronUpdates));
}

/** Finds factors one layer after the other: a layer's rate depends on those before it only. */
async function modelFiringAt(model: Model, target: number, latents: readonly Uint8Array[]): Promise<Model> {
  const decoder = [...model.decoder];
  for (let i = 0; i < decoder.length; i++) {
    let low = 1 / 64;
    let high = 16;
    for (let step = 0; step < MOST_STEPS; step++) {
      const factor = Math.sqrt(low * high);
      decoder[i] = withThresholds(model.decoder[i], factor);
      const rate = rateOf(await ledgersOf({ ...model, decoder }, latents), i);
      if (Math.abs(rate / target - 1) < TOLERANCE) break;
      if (rate > target) low = factor;
      else high = factor;
    }
  }
  return { ...model, decoder };
}

export interface FiringPoint {
  readonly target: number;
  /** Mean over all neurons and steps. */
  readonly rate: number;
  /** Of each spiking layer. */
  readonly layerRates: readonly number[];
  readonly synapticOperations: number;
  /** An image, one thread. */
  readonly milliseconds: Readonly<Record<Build, Spread>>;
}

export interface FiringResult {
  readonly points: readonly FiringPoint[];
  readonly bars: readonly Bar[];
}

/** The network at one firing rate. */
interface Case {
  readonly target: number;
  readonly latents: readonly Uint8Array[];
  readonly generators: Readonly<Record<Build, Generator>>;
  readonly ledgers: readonly Ledger[];
}

export async function sweepFiring(setting: Setting, seed: number, rounds: number): Promise<FiringResult> {
  const { model } = setting;
  const cases: Case[] = [];
  for (const target of TARGETS) {
    const uniform = uniformNumbers(seed);
    const latents = Array.from({ length: LATENTS }, () => evenLatent(model, target, uniform));
    const adapted = await modelFiringAt(model, target, latents);
    const spk = encodeModel(adapted);
    const generators = {
      plain: await Generator.load(spk, { build: "plain" }),
      simd: await Generator.load(spk, { build: "simd" }),
    };
    cases.push({ target, latents, generators, ledgers: await ledgersOf(adapted, latents) });
    process.stderr.write(`\rthresholds for ${percent(target)} found`);
  }
  process.stderr.write("\n");

  const times = new Map(cases.map((c) => [c, { plain: [] as number[], simd: [] as number[] }]));
  const timeOnce = (generator: Generator, latents: readonly Uint8Array[]) => {
    const start = performance.now();
    for (const spikeTrains of latents) generator.decode({ spikeTrains });
    return (performance.now() - start) / latents.length;
  };
  for (let warmUp = 0; warmUp < 20; warmUp++) {
    for (const c of cases) for (const build of BUILDS) timeOnce(c.generators[build], c.latents);
  }
  for (let round = 0; round < rounds; round++) {
    for (const c of cases) {
      for (const build of BUILDS) times.get(c)![build].push(timeOnce(c.generators[build], c.latents));
    }
  }

  const points = cases.map((c): FiringPoint => {
    const layerRates = model.decoder.map((_, i) => rateOf(c.ledgers, i));
    const updates = model.decoder.map((_, i) => c.ledgers[0].layers[i].neuronUpdates);
    const { plain, simd } = times.get(c)!;
    return {
      target: c.target,
      rate: sumOf(layerRates.map((r, i) => r * updates[i])) / sumOf(updates),
      layerRates,
      synapticOperations: sumOf(c.ledgers.map(reachedSynapses)) / LATENTS,
      milliseconds: { plain: spreadOf(plain), simd: spreadOf(simd) },
    };
  });
  const at = (target: number) => times.get(cases.find((c) => c.target === target)!)!;
  const bars = BUILDS.map((build) => {
    const ratio = ratiosOf(at(SPARSE)[build], at(BUSY)[build]).median;
    return atMost(`${build}: time at ${percent(SPARSE)} / time at ${percent(BUSY)}`, ratio, 1 / 3);
  });
  return { points, bars };
}

export function plotFiring({ points }: FiringResult): string {
  const colors: Record<Build, string> = { plain: "#c2571a", simd: "#1a66c2" };
  const names: Record<Build, string> = { plain: "plain Wasm", simd: "SIMD" };
  return linePlot(
    "Time of an image against firing rate",
    "mean firing rate of all neurons, % per step",
    "ms an image, one thread",
    BUILDS.map((build) => ({
      name: names[build],
      color: colors[build],
      points: points.map(({ rate, milliseconds }) => ({
        x: 100 * rate,
        y: milliseconds[build].median,
        low: milliseconds[build].lowerQuartile,
        high: milliseconds[build].upperQuartile,
      })),
    })),
  );
}

export function printFiring({ points, bars }: FiringResult): string {
  return [
    table(
      ["mean firing rate", "lowest and highest layer", "million operations", "plain, ms", "SIMD, ms"],
      points.map((p) => [
        percent(p.rate),
        `${percent(Math.min(...p.layerRates))}, ${percent(Math.max(...p.layerRates))}`,
        digits(p.synapticOperations / 1e6),
        withQuartiles(p.milliseconds.plain),
        withQuartiles(p.milliseconds.simd),
      ]),
    ),
    barTable(bars),
  ].join("\n\n");
}

// Where time goes, layer by layer. The core has no clock, but its host has: a streamed core reads each layer's parameters and
// weights from flash when it comes to the layer, so the time from one layer's first read to the next layer's is the layer's.
// That includes unpacking the weights, which a resident core does when the model is opened, and there it is timed the same way.
//
//     time of a layer = (streamed: from its first read to the next layer's) − (opening: from its first read to the next layer's)
//
// The sum is compared with images of a resident core; what they differ by is the method's error, and is printed.

import { type Build, Generator, wasmBytes } from "../src/index.js";
import { layerSpans, type Span } from "../src/model/flash-map.js";
import { BareCore, type Watch } from "./bare-core.js";
import { boundOf } from "./bound.js";
import { digits, percent, table } from "./report.js";
import type { Setting } from "./setting.js";
import { spreadOf, sumOf } from "./statistics.js";

/** A section of a file that the core reads when it comes to a layer. */
interface Place extends Span {
  readonly layer: number;
}

function placesOf({ spk, model }: Setting, withParameters: boolean): Place[] {
  return model.decoder.flatMap((_, layer): Place[] => {
    const { parameters, weights } = layerSpans(spk, layer);
    return (withParameters ? [weights, parameters] : [weights]).map((span) => ({ ...span, layer }));
  });
}

/** Notes when each layer is come to. */
class Stopwatch implements Watch {
  readonly #places: readonly Place[];
  readonly #starts: Float64Array;
  #now = -1;

  constructor(places: readonly Place[], layers: number) {
    this.#places = places;
    this.#starts = new Float64Array(layers + 1);
  }

  before(offset: number): void {
    const next = this.#now + 1;
    for (const { from, to, layer } of this.#places) {
      if (layer === next && offset >= from && offset < to) {
        this.#starts[next] = performance.now();
        this.#now = next;
        return;
      }
    }
  }

  after(): void {}

  /** Milliseconds of each layer in one call of `work`, the last one up to its end. */
  time(work: () => void): number[] {
    this.#now = -1;
    work();
    const starts = this.#starts;
    starts[starts.length - 1] = performance.now();
    return Array.from({ length: starts.length - 1 }, (_, i) => starts[i + 1] - starts[i]);
  }
}

export interface LayerTime {
  readonly name: string;
  /** Without unpacking. */
  readonly milliseconds: number;
  readonly share: number;
  readonly unpackMilliseconds: number;
  readonly synapticOperations: number;
  readonly operationsPerSecond: number;
  /** Of the operations a second that loads and additions alone would allow. */
  readonly shareOfBound: number;
}

export interface LayersResult {
  readonly build: Build;
  readonly layers: readonly LayerTime[];
  readonly bound: number;
  /** One image with resident weights, and the sum over the layers: prior and sampler are only in the first. */
  readonly imageMilliseconds: number;
  readonly sumMilliseconds: number;
}

const WARM_UP = 300;
const IMAGES = 16;

async function timeLayersOf(
  build: Build,
  setting: Setting,
  seed: number,
  rounds: number,
): Promise<LayersResult> {
  const { model, spk } = setting;
  const count = model.decoder.length;
  const module = new WebAssembly.Module(wasmBytes(build));
  const streamed = new BareCore(module, spk, false);
  const opening = new BareCore(module, spk, true);
  const resident = new BareCore(module, spk, true);
  const running = new Stopwatch(placesOf(setting, true), count);
  const unpacking = new Stopwatch(placesOf(setting, false), count);
  streamed.watch = running;
  opening.watch = unpacking;
  const measureBound = await boundOf(build);

  // Another image each time, so that the processor cannot learn the spikes by heart.
  const { ledgers } = (await Generator.load(spk, { build })).generate({ seed, count: IMAGES, ledger: true });
  const makeStreamed = (i: number) =>
    running.time(() => streamed.generate(seed, i % IMAGES, model.timeSteps));
  const openAgain = () => unpacking.time(() => opening.open());
  const makeResident = (i: number) => {
    const start = performance.now();
    resident.generate(seed, i % IMAGES, model.timeSteps);
    return performance.now() - start;
  };
  for (let i = 0; i < WARM_UP; i++) {
    makeStreamed(i);
    makeResident(i);
    if (i % 10 === 0) openAgain();
  }
  const runs = Array.from({ length: rounds * IMAGES }, (_, i) => ({
    streamed: makeStreamed(i),
    unpacking: openAgain(),
    resident: makeResident(i),
    bound: measureBound(),
  }));
  const median = (pick: (run: (typeof runs)[number]) => number) => spreadOf(runs.map(pick)).median;
  const bound = median((r) => r.bound);
  const times = model.decoder.map((_, i) => median((r) => r.streamed[i] - r.unpacking[i]));
  const total = sumOf(times);
  const layers = times.map((milliseconds, i): LayerTime => {
    const isLast = i === count - 1;
    // The readout runs position by position along with the last layer.
    const events = ledgers.flatMap(({ layers }) => (isLast ? layers.slice(i) : [layers[i]]));
    const synapticOperations = sumOf(events.map((e) => e.synapticOperations)) / IMAGES;
    const operationsPerSecond = synapticOperations / (milliseconds / 1000);
    return {
      name: isLast ? `${events[0].name} and readout` : events[0].name,
      milliseconds,
      share: milliseconds / total,
      unpackMilliseconds: median((r) => r.unpacking[i]),
      synapticOperations,
      operationsPerSecond,
      shareOfBound: operationsPerSecond / bound,
    };
  });
  return { build, layers, bound, imageMilliseconds: median((r) => r.resident), sumMilliseconds: total };
}

export async function timeLayers(setting: Setting, seed: number, rounds: number): Promise<LayersResult[]> {
  return [
    await timeLayersOf("plain", setting, seed, rounds),
    await timeLayersOf("simd", setting, seed, rounds),
  ];
}

function printOne(result: LayersResult): string {
  const { build, layers, bound, imageMilliseconds, sumMilliseconds } = result;
  const operations = sumOf(layers.map((l) => l.synapticOperations));
  const rate = operations / (imageMilliseconds / 1000);
  const row = (name: string, ms: number, share: number, unpack: number, ops: number, perSecond: number) => [
    name,
    ms.toFixed(3),
    percent(share),
    unpack.toFixed(3),
    digits(ops / 1e6),
    digits(perSecond / 1e9),
    percent(perSecond / bound),
  ];
  const error = sumMilliseconds / imageMilliseconds - 1;
  return [
    `${build}: the bound is ${digits(bound / 1e9)} billion synaptic operations a second (loads and additions alone).`,
    table(
      ["layer", "ms", "share", "unpacking, ms", "million operations", "billion a second", "of the bound"],
      [
        ...layers.map((l) =>
          row(
            l.name,
            l.milliseconds,
            l.share,
            l.unpackMilliseconds,
            l.synapticOperations,
            l.operationsPerSecond,
          ),
        ),
        row("whole image, resident", imageMilliseconds, 1, 0, operations, rate),
      ],
    ),
    `The layers sum to ${sumMilliseconds.toFixed(3)} ms, ${percent(error)} from the resident image: the error of the method, prior and sampler.`,
  ].join("\n\n");
}

export function printLayers(results: readonly LayersResult[]): string {
  return results.map(printOne).join("\n\n");
}

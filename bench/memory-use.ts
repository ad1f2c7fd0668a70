import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Build, Generator, memoryPlan, type Weights } from "../src/index.js";
import { atMost, type Bar, barTable, digits, table } from "./report.js";
import type { Setting } from "./setting.js";
import { spreadOf } from "./statistics.js";

const IMAGES = 400;
const WINDOWS = 7;

export interface MemoryUse {
  readonly build: Build;
  readonly weights: Weights;
  /** Linear memory: 64 KiB pages, and the bytes of them in use. */
  readonly pages: number;
  readonly bytesInUse: number;
  /** What `generateInto` leaves behind for an image in steady state: on the JavaScript heap, in array buffers, in linear memory. */
  readonly heapBytes: number;
  readonly arrayBufferBytes: number;
  readonly addedPages: number;
}

export interface MemoryResult {
  readonly uses: readonly MemoryUse[];
  readonly bars: readonly Bar[];
}

/** The garbage collector, which Node hides. */
function exposedCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}

async function measureOne(
  setting: Setting,
  build: Build,
  weights: Weights,
  collect: () => void,
): Promise<MemoryUse> {
  const generator = await Generator.load(setting.spk, { build, weights });
  const { totalBytes } = await memoryPlan(setting.spk, { build, weights });
  const pixels = new Uint8Array(generator.imageBytes);
  const options = { seed: 1, index: 0 };
  const make = (count: number) => {
    for (let i = 0; i < count; i++) {
      options.index = i;
      generator.generateInto(pixels, options);
    }
  };
  make(IMAGES);
  const { pages } = generator;
  const windows = Array.from({ length: WINDOWS }, () => {
    collect();
    const before = process.memoryUsage();
    make(IMAGES);
    const after = process.memoryUsage();
    return {
      heap: (after.heapUsed - before.heapUsed) / IMAGES,
      buffers: (after.arrayBuffers - before.arrayBuffers) / IMAGES,
    };
  });
  return {
    build,
    weights,
    pages,
    bytesInUse: totalBytes,
    heapBytes: spreadOf(windows.map((w) => w.heap)).median,
    arrayBufferBytes: spreadOf(windows.map((w) => w.buffers)).median,
    addedPages: generator.pages - pages,
  };
}

/** Of an image, on the heap: some tens of bytes are numbers that the engine boxes, and the measurement itself; an image is 1,024. */
const MOST_HEAP_BYTES = 128;

export async function measureMemory(setting: Setting): Promise<MemoryResult> {
  const collect = exposedCollector();
  const uses: MemoryUse[] = [];
  for (const build of ["plain", "simd"] as const) {
    for (const weights of ["resident", "streamed"] as const) {
      uses.push(await measureOne(setting, build, weights, collect));
    }
  }
  const worst = (pick: (use: MemoryUse) => number) => Math.max(...uses.map(pick));
  const bars = [
    atMost(
      "bytes of heap an image, steady state",
      worst((u) => u.heapBytes),
      MOST_HEAP_BYTES,
    ),
    atMost(
      "bytes of array buffers an image, steady state",
      worst((u) => u.arrayBufferBytes),
      0,
    ),
    atMost(
      "pages of linear memory added, steady state",
      worst((u) => u.addedPages),
      0,
    ),
  ];
  return { uses, bars };
}

export function printMemory({ uses, bars }: MemoryResult): string {
  return [
    table(
      ["build", "weights", "pages of 64 KiB", "bytes in use", "heap, bytes an image"],
      uses.map((u) => [
        u.build,
        u.weights,
        String(u.pages),
        u.bytesInUse.toLocaleString("en"),
        digits(u.heapBytes),
      ]),
    ),
    barTable(bars),
  ].join("\n\n");
}

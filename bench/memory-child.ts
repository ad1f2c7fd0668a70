// What images leave behind in steady state, in a process whose young generation is so large that nothing is collected meanwhile:
// node --import tsx --expose-gc --min-semi-space-size=256 --max-semi-space-size=256 bench/memory-child.ts MODEL BUILD WEIGHTS
import { type Build, Generator, type WeightPlacement } from "../src/index.js";
import { spreadOf } from "./statistics.js";

/** Few enough that the young generation holds what the streamed host allocates. */
const IMAGES = 300;
const WARM_UP = 500;

const [, , model, build, weights] = process.argv;
const generator = await Generator.load(model, { build: build as Build, weights: weights as WeightPlacement });
const pixels = new Uint8Array(generator.imageBytes);
const options = { seed: 1, index: 0 };

function make(count: number): void {
  for (let i = 0; i < count; i++) {
    options.index = i;
    generator.generateInto(pixels, options);
  }
}

/** Bytes that `count` images add to the heap and to array buffers. */
function added(count: number): { heap: number; buffers: number } {
  globalThis.gc!();
  const before = process.memoryUsage();
  make(count);
  const after = process.memoryUsage();
  return { heap: after.heapUsed - before.heapUsed, buffers: after.arrayBuffers - before.arrayBuffers };
}

make(WARM_UP);
const { pages } = generator;
// The difference of two lengths leaves out what the measurement itself allocates, the median what the engine does now and then.
const windows = Array.from({ length: 5 }, () => {
  const few = added(IMAGES / 2);
  const many = added(IMAGES);
  return { heap: many.heap - few.heap, buffers: many.buffers - few.buffers };
});
console.log(
  JSON.stringify({
    pages,
    addedPages: generator.pages - pages,
    heapBytes: spreadOf(windows.map((w) => w.heap)).median / (IMAGES / 2),
    arrayBufferBytes: spreadOf(windows.map((w) => w.buffers)).median / (IMAGES / 2),
  }),
);

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Build, memoryPlan, type WeightPlacement } from "../src/index.js";
import { atMost, type Bar, barTable, digits, table } from "./report.js";
import type { Setting } from "./setting.js";

export interface MemoryUse {
  readonly build: Build;
  readonly weights: WeightPlacement;
  /** Linear memory: 64 KiB pages, and the bytes of them in use. */
  readonly pages: number;
  readonly bytesInUse: number;
  /** What `generateInto` allocates for an image in steady state: on the JavaScript heap, in array buffers, in linear memory. */
  readonly heapBytes: number;
  readonly arrayBufferBytes: number;
  readonly addedPages: number;
}

export interface MemoryResult {
  readonly uses: readonly MemoryUse[];
  readonly bars: readonly Bar[];
}

const CHILD = fileURLToPath(new URL("./memory-child.ts", import.meta.url));
const NODE_OPTIONS = [
  "--import",
  "tsx",
  "--expose-gc",
  "--min-semi-space-size=256",
  "--max-semi-space-size=256",
];

async function measureOne(
  { path, spk }: Setting,
  build: Build,
  weights: WeightPlacement,
): Promise<MemoryUse> {
  const { totalBytes } = await memoryPlan(spk, { build, weights });
  const output = execFileSync(process.execPath, [...NODE_OPTIONS, CHILD, path, build, weights]);
  return { build, weights, bytesInUse: totalBytes, ...JSON.parse(output.toString()) };
}

/** Less than any object an image: what remains is the engine's own, now and then. */
const MOST_HEAP_BYTES = 1;

export async function measureMemory(setting: Setting): Promise<MemoryResult> {
  const uses: MemoryUse[] = [];
  for (const build of ["plain", "simd"] as const) {
    for (const weights of ["resident", "streamed"] as const) {
      uses.push(await measureOne(setting, build, weights));
    }
  }
  const bars = uses.flatMap((u) => [
    atMost(`${u.build}, ${u.weights}: bytes of heap for an image`, u.heapBytes, MOST_HEAP_BYTES),
    atMost(`${u.build}, ${u.weights}: bytes of array buffers for an image`, u.arrayBufferBytes, 0),
    atMost(`${u.build}, ${u.weights}: pages of linear memory added`, u.addedPages, 0),
  ]);
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

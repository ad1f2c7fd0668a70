import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import type { Build } from "../src/index.js";

// The bound: a loop that does for every synaptic operation what no kernel on 16-bit lanes can leave out, one load of the
// weight and one addition, and nothing else. Rows of 32 weights lie one after the other, so no spike has to be found.
const SOURCE = `
export function sweep(rows: u32, times: u32): void {
  for (; times; times--) {
    if (ASC_FEATURE_SIMD) {
      let a0 = i64x2.splat(0), a1 = a0, a2 = a0, a3 = a0;
      for (let row: u32 = 1024, end = row + (rows << 6); row < end; row += 64) {
        a0 = i16x8.add(a0, v128.load(row));
        a1 = i16x8.add(a1, v128.load(row, 16));
        a2 = i16x8.add(a2, v128.load(row, 32));
        a3 = i16x8.add(a3, v128.load(row, 48));
      }
      v128.store(0, a0); v128.store(16, a1); v128.store(32, a2); v128.store(48, a3);
    } else {
      let a0: u64 = 0, a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
      for (let row: u32 = 1024, end = row + (rows << 6); row < end; row += 64) {
        a0 += load<u64>(row); a1 += load<u64>(row, 8); a2 += load<u64>(row, 16); a3 += load<u64>(row, 24);
        a4 += load<u64>(row, 32); a5 += load<u64>(row, 40); a6 += load<u64>(row, 48); a7 += load<u64>(row, 56);
      }
      store<u64>(0, a0); store<u64>(8, a1); store<u64>(16, a2); store<u64>(24, a3);
      store<u64>(32, a4); store<u64>(40, a5); store<u64>(48, a6); store<u64>(56, a7);
    }
  }
}`;

/** 16 KB of rows: in the first-level cache, as the weights of one pass mostly are. */
const ROWS = 256;
const TIMES = 2000;

async function compileSweep(build: Build): Promise<(rows: number, times: number) => void> {
  const stem = join(tmpdir(), `spikelet-bound-${build}-${process.pid}`);
  writeFileSync(`${stem}.ts`, SOURCE);
  const simd = build === "simd" ? ["--enable", "simd"] : [];
  const options = ["--baseDir", tmpdir(), "-O3", "--runtime", "stub", "--memoryBase", "20480"];
  const { error, stderr } = await asc.main([
    `${stem}.ts`,
    "-o",
    `${stem}.wasm`,
    ...options,
    ...simd,
    "--initialMemory",
    "1",
  ]);
  if (error) throw new Error(`The loop of the bound does not compile: ${stderr}`);
  const module = new WebAssembly.Module(new Uint8Array(readFileSync(`${stem}.wasm`)));
  return new WebAssembly.Instance(module).exports.sweep as (rows: number, times: number) => void;
}

/** Synaptic operations a second of the bound on this machine; each call of the result measures once more. */
export async function boundOf(build: Build): Promise<() => number> {
  const sweep = await compileSweep(build);
  const measure = () => {
    const start = performance.now();
    sweep(ROWS, TIMES);
    return (32 * ROWS * TIMES) / ((performance.now() - start) / 1000);
  };
  for (let warmUp = 0; warmUp < 20; warmUp++) measure();
  return measure;
}

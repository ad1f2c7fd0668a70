// Measures in QEMU what the simulator's cost tables say (firmware-sim/engines/), and writes them anew:
//
//     npm run calibrate                                  wasm2c: machine instructions for each kind of Wasm instruction
//     npm run calibrate -- --wasm3 DIR                   the same for the interpreter wasm3; DIR is its `source` folder
//     npm run calibrate -- --coremark DIR                instructions of one CoreMark iteration; DIR is EEMBC's repository
//
// Needs the cross compilers and QEMU. Synthetic models are measured here and the shipped one is not, so that it can judge the result.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PAGE_BYTES } from "../assembly/core/memory";
import type { EngineCosts } from "../firmware-sim/cost/engines.js";
import { firmwareFiles } from "../firmware-sim/firmware/files.js";
import { writeFolder } from "../firmware-sim/firmware/folder.js";
import { runFirmware } from "../firmware-sim/firmware/qemu.js";
import { FIRMWARE_TARGETS, type FirmwareTarget } from "../firmware-sim/firmware/targets.js";
import { CountedCore } from "../firmware-sim/wasm/counted-core.js";
import { KINDS, type Kind, type KindCounts, kindCounts } from "../firmware-sim/wasm/instruction-kinds.js";
import { encodeModel } from "../src/index.js";
import { syntheticModel } from "../test/support/models.js";

const ENGINES = "firmware-sim/engines";
const CALIBRATION = "firmware-sim/calibration";

/** Kinds that are fitted as one: they occur together, or cost alike. Kinds that the core has none of cost nothing. */
const GROUPS: readonly (readonly Kind[])[] = [
  ["local", "constant", "global"],
  ["branch"],
  ["call"],
  ["load", "store"],
  ["load64", "store64"],
  ["integer", "multiply"],
  ["select"],
  ["integer64"],
  ["shift64", "convert"],
  ["multiply64"],
  ["divide", "divide64"],
];

const MODELS: readonly Uint8Array[] = [
  syntheticModel({ bits: 8, seed: 1 }),
  syntheticModel({ bits: 6, seed: 2, latentSize: 24 }),
  syntheticModel({ bits: 5, seed: 3, channels: [64, 32], timeSteps: 8 }),
  syntheticModel({ bits: 4, seed: 4, channels: [64, 64, 32], latentSize: 48 }),
  syntheticModel({ bits: 8, seed: 5, channels: [96, 64, 32], latentSize: 64, timeSteps: 12 }),
].map(encodeModel);

interface Row {
  readonly counts: KindCounts;
  readonly instructions: number;
}

/** Costs ≥ 0 that bring the sum over the groups nearest to the instructions, in relative terms: non-negative least squares by coordinate descent. */
function fit(rows: readonly Row[]): KindCounts {
  const matrix = rows.map(({ counts, instructions }) =>
    GROUPS.map((group) => group.reduce((sum, kind) => sum + counts[kind], 0) / instructions),
  );
  const costs = GROUPS.map(() => 0);
  const left = rows.map(() => 1);
  for (let turn = 0; turn < 100_000; turn++) {
    for (let g = 0; g < GROUPS.length; g++) {
      let slope = 0;
      let curvature = 0;
      for (let i = 0; i < rows.length; i++) {
        slope += matrix[i][g] * left[i];
        curvature += matrix[i][g] ** 2;
      }
      if (curvature === 0) continue;
      const cost = Math.max(0, costs[g] + slope / curvature);
      for (let i = 0; i < rows.length; i++) left[i] -= matrix[i][g] * (cost - costs[g]);
      costs[g] = cost;
    }
  }
  return kindCounts((kind) => {
    const group = GROUPS.findIndex((kinds) => kinds.includes(kind));
    return group < 0 ? 0 : Number(costs[group].toFixed(4));
  });
}

function estimate(costs: KindCounts, counts: KindCounts): number {
  return KINDS.reduce((sum, kind) => sum + costs[kind] * counts[kind], 0);
}

/** Largest relative error over the rows that were fitted. */
function largestError(costs: KindCounts, rows: readonly Row[]): number {
  const errors = rows.map(({ counts, instructions }) => Math.abs(estimate(costs, counts) / instructions - 1));
  return Number(Math.max(...errors).toFixed(4));
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", timeout: 300_000 });
  if (error || status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr}`);
  return `${stdout}${stderr}`;
}

function firstLine(command: string, args: readonly string[]): string {
  return run(command, args).split("\n")[0];
}

function inQemu(target: FirmwareTarget, elf: string): string {
  const [qemu, ...board] = target.qemu.split(" ");
  const semihosting = ["-semihosting-config", "enable=on,target=native"];
  return run(qemu, [
    ...board,
    ...["-icount", "shift=0", "-display", "none", "-serial", "none", "-monitor", "none"],
    ...semihosting,
    "-kernel",
    elf,
  ]);
}

function boardFlags({ tick, timer, flags }: FirmwareTarget): string[] {
  return [
    ...flags.split(" "),
    `-DBOARD_TICK=${tick}`,
    ...(timer === undefined ? [] : [`-DTIMER_ADDRESS=${timer}`]),
  ];
}

/** Runs `work` in a folder with the firmware's files of a target and those of the calibration. */
async function inFolder<T>(
  target: FirmwareTarget,
  model: Uint8Array,
  work: (folder: string) => T,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "spikelet-calibrate-"));
  try {
    await writeFolder(folder, firmwareFiles(model, target));
    for (const file of readdirSync(CALIBRATION)) copyFileSync(join(CALIBRATION, file), join(folder, file));
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Instructions of one iteration of CoreMark, compiled with -O3. */
function coremark(target: FirmwareTarget, source: string): Promise<number> {
  return inFolder(target, MODELS[0], (folder) => {
    const inFirmware = (file: string) => join(folder, file);
    const elf = inFirmware("coremark.elf");
    run(`${target.prefix}gcc`, [
      ...boardFlags(target),
      ...[
        "-O3",
        "-ffreestanding",
        "-nostdlib",
        "-DPERFORMANCE_RUN=1",
        "-DITERATIONS=20",
        `-I${folder}`,
        `-I${source}`,
        `-I${inFirmware("freestanding")}`,
      ],
      ...["-T", inFirmware("link.ld"), "startup.c", "board.c", "core_portme.c"].map((a) =>
        a.endsWith(".c") ? inFirmware(a) : a,
      ),
      ...["core_list_join.c", "core_main.c", "core_matrix.c", "core_state.c", "core_util.c"].map((file) =>
        join(source, file),
      ),
      ...["-lgcc", "-o", elf],
    ]);
    const said = inQemu(target, elf);
    const found = /Correct operation[\s\S]*instructions: (\d+)/.exec(said);
    if (!found) throw new Error(`CoreMark on ${target.name} said: ${said}`);
    return Number(found[1]);
  });
}

/** What an engine took for one image. */
interface EngineRun {
  /** Instructions of each stage. */
  readonly stages: readonly number[];
  /** Bytes in flash, without the model. */
  readonly codeBytes: number;
  /** Bytes in RAM beside the page of Wasm memory. */
  readonly ramBytes: number;
}

/** Image 0 of seed 1 in wasm3. */
function runInWasm3(target: FirmwareTarget, model: Uint8Array, source: string): Promise<EngineRun> {
  return inFolder(target, model, (folder) => {
    const inFirmware = (file: string) => join(folder, file);
    copyFileSync("dist/spikelet.device.wasm", inFirmware("core.wasm"));
    // The interpreter calls itself for every branch.
    const script = readFileSync(inFirmware("link.ld"), "utf8").replace(/\. \+= \d+;/, ". += 65536;");
    writeFileSync(inFirmware("link.ld"), script);
    const elf = inFirmware("wasm3.elf");
    const parts = readdirSync(source).filter((file) => /^m3_.*\.c$/.test(file) && !/^m3_api/.test(file));
    run(`${target.prefix}gcc`, [
      ...boardFlags(target),
      ...["-O3", "-std=gnu11", "-Dd_m3HasFloat=0", "-specs=nano.specs", "-nostartfiles", "-Wl,--gc-sections"],
      ...["-ffunction-sections", "-fdata-sections", `-I${folder}`, `-I${source}`, `-Wa,-I${folder}`],
      ...["-T", inFirmware("link.ld")],
      ...["startup.c", "board.c", "wasm3-main.c", "wasm3-library.c", "model.S", "core.S"].map(inFirmware),
      ...parts.map((file) => join(source, file)),
      ...["-o", elf],
    ]);
    const said = inQemu(target, elf);
    const found = /instructions: ([\d ]+)\nmemory: (\d+) (\d+)/.exec(said);
    if (!found) throw new Error(`wasm3 on ${target.name} said: ${said}`);
    const text = /^\.text\s+(\d+)/m.exec(run(`${target.prefix}size`, ["-A", "-d", elf]))!;
    const [heap, stack] = [Number(found[2]), Number(found[3])];
    return {
      stages: found[1].split(" ").map(Number),
      codeBytes: Number(text[1]),
      ramBytes: heap - PAGE_BYTES + stack,
    };
  });
}

/** Image 0 of seed 1 in the firmware that `spikelet firmware` writes. */
async function runAsFirmware(target: FirmwareTarget, model: Uint8Array): Promise<EngineRun> {
  const { size, images } = await runFirmware(model, target);
  return {
    stages: images[0].stages,
    codeBytes: size.code,
    ramBytes: size.data + size.stack - PAGE_BYTES,
  };
}

function rowsOf(model: Uint8Array, stages: readonly number[]): Row[] {
  const counted = new CountedCore(model).draw(1, 0).stages;
  return counted.map(({ instructions: counts }, i) => ({ counts, instructions: stages[i] }));
}

function write(file: string, contents: unknown): void {
  writeFileSync(join(ENGINES, file), `${JSON.stringify(contents, null, 2)}\n`);
  console.log(`${join(ENGINES, file)} is written.`);
}

type Run = (target: FirmwareTarget, model: Uint8Array) => Promise<EngineRun>;

async function costTable(targets: readonly FirmwareTarget[], runIn: Run) {
  const table: Record<string, EngineCosts> = {};
  for (const target of targets) {
    const runs = [];
    for (const model of MODELS) runs.push({ model, ...(await runIn(target, model)) });
    const rows = runs.flatMap(({ model, stages }) => rowsOf(model, stages));
    const costs = fit(rows);
    table[target.name] = {
      codeBytes: Math.max(...runs.map((r) => r.codeBytes)),
      ramBytes: Math.max(...runs.map((r) => r.ramBytes)),
      largestError: largestError(costs, rows),
      costs,
    };
    console.log(`${target.name}: ${JSON.stringify({ ...table[target.name], costs: undefined })}`);
  }
  return table;
}

const { values } = parseArgs({ options: { wasm3: { type: "string" }, coremark: { type: "string" } } });
const isArm = (target: FirmwareTarget) => target.prefix.startsWith("arm");
const compilers = [...new Set(FIRMWARE_TARGETS.map((t) => t.prefix))].map((p) =>
  firstLine(`${p}gcc`, ["--version"]),
);
const qemu = firstLine("qemu-system-arm", ["--version"]);

if (values.coremark) {
  const iterations: Record<string, number> = {};
  for (const target of FIRMWARE_TARGETS) iterations[target.name] = await coremark(target, values.coremark);
  const measured = `scripts/calibrate-engines.ts --coremark: -O3, ${compilers.join(", ")}, ${qemu}`;
  write("coremark.json", { measured, instructionsPerIteration: iterations });
} else if (values.wasm3) {
  const source = values.wasm3;
  const version = /M3_VERSION\s+"(.*)"/.exec(readFileSync(join(source, "wasm3.h"), "utf8"))?.[1];
  const targets = await costTable(FIRMWARE_TARGETS.filter(isArm), (target, model) =>
    runInWasm3(target, model, source),
  );
  const measured = `scripts/calibrate-engines.ts --wasm3: wasm3 ${version}, -O3, ${compilers[0]}, ${qemu}`;
  write("wasm3.json", { measured, targets });
} else {
  const targets = await costTable(FIRMWARE_TARGETS, runAsFirmware);
  const measured = `scripts/calibrate-engines.ts: wasm2c of wabt, -O2, ${compilers.join(", ")}, ${qemu}`;
  write("wasm2c.json", { measured, targets });
}

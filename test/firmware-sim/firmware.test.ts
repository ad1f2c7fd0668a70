// The device's core, which chooses a mixture's component by itself, and the firmware around it as a WASI command: same bits as
// the library, under node:wasi and under wasmtime.
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WASI } from "node:wasi";
import * as format from "../../assembly/core/format.js";
import * as memory from "../../assembly/core/memory.js";
import { withoutCustomSections } from "../../firmware-sim/wasm/module-size.js";
import { DEVICE_HEX, FIRMWARE_HEX } from "../../src/generated/wasm.js";
import { outlineModel } from "../../src/model/file.js";
import { decodeHex } from "../../src/runtime/core.js";
import {
  argumentsOf,
  colourModel,
  DRAWINGS,
  expectedFrames,
  FIRMWARE,
  FLASH_FILES,
  generated,
  nameOf,
  REFUSALS,
  withFlash,
} from "../support/firmware-cases.js";
import { type CoreExports, HostileHost } from "../support/hostile-host.js";
import { isFloat, OPCODE, readWasm } from "../support/wasm-reader.js";
import { runInWasmtime, skipWithoutWasmtime } from "../support/wasmtime.js";

interface DeviceExports extends CoreExports {
  draw(prior: number, steps: number, ledger: number): number;
}

function deviceHost(): HostileHost<DeviceExports> {
  return new HostileHost<DeviceExports>(decodeHex(DEVICE_HEX));
}

function select({ core }: HostileHost<DeviceExports>, seed: bigint, index: bigint): void {
  const view = new DataView(core.memory.buffer);
  view.setBigUint64(memory.SEED, seed, true);
  view.setBigUint64(memory.IMAGE_INDEX, index, true);
}

for (const drawing of DRAWINGS) {
  test(`the device's core draws as the library does: ${nameOf(drawing)}`, async () => {
    const spk = FLASH_FILES[drawing.file]();
    const { pixels, info } = await generated(drawing);
    const host = deviceHost();
    assert.equal(host.open(spk, 0), memory.STATUS_OK);
    const { priors } = outlineModel(spk);
    const prior = drawing.prior === undefined ? 0 : priors.findIndex(({ name }) => name === drawing.prior);
    const bytes = pixels.length / drawing.count;
    for (let i = 0; i < drawing.count; i++) {
      select(host, drawing.seed, drawing.first + BigInt(i));
      assert.equal(host.core.draw(prior, info.timeSteps, 0), memory.STATUS_OK);
      assert.deepEqual(host.pixels(bytes), pixels.slice(i * bytes, (i + 1) * bytes), `image ${i}`);
    }
  });
}

test("choosing costs a mixture one block of random words, and a prior of one component none", () => {
  const spk = colourModel();
  const wordsOf = (draw: (core: DeviceExports) => number) => {
    const host = deviceHost();
    host.open(spk, 0);
    assert.equal(draw(host.core), memory.STATUS_OK);
    return host.word(memory.LEDGER_RANDOM);
  };
  const plain = wordsOf((core) => core.generate(0, 4, 1));
  assert.equal(
    wordsOf((core) => core.draw(0, 4, 1)),
    plain + 4,
  );
  assert.equal(
    wordsOf((core) => core.draw(3, 4, 1)),
    plain,
  );
});

test("shares that do not add up, and priors that are not there, are answered with a status", () => {
  for (const share of [0, 1, 0xffffffff]) {
    const spk = colourModel();
    const view = new DataView(spk.buffer, spk.byteOffset);
    const outline = outlineModel(spk);
    for (let i = 0; i < outline.priors.length; i++) {
      const record = view.getUint32(format.HEADER_PRIORS_OFFSET, true) + i * format.PRIOR_ENTRY_BYTES;
      view.setUint32(record + format.PRIOR_SHARE, share, true);
    }
    const host = deviceHost();
    assert.equal(host.open(spk, 0), memory.STATUS_OK);
    for (const prior of [0, 4, 5, 255, -1]) {
      select(host, 1n, 2n);
      const status = host.core.draw(prior, 4, 0);
      const expected = [memory.STATUS_OK, memory.STATUS_BAD_ARGUMENT];
      assert.ok(expected.includes(status), `share ${share}, prior ${prior}: status ${status}`);
    }
  }
  assert.equal(deviceHost().core.draw(0, 4, 0), memory.STATUS_BAD_ARGUMENT, "no model is open");
});

test("the firmware is small, in integers, of one page, and imports WASI alone", (t) => {
  const bytes = readFileSync(FIRMWARE);
  t.diagnostic(`${bytes.length} bytes`);
  assert.ok(bytes.length <= 8192, `${bytes.length} bytes`);
  const module = readWasm(new Uint8Array(bytes));
  assert.deepEqual([...new Set(module.imports.map((i) => i.module))], ["wasi_snapshot_preview1"]);
  assert.deepEqual(module.exports.map(({ name }) => name).sort(), ["_start", "memory"]);
  assert.deepEqual(module.memories, [{ initial: 1, maximum: null }]);
  assert.equal(module.hasStart, false);
  assert.equal(module.hasTable, false);
  const instructions = module.functions.flatMap((f) => f.instructions);
  assert.equal(instructions.filter(isFloat).length, 0, "floating point");
  assert.equal(instructions.filter(({ opcode }) => opcode === OPCODE.memoryGrow).length, 0, "memory.grow");
  assert.equal(
    Buffer.compare(bytes, withoutCustomSections(decodeHex(FIRMWARE_HEX))),
    0,
    "the firmware in dist is not the one that is embedded",
  );
});

test("guests keep their data where the compiler puts it, above every plan", () => {
  const { targets } = JSON.parse(readFileSync("asconfig.json", "utf8"));
  for (const name of ["firmware", "edge"]) {
    const { memoryBase, use } = targets[name];
    assert.ok(use.includes(`STATIC_BASE=${memoryBase}`), `${name}: STATIC_BASE is not memoryBase`);
  }
  const { data } = readWasm(new Uint8Array(readFileSync(FIRMWARE)));
  assert.ok(data.length > 0, "no data found");
  for (const { offset } of data) assert.ok(offset >= targets.firmware.memoryBase, `data at ${offset}`);
});

interface Run {
  readonly exitCode: number;
  readonly display: Uint8Array;
  readonly uart: string;
}

async function runInNode(folder: string, args: readonly string[]): Promise<Run> {
  const [display, uart] = ["display", "uart"].map((name) => join(folder, name));
  const [stdout, stderr] = [display, uart].map((path) => openSync(path, "w"));
  try {
    const wasi = new WASI({
      version: "preview1",
      args: ["firmware", ...args],
      preopens: { "/flash": folder },
      stdout,
      stderr,
      returnOnExit: true,
    });
    const module = await WebAssembly.compile(readFileSync(FIRMWARE));
    const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
    const exitCode = wasi.start(instance) as number;
    return { exitCode, display: new Uint8Array(readFileSync(display)), uart: readFileSync(uart, "utf8") };
  } finally {
    closeSync(stdout);
    closeSync(stderr);
  }
}

/** Runs the firmware several times, each with its own arguments. */
type Engine = (folder: string, runs: readonly (readonly string[])[]) => Promise<readonly Run[]>;

const ENGINES: readonly { name: string; skip: false | string; run: Engine }[] = [
  {
    name: "node:wasi",
    skip: false,
    async run(folder, runs) {
      const results: Run[] = [];
      for (const args of runs) results.push(await runInNode(folder, args));
      return results;
    },
  },
  {
    name: "wasmtime",
    skip: skipWithoutWasmtime(),
    run: async (folder, runs) =>
      runInWasmtime(runs.map((args) => ({ kind: "module", wasm: FIRMWARE, folder, args }))),
  },
];

for (const { name, skip, run } of ENGINES) {
  test(`${name}: frames and telemetry are the library's`, { skip }, () =>
    withFlash(async (folder) => {
      const runs = await run(folder, DRAWINGS.map(argumentsOf));
      for (const [k, drawing] of DRAWINGS.entries()) {
        const what = nameOf(drawing);
        const { exitCode, display, uart } = runs[k];
        assert.equal(exitCode, 0, `${what}: ${uart}`);
        assert.equal(Buffer.compare(display, await expectedFrames(drawing)), 0, `${what}: other frames`);
        const { ledgers } = await generated(drawing);
        const lines = uart.trimEnd().split("\n");
        assert.equal(lines.length, drawing.count, what);
        for (const [i, line] of lines.entries()) {
          const found = /^image=(\d+) ns=(\d+) ops=(\d+) flash=(\d+) words=(\d+)$/.exec(line);
          assert.ok(found, `${what}: telemetry is "${line}"`);
          assert.equal(BigInt(found[1]), drawing.first + BigInt(i));
          assert.equal(Number(found[3]), ledgers[i].synapticOperations, what);
          assert.ok(Number(found[4]) > 0, "nothing was fetched");
          assert.ok(Number(found[5]) > 0, "no random numbers");
        }
      }
    }),
  );

  test(`${name}: raw frames, and none at all`, { skip }, () =>
    withFlash(async (folder) => {
      const [drawing] = DRAWINGS;
      const [raw, none] = await run(folder, [
        ["--raw", ...argumentsOf(drawing)],
        ["0", "0"],
      ]);
      assert.deepEqual(raw.display, (await generated(drawing)).pixels);
      assert.deepEqual([none.exitCode, none.display.length, none.uart], [0, 0, ""]);
    }),
  );

  test(`${name}: what the firmware refuses, it refuses in one line and with an exit code`, { skip }, () =>
    withFlash(async (folder) => {
      const runs = await run(
        folder,
        REFUSALS.map(({ args }) => args),
      );
      for (const [k, { args, exitCode, uart }] of REFUSALS.entries()) {
        const what = args.join(" ").slice(0, 60);
        assert.match(runs[k].uart, uart, what);
        assert.equal(runs[k].uart.trimEnd().split("\n").length, 1, what);
        assert.equal(runs[k].exitCode, exitCode, what);
        assert.equal(runs[k].display.length, 0, what);
      }
    }),
  );
}

test("wasmtime: no flash, a display that is closed, and fuel", { skip: skipWithoutWasmtime() }, () =>
  withFlash((folder) => {
    const job = { kind: "module", wasm: FIRMWARE, folder, args: ["0", "2"] } as const;
    const [bare, closed, stopped] = runInWasmtime([
      { kind: "module", wasm: FIRMWARE, args: [] },
      { ...job, display: "/dev/full" },
      { ...job, fuel: 20_000_000 },
    ]);
    assert.equal(bare.exitCode, 3);
    assert.match(bare.uart, /not in flash, the first directory that is open/);
    assert.equal(closed.exitCode, 7);
    assert.match(closed.uart, /^spikelet: the display is closed$/m);
    assert.match(stopped.trap ?? "", /all fuel consumed/);
    assert.equal(stopped.fuelUsed, 20_000_000);
  }),
);

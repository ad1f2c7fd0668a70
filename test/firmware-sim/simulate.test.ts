// The simulated device: what it has is enforced, its time is its own, and whatever ends a firmware is said.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { decode } from "fast-png";
import wabt from "wabt";
import { findDevice } from "../../firmware-sim/devices/catalog.js";
import type { Microcontroller } from "../../firmware-sim/devices/device.js";
import { FrameReader } from "../../firmware-sim/simulator/frames.js";
import { describePlace, type SimulateOptions, simulate } from "../../firmware-sim/simulator/simulator.js";
import { sumOfKinds } from "../../firmware-sim/wasm/instruction-kinds.js";
import { SpikeletError } from "../../src/errors.js";
import { FIRMWARE_HEX } from "../../src/generated/wasm.js";
import { decodeHex } from "../../src/runtime/core.js";
import {
  argumentsOf,
  DRAWINGS,
  expectedFrames,
  FLASH_FILES,
  generated,
  nameOf,
  REFUSALS,
} from "../support/firmware-cases.js";
import { randomSource } from "../support/models.js";

const { parseWat } = await wabt();
const firmware = decodeHex(FIRMWARE_HEX);
const board = findDevice("nrf52840") as Microcontroller;
const colour = FLASH_FILES["colour.spk"]();
/** Two cycles for each instruction. */
const cycles: SimulateOptions["cycles"] = (executed) => 2 * sumOfKinds(executed);

function run(options: Partial<SimulateOptions> = {}, wasm: Uint8Array = firmware) {
  return simulate(wasm, { device: board, model: colour, cycles, ...options });
}

/** The board with other bytes of flash and RAM. */
function boardWith({ flash = board.flash.value, ram = board.ram.value }): Microcontroller {
  return {
    ...board,
    flash: { ...board.flash, value: flash },
    ram: { ...board.ram, value: ram },
  };
}

/** A firmware of a test's own, whose `_start` has this body. */
function firmwareOf(body: string, { imports = "", memory = "1" } = {}): Uint8Array {
  const wat = `(module ${imports} (memory (export "memory") ${memory}) (func $start (export "_start") ${body}))`;
  return parseWat("firmware.wat", wat).toBinary({ write_debug_names: true }).buffer;
}

function wasi(name: string, parameters: string, result = "(result i32)"): string {
  return `(import "wasi_snapshot_preview1" "${name}" (func $${name} ${parameters} ${result}))`;
}

function refuses(message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof SpikeletError, `${error}`);
    assert.equal(error.code, "bad-option");
    assert.match(error.message, message);
    return true;
  };
}

for (const drawing of DRAWINGS) {
  test(`the display gets the library's frames: ${nameOf(drawing)}`, async () => {
    const { file, count } = drawing;
    const { outcome, display, frames, uart } = await run({
      model: FLASH_FILES[file](),
      modelName: file,
      args: argumentsOf(drawing),
    });
    assert.deepEqual(outcome, { kind: "finished", exitCode: 0 });
    assert.equal(Buffer.compare(display, await expectedFrames(drawing)), 0, "other frames");
    assert.equal(frames.length, count);
    assert.deepEqual(
      new Uint8Array(Buffer.concat(frames.map(({ pixels }) => pixels))),
      (await generated(drawing)).pixels,
    );
    assert.equal(uart.length, count);
  });
}

for (const { args, exitCode, uart } of REFUSALS) {
  test(`the firmware refuses ${args.join(" ").slice(0, 50)}`, async () => {
    const file = /^--model=(.*)/.exec(args[0])?.[1] ?? "model.spk";
    const model = FLASH_FILES[file]?.() ?? FLASH_FILES["model.spk"]();
    const simulation = await run({ args, model, modelName: file in FLASH_FILES ? file : "other.spk" });
    assert.match(simulation.uart.join("\n"), uart);
    assert.deepEqual(simulation.outcome, { kind: "finished", exitCode });
    assert.equal(simulation.frames.length, 0);
  });
}

test("time is that of the executed instructions, for the firmware as well", async () => {
  const args = ["0", "2"];
  const { instructions, seconds, uart, cycles: spent } = await run({ args });
  assert.equal(spent, 2 * sumOfKinds(instructions));
  assert.equal(seconds, spent / 64e6);
  const times = uart.map((line) => Number(/ ns=(\d+)/.exec(line)?.[1]));
  const drawing = times.reduce((sum, ns) => sum + ns, 0) / 1e9;
  assert.ok(drawing < seconds && drawing > seconds / 2, `${drawing} s of ${seconds} s`);

  const again = await run({ args });
  assert.deepEqual([again.seconds, again.uart], [seconds, uart], "not repeatable");
  const slower = await run({ args, cycles: (executed) => 20 * sumOfKinds(executed) });
  assert.deepEqual(
    slower.uart.map((line) => Math.round(Number(/ ns=(\d+)/.exec(line)?.[1]) / 1e4)),
    times.map((ns) => Math.round(ns / 1e3)),
  );
});

test("flash, RAM and pages are enforced, and what is missing is said", async () => {
  const { need } = await run();
  assert.equal(need.wasmPages, 1);
  assert.equal(need.ramBytes, 65536 + 4096);
  const exact = boardWith({ flash: need.flashBytes, ram: need.ramBytes });
  assert.equal((await run({ device: exact })).outcome.kind, "finished");
  await assert.rejects(
    run({ device: boardWith({ flash: need.flashBytes - 1 }) }),
    refuses(/do not fit the Nordic nRF52840; flash: 1 bytes missing \([\d,]+ needed, [\d,]+ there\)$/),
  );
  await assert.rejects(
    run({ device: boardWith({ ram: need.ramBytes - 10 }) }),
    refuses(/; RAM: 10 bytes missing .*; Wasm pages: 1 missing \(1 needed, 0 there\)$/),
  );
  await assert.rejects(run({ device: exact, engineCodeBytes: 500 }), refuses(/flash: 500 bytes missing/));
  await assert.rejects(run({ device: exact, otherRamBytes: 5000 }), refuses(/RAM: 904 bytes missing/));
});

test("memory does not grow beyond the device's RAM", async () => {
  const write = wasi("proc_exit", "(param i32)", "");
  const growing = firmwareOf("(call $proc_exit (memory.grow (i32.const 2)))", { imports: write });
  assert.deepEqual((await run({}, growing)).outcome, { kind: "finished", exitCode: 1 });
  const refused = await run({ device: boardWith({ ram: 3 * 65536 }) }, growing);
  assert.deepEqual(refused.outcome, { kind: "finished", exitCode: -1 });
});

test("a firmware that traps is stopped, and it is said where", async () => {
  const { outcome, instructions } = await run(
    {},
    firmwareOf("nop nop (call 1)) (func $broken nop unreachable"),
  );
  assert.equal(outcome.kind, "trapped");
  assert.ok(outcome.kind === "trapped", outcome.kind);
  assert.match(outcome.reason, /unreachable/);
  assert.deepEqual(outcome.place, { functionIndex: 1, functionName: "broken" });
  assert.equal(
    describePlace(outcome.place, instructions),
    "in function 1 (broken) after 5 instructions; it read nothing from flash",
  );
  for (const [body, reason] of [
    ["(i32.store (i32.const 70000) (i32.const 1))", /out of bounds/],
    ["(drop (i32.div_s (i32.const 1) (i32.const 0)))", /zero/],
    ["(call $start)", /stack/i],
  ] as const) {
    const { outcome } = await run({}, firmwareOf(body));
    assert.ok(outcome.kind === "trapped", `${body}: ${outcome.kind}`);
    assert.match(outcome.reason, reason);
    assert.equal(outcome.place.functionIndex, 0);
  }
});

test("a firmware that loops is stopped when its fuel is spent", async () => {
  const { outcome, instructions } = await run({ fuel: 10_000 }, firmwareOf("(loop $again (br $again))"));
  assert.ok(outcome.kind === "out of fuel", outcome.kind);
  assert.deepEqual(outcome, {
    kind: "out of fuel",
    fuel: 10_000,
    place: { functionIndex: 0, functionName: "start" },
  });
  assert.ok(sumOfKinds(instructions) <= 10_000, `${sumOfKinds(instructions)} instructions`);
});

test("the place names the layer whose weights were read last", async () => {
  const { outcome, instructions } = await run({ model: FLASH_FILES["model.spk"](), fuel: 20_000_000 });
  assert.ok(outcome.kind === "out of fuel", outcome.kind);
  assert.match(
    describePlace(outcome.place, instructions),
    /^in function \d+ \(assembly\/[\w/-]+\/\w+\) after [\d,]+ instructions; it last read \d+ bytes of flash at \d+ \((weights|parameters) of decoder\.\d\)$/,
  );
});

test("flash that is shorter than its file: the firmware ends, and the read is reported", async () => {
  const { outcome, flash, uart, frames } = await run({ faults: { flashBytes: 5000 } });
  assert.deepEqual(outcome, { kind: "finished", exitCode: 6 });
  assert.match(uart[0], /flash could not be read/);
  assert.equal(frames.length, 0);
  assert.ok(flash.pastEnd, "no read past the end was seen");
  assert.ok(flash.pastEnd.offset + flash.pastEnd.length > 5000, "the read is inside");
  assert.match(flash.pastEnd.section ?? "", /decoder|final_layer|readout/);
});

test("a display that is closed early ends the firmware", async () => {
  const { outcome, frames, uart } = await run({ args: ["0", "5"], faults: { displayFrames: 2 } });
  assert.deepEqual(outcome, { kind: "finished", exitCode: 7 });
  assert.equal(frames.length, 2);
  assert.deepEqual([uart.length, uart.at(-1)], [3, "spikelet: the display is closed"]);
});

test("power loss leaves whole frames", async () => {
  const args = ["0", "5"];
  const whole = await run({ args });
  const pixels = (frames: typeof whole.frames) => frames.map((frame) => frame.pixels);
  const total = sumOfKinds(whole.instructions);
  for (const part of [0, 0.1, 0.5, 0.55, 0.6, 0.999]) {
    const instructions = Math.floor(total * part);
    const cut = await run({ args, faults: { powerLoss: { instructions } } });
    assert.deepEqual(cut.outcome, { kind: "power lost" });
    const executed = sumOfKinds(cut.instructions);
    assert.ok(executed <= instructions, `${executed} instructions, more than ${instructions}`);
    assert.deepEqual(pixels(cut.frames), pixels(whole.frames.slice(0, cut.frames.length)), `after ${part}`);
    assert.equal(cut.display.length % (whole.display.length / 5), 0, "half a frame");
  }
  for (const frames of [1, 4]) {
    const cut = await run({ args, faults: { powerLoss: { frames } } });
    assert.deepEqual(cut.outcome, { kind: "power lost" });
    assert.deepEqual(pixels(cut.frames), pixels(whole.frames.slice(0, frames)));
    assert.equal(cut.uart.length, frames - 1, "the line of the last frame was not sent any more");
  }
  // Power that would be lost after the end is not.
  const { outcome } = await run({ args, faults: { powerLoss: { instructions: total } } });
  assert.deepEqual(outcome, { kind: "finished", exitCode: 0 });
});

test("randomness is injected, and the same in every run if it is not", async () => {
  const imports = wasi("random_get", "(param i32 i32)") + wasi("proc_exit", "(param i32)", "");
  const body = `(drop (call $random_get (i32.const 100) (i32.const 20)))
    (call $proc_exit (i32.add (i32.load8_u (i32.const 100)) (i32.load8_u (i32.const 119))))`;
  const wasm = firmwareOf(body, { imports });
  const codeOf = async (options: Partial<SimulateOptions>) => {
    const { outcome } = await run(options, wasm);
    assert.ok(outcome.kind === "finished", outcome.kind);
    return outcome.exitCode;
  };
  assert.equal(await codeOf({ random: (bytes) => bytes.fill(7) }), 14);
  assert.equal(await codeOf({}), await codeOf({}));
});

test("addresses outside of memory are errors of the call, not of the simulator", async () => {
  const imports =
    wasi("fd_write", "(param i32 i32 i32 i32)") +
    wasi("random_get", "(param i32 i32)") +
    wasi("clock_time_get", "(param i32 i64 i32)") +
    wasi("args_get", "(param i32 i32)") +
    wasi("proc_exit", "(param i32)", "");
  const FAULT = 21;
  for (const call of [
    "(call $fd_write (i32.const 1) (i32.const 65532) (i32.const 1) (i32.const 0))",
    "(call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 0))",
    "(call $random_get (i32.const 65530) (i32.const 100))",
    "(call $random_get (i32.const -1) (i32.const -1))",
    "(call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 65530))",
    "(call $args_get (i32.const -4) (i32.const 0))",
  ]) {
    const { outcome } = await run({}, firmwareOf(`(call $proc_exit ${call})`, { imports }));
    assert.deepEqual(outcome, { kind: "finished", exitCode: FAULT }, call);
  }
});

test("what is no firmware is refused", async () => {
  await assert.rejects(run({}, Uint8Array.of(1, 2, 3)), refuses(/is no valid Wasm module/));
  const bare = parseWat("bare.wat", "(module)").toBinary({}).buffer;
  await assert.rejects(run({}, bare), refuses(/does not export _start and memory/));
  const global = '(module (global (export "_start") i32 (i32.const 0)) (memory (export "memory") 1))';
  await assert.rejects(
    run({}, parseWat("global.wat", global).toBinary({}).buffer),
    refuses(/does not export _start;/),
  );
  const eager = firmwareOf(") (func $eager) (start $eager", {});
  await assert.rejects(run({}, eager), refuses(/has a start function/));
  const outside = firmwareOf(') (data (i32.const 65530) "too long for it"', {});
  await assert.rejects(run({}, outside), refuses(/cannot be started/));
  const foreign = firmwareOf("", { imports: '(import "env" "gpio" (func))' });
  await assert.rejects(
    run({}, foreign),
    refuses(/imports env\.gpio, which the simulated device does not have/),
  );
  const socket = firmwareOf("", { imports: wasi("sock_send", "(param i32)") });
  await assert.rejects(run({}, socket), refuses(/imports wasi_snapshot_preview1\.sock_send/));
});

test("frames are found however they are cut, and what is none stays", () => {
  const stream = Buffer.concat([
    Buffer.from("P5\n2 1\n255\n\x01\x02", "latin1"),
    Buffer.from("P6\n1 1\n255\n\x03\x04\x05", "latin1"),
    Buffer.from("no frame"),
  ]);
  for (const size of [1, 3, stream.length]) {
    const reader = new FrameReader();
    for (let at = 0; at < stream.length; at += size) reader.write(stream.subarray(at, at + size));
    assert.deepEqual(
      reader.frames.map(({ width, height, channels, pixels }) => [width, height, channels, ...pixels]),
      [
        [2, 1, 1, 1, 2],
        [1, 1, 3, 3, 4, 5],
      ],
    );
  }
  const reader = new FrameReader();
  reader.write(Buffer.from("this is longer than the head of any frame"));
  reader.write(Buffer.from("P5\n1 1\n255\n\x01", "latin1"));
  assert.equal(reader.frames.length, 0, "a frame after what is none");
});

test("a broken model ends the firmware or draws a picture, but traps nothing", async () => {
  const random = randomSource(11);
  const codes = new Set<number>();
  for (let i = 0; i < 150; i++) {
    const model = colour.slice();
    // Most of what steers the core is in the header, the layer table and the priors' heads.
    for (let flips = 0; flips < 3; flips++) {
      const at = Math.floor(random() * (random() < 0.7 ? 160 : model.length));
      model[at] ^= 1 << Math.floor(random() * 8);
    }
    const { outcome } = await run({
      model,
      args: ["1", "2", "0", random() < 0.5 ? "alone" : "mixture"],
      fuel: 1e8,
    });
    assert.ok(outcome.kind === "finished", `case ${i}: ${JSON.stringify(outcome)}`);
    codes.add(outcome.exitCode);
  }
  assert.ok(codes.has(0) && codes.has(4), `exit codes ${[...codes]}`);
});

test("a firmware that sends without end does not fill the host's memory", async () => {
  const imports = wasi("fd_write", "(param i32 i32 i32 i32)");
  // One buffer of 60,000 bytes at 0, described at 65,000.
  const body = (stream: number) => `(i32.store (i32.const 65004) (i32.const 60000))
    (loop $again
      (drop (call $fd_write (i32.const ${stream}) (i32.const 65000) (i32.const 1) (i32.const 65100)))
      (br $again))`;
  const display = await run({ fuel: 60_000 }, firmwareOf(body(1), { imports }));
  assert.equal(display.outcome.kind, "out of fuel");
  assert.ok(display.display.length <= 2 ** 28, `${display.display.length} bytes`);
  assert.equal(display.frames.length, 0);
  const uart = await run({ fuel: 60_000 }, firmwareOf(body(2), { imports }));
  assert.ok(uart.uart.join("").length <= 2 ** 20, "too much of the UART is kept");
});

// ---- the command line

const folder = mkdtempSync(join(tmpdir(), "spikelet-simulate-"));
after(() => rmSync(folder, { recursive: true }));

function spikelet(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli.js", "simulate", ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

test("simulate shows the picture, the telemetry and the device's time", async () => {
  const out = join(folder, "seven.png");
  const { status, stdout, stderr } = spikelet("--class", "7", "--seed", "5", "--out", out);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /@@/, "no picture");
  assert.match(stdout, /^image=0 ns=\d+ ops=\d+ flash=\d+ words=\d+$/m);
  assert.match(stdout, /^device {2,}Nordic nRF52840, cortex-m4 at 64 MHz$/m);
  assert.match(stdout, /^cycles {2,}[\d,]+ \(simulated/m);
  assert.match(stdout, /^device time {2,}[\d.]+ s \(simulated\)$/m);
  const drawing = { file: "model.spk", seed: 5n, count: 1, first: 0n, prior: "7" };
  assert.deepEqual(new Uint8Array(decode(readFileSync(out)).data), (await generated(drawing)).pixels);
});

test("simulate saves what the display got, and tells all as JSON", async () => {
  const out = join(folder, "digits.pgm");
  const { status, stdout, stderr } = spikelet(
    ...["--device", "RP2040", "--engine", "wasm3", "--count", "2", "--start", "9", "--out", out, "--json"],
  );
  assert.equal(status, 0, stderr);
  const summary = JSON.parse(stdout);
  assert.equal(summary.device, "rp2040");
  assert.deepEqual(summary.outcome, { kind: "finished", exitCode: 0 });
  assert.deepEqual([summary.frames, summary.output], [2, out]);
  assert.equal(summary.seconds.basis, "simulated");
  assert.ok(summary.cycles.sources.length > 0, "no source of the cycles");
  const drawing = { file: "model.spk", seed: 0n, count: 2, first: 9n };
  assert.equal(Buffer.compare(readFileSync(out), await expectedFrames(drawing)), 0, "other frames");
});

test("simulate reports power loss, and a firmware of one's own that fails", () => {
  const lost = spikelet("--count", "3", "--power-loss", "frames:1");
  assert.equal(lost.status, 0, lost.stderr);
  assert.match(lost.stdout, /^end {2,}power was lost after [\d,]+ instructions and 1 whole frame$/m);

  const loop = join(folder, "loop.wasm");
  writeFileSync(loop, firmwareOf("(loop $again (br $again))"));
  const stopped = spikelet("--firmware", loop, "--fuel", "5000");
  assert.equal(stopped.status, 1);
  assert.match(
    stopped.stderr,
    /still running when its fuel of 5,000 instructions was spent: in function 0 \(start\)/,
  );

  const trap = join(folder, "trap.wasm");
  writeFileSync(trap, firmwareOf("unreachable"));
  const trapped = spikelet("--firmware", trap);
  assert.equal(trapped.status, 1);
  assert.match(
    trapped.stderr,
    /the firmware trapped \(unreachable\) in function 0 \(start\) after 1 instructions/,
  );
});

for (const [args, message] of [
  [["--device", "nrf52841"], /No device is called "nrf52841" \(did you mean nrf52840\?\)/],
  [["--device", "loihi"], /found "loihi", which runs no Wasm; expected a microcontroller: nrf52840/],
  [["--device", "missing.json"], /missing\.json: no such file; expected a device file/],
  [["--prior", "nine"], /--prior: found "nine"/],
  [["--class", "learnd"], /--class: found "learnd" \(did you mean learned\?\)/],
  [["--class", "7", "--prior", "7"], /cannot be used with/],
  [["--fuel", "0"], /--fuel: found "0"/],
  [["--power-loss", "soon"], /--power-loss: found "soon", expected a number of instructions or of frames/],
  [["--cycles-per-instruction", "-1"], /--cycles-per-instruction: found "-1"/],
  [["--engine", "jit"], /--engine: found "jit"/],
  [["--out", "picture.gif"], /--out: found "picture\.gif", expected a name that ends in/],
  [["--firmware", "package.json"], /the firmware is no valid Wasm module/],
  [["--start", "18446744073709551615", "--count", "2"], /--start: found/],
  [["no-such-model"], /no shipped model is named/],
] as const) {
  test(`simulate ${args.join(" ")} is a mistake`, () => {
    const { status, stderr } = spikelet(...args);
    assert.match(stderr, message);
    assert.equal(status, 2);
  });
}

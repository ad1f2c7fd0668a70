// What the binaries of the core, in both builds and with and without the encoder, contain, and what they must not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Build, wasmBytes } from "../../src/runtime/core.js";
import {
  hasMiscPrefix,
  type Instruction,
  isFloat,
  isMultiplication,
  isSignExtension,
  isVector,
  type Loop,
  loopBody,
  loopsOf,
  OPCODE,
  readWasm,
  vector,
  type WasmModule,
} from "../support/wasm-reader.js";

interface Binary {
  readonly name: string;
  readonly build: Build;
  readonly encoder: boolean;
  readonly file: string;
  readonly mostBytes: number;
}

const BINARIES: readonly Binary[] = [
  { name: "plain", build: "plain", encoder: false, file: "spikelet.wasm", mostBytes: 4096 },
  { name: "simd", build: "simd", encoder: false, file: "spikelet.simd.wasm", mostBytes: 6144 },
  {
    name: "plain with encoder",
    build: "plain",
    encoder: true,
    file: "spikelet.encoder.wasm",
    mostBytes: 6144,
  },
  {
    name: "simd with encoder",
    build: "simd",
    encoder: true,
    file: "spikelet.encoder.simd.wasm",
    mostBytes: 8192,
  },
];

const DECODER_EXPORTS = ["decode", "generate", "memory", "open"];
const ENCODER_EXPORTS = ["encode", "openEncoder"];

const CALL = 0x10;
const I16X8_ADD = vector(0x8e);
const I16X8_SHIFT_RIGHT_SIGNED = vector(0x8c);
/** What the plain build leaves of four 16-bit lanes before it takes a quarter of them. */
const LEAK_MASK = -0x0003000300030004n;

function instructionsOf(module: WasmModule): Instruction[] {
  return module.functions.flatMap((f) => f.instructions);
}

/** The instructions, and those of all functions that they call, directly or not. */
function withCalls(module: WasmModule, body: readonly Instruction[]): Instruction[] {
  const called = new Set<number>();
  const all = [...body];
  for (let i = 0; i < all.length; i++) {
    const callee = Number(all[i].immediates[0]);
    if (all[i].opcode !== CALL || called.has(callee)) continue;
    called.add(callee);
    const f = module.functions.find(({ index }) => index === callee);
    // The import has no body: nothing of the kernels may call it.
    assert.ok(f, `function ${callee} is imported`);
    all.push(...f.instructions);
  }
  return all;
}

/** Whether a loop calls the import, and so runs once for a fetch and not once for a step or spike. */
function reachesImport(module: WasmModule, body: readonly Instruction[]): boolean {
  try {
    withCalls(module, body);
    return false;
  } catch {
    return true;
  }
}

/** The body of a loop, and of the `levels` loops around it. */
function enclosing(module: WasmModule, loop: Loop, levels: number): Instruction[] {
  const around = loop.outer.slice(0, levels).map((start) => loopBody(loop.function, start));
  return withCalls(module, around.length > 0 ? around[around.length - 1] : loop.body);
}

for (const { name, build, encoder, file, mostBytes } of BINARIES) {
  const bytes = wasmBytes(build, encoder);
  const module = readWasm(bytes);

  test(`${name}: at most ${mostBytes} bytes`, (t) => {
    const { length } = bytes;
    t.diagnostic(`${length} bytes`);
    assert.ok(length <= mostBytes, `${length} bytes`);
  });

  test(`${name}: one import, one page, no start function, no table`, () => {
    assert.deepEqual(module.imports, [
      {
        module: "flash",
        name: "read",
        kind: 0,
        type: { parameters: ["i32", "i32", "i32"], results: ["i32"] },
      },
    ]);
    assert.deepEqual(
      module.exports.map((e) => e.name).sort(),
      [...DECODER_EXPORTS, ...(encoder ? ENCODER_EXPORTS : [])].sort(),
    );
    assert.deepEqual(module.memories, [{ initial: 1, maximum: null }]);
    assert.equal(module.hasStart, false);
    assert.equal(module.hasTable, false);
    assert.deepEqual(module.customNames, []);
  });

  test(`${name}: the file in dist is the one that the library embeds`, () => {
    const built = readFileSync(new URL(`../../dist/${file}`, import.meta.url));
    assert.equal(Buffer.compare(built, bytes), 0);
  });

  test(`${name}: memory starts as zeros, without data segments`, () => {
    assert.deepEqual(module.data, []);
  });

  test(`${name}: no floating point, no memory.grow, no call_indirect`, () => {
    const all = instructionsOf(module);
    assert.ok(all.length > 500, `${all.length} instructions`);
    assert.equal(all.filter(isFloat).length, 0);
    assert.equal(all.filter(({ opcode }) => opcode === OPCODE.memoryGrow).length, 0);
    assert.equal(all.filter(({ opcode }) => opcode === OPCODE.callIndirect).length, 0);
  });

  test(`${name}: no bulk memory or saturating conversion`, () => {
    assert.equal(instructionsOf(module).filter(hasMiscPrefix).length, 0);
  });

  // Spikes are visited one by one by counting trailing zeros. What adds weights there is a LIF layer's inner loop.
  test(`${name}: no multiplication where a LIF layer adds the weights of a spike`, () => {
    const visiting = loopsOf(module).filter(
      ({ isInnermost, body }) =>
        isInnermost && body.some(({ opcode }) => opcode === OPCODE.i32Ctz || opcode === OPCODE.i64Ctz),
    );
    const adding = visiting.filter(({ body }) =>
      body.some(({ opcode }) => opcode === (build === "simd" ? I16X8_ADD : OPCODE.i64Add)),
    );
    assert.ok(adding.length > 0, "no such loop found");
    for (const loop of visiting) {
      assert.equal(withCalls(module, loop.body).filter(isMultiplication).length, 0);
    }
    // Nor in the loops over words of spikes and over steps around it.
    for (const loop of adding) {
      assert.ok(loop.outer.length >= 2, "not inside the loops over words and steps");
      assert.equal(enclosing(module, loop, 2).filter(isMultiplication).length, 0);
    }
    // No other loop that is run for every spike or step adds 16-bit lanes: the rest adds one number at a time.
    const adds = (body: readonly Instruction[]) =>
      body.filter(({ opcode }) => opcode === OPCODE.i64Add || opcode === I16X8_ADD).length;
    for (const { isInnermost, body } of loopsOf(module)) {
      if (!isInnermost || reachesImport(module, body)) continue;
      if (adds(body) >= 4) assert.equal(body.filter(isMultiplication).length, 0);
    }
  });

  test(`${name}: no multiplication where neurons leak, fire and are reset`, () => {
    const isLeak = ({ opcode, immediates }: Instruction) =>
      build === "simd"
        ? opcode === I16X8_SHIFT_RIGHT_SIGNED
        : opcode === OPCODE.i64Const && immediates[0] === LEAK_MASK;
    const firing = loopsOf(module).filter(({ body }) => body.some(isLeak));
    const deepest = Math.max(...firing.map(({ outer }) => outer.length));
    assert.ok(deepest >= 0, "no such loop found");
    for (const loop of firing) {
      if (loop.outer.length < deepest) continue;
      // The plain build has a loop over the words of a block inside that over the steps.
      assert.equal(enclosing(module, loop, build === "simd" ? 0 : 1).filter(isMultiplication).length, 0);
    }
  });
}

// Sign extension is the one extension to the MVP that the plain build may use: wasm3, WAMR and wasm2c all have it.
for (const { name, build, encoder } of BINARIES) {
  const all = instructionsOf(readWasm(wasmBytes(build, encoder)));
  if (build === "simd") {
    test(`${name}: uses vectors`, () => {
      assert.ok(all.some(isVector), "no vectors");
    });
    continue;
  }
  test(`${name}: Wasm MVP, sign extension aside`, () => {
    assert.equal(all.filter(isVector).length, 0);
    // A value on the stack, and not several, is what a block of the MVP gives.
    for (const { opcode, immediates } of all) {
      const opens = opcode === OPCODE.block || opcode === OPCODE.loop || opcode === OPCODE.if;
      if (opens) assert.ok(Number(immediates[0]) < 0, "a block with parameters or several results");
    }
  });
}

test("the reader tells instructions apart", () => {
  // (func (param f32) (result i32) loop (result i32) i32.const -3 i32.extend8_s memory.size memory.grow i32.mul end)
  const code = [0x03, 0x7f, 0x41, 0x7d, 0xc0, 0x3f, 0x00, 0x40, 0x00, 0x6c, 0x0b];
  const vectors = [0x20, 0x00, 0xfd, 0x13, 0xfd, 0x0c, ...Array(16).fill(9), 0xfd, 0x95, 0x01, 0x1a];
  const body = [0x00, ...vectors, 0xfc, 0x0a, 0x00, 0x00, ...code, 0x0b];
  const module = readWasm(
    Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...[1, 6, 1, 0x60, 1, 0x7d, 1, 0x7f],
      ...[3, 2, 1, 0],
      ...[10, body.length + 2, 1, body.length, ...body],
    ]),
  );
  const [{ instructions }] = module.functions;
  const count = (is: (i: Instruction) => boolean) => instructions.filter(is).length;
  assert.equal(count(isFloat), 1); // f32x4.splat
  assert.equal(count(isVector), 3);
  assert.equal(count(isMultiplication), 2); // i16x8.mul, i32.mul
  assert.equal(count(hasMiscPrefix), 1); // memory.copy
  assert.equal(count(isSignExtension), 1);
  assert.equal(
    count(({ opcode }) => opcode === OPCODE.memoryGrow),
    1,
  );
  const [loop] = loopsOf(module);
  assert.deepEqual(
    loop.body.map(({ opcode, immediates }) => [opcode, ...immediates]),
    [[0x41, -3], [0xc0], [0x3f, 0], [0x40, 0], [0x6c]],
  );
  assert.throws(() => readWasm(Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)), /version 1/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import wabt from "wabt";
import { CountedCore } from "../../firmware-sim/wasm/counted-core.js";
import { sumOfKinds } from "../../firmware-sim/wasm/instruction-kinds.js";
import { Counters, type InstrumentOptions, instrument } from "../../firmware-sim/wasm/instrument.js";
import { decodeModel, encodeModel, Generator } from "../../src/index.js";
import { decoderLayerName } from "../../src/model/model.js";
import { syntheticModel } from "../support/models.js";

const { parseWat } = await wabt();

function assemble(wat: string): Uint8Array {
  return parseWat("test.wat", wat).toBinary({}).buffer;
}

function run(binary: Uint8Array, options: InstrumentOptions = {}, imports: WebAssembly.Imports = {}) {
  const module = new WebAssembly.Module(new Uint8Array(instrument(binary, options)));
  const { exports } = new WebAssembly.Instance(module, imports);
  return { call: exports as Record<string, (...args: number[]) => number>, counters: new Counters(exports) };
}

/** Adds n, n − 1 … 1, but only the odd ones; 0 for n = 0. */
const SUM = `(module (func (export "sum") (param i32) (result i32) (local i32)
  (block $out
    (br_if $out (i32.eqz (local.get 0)))
    (loop $next
      (if (i32.and (local.get 0) (i32.const 1))
        (then (local.set 1 (i32.add (local.get 1) (local.get 0))))
        (else (nop)))
      (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (local.get 1)))`;

test("every executed instruction is counted once", () => {
  const { call, counters } = run(assemble(SUM));
  for (const [n, sum, count] of [
    [0, 0, 4],
    [1, 1, 3 + 4 + 4 + 5 + 1],
    [7, 16, 3 + 7 * (4 + 5) + 4 * 4 + 3 + 1],
    [300, 22500, 3 + 300 * (4 + 5) + 150 * 4 + 150 + 1],
  ]) {
    counters.reset();
    assert.equal(call.sum(n), sum);
    assert.equal(counters.total(), count, `instructions of sum(${n})`);
  }
});

test("instructions are counted by kind", () => {
  const { call, counters } = run(
    assemble(`(module (memory 1) (global $g (mut i32) (i32.const 0))
      (func $callee (param i64))
      (func (export "kinds") (local i64)
        (global.set $g (i32.mul (i32.load8_u (i32.const 8)) (i32.popcnt (global.get $g))))
        (i64.store (i32.const 16) (i64.shl (i64.mul (i64.load (i32.const 0)) (i64.extend_i32_u (i32.const 3))) (i64.const 1)))
        (i32.store16 (i32.const 0) (i32.rem_u (i32.const 7) (i32.const 4)))
        (local.set 0 (i64.div_u (i64.load32_u (i32.const 0)) (i64.const 9)))
        (call $callee (local.get 0))
        (drop (select (i32.const 1) (i32.const 2) (i32.const 3)))
        (drop (f64.add (f64.const 1) (f64.const 2)))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 8))
        (drop (v128.load (i32.const 0)))
        (return)))`),
  );
  call.kinds();
  assert.deepEqual(counters.byKind(), {
    local: 2,
    constant: 19,
    global: 2,
    branch: 1,
    call: 1,
    load: 2,
    load64: 1,
    store: 1,
    store64: 1,
    integer: 1,
    select: 1,
    integer64: 0,
    shift64: 1,
    multiply: 1,
    multiply64: 1,
    divide: 1,
    divide64: 1,
    convert: 1,
    vector: 1,
    float: 1,
    other: 4,
  });
});

test("imports shift no index, and a start function and data stay", () => {
  const { call, counters } = run(
    assemble(`(module (import "host" "four" (func $four (result i32))) (import "host" "g" (global i32)) (memory 1)
      (func $init (i32.store (i32.const 4) (i32.const 30))) (start $init) (data (i32.const 0) "\\02")
      (func (export "sum") (result i32)
        (i32.add (i32.add (call $four) (global.get 0)) (i32.add (i32.load8_u (i32.const 0)) (i32.load (i32.const 4))))))`),
    {},
    { host: { four: () => 4, g: new WebAssembly.Global({ value: "i32" }, 6) } },
  );
  assert.equal(call.sum(), 42);
  assert.equal(counters.total(), 3 + 9);
});

test("a run stops where its fuel runs out, and says in which function", () => {
  const loop = assemble(`(module (func (export "work") (loop $l (br $l))) (func (export "rest")))`);
  const { call, counters } = run(loop, { fuel: true });
  counters.setFuel(1000);
  call.rest();
  assert.equal(counters.isOutOfFuel, false);
  assert.throws(() => call.work(), WebAssembly.RuntimeError);
  assert.equal(counters.isOutOfFuel, true);
  assert.equal(counters.lastFunction, 0);
  assert.equal(counters.total(), 1000);
});

test("the counted core makes the same image, in the same number of instructions each time", async () => {
  const model = encodeModel(syntheticModel({ priors: 2 }));
  const generator = await Generator.load(model);
  const core = new CountedCore(model);
  const first = core.draw(3, 1, 1);
  assert.deepEqual(first.pixels, generator.generate({ seed: 3, index: 1, prior: 1 }).pixels);
  core.draw(4, 0);
  assert.deepEqual(core.draw(3, 1, 1), first);
  assert.deepEqual(
    first.stages.map(({ name }) => name),
    ["latent", ...decodeModel(model).decoder.map((_, i, { length }) => decoderLayerName(i, length))],
  );
  for (const { name, instructions } of first.stages) {
    assert.ok(sumOfKinds(instructions) > 1000, `${name} takes instructions`);
    assert.equal(instructions.float + instructions.vector, 0, `${name} has only integers`);
  }
});

// The firmware as a WASI 0.2 command component, and the core as a component of spikelet-edge.wit: same bits as the library, under jco
// in Node and under wasmtime.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { isJcoInstalled } from "../../firmware-sim/component/jco.js";
import { decodeModel } from "../../src/model/file.js";
import {
  argumentsOf,
  colourModel,
  DRAWINGS,
  type Drawing,
  expectedFrames,
  FLASH_FILES,
  generated,
  nameOf,
  REFUSALS,
  withFlash,
} from "../support/firmware-cases.js";
import { numberIn, readPage, tablesOf } from "../support/markdown.js";
import { type EdgeCall, runEdgeInWasmtime, runInWasmtime, skipWithoutWasmtime } from "../support/wasmtime.js";

const BUILD = "firmware-sim/component/build";
const COMMAND = `${BUILD}/firmware.component.wasm`;
const EDGE = `${BUILD}/edge.component.wasm`;

/** false, or what is missing: for a test's `skip`. */
const skipWithoutJco = isJcoInstalled()
  ? false
  : "jco is not installed: npm ci --prefix firmware-sim/component";
/** For those that need the engine as well. */
const skip = skipWithoutJco || skipWithoutWasmtime();

function runScript(script: string, args: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", `firmware-sim/component/${script}`, ...args],
    { maxBuffer: 2 ** 26 },
  );
  return { status, stdout, stderr: stderr.toString() };
}

/** What an edge component imports, as jco wants it. */
function edgeImports(model: Uint8Array, { flashBytes = model.length, displayImages = 1e9 } = {}) {
  const images: { size: number; channels: number; pixels: Uint8Array }[] = [];
  const costs: Readonly<Record<string, number | bigint>>[] = [];
  let time = 0n;
  const imports = {
    "spikelet:edge/flash": {
      size: () => model.length,
      read(offset: number, length: number) {
        if (offset + length > flashBytes) throw new Error("past the end of flash");
        return model.subarray(offset, offset + length);
      },
    },
    "spikelet:edge/display": {
      show(size: number, channels: number, pixels: Uint8Array) {
        // jco gives the payload of a thrown object as the error of a result.
        if (images.length === displayImages) throw Object.assign(new Error("closed"), { payload: undefined });
        images.push({ size, channels, pixels: pixels.slice() });
      },
    },
    "spikelet:edge/clock": {
      now() {
        time += 1000n;
        return time;
      },
    },
    "spikelet:edge/meter": { report: (cost: (typeof costs)[number]) => costs.push(cost) },
  };
  return { images, costs, imports };
}

interface EdgeGenerator {
  open(): { size: number; channels: number; timeSteps: number };
  findPrior(name: string): number | undefined;
  draw(seed: bigint, index: bigint, prior: number): void;
}

async function instantiateEdge(imports: object): Promise<EdgeGenerator> {
  const { instantiate } = await import(pathToFileURL(`${BUILD}/edge/edge.js`).href);
  const compile = (path: string) => WebAssembly.compile(readFileSync(join(BUILD, "edge", path)));
  return (await instantiate(compile, imports)).generator;
}

/** Checks images and costs of a drawing against the library's. */
async function checkEdge(
  drawing: Drawing,
  images: readonly { size: number; channels: number; pixels: Uint8Array }[],
  costs: readonly { readonly image: unknown; readonly operations: unknown }[],
): Promise<void> {
  const { pixels, ledgers, info } = await generated(drawing);
  const what = nameOf(drawing);
  assert.deepEqual(
    images.map(({ size, channels }) => [size, channels]),
    images.map(() => [info.imageSize, info.imageChannels]),
    what,
  );
  assert.deepEqual(new Uint8Array(Buffer.concat(images.map((image) => image.pixels))), pixels, what);
  assert.deepEqual(
    costs.map(({ operations }) => Number(operations)),
    ledgers.map(({ synapticOperations }) => synapticOperations),
    what,
  );
  assert.equal(BigInt(costs[0].image as number), drawing.first, what);
}

before(() => {
  if (skipWithoutJco) return;
  const { status, stderr } = runScript("build.ts");
  assert.equal(status, 0, stderr);
});

test("docs/firmware-wasi.md has the components' sizes", { skip: skipWithoutJco }, () => {
  const [rows] = tablesOf(readPage("docs/firmware-wasi.md").text);
  for (const path of [COMMAND, EDGE]) {
    const row = rows.find((candidate) => candidate.file === `\`${path}\``);
    assert.equal(numberIn(row?.bytes ?? ""), readFileSync(path).length, path);
  }
});

test("jco's shim: the command component draws as the library does", { skip: skipWithoutJco }, () =>
  withFlash(async (folder) => {
    for (const drawing of [DRAWINGS[1], DRAWINGS[3]]) {
      const { status, stdout, stderr } = runScript("run.ts", [folder, ...argumentsOf(drawing)]);
      assert.equal(status, 0, stderr);
      assert.equal(Buffer.compare(stdout, await expectedFrames(drawing)), 0, nameOf(drawing));
      assert.equal(stderr.match(/^image=/gm)?.length, drawing.count, stderr);
    }
    const { status, stderr } = runScript("run.ts", [folder, "--model=none.spk"]);
    assert.equal(status, 1, "a command component has success and failure only");
    assert.match(stderr, /none\.spk: not in flash/);
  }),
);

for (const drawing of DRAWINGS) {
  test(`jco: the edge component draws as the library does: ${nameOf(drawing)}`, {
    skip: skipWithoutJco,
  }, async () => {
    const { images, costs, imports } = edgeImports(FLASH_FILES[drawing.file]());
    const generator = await instantiateEdge(imports);
    const { info } = await generated(drawing);
    assert.deepEqual(generator.open(), {
      size: info.imageSize,
      channels: info.imageChannels,
      timeSteps: info.timeSteps,
    });
    const prior = drawing.prior === undefined ? 0 : generator.findPrior(drawing.prior);
    assert.notEqual(prior, undefined, "the prior was not found");
    for (let i = 0; i < drawing.count; i++)
      generator.draw(drawing.seed, drawing.first + BigInt(i), prior as number);
    await checkEdge(
      drawing,
      images,
      costs.map((cost) => ({ image: cost.image, operations: cost.synapticOperations })),
    );
    assert.equal(costs[0].nanoseconds, 1000n, "the clock was not read before and after");
  });
}

test("jco: what the edge component cannot do, it says", { skip: skipWithoutJco }, async () => {
  const closed = await instantiateEdge(edgeImports(colourModel(), { displayImages: 0 }).imports);
  const hasError = (payload: string) => (error: unknown) =>
    error instanceof Error && "payload" in error && error.payload === payload;
  assert.throws(() => closed.draw(1n, 0n, 0), hasError("bad-argument"), "no model is open");
  closed.open();
  assert.throws(() => closed.draw(1n, 0n, 0), hasError("display-closed"));
  assert.throws(() => closed.draw(1n, 0n, 77), hasError("bad-argument"));
  assert.equal(closed.findPrior("no such prior"), undefined);
  assert.equal(closed.findPrior("a name of 24 characters!!"), undefined);
  assert.equal(closed.findPrior(""), undefined);
  assert.equal(closed.findPrior("alone"), 3);
  // Longer than any string that the component has room for: a trap, as the canonical ABI asks.
  assert.throws(() => closed.findPrior("x".repeat(5000)), WebAssembly.RuntimeError);

  const none = await instantiateEdge(edgeImports(FLASH_FILES["text.spk"]()).imports);
  assert.throws(() => none.open(), hasError("not-a-model"));
  const large = await instantiateEdge(edgeImports(FLASH_FILES["large.spk"]()).imports);
  assert.throws(() => large.open(), hasError("does-not-fit"));
});

test("wasmtime: the command component draws as the library does", { skip }, () =>
  withFlash(async (folder) => {
    const runs = runInWasmtime(
      DRAWINGS.map((drawing) => ({ kind: "command", wasm: COMMAND, folder, args: argumentsOf(drawing) })),
    );
    for (const [k, drawing] of DRAWINGS.entries()) {
      assert.equal(runs[k].exitCode, 0, runs[k].uart);
      assert.equal(Buffer.compare(runs[k].display, await expectedFrames(drawing)), 0, nameOf(drawing));
      assert.equal(runs[k].uart.match(/^image=/gm)?.length, drawing.count, runs[k].uart);
    }
  }),
);

test("wasmtime: what the command component refuses", { skip }, () =>
  withFlash((folder) => {
    const job = { kind: "command", wasm: COMMAND, folder } as const;
    const runs = runInWasmtime([
      ...REFUSALS.map(({ args }) => ({ ...job, args })),
      { ...job, args: [], display: "/dev/full" },
      { ...job, args: [], fuel: 10_000_000 },
    ]);
    for (const [k, { args, uart }] of REFUSALS.entries()) {
      const what = args.join(" ").slice(0, 60);
      assert.match(runs[k].uart, uart, what);
      assert.equal(runs[k].exitCode, 1, what);
    }
    const [closed, stopped] = runs.slice(-2);
    assert.equal(closed.exitCode, 1);
    assert.match(closed.uart, /the display is closed/);
    assert.match(stopped.trap ?? "", /all fuel consumed/);
  }),
);

test("wasmtime: the edge component draws as the library does", { skip }, () =>
  withFlash(async (folder) => {
    const jobs = DRAWINGS.map(({ file, seed, count, first, prior }) => {
      const names = decodeModel(readFileSync(join(folder, file))).priors.map(({ name }) => name);
      const name = prior ?? names[0];
      const record = names.indexOf(name);
      const calls: EdgeCall[] = [["open"], ["find-prior", name]];
      for (let i = 0; i < count; i++) calls.push(["draw", seed, first + BigInt(i), record]);
      return { job: { wasm: EDGE, model: join(folder, file), calls }, record };
    });
    const runs = runEdgeInWasmtime(jobs.map(({ job }) => job));
    for (const [k, drawing] of DRAWINGS.entries()) {
      const [, found, ...drawn] = runs[k].results;
      assert.equal(found, jobs[k].record, nameOf(drawing));
      assert.deepEqual(
        drawn,
        drawn.map(() => null),
        nameOf(drawing),
      );
      const costs = runs[k].costs.map((cost) => ({
        image: drawing.first, // a number of 64 bits, which JSON rounds
        operations: cost["synaptic-operations"],
      }));
      await checkEdge(drawing, runs[k].images, costs);
    }
  }),
);

test("wasmtime: what the edge component cannot do", { skip }, () =>
  withFlash((folder) => {
    const model = join(folder, "colour.spk");
    const draw: EdgeCall = ["draw", 1n, 0n, 0];
    const [none, large, short, closed] = runEdgeInWasmtime([
      { wasm: EDGE, model: join(folder, "text.spk"), calls: [["open"], draw] },
      { wasm: EDGE, model: join(folder, "large.spk"), calls: [["open"]] },
      { wasm: EDGE, model, calls: [["open"], draw], flashBytes: 3000 },
      { wasm: EDGE, model, calls: [["open"], draw, draw], displayImages: 1 },
    ]);
    assert.deepEqual(none.results, ["not-a-model", "bad-argument"]);
    assert.deepEqual(large.results, ["does-not-fit"]);
    assert.equal(short.results.at(-1), "flash-failed");
    assert.deepEqual(closed.results.slice(1), [null, "display-closed"]);
    assert.equal(closed.images.length, 1);
  }),
);

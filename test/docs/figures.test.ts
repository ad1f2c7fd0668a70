// Figures of the docs that do not depend on the machine's speed, compared with what the repository has now.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import * as exit from "../../assembly/guests/wasi/exit.js";
import { BareCore } from "../../bench/bare-core.js";
import { openSetting } from "../../bench/setting.js";
import { reachedSynapses } from "../../bench/statistics.js";
import { listDevices } from "../../firmware-sim/devices/catalog.js";
import { sumOfKinds } from "../../firmware-sim/wasm/instruction-kinds.js";
import { Counters, instrument } from "../../firmware-sim/wasm/instrument.js";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { crc32 } from "../../src/model/crc32.js";
import { encodeModel } from "../../src/model/file.js";
import type { WeightBits } from "../../src/model/model.js";
import { quantizeNetwork } from "../../src/quantize/quantize.js";
import { wasmBytes } from "../../src/runtime/core.js";
import { Generator } from "../../src/runtime/generator.js";
import { memoryPlan } from "../../src/runtime/memory-plan.js";
import { planMemory } from "../../src/training/memory-plan.js";
import { claim, numberIn, readPage, repositoryFiles, tablesOf, tableUnder } from "../support/markdown.js";

const readme = readPage("README.md");
const wasi = readPage("docs/firmware-wasi.md");
const evaluation = readPage("docs/evaluation.md");
const performance = readPage("docs/performance.md");
const training = readPage("docs/training.md");
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const mnist = new Uint8Array(readFileSync("models/esvae-mnist.spk"));
const network = readNetwork(readCheckpoint(new Uint8Array(readFileSync("models/esvae-mnist.safetensors"))));

test("bytes of files in the docs' tables", () => {
  let rows = 0;
  for (const { path, text } of repositoryFiles()
    .filter((file) => file.endsWith(".md"))
    .map(readPage)) {
    for (const row of tablesOf(text).flat()) {
      const [name] = Object.values(row).flatMap(
        (cell) => /^`([\w./-]+\.(?:wasm|spk))`/.exec(cell)?.[1] ?? [],
      );
      if (!name || !row.bytes) continue;
      const file = [name, join("models", name)].find(existsSync);
      // What is built apart is compared where it is built (test/firmware-sim/component.test.ts).
      if (name.startsWith("firmware-sim/component/")) continue;
      assert.ok(file, `${path}: no file ${name}`);
      assert.equal(numberIn(row.bytes), statSync(file).size, `${path}: ${name}`);
      rows++;
    }
  }
  assert.ok(rows >= 8, `only ${rows} rows were found`);
});

test("README: the firmware's bytes", () => {
  const [bytes] = claim(readme, /WASI command\S* of ([\d,]+) bytes/);
  assert.equal(numberIn(bytes), statSync("dist/firmware.wasm").size);
});

test("README: memory of the MNIST model with weights in flash", async () => {
  const plan = await memoryPlan(mnist, { weights: "streamed", build: "plain" });
  const [bytes] = claim(readme, /memory for the MNIST model, weights in flash \| ([\d,]+) \(one page\)/);
  assert.equal(plan.pages, 1);
  assert.equal(numberIn(bytes), 65536 * plan.pages);
});

test("README: bytes of models without an encoder", () => {
  const claimed = claim(readme, /`spikelet import --no-encoder`\), 8 bits; 4 bits \| ([\d,]+); ([\d,]+)/);
  const sizes = ([8, 4] as WeightBits[]).map((bits) => {
    const options = { bits, rounding: "nearest", calibrationImages: 1, name: "esvae-mnist" } as const;
    return encodeModel(quantizeNetwork({ ...network, encoder: [] }, options).model).length;
  });
  assert.deepEqual(claimed.map(numberIn), sizes);
});

test("README: the program runs as it stands", async () => {
  const [program] = readme.text.match(/(?<=```js\n)[^`]+/) ?? [];
  assert.ok(program);
  const library = pathToFileURL("dist/index.js").href;
  const source = `${program.replace('"spikelet"', JSON.stringify(library))}\nexport { pixels, ledgers };`;
  const { pixels, ledgers } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  assert.equal(pixels.length, 10 * 32 * 32);
  const { ledgers: expected } = (await Generator.load(mnist)).generate({ seed: 1, count: 10, ledger: true });
  assert.deepEqual(ledgers, expected);
});

test("numbers of devices", () => {
  const { length } = listDevices();
  for (const pattern of [/an image costs here and on (\d+) devices/, /# (\d+) devices: fits or not/]) {
    assert.equal(numberIn(claim(readme, pattern)[0]), length);
  }
});

test("docs/playground.md: what the page loads", () => {
  const folder = "dist/playground";
  /** What loads with these files at once. */
  const load = (files: Set<string>, file: string): Set<string> => {
    if (files.has(file)) return files;
    files.add(file);
    const text = file.endsWith(".js") ? readFileSync(join(folder, file), "utf8") : "";
    for (const [, path] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) load(files, path);
    return files;
  };
  const atOnce = ["index.html", "style.css", "page.js", "worker.js"].reduce(load, new Set<string>());
  const later = readdirSync(folder).filter((file) => file.endsWith(".js") && !atOnce.has(file));
  const claimed = claim(
    readPage("docs/playground.md"),
    /takes (\d+) KB gzipped when it opens.* sources, (\d+) KB more/,
  );
  for (const [i, files] of [atOnce, later].entries()) {
    const bytes = [...files].reduce(
      (sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length,
      0,
    );
    assert.ok(Math.abs(bytes / 1000 - Number(claimed[i])) < 3, `${claimed[i]} KB, found ${bytes} bytes`);
  }
});

test("licence, versions", () => {
  assert.equal(manifest.license, "MIT");
  assert.match(readFileSync("LICENSE", "utf8"), /^MIT License/);
  assert.match(readme.text, /^MIT licence\.$/m);
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  assert.equal(lock.version, manifest.version);
  assert.equal(lock.packages[""].license, manifest.license);
  const [node] = claim(readme, /Node ([\d.]+) or newer/);
  assert.equal(manifest.engines.node, `>=${node}`);
  assert.match(
    readFileSync("CHANGELOG.md", "utf8"),
    new RegExp(`^## ${manifest.version.replaceAll(".", "\\.")}\\b`, "m"),
  );
});

test("docs/evaluation.md: checksum of the model that was measured", () => {
  const [checksum] = claim(evaluation, /CRC-32 ([0-9a-f]{8})/);
  const stored = new DataView(mnist.buffer).getUint32(12, true);
  assert.equal(checksum, stored.toString(16).padStart(8, "0"));
  assert.equal(crc32(mnist.subarray(16)), stored);
});

test("docs/firmware-wasi.md: exit codes", () => {
  const codes = tableUnder(wasi, "Arguments", 1).map((row) => numberIn(row["exit code"]));
  assert.deepEqual(codes, [0, ...Object.values(exit)].sort());
});

test("docs/performance.md: instructions of a synaptic operation at 8 bits", async () => {
  const [resident, streamed] = claim(
    performance,
    /instructions an operation, 8 bits +\| ([\d.]+); streamed ([\d.]+)/,
  );
  const { spk, model } = openSetting("models/esvae-mnist.spk");
  const images = 16;
  const { ledgers } = (await Generator.load(spk)).generate({ seed: 1, count: images, ledger: true });
  const operations = ledgers.reduce((sum, ledger) => sum + reachedSynapses(ledger), 0);
  const module = new WebAssembly.Module(new Uint8Array(instrument(wasmBytes("plain"))));
  for (const [weights, claimed] of [
    ["resident", resident],
    ["streamed", streamed],
  ]) {
    const core = new BareCore(module, spk, weights === "resident");
    const counters = new Counters(core.exports);
    counters.reset();
    for (let index = 0; index < images; index++) core.generate(1, index, model.timeSteps);
    assert.equal((sumOfKinds(counters.byKind()) / operations).toFixed(2), claimed, weights);
  }
});

test("docs/training.md: memory of a batch", () => {
  const [batch, mebibytes] = claim(training, /A batch of (\d+) takes (\d+) MiB/);
  const { bytes } = planMemory(network, { batchSize: Number(batch), threads: 2 });
  assert.equal(Math.round(bytes / 2 ** 20), Number(mebibytes));
});

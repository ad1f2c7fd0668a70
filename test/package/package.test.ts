import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeShippedModel, SHIPPED_MODELS } from "../../scripts/shipped-models.js";
import { Generator } from "../../src/index.js";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const data = "../shared/data";

test("the packed package with the MNIST model is under 1 MB and has all that it exports", () => {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    encoding: "utf8",
  });
  const [pack] = JSON.parse(stdout);
  assert.ok(pack.size < 1_000_000, `${pack.size} bytes`);
  const files = new Set(pack.files.map((f: { path: string }) => f.path));
  const exported = [
    ...Object.values(manifest.exports["."]),
    ...Object.values(manifest.exports["./simulator"]),
    manifest.exports["./spikelet.wasm"],
    manifest.exports["./spikelet.simd.wasm"],
  ];
  for (const path of [
    ...exported,
    manifest.bin.spikelet,
    "./models/esvae-mnist.spk",
    "./dist/worker.js",
    "./dist/evaluate-worker.js",
    "./dist/training-worker.js",
    "./LICENSE",
  ]) {
    assert.ok(files.has(join(path as string)), `${path} is not in the package`);
  }
});

test("users install nothing else", () => {
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.optionalDependencies, undefined);
  assert.equal(manifest.peerDependencies, undefined);
});

test("the built library for Node gives the same image as its source", async () => {
  const built: { Generator: typeof Generator } = await import(join(process.cwd(), "dist/index.js"));
  const ours = (await Generator.load("models/esvae-mnist.spk")).generate({ seed: 9 });
  assert.deepEqual(
    (await built.Generator.load("models/esvae-mnist.spk")).generate({ seed: 9 }).pixels,
    ours.pixels,
  );
});

test("the browser build asks for nothing of Node's", () => {
  const chunks = readdirSync("dist/playground", { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js"))
    .map((file) => `playground/${file}`);
  for (const file of ["browser.js", "browser-simulator.js", ...chunks]) {
    assert.doesNotMatch(readFileSync(`dist/${file}`, "utf8"), /["'`]node:|\brequire\(/, file);
  }
});

test("types need nothing that a user would have to install", () => {
  const types = readdirSync("dist/types", { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".d.ts"),
  );
  for (const file of types) {
    const text = readFileSync(`dist/types/${file}`, "utf8");
    assert.doesNotMatch(text, /(from|import) ?\(?"[^.]/, file);
  }
});

for (const name of Object.keys(SHIPPED_MODELS)) {
  test(`${name} is what importer and fit make of its checkpoint, byte for byte`, {
    skip: existsSync(data) ? false : `${data} is not here`,
  }, async () => {
    const made = await makeShippedModel(name, data);
    assert.equal(Buffer.compare(made, readFileSync(`models/${name}.spk`)), 0, "the model differs");
  });
}

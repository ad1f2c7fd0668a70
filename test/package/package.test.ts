import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { makeShippedModel, SHIPPED_MODELS } from "../../scripts/shipped-models.js";
import { Generator } from "../../src/index.js";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const data = "../shared/data";

/** The files of dist that one of them loads, itself included. */
function loadedFrom(file: string, found = new Set<string>()): Set<string> {
  found.add(file);
  for (const [, path] of readFileSync(`dist/${file}`, "utf8").matchAll(
    /^(?:import|export).*"\.\/(.*)";$|^} from "\.\/(.*)";$/gm,
  )) {
    if (path !== undefined && !found.has(path)) loadedFrom(path, found);
  }
  return found;
}

test("the packed package with both models is under 3 MB and has all that it exports", (t) => {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    encoding: "utf8",
  });
  const [pack] = JSON.parse(stdout);
  t.diagnostic(`${pack.entryCount} files, ${pack.size} bytes packed, ${pack.unpackedSize} unpacked`);
  assert.ok(pack.size < 3_000_000, `${pack.size} bytes`);
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
    "./models/esvae-fashion-mnist.spk",
    "./dist/worker.js",
    "./dist/training-worker.js",
    "./dist/THIRD-PARTY-NOTICES",
    "./LICENSE",
  ]) {
    assert.ok(files.has(join(path as string)), `${path} is not in the package`);
  }
});

for (const entry of ["index.js", "simulator.js"]) {
  test(`${entry} loads no package, nothing of Node's and few files`, () => {
    const files = [...loadedFrom(entry)];
    assert.ok(files.length <= 3, files.join(", "));
    for (const file of files) {
      assert.doesNotMatch(
        readFileSync(`dist/${file}`, "utf8"),
        /^(import|export|\}).*from "[^.]|^import "[^.]|\b(import|require)\("/m,
        file,
      );
    }
  });
}

test("an uncaught error shows the line of the library that threw it, and where that lies in the source", () => {
  const program = `import { Generator } from ${JSON.stringify(pathToFileURL("dist/index.js").href)};
    await Generator.load("models/esvae-mnist.spk", { build: "fast" });`;
  const run = (...options: string[]) =>
    spawnSync(process.execPath, [...options, "--input-type=module", "-e", program], { encoding: "utf8" });
  const { stderr } = run();
  assert.match(stderr, /^ +throw \S.*\n +\^/m);
  assert.match(stderr, /at .*Generator\.load \(file:.*dist\/[\w-]+\.js:\d+:\d+\)/);
  for (const line of stderr.split("\n")) assert.ok(line.length < 300, line);
  assert.match(run("--enable-source-maps").stderr, /src\/runtime\/generator\.ts:\d+/);
});

test("the notices are of all that is bundled, with its licence", () => {
  const notices = readFileSync("dist/THIRD-PARTY-NOTICES", "utf8");
  const bundled = new Set(
    readdirSync("dist", { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".js"))
      .flatMap((file) => [
        ...readFileSync(`dist/${file}`, "utf8").matchAll(/^ *\/\/ node_modules\/((?:@[^/]+\/)?[^/]+)/gm),
      ])
      .map(([, name]) => name),
  );
  // Minified code does not say where it comes from: fflate packs the playground's firmware.
  for (const name of [...bundled, "fflate", "assemblyscript", "wabt"]) {
    const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
    assert.ok(notices.includes(`\n${name} ${version} (${license})\n`), `${name} is not in the notices`);
  }
  assert.ok(bundled.has("valibot"));
  assert.equal(notices.match(/Copyright/gi)!.length > bundled.size, true);
  for (const name of Object.keys(manifest.dependencies)) {
    const isBundled = bundled.has(name);
    assert.equal(notices.includes(`\n${name} `), isBundled, `${name} is ${isBundled ? "" : "not "}bundled`);
  }
});

test("the built library gives the same image as its source", async () => {
  const built: { Generator: typeof Generator } = await import(join(process.cwd(), "dist/index.js"));
  const ours = (await Generator.load("models/esvae-mnist.spk")).generate({ seed: 9 });
  assert.deepEqual(
    (await built.Generator.load("models/esvae-mnist.spk")).generate({ seed: 9 }).pixels,
    ours.pixels,
  );
});

for (const name of Object.keys(SHIPPED_MODELS)) {
  test(`${name} is what importer and fit make of its checkpoint, byte for byte`, {
    skip: existsSync(data) ? false : `${data} is not here`,
  }, async () => {
    const made = await makeShippedModel(name, data);
    assert.equal(Buffer.compare(made, readFileSync(`models/${name}.spk`)), 0, "the model differs");
  });
}

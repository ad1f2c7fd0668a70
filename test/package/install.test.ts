import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";

const tsc = resolve("node_modules/.bin/tsc");

/** What uses the types of everything that is exported; nothing but the package and TypeScript is there. */
const USER = `import { Generator, memoryPlan, SpikeletError, type Images, type ModelInfo } from "spikelet";
import { findDevice, profile, type Device } from "spikelet/simulator";

const generator: Generator = await Generator.load("model.spk", { weights: "streamed" });
const images: Images = generator.generate({ count: 2, ledger: true });
const info: ModelInfo = generator.info;
const device: Device = findDevice("rp2040");
// @ts-expect-error: a placement that does not exist
await Generator.load("model.spk", { weights: "elsewhere" });
console.log(images.pixels.length, info.name, device.name.length, profile, memoryPlan, SpikeletError);
`;

describe("the packed package, installed in an empty folder", () => {
  let folder: string;
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: folder, encoding: "utf8", timeout: 120_000 });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "spikelet-install-"));
    const packed = spawnSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      encoding: "utf8",
    });
    const [{ filename }] = JSON.parse(packed.stdout);
    const installed = run("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", `./${filename}`);
    assert.equal(
      installed.status,
      0,
      `the registry is needed for the command line's packages: ${installed.stderr}`,
    );
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  test("npx spikelet makes images with both models", () => {
    for (const model of ["esvae-mnist", "esvae-fashion-mnist"]) {
      const { status, stderr } = run(
        "npx",
        "--no",
        "spikelet",
        "generate",
        "--model",
        model,
        "--out",
        `${model}.png`,
      );
      assert.equal(status, 0, stderr);
      assert.deepEqual(
        [...readFileSync(join(folder, `${model}.png`)).subarray(1, 4)],
        [..."PNG"].map((c) => c.charCodeAt(0)),
      );
    }
  });

  test("types are whole, for a program as strict as can be", () => {
    writeFileSync(join(folder, "user.mts"), USER);
    const strict = ["--strict", "--skipLibCheck", "false", "--exactOptionalPropertyTypes", "--types", ""];
    const modern = ["--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom,dom.iterable"];
    const { status, stdout } = run(tsc, "--noEmit", ...strict, ...modern, "user.mts");
    assert.equal(status, 0, stdout);
  });

  test("a program imports the library and the simulator, and no package is loaded for them", () => {
    for (const name of ["commander", "cli-progress", "fast-png", "jpeg-js", "valibot"]) {
      rmSync(join(folder, "node_modules", name), { recursive: true });
    }
    writeFileSync(
      join(folder, "program.mjs"),
      `import { Generator } from "spikelet";
       import { findDevice } from "spikelet/simulator";
       const model = "node_modules/spikelet/models/esvae-mnist.spk";
       const generator = await Generator.load(model);
       console.log(generator.generate().pixels.length, findDevice("rp2040").name);`,
    );
    const { status, stdout, stderr } = run(process.execPath, "program.mjs");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^1024 \S/);
  });
});

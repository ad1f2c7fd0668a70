import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";

const tsc = resolve("node_modules/.bin/tsc");
const nodeTypes = resolve("node_modules/@types");

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

/** As in a user's shell: `npm test` puts settings there, and this checkout's commands first, among them an old npm of a tool's. */
const PATH = process.env.PATH!.split(delimiter).filter((folder) => !folder.endsWith("node_modules/.bin"));
const settings = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
const env = { ...Object.fromEntries(settings), PATH: PATH.join(delimiter) };

/** Options of TypeScript's compiler for a program as strict as can be. */
const STRICT = [
  ...["--noEmit", "--strict", "--skipLibCheck", "false", "--exactOptionalPropertyTypes"],
  ...["--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom,dom.iterable"],
];

/** Functions and methods with the examples of their docstrings. */
function readExamples(types: string): Map<string, string> {
  const examples = new Map<string, string>();
  const files = readdirSync(types, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".d.ts"),
  );
  for (const file of files) {
    const declared =
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+(?:export declare (?:function|class) |static )?(\w+)/g;
    for (const [, comment, name] of readFileSync(join(types, file), "utf8").matchAll(declared)) {
      const example = /@example\s+\* ```ts\n([\s\S]*?)```/.exec(comment)?.[1];
      if (example) examples.set(name, example.replace(/^ *\* ?/gm, ""));
    }
  }
  return examples;
}

describe("the packed package, installed in an empty folder", () => {
  let folder: string;
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { cwd: folder, env, encoding: "utf8", timeout: 120_000 });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "spikelet-install-"));
    const packed = spawnSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      env,
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
    const { status, stdout } = run(tsc, ...STRICT, "--types", "", "user.mts");
    assert.equal(status, 0, stdout);
  });

  test("every public function and method has an example, and they compile", async () => {
    const examples = readExamples(join(folder, "node_modules/spikelet/dist/types"));
    const library = await import("../../src/index.js");
    const simulator = await import("../../firmware-sim/index.js");
    const functions = Object.entries({ ...library, ...simulator }).flatMap(([name, value]) =>
      typeof value === "function" && name !== "Generator" ? name : [],
    );
    const descriptors = Object.entries(Object.getOwnPropertyDescriptors(library.Generator.prototype));
    const methods = descriptors.flatMap(([name, { value }]) => (value && name !== "constructor" ? name : []));
    assert.ok(functions.length > 15 && methods.length > 6);
    for (const name of [...functions, "load", ...methods])
      assert.ok(examples.has(name), `${name} has no example`);
    const files = [...examples].map(([name, example]) => {
      const given = /import .*Generator/.test(example)
        ? ""
        : 'import { Generator } from "spikelet";\ndeclare const generator: Generator;\n';
      writeFileSync(join(folder, `${name}.mts`), given + example);
      return `${name}.mts`;
    });
    const { status, stdout } = run(tsc, ...STRICT, "--typeRoots", nodeTypes, "--types", "node", ...files);
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

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";

const biome = resolve("node_modules/.bin/biome");

/** What `biome lint` says, with the rules of this repository, of a folder that has these files. */
function lint(files: Readonly<Record<string, string>>): { fails: boolean; says: string } {
  const folder = mkdtempSync(join(tmpdir(), "spikelet-imports-"));
  try {
    cpSync(".gitignore", join(folder, ".gitignore"));
    // The schema is found beside the repository's own node_modules only.
    const { $schema, ...rules } = JSON.parse(readFileSync("biome.json", "utf8"));
    writeFileSync(join(folder, "biome.json"), JSON.stringify(rules));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const { status, stdout, stderr } = spawnSync(biome, ["lint", "."], { cwd: folder, encoding: "utf8" });
    return { fails: status !== 0, says: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const leaf = "export const leaf = 1;\n";
/** A module that hands on what another file has. */
const from = (path: string) => `export { leaf } from "${path}";\n`;

test("imports that run down are let through", () => {
  const { fails, says } = lint({
    "cli/command.ts": from("../firmware-sim/index.js"),
    "firmware-sim/index.ts": from("../src/index.js"),
    "src/index.ts": from("../assembly/core/format"),
    "assembly/core/format.ts": leaf,
    "assembly/index.ts": from("./core/format"),
  });
  assert.ok(!fails, says);
});

const circles = {
  "a circle": {
    "src/one.ts": `import { two } from "./two.js";\nexport const one = () => two;\n`,
    "src/two.ts": `import { one } from "./one.js";\nexport const two = () => one;\n`,
  },
  "a circle of types": {
    "src/one.ts": `import type { Two } from "./two.js";\nexport type One = Two | 1;\n`,
    "src/two.ts": `import type { One } from "./one.js";\nexport type Two = One | 2;\n`,
  },
  "a circle of AssemblyScript": {
    "assembly/core/one.ts": `import { two } from "./two";\nexport const one = () => two;\n`,
    "assembly/core/two.ts": `import { one } from "./one";\nexport const two = () => one;\n`,
  },
};

for (const [name, files] of Object.entries(circles)) {
  test(`the check fails on ${name}`, () => {
    const { fails, says } = lint(files);
    assert.ok(fails);
    assert.match(says, /noImportCycles/);
  });
}

for (const [importer, imported] of [
  ["src/model/model.ts", "firmware-sim/index.ts"],
  ["src/model/model.ts", "cli/main.ts"],
  ["src/model/model.ts", "assembly/core/decoder.ts"],
  ["firmware-sim/index.ts", "cli/main.ts"],
  ["cli/main.ts", "playground/protocol.ts"],
  ["playground/protocol.ts", "cli/main.ts"],
  ["bench/bench.ts", "test/support/models.ts"],
  ["scripts/build.ts", "test/cli/generate.ts"],
  ["assembly/core/decoder.ts", "assembly/guests/guest.ts"],
  ["assembly/core/decoder.ts", "assembly/device.ts"],
  ["assembly/guests/guest.ts", "src/errors.ts"],
]) {
  test(`the check fails where ${importer} imports ${imported}`, () => {
    const up = "../".repeat(importer.split("/").length - 1);
    const path = up + imported.replace(/\.ts$/, importer.startsWith("assembly") ? "" : ".js");
    const { fails, says } = lint({ [importer]: from(path), [imported]: leaf });
    assert.ok(fails);
    assert.match(says, /noRestrictedImports/);
  });
}

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Tensor } from "../../src/network.js";
import { syntheticTensors, writePth, writeSafetensors } from "../support/network.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "spikelet-import-"));
after(() => rmSync(work, { recursive: true }));

function importing(bytes: Uint8Array, ...args: string[]) {
  writeFileSync(join(work, "in"), bytes);
  rmSync(join(work, "out.spk"), { force: true });
  const command = [CLI, "import", "in", "--out", "out.spk", ...args];
  return spawnSync(process.execPath, command, { cwd: work, encoding: "utf8" });
}

/** The model that a checkpoint becomes. */
function imported(bytes: Uint8Array, ...args: string[]): Buffer {
  const { status, stderr } = importing(bytes, ...args);
  assert.equal(status, 0, stderr);
  return readFileSync(join(work, "out.spk"));
}

function renamed(tensors: ReadonlyMap<string, Tensor>, prefix: string): [string, Tensor][] {
  return [...tensors].map(([name, tensor]) => [prefix + name, tensor]);
}

describe("spikelet import", () => {
  const tensors = syntheticTensors({ channels: [32], latentSize: 5, timeSteps: 4 });
  const plain = imported(writePth(tensors));

  test("makes the same file of the same weights under any prefix", () => {
    const found = imported(writeSafetensors(new Map(renamed(tensors, "_orig_mod.module."))));
    assert.ok(plain.equals(found), "the bytes are the same");
  });

  test("takes one of two networks by --key", () => {
    const other = syntheticTensors({ channels: [32], latentSize: 5, timeSteps: 4, seed: 2 });
    const both = writePth(new Map([...renamed(tensors, "model."), ...renamed(other, "ema.")]));
    const { status, stderr } = importing(both);
    assert.equal(status, 2);
    assert.match(
      stderr,
      /^spikelet: in: The checkpoint has 2 networks: 'model', 'ema'; expected one\. .*--key model/,
    );
    assert.ok(plain.equals(imported(both, "--key", "model")), "the bytes are the same");
    assert.match(importing(both, "--key", "modle").stderr, /"modle" \(did you mean model\?\)/);
  });

  test("takes --time-steps where the checkpoint lacks them", () => {
    const bare = writePth(new Map([...tensors].filter(([name]) => !name.endsWith("coef"))));
    assert.match(importing(bare).stderr, /Give T: spikelet import --time-steps 16/);
    assert.ok(plain.equals(imported(bare, "--time-steps", "4")), "the bytes are the same");
    const { status, stderr } = importing(bare, "--time-steps", "0");
    assert.equal(status, 2);
    assert.match(stderr, /--time-steps: found "0", expected a whole number from 1 to 16/);
  });

  test("takes an FSVAE without its prior, and says so", () => {
    const fsvae = writePth(new Map([...tensors].filter(([name]) => !name.startsWith("sample_layer"))));
    const { status, stderr } = importing(fsvae);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /has no prior \(sample_layer\).*spikelet fit out\.spk --data FOLDER/);
  });

  test("shows the control characters of a name, and does not send them", () => {
    const name = "\x1b]0;PWN\x07\x1b[2J\u202e\u009b.weight";
    const { status, stderr } = importing(
      writeSafetensors(new Map([[name, { shape: [1], data: new Float32Array(1) }]])),
    );
    assert.equal(status, 2);
    assert.match(stderr, /it has \\u001b\]0;PWN\\u0007\\u001b\[2J\\u202e\\u009b;/);
    assert.doesNotMatch(stderr.trimEnd(), /\p{Cc}|\p{Bidi_Control}/u);
  });
});

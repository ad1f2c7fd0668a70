import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fsvaeLeftovers } from "../../src/checkpoint/fsvae-leftovers.js";
import { idxHeader } from "../../src/data/idx.js";
import type { Tensor } from "../../src/network.js";
import { randomSource } from "../support/models.js";
import { syntheticTensors, writePth, writeSafetensors } from "../support/network.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "spikelet-import-"));
after(() => rmSync(work, { recursive: true }));

function importing(bytes: Uint8Array, ...args: string[]) {
  writeFileSync(join(work, "in"), bytes);
  rmSync(join(work, "out.spk"), { force: true });
  return spikelet("import", "in", "--out", "out.spk", ...args);
}

function spikelet(...args: string[]) {
  return spawnSync(process.execPath, [CLI, ...args], { cwd: work, encoding: "utf8" });
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
    assert.match(importing(bare).stderr, /Give T: --time-steps 16/);
    assert.ok(plain.equals(imported(bare, "--time-steps", "4")), "the bytes are the same");
    const { status, stderr } = importing(bare, "--time-steps", "0");
    assert.equal(status, 2);
    assert.match(stderr, /--time-steps: found "0", expected a whole number from 1 to 16/);
  });

  test("takes an FSVAE without its prior, and says so; fit gives it priors, and generate takes them", () => {
    const whole = new Map([
      ...syntheticTensors({ channels: [32], latentSize: 5, timeSteps: 4, encoder: true }),
      ...fsvaeLeftovers(5),
    ]);
    const fsvae = writePth(new Map([...whole].filter(([name]) => !name.startsWith("sample_layer"))));
    const { status, stderr } = importing(fsvae);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /has no prior \(sample_layer\).*spikelet fit out\.spk --data FOLDER/);

    mkdirSync(join(work, "data"));
    const random = randomSource(1);
    const [count, size] = [40, 4];
    const pixels = Uint8Array.from({ length: count * size * size }, () => 255 * random());
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
    for (const [name, shape, data] of [
      ["train-images-idx3-ubyte", [count, size, size], pixels],
      ["train-labels-idx1-ubyte", [count], labels],
    ] as const) {
      writeFileSync(join(work, "data", name), Buffer.concat([idxHeader([...shape]), data]));
    }
    const fitted = spikelet("fit", "out.spk", "--data", "data", "--out", "fitted.spk", "--components", "2");
    assert.equal(fitted.status, 0, fitted.stderr);
    assert.match(fitted.stdout, /priors \w+ \(2 components\), learned, 0, 1$/m);
    const made = spikelet(
      "generate",
      "--model",
      "fitted.spk",
      "--class",
      "1",
      "--count",
      "3",
      "--out",
      "o.npy",
    );
    assert.equal(made.status, 0, made.stderr);
    const images = readFileSync(join(work, "o.npy")).subarray(-3 * size * size);
    assert.ok(new Set(images).size > 1, "the images are not all of one value");
  });

  test("refuses a name that is not UTF-8", () => {
    const { status, stderr } = importing(writePth(tensors), "--name", "caf\ufffd");
    assert.equal(status, 2);
    assert.match(stderr, /--name: found "caf\ufffd" \(6 bytes\), expected 1 to 24 bytes of UTF-8/);
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

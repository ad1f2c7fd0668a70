import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { pythonWith, spikeletIn } from "../support/data-sets.js";

const LOADERS = fileURLToPath(new URL("../support/loaders.py", import.meta.url));
const HEADER_BYTES = 16;
const LABELS_HEADER_BYTES = 8;

const work = mkdtempSync(join(tmpdir(), "spikelet-loaders-"));
after(() => rmSync(work, { recursive: true }));

function generate(format: string, out: string): void {
  const options = ["--classes", "all", "--split", "train=120,test=30", "--images-per-file", "50"];
  const { status, stderr } = spikeletIn(work, "generate", ...options, "--format", format, "--out", out);
  assert.equal(status, 0, stderr);
}

generate("idx", "data/MNIST/raw/");
for (const format of ["png", "npy", "npz", "tar", "parquet"]) generate(format, `${format}/`);

/** What every loader shall find: the pixels of the IDX files, whose bytes other tests compare with the generator's. */
const expected = [
  ["train", "train"],
  ["test", "t10k"],
].map(([split, name]) => {
  const read = (part: string) => readFileSync(join(work, `data/MNIST/raw/${name}-${part}-ubyte`));
  const pixels = read("images-idx3").subarray(HEADER_BYTES);
  const labels = [...read("labels-idx1").subarray(LABELS_HEADER_BYTES)];
  return [split, [labels.length, 32, 32], createHash("sha256").update(pixels).digest("hex"), labels];
});

const loaders: [library: string, folder: string, ...modules: string[]][] = [
  ["numpy", "npy", "numpy"],
  ["numpy", "npz", "numpy"],
  ["torchvision-mnist", "data", "torchvision"],
  ["torchvision-image-folder", "png", "torchvision"],
  ["datasets", "parquet", "datasets", "PIL"],
  ["datasets-image-folder", "png", "datasets", "PIL"],
  ["webdataset", "tar", "webdataset", "PIL"],
  ["pyarrow", "parquet", "pyarrow", "PIL"],
];
for (const [library, folder, ...modules] of loaders) {
  const python = pythonWith(...modules);
  const skip = python === undefined && `${modules.join(", ")} not installed (.ci/run installs it)`;
  test(`${library} reads ${folder}/: all pixels and labels are the same`, { skip }, () => {
    const env = { ...process.env, HF_HOME: join(work, "hugging-face"), HF_HUB_OFFLINE: "1" };
    const { status, stdout, stderr } = spawnSync(python!, [LOADERS, library, join(work, folder)], {
      encoding: "utf8",
      env,
    });
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), expected);
  });
}

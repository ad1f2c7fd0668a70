import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { encode } from "fast-png";
import { gzipSync } from "fflate";
import { readDataset } from "../../cli/input/dataset.js";
import { readInput } from "../../cli/input/input.js";
import { idxHeader, readIdxImages } from "../../src/data/idx.js";

const work = mkdtempSync(join(tmpdir(), "spikelet-folders-"));
after(() => rmSync(work, { recursive: true }));
let folders = 0;

/** A folder of these files. */
function folderOf(files: Record<string, Uint8Array | string>): string {
  const folder = join(work, String(folders++));
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

const grey = (value: number) =>
  encode({ width: 4, height: 4, channels: 1, data: new Uint8Array(16).fill(value) });
const colour = (...rgb: number[]) =>
  encode({ width: 4, height: 4, channels: 3, data: Uint8Array.from({ length: 48 }, (_, i) => rgb[i % 3]) });
const images = (value: number, ...shape: number[]) => {
  const size = shape.reduce((product, length) => product * length, 1);
  return Uint8Array.from([...idxHeader(shape), ...new Array<number>(size).fill(value)]);
};
const labels = (...values: number[]) => Uint8Array.from([...idxHeader([values.length]), ...values]);

describe("a folder of pictures", () => {
  test("what programs leave behind, pipes and loops are passed over with a line", async () => {
    const folder = folderOf({
      "a/0.png": grey(1),
      "a/._0.png": "Mac",
      "a/z.webp": "RIFF....WEBPVP8 ",
      "b/0.png": grey(2),
      ".ipynb_checkpoints/0.png": grey(3),
      "__MACOSX/0.png": grey(3),
      "Thumbs.db": "x",
    });
    symlinkSync("loop", join(folder, "loop"));
    symlinkSync("me.png", join(folder, "a", "me.png"));
    execFileSync("mkfifo", [join(folder, "b", "pipe.png")]);
    execFileSync("bash", ["-c", `cp 0.png "$(printf 'caf\\xe9.png')"`], { cwd: join(folder, "b") });
    const { count, classNames, notes } = await readDataset(folder, "train", undefined);
    assert.deepEqual([count, classNames], [2, ["a", "b"]]);
    assert.deepEqual(notes.slice(0, 6).sort(), [
      "passed over .ipynb_checkpoints",
      "passed over __MACOSX",
      "passed over a/me.png: neither a file nor a folder",
      "passed over b/caf\ufffd.png: its name is not UTF-8",
      "passed over b/pipe.png: neither a file nor a folder",
      "passed over loop: neither a file nor a folder",
    ]);
    assert.match(notes[6], /skipped .*z\.webp: Found a WebP picture/);
    assert.equal(notes.length, 7);
  });

  test("class folders that are links are followed", async () => {
    const elsewhere = folderOf({ "a/0.png": grey(1), "b/0.jfif": grey(2) });
    const folder = folderOf({});
    for (const name of ["a", "b"]) symlinkSync(join(elsewhere, name), join(folder, name));
    const { count, classNames } = await readDataset(folder, "train", undefined);
    assert.deepEqual([count, classNames], [2, ["a", "b"]]);
  });

  test("train/ and test/ are parts of the data set, and no classes", async () => {
    const folder = folderOf({ "train/a/0.png": grey(1), "train/b/0.png": grey(2), "test/a/0.png": grey(9) });
    const { count, classNames, notes, pixels } = await readDataset(folder, "train", undefined);
    assert.deepEqual([count, classNames, [...new Set(pixels)]], [2, ["a", "b"], [1, 2]]);
    assert.deepEqual(notes, ["train/ is read, test/ left for tests"]);
    // A class may be called so where others are not.
    const classes = folderOf({ "train/0.png": grey(1), "car/0.png": grey(2) });
    assert.deepEqual((await readDataset(classes, "train", undefined)).classNames, ["car", "train"]);
  });

  test("grey and colour pictures together are colour, whichever comes first", async () => {
    for (const files of [
      { "0.png": grey(7), "1.png": colour(1, 2, 3) },
      { "0.png": colour(1, 2, 3), "1.png": grey(7) },
    ]) {
      const { imageChannels, pixels, notes } = await readDataset(folderOf(files), "train", undefined);
      assert.equal(imageChannels, 3);
      const firsts = [0, pixels.length / 2].map((at) => [...pixels.subarray(at, at + 3)]);
      assert.deepEqual(firsts.sort(), [
        [1, 2, 3],
        [7, 7, 7],
      ]);
      assert.equal(notes.length, 1);
      assert.match(notes[0], /colour|three equal channels/);
    }
    const shape = { imageSize: 4, imageChannels: 1 };
    const folder = folderOf({ "0.png": grey(7), "1.png": colour(1, 2, 3) });
    assert.equal((await readDataset(folder, "train", shape)).imageChannels, 1);
  });
});

describe("a folder of IDX files", () => {
  const train = { images: images(1, 2, 4, 4), labels: labels(0, 1) };

  test("in the layouts of torchvision, Kaggle and EMNIST", async () => {
    for (const [what, files] of Object.entries({
      torchvision: {
        "MNIST/raw/train-images-idx3-ubyte": train.images,
        "MNIST/raw/train-labels-idx1-ubyte": train.labels,
      },
      "Kaggle, a folder for each": {
        "train-images-idx3-ubyte/train-images-idx3-ubyte": train.images,
        "train-labels-idx1-ubyte/train-labels-idx1-ubyte": train.labels,
      },
      "Kaggle, folders beside": {
        "train-images-idx3-ubyte/x": "",
        "train-images.idx3-ubyte": train.images,
        "train-labels.idx1-ubyte": train.labels,
      },
      EMNIST: {
        "emnist-letters-train-images-idx3-ubyte.gz": gzipSync(train.images),
        "emnist-letters-train-labels-idx1-ubyte.gz": gzipSync(train.labels),
      },
    })) {
      const found = await readDataset(folderOf(files), "train", undefined);
      assert.deepEqual([found.count, ...found.labels!], [2, 0, 1], what);
    }
  });

  test("of several sets, or of names that are not known, is refused with what is there", async () => {
    const several = folderOf({
      "emnist-letters-train-images-idx3-ubyte": train.images,
      "emnist-digits-train-images-idx3-ubyte": train.images,
    });
    await assert.rejects(readDataset(several, "train", undefined), {
      code: "bad-input",
      message: /the data sets emnist-digits, emnist-letters, expected one/,
    });
    const unknown = folderOf({ "my-images.idx3": train.images });
    await assert.rejects(readDataset(unknown, "train", undefined), {
      code: "no-such-file",
      message: /found no training images, but my-images\.idx3, expected .* such as train-images-idx3-ubyte/,
    });
  });

  test("channels first are put last; other numbers of channels are refused before anything is made of them", async () => {
    const planes = Uint8Array.from([
      ...idxHeader([1, 3, 1, 5]),
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
      10,
      11,
      12,
      13,
      14,
      15,
    ]);
    const { pixels, ...size } = readIdxImages(planes);
    assert.deepEqual(size, { count: 1, rows: 1, columns: 5, channels: 3 });
    assert.deepEqual([...pixels], [1, 6, 11, 2, 7, 12, 3, 8, 13, 4, 9, 14, 5, 10, 15]);
    const odd = folderOf({ "train-images-idx3-ubyte": images(1, 2, 28, 28, 5) });
    await assert.rejects(readDataset(odd, "train", undefined), {
      code: "bad-input",
      message: /Found images of 5 channels, expected 1 \(grey\) or 3/,
    });
  });
});

describe("CIFAR-10", () => {
  const record = (label: number, ...planes: number[]) =>
    Uint8Array.from([label, ...planes.flatMap((value) => new Array<number>(1024).fill(value))]);

  test("binary batches are read, in their folder or beside it", async () => {
    const files = {
      "data_batch_1.bin": Buffer.concat([record(3, 1, 2, 3), record(0, 4, 5, 6)]),
      "data_batch_2.bin": record(9, 7, 8, 9),
      "test_batch.bin": record(1, 10, 11, 12),
    };
    const inside = Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes]),
    );
    for (const folder of [folderOf(files), folderOf(inside)]) {
      const train = await readDataset(folder, "train", undefined);
      assert.deepEqual([train.count, train.imageSize, train.imageChannels], [3, 32, 3]);
      assert.deepEqual([...train.labels!], [3, 0, 9]);
      assert.deepEqual([...train.pixels.subarray(3072, 3078)], [4, 5, 6, 4, 5, 6]);
      const test = await readDataset(folder, "test", undefined);
      assert.deepEqual([test.count, ...test.labels!, ...test.pixels.subarray(0, 3)], [1, 1, 10, 11, 12]);
    }
  });

  test("batches cut short, and those for Python, are refused", async () => {
    const short = folderOf({ "data_batch_1.bin": record(3, 1, 2, 3).subarray(1) });
    await assert.rejects(readDataset(short, "train", undefined), {
      code: "bad-input",
      message: /found 3072 bytes, expected a multiple of 3073/,
    });
    const python = folderOf({ data_batch_1: "x", test_batch: "x" });
    await assert.rejects(readDataset(python, "train", undefined), {
      code: "bad-input",
      message: /batches for Python.*get cifar-10-binary\.tar\.gz/,
    });
  });
});

test("a path that is too long, or leads in a circle, is named", async () => {
  await assert.rejects(readInput("x".repeat(5000), "file", 9), {
    code: "bad-input",
    message: /a path that is too long/,
  });
  const folder = folderOf({});
  symlinkSync("loop", join(folder, "loop"));
  await assert.rejects(readInput(join(folder, "loop"), "file", 9), {
    code: "bad-input",
    message: /a link that leads to itself/,
  });
});

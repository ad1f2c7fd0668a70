import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { encode } from "fast-png";
import { gzipSync } from "fflate";
import { readDataset } from "../../cli/input/dataset.js";
import { readImageSet } from "../../cli/input/image-input.js";
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
    const { count, classNames, notes } = await readDataset(folder, "train", undefined);
    assert.deepEqual([count, classNames], [2, ["a", "b"]]);
    assert.deepEqual(notes.slice(0, 5).sort(), [
      "passed over .ipynb_checkpoints",
      "passed over __MACOSX",
      "passed over a/me.png: neither a file nor a folder",
      "passed over b/pipe.png: neither a file nor a folder",
      "passed over loop: neither a file nor a folder",
    ]);
    assert.match(notes[5], /skipped .*z\.webp: Found a WebP picture/);
    assert.equal(notes.length, 6);
  });

  test("names in Latin-1 are read, of pictures and of classes", async () => {
    const folder = folderOf({ "a/0.png": grey(1) });
    const latin1 = (name: string) => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, "latin1")]);
    writeFileSync(latin1("a/caf\xe9.png"), grey(2));
    mkdirSync(latin1("th\xe9"));
    writeFileSync(latin1("th\xe9/\xfc.png"), grey(3));
    const { count, classNames, labels, notes, pixels } = await readDataset(folder, "train", undefined);
    assert.deepEqual([count, classNames, [...labels!]], [3, ["a", "th\xe9"], [0, 1, 0]]);
    assert.deepEqual([...new Set(pixels)], [1, 3, 2]);
    assert.deepEqual(notes, []);
    mkdirSync(join(folder, "th\xe9"));
    writeFileSync(join(folder, "th\xe9", "0.png"), grey(4));
    await assert.rejects(readDataset(folder, "train", undefined), {
      code: "bad-input",
      message: /th\xe9: found two folders of this name, one in UTF-8 and one in Latin-1/,
    });
  });

  test("a path that has lost its Latin-1 on the command line is named", async () => {
    const message = /caf\ufffd: found a name that is not UTF-8, which a command line cannot give/;
    await assert.rejects(readDataset("caf\ufffd", "train", undefined), { code: "no-such-file", message });
    await assert.rejects(readInput("caf\ufffd", "file", 9), { code: "no-such-file", message });
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
    const shape = { imageSize: 4, imageChannels: 1 };
    const tests = await readDataset(folder, "test", shape);
    assert.deepEqual([tests.count, [...tests.labels!], [...new Set(tests.pixels)]], [1, [0], [9]]);
    assert.deepEqual(tests.notes, ["test/ is read"]);
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

describe("test/ beside train/", () => {
  const shape = { imageSize: 4, imageChannels: 1 };

  test("has the training images' labels, and no classes that they lack", async () => {
    const folder = folderOf({
      "train/a/0.png": grey(1),
      "train/b/0.png": grey(2),
      "train/d/0.png": grey(3),
      "test/b/0.png": grey(4),
      "test/c/0.png": grey(5),
      "test/d/0.png": grey(6),
    });
    const { classNames, labels, pixels, notes } = await readDataset(folder, "test", shape);
    assert.deepEqual(
      [classNames, [...labels!], [...new Set(pixels)]],
      [
        ["a", "b", "d"],
        [1, 2],
        [4, 6],
      ],
    );
    assert.deepEqual(notes, ["test/ is read", "passed over test/c: no training images are of that class"]);
  });

  test("may be without classes; without it, what is expected is said", async () => {
    const folder = folderOf({ "train/a/0.png": grey(1), "test/0.png": grey(2) });
    const { count, labels } = await readDataset(folder, "test", shape);
    assert.deepEqual([count, labels], [1, undefined]);
    await assert.rejects(readDataset(folderOf({ "train/a/0.png": grey(1) }), "test", shape), {
      code: "no-such-file",
      message: /found no test images, .* or a folder test\/ of pictures beside train\//,
    });
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

  test("EMNIST's pictures are turned upright, MNIST's left", async () => {
    const wide = Uint8Array.from([...idxHeader([2, 2, 2]), 1, 2, 3, 4, 5, 6, 7, 8]);
    const read = (name: string) =>
      readDataset(folderOf({ [name]: wide }), "train", { imageSize: 2, imageChannels: 1 });
    const emnist = await read("emnist-digits-train-images-idx3-ubyte");
    assert.deepEqual([...emnist.pixels], [1, 3, 2, 4, 5, 7, 6, 8]);
    assert.deepEqual(emnist.notes, [
      "EMNIST's pictures are stored with rows and columns exchanged; they are turned upright",
    ]);
    const mnist = await read("train-images-idx3-ubyte");
    assert.deepEqual([...mnist.pixels, ...mnist.notes], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(
      [...readImageSet(wide, "x/emnist-mnist-test-images-idx3-ubyte").pixels].slice(0, 2),
      [1, 3],
    );
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

  /** What Python 2 and numpy wrote: the array's elements are a text. */
  const pickled = (labels: number[], shape: number[], elements: Uint8Array, isFirstFastest = false) =>
    Buffer.from([
      ...Buffer.from("\x80\x02}(U\x06labels](", "latin1"),
      ...labels.flatMap((label) => [0x4b, label]),
      ...Buffer.from(
        "eU\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01",
        "latin1",
      ),
      ...shape.flatMap((size) => [0x4d, size & 255, size >> 8]),
      0x86,
      ...Buffer.from("cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R", "latin1"),
      ...[isFirstFastest ? 0x88 : 0x89, 0x54, ...new Uint8Array(Uint32Array.of(elements.length).buffer)],
      ...elements,
      ...Buffer.from("tbu."),
    ]);

  test("batches for Python are read, and nothing in them is run", async () => {
    const planes = (...values: number[]) => record(0, ...values).subarray(1);
    const batch = pickled([3, 9], [2, 3072], Buffer.concat([planes(1, 2, 3), planes(200, 201, 202)]));
    const files = {
      data_batch_1: batch,
      test_batch: pickled([7], [1, 3072], planes(4, 5, 6)),
      "batches.meta": "x",
    };
    const inside = Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [`cifar-10-batches-py/${name}`, bytes]),
    );
    for (const folder of [folderOf(files), folderOf(inside)]) {
      const train = await readDataset(folder, "train", undefined);
      assert.deepEqual([train.count, train.imageChannels, ...train.labels!], [2, 3, 3, 9]);
      assert.deepEqual([...train.pixels.subarray(3069, 3075)], [1, 2, 3, 200, 201, 202]);
      const test = await readDataset(folder, "test", undefined);
      assert.deepEqual([...test.labels!, ...test.pixels.subarray(0, 3)], [7, 4, 5, 6]);
    }
    for (const [bytes, message] of [
      [
        pickled([3, 9], [1, 3072], planes(1, 2, 3)),
        /Found 2 labels and an array of shape \(1, 3072\) with 3072 bytes/,
      ],
      [pickled([3], [1, 3072], planes(1, 2)), /shape \(1, 3072\) with 2048 bytes/],
      [pickled([3], [1, 3072], planes(1, 2, 3), true), /Found 1 labels and an array/],
      [Buffer.from("\x80\x02K\x01.", "latin1"), /Found the number 1, expected a batch of CIFAR-10/],
      [Buffer.from("\x80\x02}.", "latin1"), /Found nothing as labels/],
      [batch.subarray(0, 4000), /is cut short/],
      ["x", /expected a batch of CIFAR-10/],
    ] as const) {
      await assert.rejects(readDataset(folderOf({ data_batch_1: bytes }), "train", undefined), { message });
    }
  });

  test("binary batches cut short are refused", async () => {
    const short = folderOf({ "data_batch_1.bin": record(3, 1, 2, 3).subarray(1) });
    await assert.rejects(readDataset(short, "train", undefined), {
      code: "bad-input",
      message: /Found 3072 bytes, expected a multiple of 3073/,
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

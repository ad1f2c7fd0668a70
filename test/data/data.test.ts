import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync, zipSync } from "fflate";
import { hasSplit, needLabels, readDataset } from "../../cli/input/dataset.js";
import { readSafetensors } from "../../src/checkpoint/safetensors.js";
import { gunzip } from "../../src/data/gzip.js";
import { checkLabels, idxHeader, readIdxImages, readIdxLabels } from "../../src/data/idx.js";
import { npyHeader, readNpy, readNpz } from "../../src/data/npy.js";
import { resizeImages } from "../../src/data/resize.js";

const shared = new URL("../../../shared/data/", import.meta.url);
const options = existsSync(shared) ? {} : { skip: "needs ../shared/data" };

const work = mkdtempSync(join(tmpdir(), "spikelet-data-"));
after(() => rmSync(work, { recursive: true }));

function idx(shape: readonly number[], elements: ArrayLike<number>): Uint8Array {
  return Uint8Array.from([...idxHeader(shape), ...Array.from(elements)]);
}

function refuses(message: RegExp, code = "bad-input") {
  return { name: "SpikeletError", code, message };
}

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);

describe("IDX", () => {
  const images = idx([2, 3, 4], counting(24));
  const labels = idx([2], [7, 3]);

  test("reads images and labels, plain and gzipped", () => {
    for (const bytes of [images, gzipSync(images)]) {
      const { pixels, ...size } = readIdxImages(bytes);
      assert.deepEqual(size, { count: 2, rows: 3, columns: 4, channels: 1 });
      assert.deepEqual([...pixels], [...counting(24)]);
    }
    assert.deepEqual([...readIdxLabels(gzipSync(labels))], [7, 3]);
    assert.equal(readIdxImages(idx([2, 2, 2, 3], counting(24))).channels, 3);
  });

  test("says what is wrong with a file and what to do", () => {
    assert.throws(() => readIdxImages(labels), refuses(/0x00000801, expected 0x00000803 or 0x00000804/));
    assert.throws(() => readIdxLabels(images), refuses(/0x00000803, expected 0x00000801/));
    const floats = images.slice();
    floats[2] = 0x0d;
    assert.throws(() => readIdxImages(floats), refuses(/0x00000d03/));
    assert.throws(() => readIdxImages(images.subarray(0, 5)), refuses(/Found 5 bytes/));
    assert.throws(() => readIdxImages(images.subarray(0, 10)), refuses(/expected a header of 16/));
    assert.throws(
      () => readIdxImages(images.subarray(0, 39)),
      refuses(/Found 39 bytes, expected 40.*cut short/),
    );
    assert.throws(() => readIdxImages(Uint8Array.of(...images, 0)), refuses(/Found 41 bytes.*extra bytes/));
    assert.throws(() => readIdxImages(idx([0, 3, 4], [])), refuses(/no length to be 0/));
    // Lengths whose product is far beyond 2^32.
    const huge = idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []);
    assert.throws(() => readIdxImages(huge), refuses(/cut short/));
  });

  test("refuses a gzip file that is cut short or too large", () => {
    const noise = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 31) >> 3);
    const file = gzipSync(idx([5000], noise));
    assert.throws(() => readIdxLabels(file.subarray(0, file.length - 100)), refuses(/cut short/));
    assert.throws(() => readIdxLabels(file.subarray(0, 12)), refuses(/cut short/));
    assert.throws(() => gunzip(gzipSync(new Uint8Array(2 ** 20)), 2 ** 16), refuses(/at most 65536/));
  });

  test("refuses labels that are not as many as the images", () => {
    assert.throws(
      () => checkLabels(readIdxImages(images), new Uint8Array(3)),
      refuses(/3 labels for 2 images/),
    );
  });
});

describe("data set folder", () => {
  test("finds files by their usual names", async () => {
    const images = (value: number) => idx([1, 2, 2], new Uint8Array(4).fill(value));
    writeFileSync(join(work, "train-images.idx3-ubyte"), images(1));
    writeFileSync(join(work, "train-images-idx3-ubyte.gz"), gzipSync(images(2)));
    writeFileSync(join(work, "t10k-images-idx3-ubyte.gz"), gzipSync(images(3)));
    writeFileSync(join(work, "t10k-labels.idx1-ubyte"), idx([1], [9]));
    const training = await readDataset(work, "train", undefined);
    assert.deepEqual([training.pixels[0], training.imageSize, training.labels], [1, 32, undefined]);
    assert.throws(() => needLabels(training, work, "train"), refuses(/no train labels/, "no-such-file"));
    const testing = await readDataset(work, "test", { imageSize: 2, imageChannels: 1 });
    assert.deepEqual([testing.pixels[0], ...needLabels(testing, work, "test")], [3, 9]);
    assert.equal((await readDataset(work, "test", undefined, { labels: false })).labels, undefined);
    await assert.rejects(
      readDataset(join(work, "none"), "test", undefined),
      refuses(/not a folder/, "no-such-file"),
    );
    writeFileSync(join(work, "t10k-labels.idx1-ubyte"), idx([2], [9, 8]));
    await assert.rejects(readDataset(work, "test", undefined), refuses(/2 labels for 1 images/));
  });

  test("brings images to the network's channels, and says so", async () => {
    const folder = join(work, "colour");
    mkdirSync(folder);
    writeFileSync(join(folder, "train-images-idx3-ubyte"), idx([2, 1, 1, 3], [255, 0, 0, 0, 0, 255]));
    assert.deepEqual([await hasSplit(folder, "train"), await hasSplit(folder, "test")], [true, false]);
    const grey = await readDataset(folder, "train", { imageSize: 1, imageChannels: 1 });
    assert.deepEqual([...grey.pixels], [76, 29]);
    assert.match(grey.notes.join("\n"), /^colour images are turned to grey/);
    const same = await readDataset(folder, "train", { imageSize: 1, imageChannels: 3 }, { most: 1 });
    assert.deepEqual([...same.pixels], [255, 0, 0]);
    assert.deepEqual([same.count, same.notes], [1, []]);
  });

  test("reads MNIST", options, async () => {
    const shape = { imageSize: 28, imageChannels: 1 };
    const { count, pixels, labels } = await readDataset(
      fileURLToPath(new URL("mnist/", shared)),
      "test",
      shape,
    );
    assert.deepEqual([count, pixels.length], [10_000, 10_000 * 28 * 28]);
    assert.deepEqual([...labels!.subarray(0, 5)], [7, 2, 1, 0, 4]);
  });
});

describe("resize", () => {
  test("MNIST to 32×32 is Pillow's, pixel by pixel", options, () => {
    const read = (name: string) => new Uint8Array(readFileSync(new URL(name, shared)));
    const golden = readSafetensors(read("esvae-mnist/golden-encode.safetensors")).get("images")!;
    const { pixels, ...from } = readIdxImages(read("mnist/t10k-images-idx3-ubyte.gz"));
    const some = pixels.subarray(0, golden.shape[0] * from.rows * from.columns);
    const resized = resizeImages(some, from, { rows: 32, columns: 32 }, 1);
    assert.equal(Buffer.compare(resized, Uint8Array.from(golden.data)), 0);
  });

  test("halves by the triangle 1, 3, 3, 1", () => {
    // Column 1 sees inputs 1…4 of the 6, column 0 loses the first weight to the edge.
    const row = Uint8Array.of(0, 80, 160, 240, 80, 0);
    const [left, middle] = resizeImages(row, { rows: 1, columns: 6 }, { rows: 1, columns: 3 }, 1);
    assert.equal(left, Math.round((3 * 0 + 3 * 80 + 160) / 7));
    assert.equal(middle, (80 + 3 * 160 + 3 * 240 + 80) / 8);
  });

  test("keeps size, flat images, and channels apart", () => {
    const pixels = counting(2 * 4 * 5 * 3);
    const size = { rows: 4, columns: 5 };
    assert.deepEqual(resizeImages(pixels, size, size, 3), pixels);

    const flat = Uint8Array.from({ length: 2 * 4 * 5 * 3 }, (_, i) => [10, 130, 255][i % 3]);
    for (const to of [
      { rows: 7, columns: 3 },
      { rows: 1, columns: 64 },
    ]) {
      const resized = resizeImages(flat, size, to, 3);
      assert.equal(resized.length, 2 * to.rows * to.columns * 3);
      assert.ok(
        resized.every((value, i) => value === [10, 130, 255][i % 3]),
        "flat stays flat",
      );
    }
  });
});

describe("NPY", () => {
  const npy = (values: Float32Array | Float64Array, shape: readonly number[]) =>
    Uint8Array.from([
      ...npyHeader(values instanceof Float32Array ? "<f4" : "<f8", shape),
      ...new Uint8Array(values.buffer),
    ]);

  test("reads float32 and float64 of any shape", () => {
    for (const values of [Float32Array.of(1.5, -2, 3, 4, 5, 6), Float64Array.of(0.1, 2, 3, 4, 5, 1e300)]) {
      const { shape, data } = readNpy(npy(values, [2, 3]));
      assert.deepEqual(shape, [2, 3]);
      assert.deepEqual([...data], [...values]);
    }
    assert.deepEqual(readNpy(npy(Float32Array.of(7), [1])).shape, [1]);
    assert.deepEqual(readNpy(npy(Float32Array.of(7), [])).shape, []);
  });

  test("a header ends at a multiple of 64 with a newline", () => {
    const header = npyHeader("<f4", [10_000, 32]);
    assert.equal(header.length % 64, 0);
    assert.equal(header.at(-1), 0x0a);
    const tuple = Buffer.from(npyHeader("<f4", [5])).toString("latin1");
    assert.match(tuple, /'shape': \(5,\)/);
  });

  test("refuses other types, Fortran order and wrong lengths", () => {
    const good = npy(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
    const edited = (from: string, to: string) =>
      Uint8Array.from(Buffer.from(Buffer.from(good).toString("latin1").replace(from, to), "latin1"));
    assert.throws(() => readNpy(edited("<f4", "<i4")), refuses(/'<i4'.*C order/));
    assert.throws(() => readNpy(edited("False", "True ")), refuses(/C order/));
    assert.throws(() => readNpy(edited("NUMPY", "NUMPI")), refuses(/magic/));
    assert.throws(() => readNpy(good.subarray(0, good.length - 1)), refuses(/cut short/));
    assert.throws(() => readNpy(Uint8Array.of(...good, 0)), refuses(/Found 153 bytes, expected 152/));
    assert.throws(() => readNpy(good.subarray(0, 20)), refuses(/header/));
    assert.throws(() => readNpy(new Uint8Array()), refuses(/magic/));
  });

  test("reads arrays of an .npz by name", () => {
    const mu = npy(Float32Array.of(1, 2), [2]);
    const archive = zipSync({ "mu.npy": mu, "note.txt": new Uint8Array(3) });
    assert.deepEqual([...readNpz(archive, ["mu"]).mu.data], [1, 2]);
    assert.throws(() => readNpz(archive, ["sigma"]), refuses(/mu\.npy, note\.txt.*expected sigma\.npy/));
    assert.throws(() => readNpz(archive.subarray(0, 40), ["mu"]), refuses(/no zip archive/));
    const bomb = zipSync({ "mu.npy": new Uint8Array(2 ** 28 + 1) });
    assert.throws(() => readNpz(bomb, ["mu"]), refuses(/expected at most 268435456/));
  });
});

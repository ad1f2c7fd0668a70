import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { decode, decodeApng, encode, type ImageData } from "fast-png";
import { encode as encodeJpeg } from "jpeg-js";
import { readImageSet, readInputImages } from "../../cli/input/image-input.js";
import { encodeApng } from "../../cli/output/apng.js";
import { classLayout, pairLayout } from "../../cli/output/grid.js";
import { readChunks, writeChunks } from "../../cli/output/png-chunks.js";
import { checkSameRun, encodeRun, type RunDescription } from "../../cli/output/run-description.js";
import { idxHeader } from "../../src/data/idx.js";
import { readNpy } from "../../src/data/npy.js";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import { decodeSpikes, encodeImage, sampleSpikes } from "../../src/reference/integer-network.js";
import { greyJpeg } from "../support/grey-jpeg.js";
import { randomSource, syntheticModel } from "../support/models.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "spikelet-cli-encoder-"));
after(() => rmSync(work, { recursive: true }));
const inWork = (name: string) => join(work, name);

const CLASSES = ["0", "1", "8"];
const whole = syntheticModel({ encoder: true, priors: 1 + CLASSES.length });
const model = {
  ...whole,
  priors: whole.priors.map((prior, i) => (i === 0 ? prior : { ...prior, name: CLASSES[i - 1] })),
};
const SIZE = model.imageSize;
const IMAGE_BYTES = SIZE * SIZE;
const IDX_HEADER_BYTES = 16;
const DEFAULT_PRIOR = model.priors[0].name;
writeFileSync(inWork("model.spk"), encodeModel(model));
writeFileSync(inWork("decoder.spk"), encodeModel({ ...model, encoder: [] }));

/** Images that the model's encoder takes as they are. */
const COUNT = 20;
const random = randomSource(3);
const pixels = Uint8Array.from({ length: COUNT * IMAGE_BYTES }, () => random() * 256);
const image = (index: number) => pixels.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);
writeFileSync(inWork("set.idx"), Buffer.concat([idxHeader([COUNT, SIZE, SIZE]), pixels]));
writeFileSync(
  inWork("first.png"),
  encode({ width: SIZE, height: SIZE, channels: 1, data: image(0), depth: 8 }),
);

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function spikelet(...args: string[]): Outcome {
  return spawnSync(process.execPath, [CLI, ...args], { cwd: work, encoding: "utf8" });
}

/** Runs a command with --json on the test's model; it must succeed, and its summary is returned. */
function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spikelet(command, ...args, "--model", "model.spk", "--json");
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

/** Pixels of an .idx file that `generate` makes with these options. */
function idxPixels(name: string, ...args: string[]): Buffer {
  run("generate", "--out", name, ...args);
  return readFileSync(inWork(name)).subarray(IDX_HEADER_BYTES);
}

/** The tile of a picture whose images have one channel. */
function tileOf(file: string, row: number, column: number): Uint8Array {
  const { data, width } = decode(readFileSync(inWork(file)));
  const rows = Array.from({ length: SIZE }, (_, y) => {
    const at = (row * SIZE + y) * width + column * SIZE;
    return data.subarray(at, at + SIZE) as Uint8Array;
  });
  return Buffer.concat(rows);
}

function assertSameBytes(actual: Uint8Array, expected: Uint8Array, name = ""): void {
  assert.equal(actual.length, expected.length, name);
  assert.ok(Buffer.compare(actual, expected) === 0, `bytes differ ${name}`);
}

describe("spikelet generate --class", () => {
  const COUNT = 40;
  const ofClass = new Map(
    CLASSES.map((name) => [name, idxPixels(`class-${name}.idx`, "--class", name, "--count", String(COUNT))]),
  );
  const imageOf = (name: string, index: number) =>
    ofClass.get(name)!.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);
  const inTurn = idxPixels("turn.idx", "--class", "8,0", "--count", String(COUNT), "--threads", "1");

  test("of one class is --prior of that name", () => {
    assertSameBytes(idxPixels("prior.idx", "--prior", "8", "--count", String(COUNT)), ofClass.get("8")!);
    assert.notDeepEqual(imageOf("8", 0), imageOf("0", 0));
  });

  test("of several takes them in turn, in the order given", () => {
    for (let i = 0; i < COUNT; i++) {
      const made = inTurn.subarray(i * IMAGE_BYTES, (i + 1) * IMAGE_BYTES);
      assertSameBytes(made, imageOf(["8", "0"][i % 2], i), `image ${i}`);
    }
  });

  test("image i is the same however the work is split", () => {
    const args = ["--class", "8,0", "--count", "25", "--start", "15", "--threads", "2"];
    assertSameBytes(idxPixels("split.idx", ...args), inTurn.subarray(15 * IMAGE_BYTES));
  });

  test("draws a row for each class", () => {
    const { priors } = run("generate", "--class", "0,1,8", "--count", "9", "--out", "rows.png");
    assert.deepEqual(priors, ["0", "1", "8"]);
    for (let i = 0; i < 9; i++) {
      assertSameBytes(tileOf("rows.png", i % 3, Math.floor(i / 3)), imageOf(CLASSES[i % 3], i), `image ${i}`);
    }
  });

  test("is part of what a resumed run must have in common", () => {
    run("generate", "--class", "0,8", "--count", "4", "--out", "mine/");
    const other = ["generate", "--model", "model.spk", "--class", "8,0", "--count", "4", "--out", "mine/"];
    const { status, stderr } = spikelet(...other);
    assert.match(stderr, /the prior \(--prior or --class\) was 0,8 and is now 8,0/);
    assert.equal(status, 2);
  });
});

describe("the layout of a grid", () => {
  test("has one row a class for few images, and bands of rows for many", () => {
    const shape = (count: number, classes: number, start = 0n) => {
      const { rows, columns } = classLayout(start, count, classes);
      return [rows, columns];
    };
    assert.deepEqual(shape(100, 10), [10, 10]);
    assert.deepEqual(shape(20, 10), [10, 2]);
    assert.deepEqual(shape(100, 2), [10, 10]);
    assert.deepEqual(shape(100, 1), [10, 10]);
    assert.deepEqual(shape(7, 1), [3, 3]);
    assert.deepEqual(shape(1, 1), [1, 1]);
    assert.deepEqual(shape(10, 10, 5n), [10, 2]);
  });

  test("gives each image a tile of its own, in the band of its class", () => {
    for (const [start, count, classes] of [
      [0, 100, 10],
      [0, 100, 2],
      [7, 23, 3],
      [1, 1, 4],
    ]) {
      const { rows, columns, tileOf } = classLayout(BigInt(start), count, classes);
      const tiles = Array.from({ length: count }, (_, i) => tileOf(i));
      assert.equal(new Set(tiles).size, count);
      for (const [i, tile] of tiles.entries()) {
        const row = Math.floor(tile / columns);
        assert.equal(Math.floor(row / (rows / classes)), (start + i) % classes);
      }
    }
  });

  test("keeps pairs together, near to a square", () => {
    const { rows, columns } = pairLayout(50);
    assert.deepEqual([rows, columns], [10, 10]);
    assert.deepEqual(pairLayout(1).columns, 2);
  });
});

describe("image input", () => {
  const GREY = { imageSize: 4, imageChannels: 1 };
  const RGB = { imageSize: 4, imageChannels: 3 };
  let files = 0;

  async function read(bytes: Uint8Array, shape = GREY): Promise<number[]> {
    const path = inWork(`input-${files++}`);
    writeFileSync(path, bytes);
    return [...(await readInputImages([path], shape, 10)).pixels];
  }
  const png = (channels: number, samples: Uint8Array | Uint16Array, more: Partial<ImageData> = {}) =>
    encode({ width: 4, height: 4, channels, data: samples, depth: 8, ...more });
  const sixteen = <T>(make: (i: number) => T) => Array.from({ length: 16 }, (_, i) => make(i));

  test("takes grey PNG as it is, and repeats it for a colour model", async () => {
    const grey = sixteen((i) => i * 17);
    assert.deepEqual(await read(png(1, Uint8Array.from(grey))), grey);
    assert.deepEqual(
      await read(png(1, Uint8Array.from(grey)), RGB),
      grey.flatMap((v) => [v, v, v]),
    );
  });

  test("takes RGB as it is, and as Pillow's grey for a grey model", async () => {
    const rgb = Uint8Array.from(sixteen((i) => [i * 16, 255 - i * 9, (i * 37) % 256]).flat());
    assert.deepEqual(await read(png(3, rgb), RGB), [...rgb]);
    // Pillow 13: Image.fromarray(rgb).convert("L")
    const grey = [150, 153, 157, 161, 165, 168, 172, 147, 150, 154, 158, 161, 165, 169, 143, 147];
    assert.deepEqual(await read(png(3, rgb)), grey);
  });

  test("rounds 16 bits to 8", async () => {
    const samples = Uint16Array.from(sixteen((i) => i * 4000 + 129));
    assert.deepEqual(
      await read(png(1, samples, { depth: 16 })),
      sixteen((i) => Math.round((i * 4000 + 129) / 257)),
    );
  });

  test("takes 1, 2 and 4 bits", async () => {
    // Rows of 4 samples take one byte at 1 and 2 bits, two at 4.
    assert.deepEqual(
      await read(png(1, Uint8Array.of(0b10100000, 0, 0xf0, 0x10), { depth: 1 })),
      [255, 0, 255, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 255],
    );
    assert.deepEqual(
      (await read(png(1, Uint8Array.of(0b00011011, 0, 0, 0), { depth: 2 }))).slice(0, 4),
      [0, 85, 170, 255],
    );
    const nibbles = Uint8Array.of(0x01, 0x2f, 0, 0, 0, 0, 0, 0);
    assert.deepEqual((await read(png(1, nibbles, { depth: 4 }))).slice(0, 4), [0, 17, 34, 255]);
  });

  test("looks colours up in a palette", async () => {
    const palette = [
      [255, 0, 0],
      [0, 0, 255],
    ];
    const indices = Uint8Array.from(sixteen((i) => i % 2));
    assert.deepEqual((await read(png(1, indices, { palette }), RGB)).slice(0, 6), [255, 0, 0, 0, 0, 255]);
  });

  test("lays transparency over black", async () => {
    const greyAlpha = Uint8Array.from(sixteen((i) => [200, i * 17]).flat());
    assert.deepEqual(
      await read(png(2, greyAlpha)),
      sixteen((i) => Math.round((200 * i * 17) / 255)),
    );
    const rgba = Uint8Array.from(sixteen((i) => [10, 100, 250, i < 8 ? 255 : 0]).flat());
    assert.deepEqual(
      await read(png(4, rgba), RGB),
      sixteen((i) => (i < 8 ? [10, 100, 250] : [0, 0, 0])).flat(),
    );
  });

  test("makes one transparent colour of a grey PNG black", async () => {
    const samples = Uint8Array.from(sixteen((i) => (i % 2 === 0 ? 90 : 91)));
    const [header, ...others] = readChunks(png(1, samples));
    const file = writeChunks([header, { type: "tRNS", data: Uint8Array.of(0, 91) }, ...others]);
    assert.deepEqual(
      await read(file),
      sixteen((i) => (i % 2 === 0 ? 90 : 0)),
    );
  });

  test("takes interlaced PNG", async () => {
    const samples = Uint8Array.from(sixteen((i) => i * 16));
    const data = { width: 4, height: 4, channels: 1, data: samples };
    assert.deepEqual(await read(encode(data, { interlace: "Adam7" })), [...samples]);
  });

  test("takes interlaced PNG of less than 8 bits", async () => {
    const samples = sixteen((i) => (i * 7) % 4);
    const passes = [
      [0, 0, 8, 8],
      [4, 0, 8, 8],
      [0, 4, 4, 8],
      [2, 0, 4, 4],
      [0, 2, 2, 4],
      [1, 0, 2, 2],
      [0, 1, 1, 2],
    ];
    const rows: number[] = [];
    for (const [x0, y0, dx, dy] of passes) {
      for (let y = y0; y < 4; y += dy) {
        let byte = 0;
        for (let x = x0, shift = 6; x < 4; x += dx, shift -= 2) byte |= samples[4 * y + x] << shift;
        if (x0 < 4) rows.push(0, byte);
      }
    }
    const [header, , end] = readChunks(png(1, new Uint8Array(16)));
    const data = header.data.slice();
    data[8] = 2;
    data[12] = 1;
    const file = writeChunks([
      { type: "IHDR", data },
      { type: "IDAT", data: deflateSync(Uint8Array.from(rows)) },
      end,
    ]);
    assert.deepEqual(
      await read(file),
      samples.map((sample) => sample * 85),
    );
  });

  test("undoes every filter of a PNG", async () => {
    const samples = sixteen((i) => (i * i * 31 + 7) % 256);
    const at = (y: number, x: number) => (y < 0 || x < 0 ? 0 : samples[4 * y + x]);
    const paeth = (a: number, b: number, c: number) => {
      const [pa, pb, pc] = [a, b, c].map((value) => Math.abs(a + b - c - value));
      return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    };
    const predict = [
      () => 0,
      (y: number, x: number) => at(y, x - 1),
      (y: number, x: number) => at(y - 1, x),
      (y: number, x: number) => (at(y, x - 1) + at(y - 1, x)) >> 1,
      (y: number, x: number) => paeth(at(y, x - 1), at(y - 1, x), at(y - 1, x - 1)),
    ];
    const [header, , end] = readChunks(png(1, new Uint8Array(16)));
    for (const first of [0, 1]) {
      const rows = [0, 1, 2, 3].flatMap((y) => [
        y + first,
        ...[0, 1, 2, 3].map((x) => (at(y, x) - predict[y + first](y, x)) & 255),
      ]);
      const file = writeChunks([header, { type: "IDAT", data: deflateSync(Uint8Array.from(rows)) }, end]);
      assert.deepEqual(await read(file), samples);
    }
  });

  test("passes over what a PNG can do without: a suggested palette, and bad or huge chunks", async () => {
    const rgb = Uint8Array.from(sixteen((i) => [i * 16, 255 - i * 9, (i * 37) % 256]).flat());
    const [header, ...others] = readChunks(png(3, rgb));
    const bomb = deflateSync(new Uint8Array(2 ** 24));
    const file = writeChunks([
      header,
      { type: "iCCP", data: Buffer.concat([Buffer.from("x\0\0"), bomb]) },
      { type: "zTXt", data: Buffer.from("x\0\0no zlib") },
      { type: "PLTE", data: Uint8Array.of(1, 2, 3) },
      ...others,
    ]);
    assert.deepEqual(await read(file, RGB), [...rgb]);
    // The checksum of iCCP, the first chunk behind IHDR.
    file[8 + 25 + 8 + 3 + bomb.length] ^= 1;
    assert.deepEqual(await read(file, RGB), [...rgb]);
  });

  test("takes at most 4 bytes a sample for a large PNG", () => {
    const [columns, rows] = [6000, 4500];
    const [header, , end] = readChunks(png(4, new Uint8Array(64)));
    const data = header.data.slice();
    new DataView(data.buffer).setUint32(0, columns);
    new DataView(data.buffer).setUint32(4, rows);
    const scanlines = deflateSync(new Uint8Array(rows * (1 + 4 * columns)), { level: 1 });
    const file = writeChunks([{ type: "IHDR", data }, { type: "IDAT", data: scanlines }, end]);
    const before = process.resourceUsage().maxRSS;
    assert.equal(readImageSet(file).pixels.length, 3 * columns * rows);
    const grown = 1024 * (process.resourceUsage().maxRSS - before);
    assert.ok(grown <= 4 * 4 * columns * rows, `${grown} bytes`);
  });

  test("refuses a PNG whose palette lacks a colour", async () => {
    const indices = Uint8Array.from(sixteen((i) => i % 2));
    const [header, ...others] = readChunks(
      png(1, indices, {
        palette: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      }),
    );
    const file = writeChunks([header, { type: "PLTE", data: Uint8Array.of(1, 2, 3) }, ...others.slice(1)]);
    await assert.rejects(read(file, RGB), { code: "bad-input", message: /colour 1 of a palette of 1/ });
  });

  test("turns a picture as its EXIF orientation says", async () => {
    // Two rows of three; as stored, so that it is upright when turned.
    const upright = [1, 2, 3, 4, 5, 6];
    const stored: [orientation: number, columns: number, samples: number[]][] = [
      [1, 3, [1, 2, 3, 4, 5, 6]],
      [2, 3, [3, 2, 1, 6, 5, 4]],
      [3, 3, [6, 5, 4, 3, 2, 1]],
      [4, 3, [4, 5, 6, 1, 2, 3]],
      [5, 2, [1, 4, 2, 5, 3, 6]],
      [6, 2, [3, 6, 2, 5, 1, 4]],
      [7, 2, [6, 3, 5, 2, 4, 1]],
      [8, 2, [4, 1, 5, 2, 6, 3]],
    ];
    for (const [orientation, columns, samples] of stored) {
      const [header, ...others] = readChunks(
        encode({ width: columns, height: 6 / columns, channels: 1, data: Uint8Array.from(samples) }),
      );
      for (const exif of [
        [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0],
        [0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0],
      ]) {
        const file = writeChunks([header, { type: "eXIf", data: Uint8Array.from(exif) }, ...others]);
        const { pixels, ...size } = readImageSet(file);
        assert.deepEqual([...pixels], upright, `orientation ${orientation}`);
        assert.deepEqual(size, { count: 1, rows: 2, columns: 3, channels: 1 });
      }
    }
  });

  test("takes JPEG", async () => {
    const data = Uint8Array.from(sixteen(() => [180, 180, 180, 255]).flat());
    const { data: jpeg } = encodeJpeg({ width: 4, height: 4, data }, 95);
    for (const value of await read(jpeg)) assert.ok(Math.abs(value - 180) <= 2, `${value} is near to 180`);
  });

  test("takes a JPEG of red, green and blue for that, by Adobe's mark or by its names", () => {
    const [y, cb, cr] = [93, 93, 205];
    const data = Uint8Array.from(sixteen(() => [200, 50, 30, 255]).flat());
    const { data: jpeg } = encodeJpeg({ width: 4, height: 4, data }, 100);
    const near = (bytes: Uint8Array, expected: number[]) => {
      const { pixels } = readImageSet(bytes);
      for (const [i, value] of expected.entries())
        assert.ok(Math.abs(pixels[i] - value) <= 3, `${pixels[i]} near ${value}`);
    };
    near(jpeg, [200, 50, 30]);
    // APP0 of JFIF takes 18 bytes behind the first marker.
    const bare = Buffer.concat([jpeg.subarray(0, 2), jpeg.subarray(20)]);
    const adobe = (transform: number) =>
      Buffer.concat([
        bare.subarray(0, 2),
        Uint8Array.of(0xff, 0xee, 0, 14, 65, 100, 111, 98, 101, 0, 100, 0, 0, 0, 0, transform),
        bare.subarray(2),
      ]);
    near(bare, [200, 50, 30]);
    near(adobe(1), [200, 50, 30]);
    near(adobe(0), [y, cb, cr]);
    const named = Buffer.from(bare);
    const frame = named.indexOf(Buffer.of(0xff, 0xc0));
    const scan = named.indexOf(Buffer.of(0xff, 0xda));
    [82, 71, 66].forEach((id, i) => {
      named[frame + 10 + 3 * i] = id;
      named[scan + 5 + 2 * i] = id;
    });
    near(named, [y, cb, cr]);
  });

  test("takes a grey JPEG as one channel, turned as its EXIF data say", () => {
    const { pixels, ...size } = readImageSet(greyJpeg({ value: 200 }));
    assert.deepEqual(size, { count: 1, rows: 8, columns: 16, channels: 1 });
    assert.deepEqual([...new Set(pixels)], [200]);
    assert.deepEqual([...new Set(readImageSet(greyJpeg({ value: 77, interval: 1 })).pixels)], [77]);
    const { rows, columns } = readImageSet(greyJpeg({ value: 200, orientation: 6 }));
    assert.deepEqual([rows, columns], [16, 8]);
  });

  test("takes images of an IDX file, up to a number, or one alone", async () => {
    const shape = { imageSize: SIZE, imageChannels: 1 };
    const some = await readInputImages([inWork("first.png"), inWork("set.idx")], shape, 4);
    assert.equal(some.count, 4);
    assert.equal(some.hasMore, true);
    assertSameBytes(Buffer.from(some.pixels), Buffer.concat([image(0), pixels.subarray(0, 3 * IMAGE_BYTES)]));
    assert.deepEqual(some.names.slice(0, 2), [inWork("first.png"), `${inWork("set.idx")}#0`]);

    const one = await readInputImages([`${inWork("set.idx")}#17`], shape, 100);
    assert.equal(one.hasMore, false);
    assertSameBytes(Buffer.from(one.pixels), image(17));
  });

  test("brings other sizes to the model's", async () => {
    const data = new Uint8Array(10 * 6).fill(77);
    assert.deepEqual(
      await read(encode({ width: 10, height: 6, channels: 1, data })),
      sixteen(() => 77),
    );
  });

  describe("that is none", () => {
    const good = png(1, new Uint8Array(16));
    const [header, ...others] = readChunks(good);
    const withHeader = (columns: number, rows: number, depth = 8, interlace = 0) => {
      const data = new Uint8Array(13);
      const view = new DataView(data.buffer);
      view.setUint32(0, columns);
      view.setUint32(4, rows);
      data[8] = depth;
      data[12] = interlace;
      return writeChunks([{ type: "IHDR", data }, ...others]);
    };
    const bomb = { type: "IDAT", data: deflateSync(new Uint8Array(1_000_000)) };
    const wrongSum = Uint8Array.from(good);
    wrongSum[30] ^= 1;
    const huge = Uint8Array.of(0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, 0, 0);
    const cases: [name: string, bytes: Uint8Array, message: RegExp][] = [
      [
        "text",
        Buffer.from("hello"),
        /Found 5 bytes that begin with 68 65 6c 6c 6f \("hello"\), expected a PNG, a JPEG or an IDX/,
      ],
      ["empty", new Uint8Array(0), /Found an empty file/],
      ["PNG cut short", good.subarray(0, good.length - 5), /end before the last chunk, IEND/],
      ["PNG with too few pixels", withHeader(9, 9), /Found 20 bytes of pixels, expected 90 for 9×9/],
      ["PNG with too many pixels", writeChunks([header, bomb, ...others]), /cannot be inflated to 20 bytes/],
      [
        "PNG too large",
        withHeader(100_000, 100_000),
        /an image of 100000×100000, expected .* at most 33554432/,
      ],
      ["PNG without pixels", withHeader(0, 4), /an image of 0×4/],
      ["PNG of 3 bits", withHeader(4, 4, 3), /colour type 0 with 3 bits a sample/],
      ["PNG of another interlacing", withHeader(4, 4, 8, 2), /the methods 0, 0 and 2/],
      ["PNG without header", writeChunks(others), /Found IDAT as the first chunk, expected IHDR/],
      ["PNG with a wrong checksum", wrongSum, /IHDR does not have the checksum/],
      ["JPEG too large", huge, /an image of 65535×65535/],
      [
        "JPEG without restart markers",
        greyJpeg({ value: 9, interval: 1, restarts: 0 }),
        /0 restart markers.* expected 1/,
      ],
      [
        "JPEG that claims more than it has",
        greyJpeg({ value: 9, rows: 4096 }),
        /too few for the 1024 blocks of 16×4096/,
      ],
      [
        "JPEG that is lossless",
        greyJpeg({ value: 9, frame: 0xc3 }),
        /a lossless or hierarchical JPEG of 8 bits/,
      ],
      ["HEIC", Buffer.from("\0\0\0\x18ftypheic\0\0"), /Found a HEIC picture/],
      ["WebP", Buffer.from("RIFF\x10\0\0\0WEBPVP8 "), /Found a WebP picture/],
      ["an icon", Buffer.from("\0\0\x01\0\x01\0"), /Found an icon/],
      ["JPEG without frame", Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), /no frame header/],
      ["IDX of labels", Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 7), /Found the magic number 0x00000801/],
      ["IDX cut short", idxHeader([1, 4, 4]), /Found 16 bytes, expected 32 for the shape \(1, 4, 4\)/],
      [
        "IDX of two channels",
        Buffer.concat([idxHeader([1, 1, 1, 2]), Uint8Array.of(1, 2)]),
        /Found images of 2 channels, expected 1 \(grey\) or 3/,
      ],
    ];
    for (const [name, bytes, message] of cases) {
      test(name, async () => {
        await assert.rejects(read(bytes), { name: "SpikeletError", code: "bad-input", message });
      });
    }
  });
});

describe("an animated PNG", () => {
  const shape = { imageSize: 2, imageChannels: 1 };
  const frames = [10, 20, 30].map((value) => ({
    pixels: new Uint8Array(4).fill(value),
    milliseconds: 5 * value,
  }));
  const file = encodeApng(frames, shape);

  test("has its frames, with their times, in order", () => {
    const apng = decodeApng(file, { checkCrc: true });
    assert.deepEqual([apng.numberOfFrames, apng.numberOfPlays], [3, 0]);
    assert.deepEqual(
      apng.frames.map(({ data, delayNumber, delayDenominator }) => [data[3], delayNumber, delayDenominator]),
      [
        [10, 50, 1000],
        [20, 100, 1000],
        [30, 150, 1000],
      ],
    );
  });

  test("numbers its frame controls and data together, and shows the first frame where animation is unknown", () => {
    const chunks = readChunks(file);
    assert.equal(chunks.map(({ type }) => type).join(" "), "IHDR acTL fcTL IDAT fcTL fdAT fcTL fdAT IEND");
    const numbers = chunks
      .filter(({ type }) => type === "fcTL" || type === "fdAT")
      .map(({ data }) => Buffer.from(data).readUInt32BE(0));
    assert.deepEqual(numbers, [0, 1, 2, 3, 4]);
    assert.deepEqual([...decode(file).data], [10, 10, 10, 10]);
  });
});

describe("spikelet interpolate", () => {
  test("between classes begins and ends with what generate makes", () => {
    const summary = run(
      ...([
        "interpolate",
        "class:1",
        "class:8",
        "--steps",
        "5",
        "--start",
        "7",
        "--out",
        "strip.png",
      ] as const),
    );
    assert.equal(summary.steps, 5);
    const { width, height } = decode(readFileSync(inWork("strip.png")));
    assert.deepEqual([width, height], [5 * SIZE, SIZE]);
    for (const [name, column] of [
      ["1", 0],
      ["8", 4],
    ] as const) {
      const made = idxPixels(`end-${name}.idx`, "--class", name, "--start", "7", "--count", "1");
      assertSameBytes(tileOf("strip.png", 0, column), made, `class ${name}`);
    }
  });

  test("between classes needs no encoder", () => {
    const args = ["interpolate", "class:1", "class:8", "--model", "decoder.spk", "--out", "decoder.png"];
    assert.equal(spikelet(...args).status, 0);
  });

  test("to an .apng goes there and back", () => {
    const { output } = run("interpolate", "class:0", "class:8", "--steps", "4", "--out", "there.apng");
    assert.equal(output.frames, 6);
    const { frames } = decodeApng(readFileSync(inWork("there.apng")));
    assert.equal(frames.length, 6);
    assert.deepEqual(frames[5].data, frames[1].data);
    assert.deepEqual(frames[4].data, frames[2].data);
    run("interpolate", "class:0", "class:8", "--steps", "4", "--out", "there.png");
    assertSameBytes(frames[3].data as Uint8Array, tileOf("there.png", 0, 3));
  });

  test("between images begins and ends with their reconstructions", () => {
    run("interpolate", "first.png", "set.idx#5", "--steps", "3", "--out", "images.png");
    for (const [index, column] of [
      [0, 0],
      [5, 2],
    ]) {
      const { rates } = encodeImage(model, image(index), model.timeSteps);
      const spikes = sampleSpikes(rates, 0, 0, model.timeSteps);
      const expected = decodeSpikes(model, spikes, model.timeSteps).pixels;
      assertSameBytes(tileOf("images.png", 0, column), expected, `image ${index}`);
    }
  });
});

describe("spikelet encode", () => {
  test("writes the oracle's firing rates", () => {
    const summary = run("encode", "set.idx", "--out", "rates.npy");
    assert.deepEqual([summary.images, summary.latentSize], [COUNT, model.latentSize]);
    assert.ok(summary.encoderSynapticOperations > 0, "synaptic operations");
    const { shape, data } = readNpy(readFileSync(inWork("rates.npy")));
    assert.deepEqual(shape, [COUNT, model.latentSize]);
    const expected = Array.from({ length: COUNT }, (_, i) => [
      ...encodeImage(model, image(i), model.timeSteps).rates,
    ]).flat();
    assert.deepEqual(
      [...data],
      expected.map((rate) => rate / 65536),
    );
  });

  test("gives the same bytes for two threads, streamed and plain", () => {
    run("encode", "set.idx", "--out", "one.npy", "--threads", "1");
    for (const [name, ...args] of [
      ["two", "--threads", "2"],
      ["streamed", "--streamed"],
      ["plain", "--build", "plain"],
    ]) {
      run("encode", "set.idx", "--out", `${name}.npy`, ...args);
      assertSameBytes(readFileSync(inWork(`${name}.npy`)), readFileSync(inWork("one.npy")), name);
    }
  });

  test("takes several files, and as many images as asked for", () => {
    const summary = run("encode", "first.png", "set.idx", "--count", "3", "--out", "three.npy");
    assert.deepEqual([summary.images, summary.hasMore], [3, true]);
    const { data } = readNpy(readFileSync(inWork("three.npy")));
    const d = model.latentSize;
    assert.deepEqual(data.subarray(0, d), data.subarray(d, 2 * d));
  });

  test("does not go on with the images of another input", () => {
    const description: RunDescription = {
      spikelet: "1",
      model: "m",
      modelCrc32: "0",
      start: "0",
      count: 3,
      timeSteps: 16,
      inputCrc32: "00000001",
    };
    const other = { ...description, inputCrc32: "00000002" };
    checkSameRun("a.json", encodeRun(description), description, "");
    assert.throws(
      () => checkSameRun("a.json", encodeRun(description), other, "start anew"),
      /the input's CRC-32 was 00000001 and is now 00000002/,
    );
  });
});

describe("spikelet reconstruct", () => {
  /** What the oracle makes of image `index`, decoded with the random numbers of that index. */
  function reconstruction(index: number, seed: number): Uint8Array {
    const { rates } = encodeImage(model, image(index), model.timeSteps);
    const spikes = sampleSpikes(rates, seed, index, model.timeSteps);
    return decodeSpikes(model, spikes, model.timeSteps).pixels;
  }

  test("draws each image beside its reconstruction, and tells the loss", () => {
    const summary = run("reconstruct", "set.idx", "--count", "8", "--seed", "3", "--out", "pairs.png");
    assert.deepEqual([summary.images, summary.hasMore, summary.seed], [8, true, "3"]);
    assert.ok(summary.encoderSynapticOperations > 0, "synaptic operations in the encoder");
    assert.ok(summary.decoderSynapticOperations > 0, "synaptic operations in the decoder");
    let sum = 0;
    for (let i = 0; i < 8; i++) {
      const [row, pair] = [Math.floor(i / 2), i % 2];
      const expected = reconstruction(i, 3);
      assertSameBytes(tileOf("pairs.png", row, 2 * pair), image(i), `image ${i}`);
      assertSameBytes(tileOf("pairs.png", row, 2 * pair + 1), expected, `reconstruction ${i}`);
      const loss =
        expected.reduce((sum, v, k) => sum + ((2 * (v - image(i)[k])) / 255) ** 2, 0) / IMAGE_BYTES;
      assert.ok(Math.abs(summary.losses[i].reconstructionLoss - loss) < 1e-12, `loss of image ${i}`);
      sum += loss;
    }
    assert.ok(Math.abs(summary.reconstructionLoss - sum / 8) < 1e-12, "mean loss");
    assert.equal(summary.losses[2].image, "set.idx#2");
  });

  test("gives the same picture for two threads", () => {
    run("reconstruct", "set.idx", "--out", "one.png", "--threads", "1");
    run("reconstruct", "set.idx", "--out", "two.png", "--threads", "2");
    assertSameBytes(readFileSync(inWork("two.png")), readFileSync(inWork("one.png")));
  });

  test("tells people the loss and the synaptic operations", () => {
    const { stdout } = spikelet("reconstruct", "first.png", "--model", "model.spk", "--out", "told.png");
    for (const word of [
      "reconstruction loss",
      "ms (1 thread)",
      "in the encoder",
      "in the decoder",
      "told.png",
    ]) {
      assert.ok(stdout.includes(word), word);
    }
  });
});

describe("spikelet fit", () => {
  const classes = Uint8Array.from({ length: COUNT }, (_, i) => (i % 2 === 0 ? 4 : 9));
  mkdirSync(inWork("data"));
  writeFileSync(
    inWork("data/train-images-idx3-ubyte"),
    Buffer.concat([idxHeader([COUNT, SIZE, SIZE]), pixels]),
  );
  writeFileSync(inWork("data/train-labels-idx1-ubyte"), Buffer.concat([idxHeader([COUNT]), classes]));

  test("adds a mixture as the default and a prior for each class", () => {
    const args = [
      "fit",
      "model.spk",
      "--data",
      "data",
      "--prior",
      "gaussian",
      "--components",
      "2",
      "--out",
      "fitted.spk",
    ];
    const { status, stdout, stderr } = spikelet(...args);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /priors mixture \(2 components\), .*, 4, 9\n$/);
    const fitted = decodeModel(new Uint8Array(readFileSync(inWork("fitted.spk"))));
    assert.deepEqual(fitted.decoder, decodeModel(encodeModel(model)).decoder);
    assert.equal(
      spikelet("generate", "--model", "fitted.spk", "--class", "9", "--out", "nine.png").status,
      0,
    );
    // The same images give the same file.
    spikelet(...args.slice(0, -1), "again.spk");
    assertSameBytes(readFileSync(inWork("again.spk")), readFileSync(inWork("fitted.spk")));
  });

  test("names what is missing", () => {
    const { status, stderr } = spikelet("fit", "model.spk", "--data", "none", "--out", "a.spk");
    assert.match(stderr, /^spikelet: none/);
    assert.equal(status, 2);
    const labels = spikelet("fit", "decoder.spk", "--data", "data", "--out", "a.spk");
    assert.match(labels.stderr, /has no encoder/);
    assert.equal(labels.status, 2);
  });
});

describe("mistakes", () => {
  writeFileSync(inWork("text.png"), "no picture\n");
  const mistakes: [command: string, message: RegExp][] = [
    [
      "generate --class 9",
      new RegExp(`--class: found "9" .*expected one that the model has: ${DEFAULT_PRIOR}, 0, 1, 8`),
    ],
    ["generate --class 0,,8", /--class: found "0,,8", expected names with commas between them/],
    [
      "generate --class 0 --prior 8",
      /'--class, --classes <name,...>' cannot be used with option '--prior <name>'/,
    ],
    ["encode none.png --out a.npy", /none\.png: no such file; expected a PNG, JPEG or IDX file/],
    [
      "encode text.png --out a.npy",
      /text\.png: Found 11 bytes that begin with 6e 6f 20 70 .*\("no pictu"\), expected a PNG, a JPEG or an IDX file/,
    ],
    ["encode set.idx#20 --out a.npy", /set\.idx: Found #20, expected a number from 0 to 19/],
    ["encode first.png --out a.png", /--out: found "a\.png", expected a name that ends in \.npy/],
    ["encode --out a.npy", /missing required argument 'input'/],
    ["encode first.png --model decoder.spk --out a.npy", /decoder\.spk: .* has no encoder/],
    ["reconstruct first.png --model decoder.spk --out a.png", /decoder\.spk: .* has no encoder/],
    ["reconstruct first.png --out a.jpg", /--out: found "a\.jpg", expected a name that ends in \.png/],
    ["reconstruct first.png", /required option '--out <file.png>' not specified/],
    ["interpolate class:9 class:8 --out a.png", /A: found "class:9".* expected one that the model has/],
    ["interpolate class:8 class:x --out a.png", /B: found "class:x".* expected one that the model has/],
    ["interpolate class:8 first.png --model decoder.spk --out a.png", /decoder\.spk: .* has no encoder/],
    [
      "interpolate class:8 class:0 --out a.gif",
      /found "a\.gif", expected a name that ends in \.png or \.apng/,
    ],
    [
      "interpolate class:8 class:0 --steps 1 --out a.png",
      /--steps: found "1", expected a whole number from 2/,
    ],
    ["interpolate class:8 --out a.png", /missing required argument 'B'/],
  ];
  for (const [command, message] of mistakes) {
    test(`spikelet ${command}`, () => {
      const args = command.split(" ");
      const { status, stdout, stderr } = spikelet(
        ...args,
        ...(args.includes("--model") ? [] : ["--model", "model.spk"]),
      );
      assert.match(stderr, message);
      assert.match(stderr, /^spikelet: /);
      assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");
      assert.equal(stdout, "");
      assert.equal(status, 2);
    });
  }

  test("leave nothing behind", () => {
    assert.deepEqual(
      readdirSync(work).filter((name) => /^(a\.|out$)/.test(name)),
      [],
    );
  });

  test("nor does a picture that cannot be written", () => {
    writeFileSync(inWork("file"), "");
    const { status, stderr } = spikelet(
      ...["interpolate", "class:0", "class:8", "--model", "model.spk", "--out", "file/x.png"],
    );
    assert.match(stderr, /^spikelet: cannot write file/);
    assert.equal(status, 1);
    assert.equal(existsSync(inWork("file.partial")), false);
  });
});

test("help has examples", () => {
  for (const command of ["generate", "reconstruct", "encode", "interpolate"]) {
    const { status, stdout } = spikelet(command, "--help");
    assert.equal(status, 0);
    assert.match(stdout, /Examples:\n {2}spikelet /);
  }
});

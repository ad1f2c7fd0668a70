import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildSync } from "esbuild";
import { decode } from "fast-png";
import { idxHeader, npyHeader } from "../../cli/output/array-header.js";
import type { Span } from "../../cli/output/batch.js";
import type { Crew } from "../../cli/run/crew.js";
import { Pool } from "../../cli/run/pool.js";
import type { Job } from "../../src/evaluation/job.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const MODEL = fileURLToPath(new URL("../../models/esvae-mnist.spk", import.meta.url));
const SIZE = 32;
const IMAGE_BYTES = SIZE * SIZE;
const IDX_HEADER_BYTES = 16;

const work = mkdtempSync(join(tmpdir(), "spikelet-cli-"));
after(() => rmSync(work, { recursive: true }));
const inWork = (name: string) => join(work, name);

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function spikelet(...args: string[]): Outcome {
  return spawnSync(process.execPath, [CLI, ...args], { cwd: work, encoding: "utf8" });
}

/** Runs `spikelet generate --json`, which must succeed, and returns its summary. */
function generate(...args: string[]) {
  const { status, stdout, stderr } = spikelet("generate", "--json", ...args);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

// Every assert.ok here has a message: without one, Node 20 looks for the source of the assertion, and in a file that tsx
// has put on one line that search does not end.

/** Compares without the long list of differences that deepEqual makes of unequal bytes. */
function assertSameBytes(actual: Uint8Array, expected: Uint8Array, name?: string): void {
  assert.equal(actual.length, expected.length, name);
  assert.ok(Buffer.compare(actual, expected) === 0, `bytes differ ${name ?? ""}`);
}

/** Pixels of an .idx file that `generate` makes with these options. */
function idxPixels(name: string, ...args: string[]): Buffer {
  generate("--out", name, ...args);
  return readFileSync(inWork(name)).subarray(IDX_HEADER_BYTES);
}

describe("spikelet generate", () => {
  const pixels = idxPixels("reference.idx", "--count", "40", "--threads", "1");
  const image = (index: number) => pixels.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);

  test("writes an IDX array that starts as MNIST's own files do", () => {
    const file = readFileSync(inWork("reference.idx"));
    assert.equal(file.length, IDX_HEADER_BYTES + 40 * IMAGE_BYTES);
    assert.deepEqual(
      [0, 4, 8, 12].map((offset) => file.readUInt32BE(offset)),
      [0x00000803, 40, SIZE, SIZE],
    );
    assert.ok(new Set(image(0)).size > 1, "an image is not blank");
    assert.notDeepEqual(image(0), image(1));
  });

  test("writes a NumPy array", () => {
    generate("--count", "3", "--out", "three.npy");
    const file = readFileSync(inWork("three.npy"));
    assert.deepEqual([...file.subarray(0, 10)], [0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]);
    assert.match(
      file.subarray(10, 128).toString("latin1"),
      /^\{'descr': '\|u1', 'fortran_order': False, 'shape': \(3, 32, 32\), \} *\n$/,
    );
    assertSameBytes(file.subarray(128), pixels.subarray(0, 3 * IMAGE_BYTES));
  });

  test("writes a grid of 10×10 tiles for 100 images", () => {
    const { output } = generate("--out", "deep/er/grid.png");
    const file = readFileSync(inWork("deep/er/grid.png"));
    assert.equal(output.bytes, file.length);
    const grid = decode(file);
    assert.deepEqual([grid.width, grid.height, grid.channels], [10 * SIZE, 10 * SIZE, 1]);
    for (const index of [0, 9, 10, 37]) {
      const corner = (Math.floor(index / 10) * grid.width + (index % 10)) * SIZE;
      const rows = Array.from({ length: SIZE }, (_, y) =>
        grid.data.subarray(corner + y * grid.width, corner + y * grid.width + SIZE),
      );
      assertSameBytes(Buffer.concat(rows as Uint8Array[]), image(index), `tile ${index}`);
    }
  });

  test("keeps a grid near to a square", () => {
    generate("--count", "7", "--out", "seven.png");
    const grid = decode(readFileSync(inWork("seven.png")));
    assert.deepEqual([grid.width, grid.height], [3 * SIZE, 3 * SIZE]);
  });

  test("writes a folder of PNGs, named by index with leading zeros", () => {
    generate("--start", "8", "--count", "3", "--out", "folder/");
    assert.deepEqual(readdirSync(inWork("folder")).sort(), [
      "08.png",
      "09.png",
      "10.png",
      "README.md",
      "spikelet.json",
    ]);
    const { data } = decode(readFileSync(inWork("folder/10.png")));
    assertSameBytes(Buffer.from(data as Uint8Array), image(10));
  });

  test("gives the same bytes for one and two threads, streamed and resident, plain and simd", () => {
    assertSameBytes(idxPixels("two.idx", "--count", "40", "--threads", "2"), pixels);
    assertSameBytes(
      idxPixels("streamed.idx", "--count", "5", "--streamed"),
      pixels.subarray(0, 5 * IMAGE_BYTES),
    );
    assertSameBytes(
      idxPixels("plain.idx", "--count", "5", "--build", "plain"),
      pixels.subarray(0, 5 * IMAGE_BYTES),
    );
  });

  test("--start goes on where another run ends", () => {
    const later = idxPixels("later.idx", "--start", "25", "--count", "15");
    assertSameBytes(later, pixels.subarray(25 * IMAGE_BYTES));
  });

  test("reaches the last seed and the last index", () => {
    const last = String(2n ** 64n - 1n);
    const summary = generate("--seed", last, "--start", last, "--count", "1", "--out", "last.idx");
    assert.deepEqual([summary.seed, summary.start], [last, last]);
  });

  test("tells what it did", () => {
    const summary = generate("--count", "20", "--seed", "3", "--out", "told.idx");
    assert.equal(summary.images, 20);
    assert.equal(summary.imagesMade, 20);
    assert.equal(summary.seed, "3");
    assert.deepEqual(summary.model, { name: "esvae-mnist", bytes: statSync(MODEL).size });
    assert.ok(summary.wasm.bytes > 0, "bytes of Wasm");
    assert.ok(summary.millisecondsPerImage > 0, "milliseconds");
    assert.ok(summary.synapticOperationsPerImage > 0, "synaptic operations");
    assert.equal(summary.output.bytes, statSync(inWork("told.idx")).size);

    const { stdout } = spikelet("generate", "--count", "1", "--out", "told.png");
    for (const word of ["seed", "model", "wasm", "ms", "synaptic operations", "told.png"]) {
      assert.ok(stdout.includes(word), word);
    }
  });

  test("prints no progress into a pipe", () => {
    assert.equal(spikelet("generate", "--count", "3", "--out", "quiet.idx").stderr, "");
  });
});

describe("an unfinished run", () => {
  const COUNT = "800";
  const whole = idxPixels("whole.idx", "--count", COUNT, "--threads", "1");

  /** Starts a run, sends the signal once some images are on disk, and returns what it said. */
  async function interrupted(signal: NodeJS.Signals, threads: string, out: string): Promise<Outcome> {
    const args = [CLI, "generate", "--count", COUNT, "--threads", threads, "--out", out];
    const child = spawn(process.execPath, args, { cwd: work, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    const images = () => {
      if (out.endsWith("/")) return existsSync(inWork(out)) ? readdirSync(inWork(out)).length : 0;
      return existsSync(inWork(`${out}.partial`)) ? statSync(inWork(`${out}.partial`)).size / IMAGE_BYTES : 0;
    };
    while (images() < 20 && child.exitCode === null) await setTimeout(2);
    child.kill(signal);
    return { status: await closed, stdout: "", stderr };
  }

  for (const threads of ["1", "2"]) {
    test(`stopped by Ctrl-C goes on without making an image twice (threads: ${threads})`, async () => {
      const out = `stopped-${threads}.idx`;
      const { status, stderr } = await interrupted("SIGINT", threads, out);
      assert.equal(status, 130, stderr);
      assert.equal(existsSync(inWork(out)), false);
      const made = Number(/stopped by SIGINT after (\d+) of 800 images/.exec(stderr)?.[1]);
      assert.match(stderr, /same command again/);
      assert.equal(statSync(inWork(`${out}.partial`)).size, IDX_HEADER_BYTES + made * IMAGE_BYTES);

      const summary = generate("--count", COUNT, "--threads", threads, "--out", out);
      assert.equal(summary.imagesMade, Number(COUNT) - made);
      assertSameBytes(readFileSync(inWork(out)).subarray(IDX_HEADER_BYTES), whole);
      assert.deepEqual(
        readdirSync(work).filter((name) => name.startsWith(out)),
        [out],
      );
    });
  }

  test("killed in the middle of an image goes on from the last whole one", async () => {
    await interrupted("SIGKILL", "1", "killed.idx");
    const partial = inWork("killed.idx.partial");
    const found = Math.floor((statSync(partial).size - IDX_HEADER_BYTES) / IMAGE_BYTES);
    writeFileSync(partial, Buffer.alloc(700, 0xaa), { flag: "a" });
    const { imagesMade } = generate("--count", COUNT, "--out", "killed.idx");
    assert.equal(imagesMade, Number(COUNT) - found);
    assertSameBytes(readFileSync(inWork("killed.idx")).subarray(IDX_HEADER_BYTES), whole);
  });

  test("in a folder keeps the images that are there", async () => {
    const { status } = await interrupted("SIGINT", "2", "pictures/");
    assert.equal(status, 130);
    const pngs = readdirSync(inWork("pictures")).filter((name) => name.endsWith(".png"));
    const kept = statSync(inWork(`pictures/${pngs[0]}`)).mtimeMs;
    rmSync(inWork(`pictures/${pngs[5]}`));

    const { imagesMade } = generate("--count", COUNT, "--out", "pictures/");
    assert.equal(imagesMade, Number(COUNT) - pngs.length + 1);
    assert.equal(statSync(inWork(`pictures/${pngs[0]}`)).mtimeMs, kept);
    for (const index of [0, 5, 799]) {
      const { data } = decode(readFileSync(inWork(`pictures/${String(index).padStart(3, "0")}.png`)));
      assertSameBytes(
        Buffer.from(data as Uint8Array),
        whole.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES),
      );
    }
    assert.equal(generate("--count", COUNT, "--out", "pictures/").imagesMade, 0);
  });

  test("is not mixed with another, unless --restart says so", async () => {
    await interrupted("SIGINT", "1", "other.npy");
    const args = ["generate", "--count", "10", "--seed", "5", "--out", "other.npy"];
    const { status, stderr } = spikelet(...args);
    assert.equal(status, 2);
    assert.match(stderr, /--seed was 0 and is now 5; --count was 800 and is now 10/);
    assert.match(stderr, /delete other\.npy\.partial, or start anew with --restart/);
    assert.equal(spikelet(...args, "--restart").status, 0);
    assert.equal(statSync(inWork("other.npy")).size, 128 + 10 * IMAGE_BYTES);
  });

  test("folder of another run, or of nobody's, is left alone unless --restart says so", () => {
    generate("--count", "12", "--out", "mine/");
    assert.match(
      spikelet("generate", "--count", "11", "--out", "mine/").stderr,
      /--count was 12 and is now 11/,
    );
    rmSync(inWork("mine/spikelet.json"));
    const { status, stderr } = spikelet("generate", "--count", "12", "--out", "mine/");
    assert.equal(status, 2);
    assert.match(stderr, /in the way and no spikelet\.json tells its run/);
    assert.equal(generate("--count", "12", "--out", "mine/", "--restart").imagesMade, 12);
  });
});

describe("bad input", () => {
  const flipped = Buffer.from(readFileSync(MODEL));
  flipped[flipped.length - 7] ^= 1;
  writeFileSync(inWork("flipped.spk"), flipped);
  const later = Buffer.from(readFileSync(MODEL));
  later.writeUInt32LE(9, 4);
  writeFileSync(inWork("later.spk"), later);
  writeFileSync(inWork("empty.spk"), "");
  writeFileSync(inWork("text.pth"), "not a checkpoint\n");
  writeFileSync(inWork("file"), "");

  const mistakes: [command: string, message: RegExp][] = [
    ["generate --count -1", /--count: found "-1", expected a whole number from 1 to 4294967295/],
    ["generate --count abc", /--count: found "abc", expected a whole number/],
    ["generate --count 0", /--count: found "0"/],
    ["generate --count 1.5", /--count: found "1.5"/],
    ["generate --count", /--count <n>.*argument missing/],
    ["generate --cuont 5", /unknown option '--cuont'(.|\n)*Did you mean --count/],
    ["generate --time-steps 17", /--time-steps: found "17", expected a whole number from 1 to 16/],
    [
      "generate --seed 18446744073709551616",
      /--seed: found .*, expected a whole number from 0 to 18446744073709551615/,
    ],
    ["generate --start 18446744073709551615 --count 2", /--start: found .* expected the last image's index/],
    ["generate --threads 0", /--threads: found "0"/],
    ["generate --build smid", /--build: found "smid", expected one of plain, simd \(did you mean simd\?\)/],
    ["generate --prior wrong", /--prior: found "wrong".* expected one that the model has/],
    ["generate --out a.jpg", /--out: found "a.jpg" with the ending .jpg, expected .png/],
    ["generate --out a.png --count 10001", /found --count 10001, expected at most 10000 images in one .png/],
    [
      "generate --model esvae-mnits",
      /no shipped model is named "esvae-mnits" \(did you mean esvae-mnist\?\)/,
    ],
    ["generate --model none.spk", /none\.spk: no such file; expected a model file/],
    ["generate --model ./", /found a folder, expected a model file/],
    ["generate --model flipped.spk", /flipped\.spk: .*checksum/],
    ["generate --model later.spk", /later\.spk: .*9/],
    ["generate --model empty.spk", /empty\.spk: /],
    ["inspect flipped.spk", /flipped\.spk: .*checksum/],
    ["inspect none", /no shipped model is named "none"/],
    ["import none.pth --out a.spk", /none\.pth: no such file; expected a checkpoint/],
    ["import text.pth --out a.spk", /text\.pth: /],
    ["import text.pth", /required option '--out <file.spk>' not specified/],
    ["import text.pth --out a.bin", /--out: found "a.bin", expected a name that ends in .spk/],
    ["import text.pth --out a.spk --bits 7", /--bits: found "7", expected one of 8, 6, 5, 4/],
    [
      "import text.pth --out a.spk --name twenty-five-bytes-of-name",
      /--name: found .*\(25 bytes\), expected 1 to 24/,
    ],
    ["genrate", /unknown command 'genrate'(.|\n)*Did you mean generate/],
  ];
  for (const [command, message] of mistakes) {
    test(`spikelet ${command}`, () => {
      const { status, stdout, stderr } = spikelet(...command.split(" "));
      assert.match(stderr, message);
      assert.match(stderr, /^spikelet: /);
      assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");
      assert.equal(stdout, "");
      assert.equal(status, 2);
    });
  }

  test("leaves nothing behind", () => {
    const left = readdirSync(work).filter((name) => /^(a\.|out$)|none/.test(name));
    assert.deepEqual(left, []);
  });

  test("--debug shows the stack trace", () => {
    assert.match(spikelet("generate", "--model", "none.spk", "--debug").stderr, /\n {4}at /);
  });
});

describe("output that cannot be written", () => {
  // The tests may run as root, whom permissions do not stop; a file in place of a folder stops everyone.
  for (const out of ["file/x.png", "file/x.idx", "file/folder/", "file/a/b.npy", "/proc/x/y.png"]) {
    const skip = out.startsWith("/proc") && !existsSync("/proc/version") && "no /proc";
    test(`--out ${out}, where no folder can be made`, { skip }, () => {
      writeFileSync(inWork("file"), "");
      const { status, stderr } = spikelet("generate", "--count", "2", "--out", out);
      assert.match(
        stderr,
        /^spikelet: cannot write .*(is a file, not a folder|in the way|cannot be made there)/,
      );
      assert.equal(status, 1);
    });
  }

  /** A limit on the length of any file: writing past it fails part-way as a full disk does, without needing one. */
  function limited(kilobytes: number, ...args: string[]): Outcome {
    const command = `ulimit -f ${kilobytes} && exec "$0" "$@"`;
    return spawnSync("bash", ["-c", command, process.execPath, CLI, ...args], {
      cwd: work,
      encoding: "utf8",
    });
  }
  const noLimit = spawnSync("bash", ["-c", "ulimit -f 100"]).status !== 0 && "no bash with ulimit -f";

  test("part-way into an array keeps the images before, and the run goes on later", { skip: noLimit }, () => {
    const args = ["--count", "300", "--threads", "2", "--out", "full.idx"];
    const { status, stderr } = limited(100, "generate", ...args);
    assert.match(
      stderr,
      /cannot write full\.idx\.partial: .*; what is made is kept in full\.idx\.partial: run the same command/,
    );
    assert.equal(status, 1);
    assert.equal(existsSync(inWork("full.idx")), false);
    assert.ok(generate(...args).imagesMade < 300, "goes on rather than starts anew");
    assertSameBytes(
      readFileSync(inWork("full.idx")).subarray(IDX_HEADER_BYTES),
      idxPixels("enough.idx", "--count", "300"),
    );
  });

  test("part-way into a grid leaves no file", { skip: noLimit }, () => {
    const { status, stderr } = limited(4, "generate", "--count", "100", "--out", "full.png");
    assert.match(stderr, /cannot write full\.png: /);
    assert.equal(status, 1);
    assert.deepEqual(
      readdirSync(work).filter((name) => name.startsWith("full.png")),
      [],
    );
  });

  test("a full disk behind standard output is a failure", {
    skip: !existsSync("/dev/full") && "no /dev/full",
  }, () => {
    const child = spawnSync("bash", ["-c", '"$0" "$1" inspect > /dev/full', process.execPath, CLI], {
      encoding: "utf8",
    });
    assert.match(child.stderr, /^spikelet: .*ENOSPC/);
    assert.equal(child.status, 1);
  });

  test("a reader that leaves early is not", () => {
    const pipe = '"$0" "$1" inspect --json | true; exit "$' + '{PIPESTATUS[0]}"';
    const child = spawnSync("bash", ["-c", pipe, process.execPath, CLI], { encoding: "utf8" });
    assert.equal(child.stderr, "");
    assert.equal(child.status, 0);
  });
});

describe("spikelet import and inspect", () => {
  const checkpoint = fileURLToPath(
    new URL("../../../shared/data/esvae-mnist/checkpoint.pth", import.meta.url),
  );
  const skip = !existsSync(checkpoint) && "the checkpoint is not here";

  test("import writes a model that inspect and generate read", { skip }, () => {
    const imported = spikelet("import", checkpoint, "--out", "new/five.spk", "--bits", "5");
    assert.equal(imported.status, 0, imported.stderr);
    assert.match(imported.stdout, /decoder_input +32 → 1024 +5 /);

    const facts = JSON.parse(spikelet("inspect", "new/five.spk", "--json").stdout);
    assert.equal(facts.name, "five");
    assert.equal(facts.bytes, statSync(inWork("new/five.spk")).size);
    assert.deepEqual(
      facts.decoder.map((layer: { bits: number }) => layer.bits),
      [5, 5, 5, 5, 5],
    );
    assert.equal(generate("--model", "new/five.spk", "--count", "2", "--out", "five.idx").model.name, "five");
  });

  test("import --no-encoder leaves the encoder out", { skip }, () => {
    const imported = spikelet("import", checkpoint, "--no-encoder", "--bits", "4", "--out", "flash.spk");
    assert.equal(imported.status, 0, imported.stderr);
    const facts = JSON.parse(spikelet("inspect", "flash.spk", "--json").stdout);
    assert.deepEqual(facts.encoder, []);
    assert.equal(facts.bytes, 227_792);
    const { status, stderr } = spikelet(
      "reconstruct",
      "new/five.spk",
      "--model",
      "flash.spk",
      "--out",
      "no.png",
    );
    assert.equal(status, 2);
    assert.match(stderr, /has no encoder/);
  });

  test("inspect shows layers and a memory plan of one page for streamed weights", () => {
    const { memory } = JSON.parse(spikelet("inspect", "--json").stdout);
    assert.equal(memory.streamed.pages, 1);
    assert.ok(memory.resident.totalBytes > memory.streamed.totalBytes, "streaming saves memory");
    const { stdout } = spikelet("inspect", "esvae-mnist");
    for (const word of ["decoder_input", "final_layer.0", "weights resident", "weights streamed", "1 page"]) {
      assert.ok(stdout.includes(word), word);
    }
  });

  test("help and version go to standard output", () => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    assert.equal(spikelet("--version").stdout, `${manifest.version}\n`);
    for (const command of ["generate", "import", "inspect"]) {
      const { status, stdout } = spikelet(command, "--help");
      assert.equal(status, 0);
      assert.match(stdout, /Examples:\n {2}spikelet /);
    }
  });
});

describe("array headers of colour images", () => {
  const colour = { imageSize: 64, imageChannels: 3 };

  test("IDX has a fourth dimension", () => {
    assert.deepEqual(
      [...idxHeader(258, colour)],
      [0, 0, 8, 4, 0, 0, 1, 2, 0, 0, 0, 64, 0, 0, 0, 64, 0, 0, 0, 3],
    );
  });

  test("NumPy's shape has a fourth axis, and the data start at a multiple of 64", () => {
    const header = npyHeader(258, colour);
    assert.match(Buffer.from(header).toString("latin1"), /'shape': \(258, 64, 64, 3\), \} *\n$/);
    assert.equal(header.length % 64, 0);
  });
});

describe("a worker thread", () => {
  /** A crew as it is bundled, beside a worker that runs `source`. */
  async function crewWith(name: string, source: string): Promise<Crew> {
    const outfile = inWork(`${name}/crew.mjs`);
    const entryPoints = [fileURLToPath(new URL("../../cli/run/crew.ts", import.meta.url))];
    buildSync({ entryPoints, outfile, bundle: true, platform: "node", format: "esm" });
    writeFileSync(inWork(`${name}/package.json`), '{ "type": "module" }');
    writeFileSync(inWork(`${name}/worker.js`), source);
    const { workerCrew } = await import(pathToFileURL(outfile).href);
    return workerCrew({ model: new Uint8Array(0), load: {} });
  }
  const job: Job = { kind: "generate", seed: 0n, timeSteps: 16, priors: [""] };
  const span: Span = { first: 0n, count: 1 };

  test("that cannot start is reported, at once and when asked for images", async () => {
    const crew = await crewWith("unborn", "throw new Error('no core')");
    await assert.rejects(crew.prepare(job), /no core/);
    await assert.rejects(crew.make(span), /no core/);
  });

  test("that ends in the middle of its work is reported", async () => {
    const crew = await crewWith(
      "mortal",
      `import { parentPort } from "node:worker_threads";
       parentPort.once("message", () => {
         parentPort.postMessage({ bytes: new Uint8Array(0) });
         parentPort.on("message", () => process.exit(3));
       });`,
    );
    await crew.prepare(job);
    const asked = [crew.make(span), crew.make(span)];
    for (const pixels of asked) pixels.catch(() => {});
    for (const pixels of asked) await assert.rejects(pixels, /a worker thread ended early \(exit code 3\)/);
  });

  test("that meets a fault passes its message on", async () => {
    const crew = await crewWith(
      "faulty",
      `import { parentPort } from "node:worker_threads";
       parentPort.once("message", () => {
         parentPort.postMessage({ bytes: new Uint8Array(0) });
         parentPort.on("message", () =>
           parentPort.postMessage({ failure: { code: "core-failed", message: "status 7" } }));
       });`,
    );
    await crew.prepare(job);
    await assert.rejects(crew.make(span), {
      name: "SpikeletError",
      code: "core-failed",
      message: "status 7",
    });
    await crew.close();
  });
});

describe("a pool", () => {
  const spans: Span[] = Array.from({ length: 20 }, (_, i) => ({ first: BigInt(i), count: 1 }));
  const never = new AbortController().signal;

  /** A thread whose bytes are the image's index, after a delay. */
  function slowCrew(milliseconds: number, asked: bigint[]): Crew {
    return {
      async prepare() {},
      async make({ first }) {
        asked.push(first);
        await setTimeout(milliseconds);
        return Uint8Array.of(Number(first));
      },
      async close() {},
    };
  }

  test("keeps the order whichever thread is slower, and looks ahead by two spans a thread", async () => {
    const asked: bigint[] = [];
    let seen = 0;
    for await (const { first, bytes } of new Pool([slowCrew(4, asked), slowCrew(1, asked)]).make(
      spans,
      never,
    )) {
      assert.equal(Number(first), seen++);
      assert.deepEqual(bytes, Uint8Array.of(Number(first)));
      assert.ok(asked.length - seen < 4, "spans in hand");
    }
    assert.equal(seen, spans.length);
  });

  test("yields all that was handed out before it was stopped", async () => {
    const asked: bigint[] = [];
    const controller = new AbortController();
    const seen: bigint[] = [];
    for await (const { first } of new Pool([slowCrew(1, asked)]).make(spans, controller.signal)) {
      seen.push(first);
      if (seen.length === 3) controller.abort();
    }
    assert.deepEqual(seen, asked);
    assert.ok(seen.length < spans.length, "stopped early");
  });

  test("passes a thread's failure on", async () => {
    const broken: Crew = { ...slowCrew(1, []), make: () => Promise.reject(new Error("worker died")) };
    const made = new Pool([slowCrew(5, []), broken]).make(spans, never);
    await assert.rejects(async () => {
      for await (const _ of made);
    }, /worker died/);
  });
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
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
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import { labelOf, labelsOf } from "../../cli/output/classes.js";
import { Generator } from "../../src/index.js";
import { decodeModel } from "../../src/model/file.js";
import { classDensities, classLikelihoods } from "../../src/priors/nearest-class.js";
import { turnsByFrequency } from "../../src/runtime/turns.js";
import { filesIn, folderDifference, spikeletIn } from "../support/data-sets.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const MODEL = fileURLToPath(new URL("../../models/esvae-mnist.spk", import.meta.url));
const IMAGE_BYTES = 32 * 32;
const DIGITS = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

const work = mkdtempSync(join(tmpdir(), "spikelet-data-sets-"));
after(() => rmSync(work, { recursive: true }));
const inWork = (name: string) => join(work, name);
const spikelet = (...args: string[]) => spikeletIn(work, ...args);

function generate(...args: string[]) {
  const { status, stdout, stderr } = spikelet("generate", "--json", ...args);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const FORMATS = ["png", "idx", "npy", "npz", "tar", "parquet"];
const SPLIT = ["--classes", "all", "--split", "train=230,test=45", "--images-per-file", "50"];

describe("labels", () => {
  test("lie beside an IDX file, and are the classes' own numbers", () => {
    const { labels } = generate("--class", "8,3", "--count", "5", "--start", "1", "--out", "some.idx");
    assert.deepEqual(labels, DIGITS);
    assert.deepEqual(
      [...readFileSync(inWork("some-labels-idx1-ubyte"))],
      [0, 0, 8, 1, 0, 0, 0, 5, 3, 8, 3, 8, 3],
    );
  });

  test("have MNIST's own file names beside images that have them", () => {
    generate("--class", "7", "--count", "2", "--out", "raw/t10k-images-idx3-ubyte");
    assert.deepEqual(readdirSync(inWork("raw")).sort(), ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]);
  });

  test("are left out where the images are of no class", () => {
    const { labels } = generate("--count", "2", "--out", "none.idx");
    assert.equal(labels, null);
    assert.equal(existsSync(inWork("none-labels-idx1-ubyte")), false);
  });

  test("of a model whose classes have names are their places in it", () => {
    const priors = ["mixture", "learned", "cat", "dog"];
    assert.deepEqual(labelsOf({ priors: ["dog", "cat"] }, priors), { names: ["cat", "dog"], ofTurn: [1, 0] });
    assert.equal(labelsOf({ priors: ["dog", "learned"] }, priors), undefined);
  });

  test("come as often as --label-frequency says, in every stretch of a run", () => {
    const turns = turnsByFrequency(["0", "1", "2"], [5, 3, 0]);
    const labels = labelsOf(turns, ["mixture", "0", "1", "2"])!;
    for (const first of [0n, 12345n, 2n ** 63n]) {
      const counts = [0, 0, 0];
      for (let i = 0n; i < 800n; i++) counts[labelOf(labels, turns, first + i)]++;
      assert.ok(Math.abs(counts[0] - 500) <= 3 && counts[2] === 0, `${counts}`);
    }
  });

  test("--label-frequency takes the frequency of a data set", () => {
    const folder = inWork("counted");
    generate("--class", "0,0,0,1", "--count", "40", "--format", "idx", "--out", "counted/");
    generate("--class", "0,1", "--label-frequency", folder, "--count", "200", "--out", "like.idx");
    const labels = readFileSync(inWork("like-labels-idx1-ubyte")).subarray(8);
    const ones = labels.filter((label) => label === 1).length;
    assert.ok(Math.abs(ones - 50) <= 3, `${ones} ones of 200`);
  });
});

describe("a folder", () => {
  for (const format of FORMATS) {
    test(`of ${format} is the same in shards, in any order, as at once`, () => {
      const whole = `whole-${format}/`;
      const parts = `parts-${format}/`;
      generate(...SPLIT, "--format", format, "--out", whole);
      const made = ["3/3", "1/3", "2/3"].map(
        (shard) => generate(...SPLIT, "--format", format, "--out", parts, "--shard", shard).imagesMade,
      );
      assert.equal(made[0] + made[1] + made[2], 275);
      assert.equal(generate(...SPLIT, "--format", format, "--out", parts, "--shard", "2/3").imagesMade, 0);
      if (["idx", "npy", "npz"].includes(format)) {
        const { status, stderr } = spikelet("merge", parts);
        assert.equal(status, 0, stderr);
      }
      assert.equal(folderDifference(inWork(whole), inWork(parts)), undefined);
    });

    test(`of ${format}, killed again and again, is the same as at once`, async () => {
      const whole = `at-once-${format}/`;
      const out = `killed-${format}/`;
      generate(...SPLIT, "--format", format, "--out", whole);
      for (const [kill, milliseconds] of [300, 450, 600, 750].entries()) {
        const args = [
          CLI,
          "generate",
          ...SPLIT,
          "--format",
          format,
          "--out",
          out,
          "--threads",
          String(1 + (kill % 2)),
        ];
        const child = spawn(process.execPath, args, { cwd: work, stdio: "ignore" });
        const closed = new Promise((resolve) => child.on("close", resolve));
        await setTimeout(milliseconds);
        child.kill("SIGKILL");
        await closed;
      }
      generate(...SPLIT, "--format", format, "--out", out);
      assert.equal(folderDifference(inWork(whole), inWork(out)), undefined);
    });
  }

  test("has splits of the same seed that share no image", () => {
    const idx = filesIn(inWork("whole-idx"));
    const all = generate("--classes", "all", "--count", "275", "--out", "all.idx");
    assert.equal(all.images, 275);
    const pixels = [idx.get("train-images-idx3-ubyte"), idx.get("t10k-images-idx3-ubyte")].map((file) =>
      file!.subarray(16),
    );
    assert.ok(
      Buffer.concat(pixels).equals(readFileSync(inWork("all.idx")).subarray(16)),
      "train and then test",
    );
  });

  test("has class folders, with what made each picture in its text", () => {
    assert.deepEqual(readdirSync(inWork("whole-png/test")).sort(), DIGITS);
    const { text } = decode(readFileSync(inWork("whole-png/train/7/007.png")));
    assert.match(text.Software, /^Spikelet \d/);
    assert.match(text.Comment, /^model=esvae-mnist crc32=[0-9a-f]{8} seed=0 index=7 prior=7 timeSteps=16$/);
  });

  test("has a card with what the data set is made of, and the model's figures where they are known", () => {
    const card = readFileSync(inWork("whole-parquet/README.md"), "utf8");
    for (const line of [
      "license: mit",
      "        path: data/train-*",
      "# 275 images from esvae-mnist",
      "    spikelet generate --model esvae-mnist --seed 0 --class all --split train=230,test=45 --format parquet --images-per-file 50 --out FOLDER/",
      "- test: 45 images, from index 230",
      "| 7 | 7 | 10 % |",
    ]) {
      assert.ok(card.split("\n").includes(line), `${line}\n in \n${card}`);
    }
    assert.match(card, /model: esvae-mnist, CRC-32 [0-9a-f]{8}, 16 time steps/);

    cpSync(MODEL, inWork("own.spk"));
    const crc32 = /CRC-32 ([0-9a-f]{8})/.exec(card)![1];
    const report = {
      model: { crc32 },
      reconstruction: { loss: 0.0625, images: 100 },
      fad: { results: [{ of: "prior", name: "mixture", images: 500, fad: 17.5 }] },
    };
    writeFileSync(inWork("own.evaluation.json"), JSON.stringify(report));
    const made = ["--model", "own.spk", "--count", "2", "--license", "cc-by-4.0"];
    generate(...made, "--out", "figures/");
    const own = readFileSync(inWork("figures/README.md"), "utf8");
    assert.match(
      own,
      /license: cc-by-4\.0\n(.|\n)*reconstruction loss 0\.0625 \(100 test images\)\n- FAD 17\.5 /,
    );
    writeFileSync(inWork("own.evaluation.json"), JSON.stringify({ ...report, model: { crc32: "00000000" } }));
    generate(...made, "--out", "figures/", "--restart");
    assert.match(readFileSync(inWork("figures/README.md"), "utf8"), /reconstruction loss and FAD: not known/);
  });
});

describe("one file", () => {
  for (const ending of ["npz", "tar", "parquet"]) {
    test(`.${ending}, killed, goes on and is the same as at once`, async () => {
      const args = ["--class", "1,2", "--count", "300"];
      generate(...args, "--out", `once.${ending}`);
      const child = spawn(process.execPath, [CLI, "generate", ...args, "--out", `killed.${ending}`], {
        cwd: work,
        stdio: "ignore",
      });
      const closed = new Promise((resolve) => child.on("close", resolve));
      const begun = () => readdirSync(work).some((name) => /^killed\..*partial$/.test(name));
      while (!begun() && child.exitCode === null) await setTimeout(2);
      await setTimeout(150);
      child.kill("SIGKILL");
      await closed;
      generate(...args, "--out", `killed.${ending}`);
      assert.ok(
        readFileSync(inWork(`killed.${ending}`)).equals(readFileSync(inWork(`once.${ending}`))),
        "same bytes",
      );
      assert.deepEqual(
        readdirSync(work).filter((name) => name.startsWith(`killed.${ending}`)),
        [`killed.${ending}`],
      );
    });
  }

  for (const ending of ["idx", "npy", "npz"]) {
    test(`.${ending} in shards is the same as at once, by merge and, but for .npz, by cat`, () => {
      const args = ["--classes", "all", "--count", "35"];
      generate(...args, "--out", `one.${ending}`);
      for (const number of [1, 2, 3, 4])
        generate(...args, "--out", `some.${ending}`, "--shard", `${number}/4`);
      const cat = readdirSync(work)
        .filter((name) => name.startsWith(`some.${ending}.`) && !name.endsWith(".json"))
        .sort();
      if (ending !== "npz") {
        const bytes = Buffer.concat(cat.map((name) => readFileSync(inWork(name))));
        assert.ok(bytes.equals(readFileSync(inWork(`one.${ending}`))), "shards laid end to end");
      }
      const { status, stderr } = spikelet("merge", `some.${ending}`);
      assert.equal(status, 0, stderr);
      assert.ok(
        readFileSync(inWork(`some.${ending}`)).equals(readFileSync(inWork(`one.${ending}`))),
        "same bytes",
      );
      if (ending === "npy") {
        assert.ok(
          readFileSync(inWork("some-labels.npy")).equals(readFileSync(inWork("one-labels.npy"))),
          "labels",
        );
      }
      assert.deepEqual(
        readdirSync(work).filter((name) => name.includes("-of-4")),
        [],
      );
    });
  }
});

describe("--reject", () => {
  test("keeps the first of the drawn images that the encoder takes for its class, in any shard", async () => {
    const args = ["--class", "2,8", "--count", "12", "--reject", "3"];
    generate(...args, "--out", "chosen.idx", "--threads", "1");
    for (const shard of ["1/2", "2/2"])
      generate(...args, "--out", "chosen-2.idx", "--shard", shard, "--threads", "2");
    assert.equal(spikelet("merge", "chosen-2.idx").status, 0);
    const chosen = readFileSync(inWork("chosen.idx")).subarray(16);
    assert.ok(readFileSync(inWork("chosen-2.idx")).subarray(16).equals(chosen), "shards");

    const generator = await Generator.load(MODEL, { encoder: true });
    const densities = classDensities(decodeModel(readFileSync(MODEL)), DIGITS);
    for (let i = 0; i < 12; i++) {
      const prior = i % 2 === 0 ? "2" : "8";
      const drawn = [0, 1, 2].map((k) => generator.generate({ index: 3 * i + k, prior }).pixels);
      const lacks = drawn.map((pixels) => {
        const likelihoods = classLikelihoods(densities, generator.encode(pixels).firingRates, 16);
        return Math.max(...likelihoods) - likelihoods[Number(prior)];
      });
      const expected = drawn[lacks.indexOf(Math.min(...lacks))];
      assert.ok(chosen.subarray(i * IMAGE_BYTES, (i + 1) * IMAGE_BYTES).equals(expected), `image ${i}`);
    }
  });

  test("is told by the card and by each picture", () => {
    generate("--class", "2", "--count", "2", "--reject", "3", "--out", "chosen/");
    assert.match(readFileSync(inWork("chosen/README.md"), "utf8"), /up to 3 images were drawn for each/);
    assert.match(decode(readFileSync(inWork("chosen/2/0.png"))).text.Comment, / reject=3$/);
  });

  test("the nearest class of a class's own typical rates is that class", () => {
    const model = decodeModel(readFileSync(MODEL));
    const densities = classDensities(model, DIGITS);
    for (const [label, name] of DIGITS.entries()) {
      const prior = model.priors.find((candidate) => candidate.name === name)!;
      assert.ok(prior.kind === "book");
      // A code of 32 neurons is one word.
      const { codes } = prior;
      const rates = Float64Array.from({ length: 32 }, (_, i) =>
        codes.reduce((sum, code) => sum + ((code >>> i) & 1) / codes.length, 0),
      );
      const likelihoods = classLikelihoods(densities, rates, 16);
      assert.equal(likelihoods.indexOf(Math.max(...likelihoods)), label);
    }
  });
});

describe("spikelet nearest", () => {
  test("finds copies, their labels, and how far test images are", () => {
    const split = ["--split", "train=60,test=10"];
    generate("--classes", "all", ...split, "--format", "idx", "--out", "trained-on/");
    const train = readFileSync(inWork("trained-on/train-images-idx3-ubyte"));
    const given = Buffer.concat([
      Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 32, 0, 0, 0, 32]),
      train.subarray(16 + 37 * IMAGE_BYTES, 16 + 38 * IMAGE_BYTES),
      train.subarray(16 + 5 * IMAGE_BYTES, 16 + 6 * IMAGE_BYTES).map((pixel) => Math.max(pixel - 3, 0)),
    ]);
    writeFileSync(inWork("given.idx"), given);
    const { status, stdout, stderr } = spikelet(
      "nearest",
      "given.idx",
      "--data",
      "trained-on/",
      "--json",
      "--out",
      "pairs.png",
    );
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.deepEqual(report.nearest[0], { image: "given.idx#0", training: 37, label: "7", distance: 0 });
    assert.deepEqual([report.nearest[1].training, report.nearest[1].label], [5, "5"]);
    const difference = given.subarray(16 + IMAGE_BYTES).reduce((sum, pixel, i) => {
      return sum + (pixel - train[16 + 5 * IMAGE_BYTES + i]) ** 2;
    }, 0);
    assert.ok(
      Math.abs(report.nearest[1].distance - (difference / IMAGE_BYTES) * (2 / 255) ** 2) < 1e-9,
      "distance",
    );
    assert.deepEqual([report.given.copies, report.test.images, report.trainingImages], [1, 2, 60]);
    const pairs = decode(readFileSync(inWork("pairs.png")));
    assert.deepEqual([pairs.width, pairs.height], [64, 64]);
    assert.match(spikelet("nearest", "given.idx", "--data", "trained-on/").stdout, /1 copies among 2/);
  });
});

describe("bad input", () => {
  mkdirSync(inWork("theirs"));
  writeFileSync(inWork("theirs/README.md"), "# My project\n");
  writeFileSync(inWork("a.idx.1-of-3"), "");
  writeFileSync(inWork("b.idx.1-of-2"), "");
  writeFileSync(inWork("b.idx.2-of-2"), "");
  writeFileSync(inWork("b.idx.2-of-2.json"), "{}");
  const mistakes: [command: string, message: RegExp, status?: number][] = [
    [
      "generate --format jpg --out f/",
      /--format: found "jpg", expected one of png, idx, npy, npz, tar, parquet/,
    ],
    ["generate --format npy --out a.idx", /--format: found npy for --out a.idx, expected idx/],
    ["generate --out a.webp", /--out: found "a.webp" with the ending .webp, expected .png.*\.parquet/],
    ["generate --shard 0/16 --out f/", /--shard: found "0\/16", expected a number from 1\/16 to 16\/16/],
    ["generate --shard 17/16 --out f/", /--shard: found "17\/16"/],
    [
      "generate --shard 3 --out f/",
      /--shard: found "3", expected a number and how many there are; for example --shard 3\/16/,
    ],
    ["generate --shard 1/2 --out a.png", /--shard: found --out a.png, one picture; expected a folder/],
    ["generate --shard 1/2 --out a.tar", /--shard: found --out a.tar, one .tar file/],
    ["generate --shard 1/2 --restart --out f/", /--restart: found --shard with the folder f\//],
    ["generate --split train --out f/", /--split: found "train", expected names and counts; for example/],
    ["generate --split train=0 --out f/", /--split: found "train=0"/],
    ["generate --split a=1,a=2 --out f/", /--split: found "a=1,a=2", expected each name once/],
    ["generate --split ../x=1 --out f/", /--split: found "..\/x=1"/],
    ["generate --split a=4294967295,b=1 --out f/", /expected at most 4294967295 images in all/],
    ["generate --split a=1 --count 3 --out f/", /'--split .*' cannot be used with option '--count/],
    ["generate --split a=1 --out a.idx", /--split: found --out a.idx, which is one file; expected a folder/],
    ["generate --classes all,0 --out f/", /--class: found "all", expected one that the model has/],
    ["generate --label-frequency 1,2 --out f/", /--label-frequency: found no --class/],
    [
      "generate --class 0,1 --label-frequency 1,2,3 --out f/",
      /--label-frequency: found "1,2,3", expected 2 numbers, one for each of 0, 1/,
    ],
    ["generate --class 0,1 --label-frequency 0,0 --out f/", /not all 0/],
    ["generate --class 0,1 --label-frequency nowhere/ --out f/", /nowhere\/: not a folder that can be read/],
    ["generate --reject 1 --class 1 --out f/", /--reject: found "1", expected a whole number from 2 to 1000/],
    ["generate --reject 2 --out f/", /--reject: found images of the prior book, expected --class/],
    [
      "generate --reject 1000 --class 1 --start 18446744073709551 --count 999 --out f/",
      /--start: found .* expected the last image's index/,
    ],
    ["generate --images-per-file 0 --out f/", /--images-per-file: found "0"/],
    ["generate --license no/licence --out f/", /--license: found "no\/licence", expected an SPDX identifier/],
    [
      "generate --count 1000001 --out a.parquet",
      /expected at most 1000000 in one .parquet file; give a folder/,
    ],
    [
      "generate --count 4294967295 --out a.idx",
      /cannot write \.: found .* of free space, expected about 4\.4 TB/,
      1,
    ],
    ["generate --count 2 --out theirs/", /theirs\/README\.md is in the way: a data set's card has that name/],
    ["merge nowhere.idx", /nowhere\.idx: found no shards of it, expected files such as nowhere\.idx\.1-of-2/],
    ["merge a.idx", /a\.idx: found 1 of 3 shards, lacking a\.idx\.2-of-3 and others/],
    ["merge b.idx", /b\.idx: found b\.idx\.2-of-2 of another run than b\.idx\.1-of-2/],
    ["nearest none.png --data nowhere/", /nowhere\/: not a folder that can be read/],
    ["nearest some.idx", /required option '--data <folder>' not specified/],
    [
      "nearest some.idx --data counted/ --out a.jpg",
      /--out: found "a.jpg", expected a name that ends in .png/,
    ],
  ];
  for (const [command, message, expected = 2] of mistakes) {
    test(`spikelet ${command}`, () => {
      const { status, stdout, stderr } = spikelet(...command.split(" "));
      assert.match(stderr, message);
      assert.match(stderr, /^spikelet: /);
      assert.doesNotMatch(stderr, /\n {4}at /, "no stack trace");
      assert.equal(stdout, "");
      assert.equal(status, expected);
    });
  }

  test("a folder of another format or split is left alone", () => {
    generate("--count", "3", "--format", "idx", "--out", "mixed/");
    const { status, stderr } = spikelet("generate", "--count", "3", "--format", "npz", "--out", "mixed/");
    assert.equal(status, 2);
    assert.match(stderr, /--format was idx and is now npz/);
    generate("--count", "3", "--format", "npz", "--out", "mixed/", "--restart");
    assert.deepEqual([...filesIn(inWork("mixed")).keys()], ["README.md", "spikelet.json", "train.npz"]);
  });

  const places = ["room.idx", "room.npz", "room.tar", ...FORMATS.map((format) => `room-${format}/`)];
  for (const out of places) {
    test(`a refusal of ${out} for lack of room leaves no file`, () => {
      const format = out.endsWith("/") ? ["--format", out.slice("room-".length, -1)] : [];
      const { status, stderr } = spikelet("generate", "--count", "4294967295", ...format, "--out", out);
      assert.match(stderr, /cannot write .*: found .* of free space, expected about|found room for/);
      assert.equal(status, 1);
      const left = readdirSync(work, { recursive: true, encoding: "utf8" }).filter((name) =>
        /^room.*\./.test(name),
      );
      assert.deepEqual(left, []);
    });
  }

  const noLimit = spawnSync("bash", ["-c", "ulimit -f 100"]).status !== 0 && "no bash with ulimit -f";
  for (const format of ["tar", "npz"]) {
    test(`a full disk in the middle of ${format} keeps what is made`, { skip: noLimit }, () => {
      const args = [
        "generate",
        "--class",
        "4",
        "--count",
        "200",
        "--format",
        format,
        "--out",
        `full-${format}/`,
      ];
      const command = 'ulimit -f 100 && exec "$0" "$@"';
      const full = spawnSync("bash", ["-c", command, process.execPath, CLI, ...args], {
        cwd: work,
        encoding: "utf8",
      });
      assert.match(full.stderr, /cannot write .*: .*; what is made is kept in /);
      assert.equal(full.status, 1);
      assert.ok(generate(...args.slice(1)).imagesMade < 200, "goes on");
      generate(...args.slice(1, -1), `enough-${format}/`);
      assert.equal(folderDifference(inWork(`full-${format}`), inWork(`enough-${format}`)), undefined);
    });
  }
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
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
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { encode } from "fast-png";
import { readDataset } from "../../cli/input/dataset.js";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { readSafetensors } from "../../src/checkpoint/safetensors.js";
import { writeSafetensors } from "../../src/checkpoint/safetensors-writer.js";
import { stateDict } from "../../src/checkpoint/state-dict.js";
import { idxHeader } from "../../src/data/idx.js";
import { decodeModel } from "../../src/model/file.js";
import { Generator } from "../../src/runtime/generator.js";
import { initialNetwork } from "../../src/training/initial-network.js";
import { randomSource } from "../support/models.js";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "spikelet-train-"));
after(() => rmSync(work, { recursive: true }));
const inWork = (name: string) => join(work, name);

/** Images of two classes: a bright square in one corner or in the other, of some brightness. */
const COUNT = 48;
const SIZE = 28;
const random = randomSource(3);
const pixels = Uint8Array.from({ length: COUNT * SIZE * SIZE }, (_, i) => {
  const image = Math.floor(i / SIZE ** 2);
  const inCorner = [Math.floor(i / SIZE) % SIZE, i % SIZE].every((at) => at < SIZE / 2 === (image % 2 === 0));
  return inCorner ? 128 + 127 * random() : 0;
});
const labels = Uint8Array.from({ length: COUNT }, (_, i) => i % 2);
mkdirSync(inWork("data"));
for (const split of ["train", "t10k"]) {
  writeFileSync(
    inWork(`data/${split}-images-idx3-ubyte`),
    Buffer.concat([idxHeader([COUNT, SIZE, SIZE]), pixels]),
  );
  writeFileSync(inWork(`data/${split}-labels-idx1-ubyte`), Buffer.concat([idxHeader([COUNT]), labels]));
}

/** A network small enough for a test. */
const SMALL = [
  ...["--width", "0.03", "--time-steps", "3", "--latent", "32"],
  ...["--batch", "12", "--threads", "1"],
];

function train(out: string, ...args: string[]) {
  const from = args.includes("--data") ? [] : ["--data", "data"];
  return spawnSync(process.execPath, [CLI, "train", "--out", out, ...from, ...args], {
    cwd: work,
    encoding: "utf8",
  });
}

const checkpoint = (stem: string) =>
  readSafetensors(readFileSync(inWork(`${stem}.training/checkpoint.safetensors`)));

describe("spikelet train", () => {
  const whole = train("whole.spk", ...SMALL, "--epochs", "4", "--no-decay");

  test("writes a model with class priors, a checkpoint, curves and samples, and measures it", () => {
    assert.equal(whole.status, 0, whole.stderr);
    assert.match(whole.stdout, /images +192, [\d.]+ a second \(1 threads\)/);
    assert.match(whole.stdout, /decoder_input +32 → 128 +8/);
    assert.match(whole.stdout, /reconstruction loss +[\d.]+/);
    const model = decodeModel(readFileSync(inWork("whole.spk")));
    assert.deepEqual(
      model.priors.map(({ name }) => name),
      ["book", "book", "learned", "0", "1"],
    );
    assert.equal(model.timeSteps, 3);
    assert.equal(readNetwork(checkpoint("whole")).encoder.length, 5);
    assert.equal(checkpoint("whole").get("encoder.0.bn.num_batches_tracked")?.data[0], 16);
    const csv = readFileSync(inWork("whole.training/curves.csv"), "utf8").trim().split("\n");
    assert.equal(csv[0], "step,images,loss,reconstruction,discrepancy,firingRate");
    assert.deepEqual(
      csv.slice(1).map((line) => line.split(",").slice(0, 2)),
      [
        ["10", "120"],
        ["16", "192"],
      ],
    );
    assert.match(readFileSync(inWork("whole.training/curves.svg"), "utf8"), /<svg .*MMD²/s);
    assert.deepEqual(
      readdirSync(inWork("whole.training")).filter((name) => name.startsWith("samples")),
      ["samples-0001.png", "samples-0002.png", "samples-0003.png", "samples-0004.png"],
    );
  });

  test("the same seed gives the same weights, in one go or in two", () => {
    // With the decay the rate of a step depends on the number of epochs.
    assert.equal(train("halves.spk", ...SMALL, "--no-decay", "--epochs", "2").status, 0);
    const { status, stderr } = train("halves.spk", ...SMALL, "--no-decay", "--epochs", "4", "--resume");
    assert.equal(status, 0, stderr);
    assert.deepEqual(checkpoint("halves"), checkpoint("whole"));
    assert.equal(train("other.spk", ...SMALL, "--no-decay", "--epochs", "4", "--seed", "2").status, 0);
    assert.notDeepEqual(checkpoint("other"), checkpoint("whole"));
  });

  for (const [signal, expected] of [
    ["SIGINT", 130],
    ["SIGKILL", null],
  ] as const) {
    test(`goes on after ${signal}`, async () => {
      const stem = `stopped-${signal}`;
      const args = ["train", "--data", "data", "--out", `${stem}.spk`, ...SMALL, "--epochs"];
      const child = spawn(process.execPath, [CLI, ...args, "100000"], { cwd: work, stdio: "ignore" });
      const closed = new Promise((resolve) => child.on("close", resolve));
      while (!existsSync(inWork(`${stem}.training/samples-0002.png`)) && child.exitCode === null)
        await setTimeout(5);
      child.kill(signal);
      assert.equal(await closed, expected);
      const steps = Number(checkpoint(stem).get("encoder.0.bn.num_batches_tracked")?.data[0]);
      assert.ok(steps >= 4, `saved after ${steps} steps`);
      const epochs = Math.ceil(steps / 4) + 1;
      const again = spawnSync(process.execPath, [CLI, ...args, String(epochs), "--resume"], {
        cwd: work,
        encoding: "utf8",
      });
      assert.equal(again.status, 0, again.stderr);
      assert.equal(checkpoint(stem).get("encoder.0.bn.num_batches_tracked")?.data[0], 4 * epochs);
    });
  }

  test("starts from a checkpoint", () => {
    const { status, stderr } = train(
      "from.spk",
      "--from",
      "whole.training/checkpoint.safetensors",
      "--epochs",
      "1",
    );
    assert.equal(status, 0, stderr);
    assert.equal(decodeModel(readFileSync(inWork("from.spk"))).timeSteps, 3);
  });

  test("starts from one of two networks by --key, with --time-steps where it does not tell them", () => {
    const tensors = readSafetensors(readFileSync(inWork("whole.training/checkpoint.safetensors")));
    const bare = [...tensors].filter(([name]) => !name.endsWith("coef"));
    const both = ["ema", "raw"].flatMap((prefix) =>
      bare.map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const),
    );
    writeFileSync(inWork("both.safetensors"), writeSafetensors(new Map(both)));
    const args = ["--from", "both.safetensors", "--epochs", "1"];
    const refused = train("keyed.spk", ...args);
    assert.deepEqual([refused.status, /has 2 networks: 'ema', 'raw'/.test(refused.stderr)], [2, true]);
    assert.match(train("keyed.spk", ...args, "--key", "raw").stderr, /Give T: --time-steps 16/);
    const { status, stderr } = train("keyed.spk", ...args, "--key", "raw", "--time-steps", "3");
    assert.equal(status, 0, stderr);
    assert.equal(decodeModel(readFileSync(inWork("keyed.spk"))).timeSteps, 3);
  });

  test("measures pictures in test/ at the end", () => {
    for (const [part, images] of [
      ["train", 12],
      ["test", 6],
    ] as const) {
      for (let i = 0; i < images; i++) {
        const folder = inWork(`parts/${part}/${labels[i] === 0 ? "left" : "right"}`);
        mkdirSync(folder, { recursive: true });
        const data = pixels.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE);
        writeFileSync(`${folder}/${i}.png`, encode({ width: SIZE, height: SIZE, channels: 1, data }));
      }
    }
    const { status, stdout, stderr } = train("parts.spk", ...SMALL, "--data", "parts", "--epochs", "1");
    assert.equal(status, 0, stderr);
    assert.match(stderr, /train\/ is read, test\/ left for tests\n.*test\/ is read/s);
    assert.match(stdout, /6 test images/);
    assert.doesNotMatch(stdout, /of the training images/);
  });

  test("fine-tunes with rounded weights", () => {
    const args = [
      "--from",
      "whole.training/checkpoint.safetensors",
      "--epochs",
      "1",
      "--fine-tune",
      "2",
      "--bits",
      "4",
    ];
    const { status, stdout, stderr } = train("tuned.spk", ...args);
    assert.equal(status, 0, stderr);
    // The weights are multiples of the scales already.
    assert.match(stdout, /decoder_input +32 → 128 +4 +4,096 +2,048 +(0|\de-|[\d.]+e-)/);
  });

  test("goes on with fine-tuning after SIGINT", async () => {
    const args = ["train", "--data", "data", "--out", "cut.spk", ...SMALL, "--epochs", "1", "--fine-tune"];
    const child = spawn(process.execPath, [CLI, ...args, "100000"], { cwd: work });
    const closed = new Promise((resolve) => child.on("close", resolve));
    let output = "";
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    // It prints what training came to, and then fine-tunes.
    await once(child.stdout, "data");
    await setTimeout(1000);
    child.kill("SIGINT");
    assert.equal(await closed, 130, output);
    assert.match(
      output,
      /is kept in cut\.training\/fine-tuning\.safetensors: resume it with the same command and --resume/,
    );
    const steps = () =>
      Number(
        readSafetensors(readFileSync(inWork("cut.training/fine-tuning.safetensors"))).get(
          "encoder.0.bn.num_batches_tracked",
        )?.data[0],
      );
    const before = steps();
    assert.ok(before > 0, "nothing was kept");
    const epochs = Math.ceil(before / 4) + 1;
    const again = spawnSync(process.execPath, [CLI, ...args, String(epochs), "--resume"], {
      cwd: work,
      encoding: "utf8",
    });
    assert.equal(again.status, 0, again.stderr);
    assert.equal(steps(), 4 * epochs);
  });

  test("the tiny preset's core and generator take less than 64 KB", () => {
    const { status, stdout, stderr } = train(
      "tiny.spk",
      "--preset",
      "tiny",
      "--epochs",
      "1",
      "--threads",
      "1",
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /tiny\.generator\.spk: the same without its encoder/);
    const core = readFileSync(new URL("../../dist/spikelet.wasm", import.meta.url)).length;
    const model = readFileSync(inWork("tiny.generator.spk")).length;
    // Eight more class priors of 32 × 32 weights of 16 bits, as digits have.
    const classes = 8 * (2 * 32 * 32 + 4 * 32 + 64);
    assert.ok(core + model + classes < 65536, `${core} + ${model} + ${classes} bytes`);
  });
});

describe("a folder of images", () => {
  mkdirSync(inWork("folder"));
  const image = (size: number) =>
    encode({ width: size, height: size, data: new Uint8Array(size * size).fill(90), channels: 1 });
  for (let i = 0; i < 13; i++) writeFileSync(inWork(`folder/${i}.png`), image(i === 5 ? 20 : 30));
  writeFileSync(inWork("folder/bad.png"), image(30).subarray(0, 40));
  writeFileSync(inWork("folder/notes.txt"), "no image");
  mkdirSync(inWork("empty"));

  test("is trained on; what cannot be read is named and skipped, other sizes are stretched", () => {
    const { status, stdout, stderr } = train("folder.spk", "--data", "folder", ...SMALL, "--epochs", "1");
    assert.equal(status, 0, stderr);
    assert.match(stderr, /skipped folder\/bad\.png: /);
    assert.match(stderr, /images of 2 sizes: all are stretched to 32×32/);
    assert.match(stdout, /reconstruction loss on 13 of the training images/);
  });

  test("--strict makes either an error", () => {
    const mixed = train("strict.spk", "--data", "folder", "--strict");
    assert.match(mixed.stderr, /folder\/5\.png: Found images of 30×30 and 20×20, expected all of one size/);
    assert.equal(mixed.status, 2);
    rmSync(inWork("folder/5.png"));
    const damaged = train("strict.spk", "--data", "folder", "--strict");
    assert.match(damaged.stderr, /folder\/bad\.png: /);
    assert.equal(damaged.status, 2);
  });
});

describe("a folder for each class", () => {
  const file = (bright: boolean) =>
    encode({ width: 28, height: 28, data: new Uint8Array(784).fill(bright ? 250 : 20), channels: 1 });
  for (const [name, bright] of [
    ["day", true],
    ["night", false],
  ] as const) {
    mkdirSync(inWork(`classes/${name}`), { recursive: true });
    for (let i = 0; i < 8; i++) writeFileSync(inWork(`classes/${name}/${i}.png`), file(bright));
  }

  test("gives priors by these names", () => {
    const { status, stderr } = train("classes.spk", "--data", "classes", ...SMALL, "--epochs", "1");
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      decodeModel(readFileSync(inWork("classes.spk"))).priors.map(({ name }) => name),
      ["book", "book", "learned", "day", "night"],
    );
  });

  test("is taken one of each in turn", async () => {
    const { pixels, labels } = await readDataset(inWork("classes"), "train", undefined, {
      most: 5,
      strict: true,
    });
    assert.deepEqual([...labels!], [0, 1, 0, 1, 0]);
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((i) => pixels[i * 1024 + 500]),
      [250, 20, 250, 20, 250],
    );
  });

  test("whose name cannot be a prior's is refused before any training", () => {
    mkdirSync(inWork("named/mixture"), { recursive: true });
    writeFileSync(inWork("named/mixture/0.png"), file(true));
    const { status, stderr } = train("named.spk", "--data", "named");
    assert.match(stderr, /named\/mixture: found a folder of this name, hence a class, .*; rename the folder/);
    assert.equal(status, 2);
  });
});

describe("--match-contrast", () => {
  test("scales the readout alone, and reconstructions then vary as the images do", async () => {
    const { status, stdout, stderr } = train(
      "matched.spk",
      ...SMALL,
      ...["--epochs", "60", "--learning-rate", "0.003"],
      "--match-contrast",
    );
    assert.equal(status, 0, stderr);
    const gain = Number(/readout is scaled by ([\d.]+)/.exec(stdout)?.[1]);
    assert.ok(Math.abs(Math.log(gain)) > 0.02, `a gain of ${gain}`);
    const [before, final] = ["checkpoint", "final"].map((file) =>
      readSafetensors(readFileSync(inWork(`matched.training/${file}.safetensors`))),
    );
    for (const [name, { data }] of final) {
      const was = before.get(name)!.data;
      const ratio = name.startsWith("final_layer.1.") ? gain : 1;
      assert.ok(
        data.every((v, i) => Math.abs(v - was[i] * ratio) <= 0.01 * Math.abs(v)),
        name,
      );
    }
    const generator = await Generator.load(readFileSync(inWork("matched.spk")), { encoder: true });
    const { pixels: images } = await readDataset(inWork("data"), "train", undefined, {
      most: COUNT,
      strict: true,
    });
    const reconstructions = new Uint8Array(images.length);
    for (let i = 0; i < COUNT; i++) {
      const image = images.subarray(i * 1024, (i + 1) * 1024);
      reconstructions.set(generator.reconstruct(image, { seed: 7, index: i }).pixels, i * 1024);
    }
    const ratio = varianceOf(reconstructions) / varianceOf(images);
    assert.ok(Math.abs(ratio - 1) < 0.1, `variance ${ratio} of the images'`);
  });

  function varianceOf(values: Uint8Array): number {
    let total = 0;
    for (let k = 0; k < 1024; k++) {
      const column = Array.from({ length: COUNT }, (_, i) => values[i * 1024 + k]);
      const mean = column.reduce((a, b) => a + b) / COUNT;
      total += column.reduce((sum, v) => sum + (v - mean) ** 2, 0) / COUNT;
    }
    return total;
  }
});

test("the learning rate falls to 0, so that the last steps change little; with --no-decay it is constant", () => {
  const tensors = (stem: string) => checkpoint(stem).get("final_layer.1.weight")!.data;
  const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Math.sqrt(Array.from(a, (v, i) => (v - b[i]) ** 2).reduce((x, y) => x + y));
  // Three of four epochs, then the last: with decay it goes less far than as much training at a constant rate.
  const moved = ["constant", "decayed"].map((stem) => {
    const decay = stem === "decayed" ? [] : ["--no-decay"];
    train(`${stem}.spk`, ...SMALL, "--epochs", "3", "--no-decay");
    const before = tensors(stem);
    const { status, stderr } = train(`${stem}.spk`, ...SMALL, "--resume", "--epochs", "4", ...decay);
    assert.equal(status, 0, stderr);
    return distance(before, tensors(stem));
  });
  assert.ok(moved[1] > 0, "nothing moved");
  // The rate of the last quarter of a line to 0 is an eighth of that at its beginning.
  assert.ok(moved[1] < 0.4 * moved[0], `${moved[1]} beside ${moved[0]}`);
});

describe("spikelet train refuses", () => {
  train("there.spk", ...SMALL, "--epochs", "1");
  const broken = initialNetwork(
    { imageSize: 32, imageChannels: 1, latentSize: 32, timeSteps: 2, width: 0.03 },
    1,
  );
  broken.readout.weights.fill(1e30);
  broken.readout.bias.fill(-1e30);
  broken.decoder[0].weights.fill(3e38);
  writeFileSync(inWork("broken.safetensors"), writeSafetensors(stateDict(broken)));

  for (const [name, args, status, message] of [
    [
      "an empty folder",
      ["--data", "empty"],
      2,
      /empty: found no training images, expected PNG or JPEG files, folders of them, or IDX/,
    ],
    ["no folder", ["--data", "nowhere"], 2, /nowhere: not a folder that can be read/],
    [
      "a run in the way",
      SMALL,
      2,
      /there\.training\/run\.safetensors: an earlier run is there; resume it with --resume/,
    ],
    ["to resume nothing", ["--resume"], 2, /run\.safetensors: no such file/],
    [
      "to resume with another seed",
      [...SMALL, "--resume", "--seed", "9"],
      2,
      /--resume: the run was started with seed 0, found 9/,
    ],
    [
      "to resume with other images",
      [...SMALL, "--resume", "--images", "40"],
      2,
      /was started with images 48, found 40/,
    ],
    [
      "to resume with another width",
      [...SMALL, "--resume", "--width", "1"],
      2,
      /was started with channels 32-32-32-32, found 256/,
    ],
    ["a latent size between", ["--latent", "40"], 2, /--latent: found 40, expected a multiple of 32/],
    [
      "a learning rate that is no number",
      ["--learning-rate", "fast"],
      2,
      /--learning-rate: found "fast", expected a number/,
    ],
    ["--key without --from", ["--key", "ema"], 2, /--key: found it without --from, expected both/],
    [
      "--from with --width",
      ["--from", "broken.safetensors", "--width", "1"],
      2,
      /--from: found --width, --latent or --preset/,
    ],
    [
      "a loss that is no number",
      ["--from", "broken.safetensors"],
      1,
      /training diverged: found a loss or a weight that is no finite/,
    ],
  ] as const) {
    test(name, () => {
      const isOfRun = name.includes("resume with") || name.includes("in the way");
      const found = train(isOfRun ? "there.spk" : `refused-${status}.spk`, ...args);
      assert.match(found.stderr, message);
      assert.equal(found.status, status);
    });
  }

  const noLimit = spawnSync("bash", ["-c", "ulimit -f 100"]).status !== 0 && "no bash with ulimit -f";
  test("a full disk, and keeps the last state", { skip: noLimit }, () => {
    const before = readFileSync(inWork("there.training/run.safetensors"));
    const args = ["train", "--data", "data", "--out", "there.spk", ...SMALL, "--epochs", "3", "--resume"];
    const { stderr, status } = spawnSync(
      "bash",
      ["-c", 'ulimit -f 100 && exec "$0" "$@"', process.execPath, CLI, ...args],
      {
        cwd: work,
        encoding: "utf8",
      },
    );
    assert.match(stderr, /cannot write there\.training\/run\.safetensors: /);
    assert.equal(status, 1);
    assert.ok(
      before.equals(readFileSync(inWork("there.training/run.safetensors"))),
      "the saved run is untouched",
    );
  });
});

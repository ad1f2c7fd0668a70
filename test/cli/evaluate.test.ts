import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
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
import { zipSync } from "fflate";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { idxHeader } from "../../src/data/idx.js";
import { npyHeader } from "../../src/data/npy.js";
import { measureActivity } from "../../src/evaluation/activity.js";
import { flipSpikes, flipWeightBits, silenceSteps } from "../../src/evaluation/disturbances.js";
import { FadEncoder, fadOfFeatures } from "../../src/evaluation/fad.js";
import { type MeasureJob, MeasureRunner } from "../../src/evaluation/job.js";
import {
  classAgreement,
  median,
  nearestDistances,
  precisionAndRecall,
} from "../../src/evaluation/neighbours.js";
import { spikeAgreement } from "../../src/evaluation/spike-agreement.js";
import { fitGaussian } from "../../src/math/gaussian.js";
import { decodeModel, encodeModel, outlineModel } from "../../src/model/file.js";
import { weightBytes } from "../../src/model/layout.js";
import type { Tensor } from "../../src/network.js";
import { drawLinePlot } from "../../src/plot/line-plot.js";
import { Generator } from "../../src/runtime/generator.js";
import { randomSource, syntheticModel } from "../support/models.js";
import { type SyntheticOptions, syntheticTensors, writeSafetensors } from "../support/network.js";

// Every assert.ok has a message: without one, Node 20 looks for the source of the assertion, which does not end here.

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "spikelet-evaluate-"));
after(() => rmSync(work, { recursive: true }));
const inWork = (name: string) => join(work, name);

// A network of 8×8 images, its checkpoint, and a model with priors for the classes 0 and 2.
const NETWORK: SyntheticOptions = { encoder: true };
const whole = syntheticModel({ ...NETWORK, priors: 3 });
const model = {
  ...whole,
  priors: whole.priors.map((prior, i) => (i === 0 ? prior : { ...prior, name: ["0", "2"][i - 1] })),
};
const spk = encodeModel(model);
const SIZE = model.imageSize;
const IMAGE_BYTES = SIZE * SIZE;
const DEFAULT_PRIOR = model.priors[0].name;
writeFileSync(inWork("model.spk"), spk);
writeFileSync(inWork("decoder.spk"), encodeModel({ ...model, encoder: [] }));
writeFileSync(inWork("network.safetensors"), writeSafetensors(syntheticTensors(NETWORK)));
const named = (prefix: string, options: SyntheticOptions) =>
  [...syntheticTensors(options)].map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const);
writeFileSync(
  inWork("two.safetensors"),
  writeSafetensors(new Map([...named("ema", NETWORK), ...named("model", { ...NETWORK, seed: 9 })])),
);
writeFileSync(inWork("other.safetensors"), writeSafetensors(syntheticTensors({ ...NETWORK, latentSize: 9 })));
writeFileSync(
  inWork("no-encoder.safetensors"),
  writeSafetensors(syntheticTensors({ ...NETWORK, encoder: false })),
);

/** A FAD encoder's tensors: two convolutions and four features. */
function fadTensors(imageSize: number): Map<string, Tensor> {
  const random = randomSource(7);
  const tensors = new Map<string, Tensor>();
  const put = (name: string, shape: number[], value = () => random() - 0.5) => {
    const length = shape.reduce((a, b) => a * b, 1);
    tensors.set(name, { shape, data: Float32Array.from({ length }, value) });
  };
  for (const [level, inChannels, outChannels] of [
    [0, 1, 4],
    [1, 4, 4],
  ]) {
    put(`encoder.${level}.0.weight`, [outChannels, inChannels, 3, 3]);
    for (const name of ["0.bias", "1.weight", "1.bias", "1.running_mean"]) {
      put(`encoder.${level}.${name}`, [outChannels]);
    }
    put(`encoder.${level}.1.running_var`, [outChannels], () => 1 + random());
  }
  put("latent_layer.weight", [4, 4 * (imageSize / 4) ** 2]);
  put("latent_layer.bias", [4]);
  return tensors;
}
const fadEncoder = new FadEncoder(fadTensors(SIZE));
writeFileSync(inWork("fad.safetensors"), writeSafetensors(fadTensors(SIZE)));
writeFileSync(inWork("large-fad.safetensors"), writeSafetensors(fadTensors(2 * SIZE)));

// A data set of two kinds of images, dark and bright; the training set begins with the test set's images.
const TEST_IMAGES = 40;
const TRAINING_IMAGES = 100;
const random = randomSource(3);
const labels = Uint8Array.from({ length: TRAINING_IMAGES }, () => (random() < 0.4 ? 0 : 2));
const pixels = Uint8Array.from(
  { length: TRAINING_IMAGES * IMAGE_BYTES },
  (_, i) => (labels[Math.floor(i / IMAGE_BYTES)] === 0 ? 0 : 120) + 120 * random(),
);
const image = (index: number) => pixels.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);

function writeSet(folder: string, prefix: string, count: number, withLabels = true): void {
  mkdirSync(inWork(folder), { recursive: true });
  const write = (name: string, shape: number[], data: Uint8Array) =>
    writeFileSync(inWork(`${folder}/${prefix}-${name}`), Buffer.concat([idxHeader(shape), data]));
  write("images-idx3-ubyte", [count, SIZE, SIZE], pixels.subarray(0, count * IMAGE_BYTES));
  if (withLabels) write("labels-idx1-ubyte", [count], labels.subarray(0, count));
}
writeSet("data", "train", TRAINING_IMAGES);
writeSet("data", "t10k", TEST_IMAGES);
writeSet("unlabelled", "train", TRAINING_IMAGES, false);
writeSet("unlabelled", "t10k", TEST_IMAGES, false);
writeSet("test-only", "t10k", TEST_IMAGES);
mkdirSync(inWork("empty"));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function spikelet(...args: string[]): Outcome {
  return spawnSync(process.execPath, [CLI, "evaluate", ...args], { cwd: work, encoding: "utf8" });
}

const MODEL = ["--model", "model.spk"];
const ALL = [
  ...MODEL,
  ...["--data", "data", "--seed", "5", "--fad-encoder", "fad.safetensors", "--fad-images", "30"],
  ...["--checkpoint", "network.safetensors", "--float-images", "6", "--robustness"],
];

/** Runs a command with --json, which must succeed; its report is returned. */
function evaluate(...args: string[]) {
  const { status, stdout, stderr } = spikelet(...args, "--json");
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual}, expected ${expected} ± ${tolerance}`,
  );
}

function meanSquaredError(index: number, reconstruction: Uint8Array): number {
  const errors = image(index).map((_, i) => i);
  return (
    errors.reduce((sum, i) => sum + ((2 * (image(index)[i] - reconstruction[i])) / 255) ** 2, 0) / IMAGE_BYTES
  );
}

describe("spikelet evaluate", () => {
  const report = evaluate(...ALL, "--threads", "2", "--out", "results");

  test("takes the reconstruction loss of every test image", async () => {
    const generator = await Generator.load(spk, { encoder: true });
    let sum = 0;
    for (let index = 0; index < TEST_IMAGES; index++) {
      sum += meanSquaredError(index, generator.reconstruct(image(index), { seed: 5, index }).pixels);
    }
    assert.equal(report.reconstruction.images, TEST_IMAGES);
    assertClose(report.reconstruction.loss, sum / TEST_IMAGES, 1e-12, "loss");
  });

  test("takes FAD of each prior, of the classes by their frequency, of the bound, and of images", async () => {
    const generator = await Generator.load(spk, { encoder: true });
    const statistics = fitGaussian(fadEncoder.features(pixels.subarray(0, TEST_IMAGES * IMAGE_BYTES)), 4);
    const fadOf = (make: (index: number) => Uint8Array) => {
      const made = Buffer.concat(Array.from({ length: 30 }, (_, index) => make(index)));
      return fadOfFeatures(fadEncoder.features(new Uint8Array(made)), statistics, 4);
    };
    const generated = (prior: (index: number) => string) =>
      fadOf((index) => generator.generate({ seed: 5, index, prior: prior(index) }).pixels);
    const expected = [
      generated(() => DEFAULT_PRIOR),
      generated((index) => String(labels[index])),
      fadOf((index) => generator.reconstruct(image(index), { seed: 5, index }).pixels),
      fadOf(image),
    ];
    const { results } = report.fad;
    assert.deepEqual(
      results.map((result: { of: string; name: string }) => [result.of, result.name]),
      [
        ["prior", DEFAULT_PRIOR],
        ["class priors", "0, 2"],
        ["posterior rates", "re-sampled rates of training images"],
        ["images", "training images themselves"],
      ],
    );
    for (const [i, fad] of expected.entries()) assertClose(results[i].fad, fad, 1e-6, results[i].name);
    assert.match(report.fad.statistics, /40 test images/);
  });

  test("tells of which class images are, how they cover real ones, and how near the nearest is", async () => {
    const generator = await Generator.load(spk, { encoder: true });
    const featuresOf = (count: number, make: (index: number) => Uint8Array) => {
      const made = Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
      return { shape: [count, 4], data: fadEncoder.features(new Uint8Array(made)) };
    };
    const real = featuresOf(TRAINING_IMAGES, image);
    const tested = featuresOf(30, image);
    const generated = (prior: (index: number) => string) =>
      featuresOf(30, (index) => generator.generate({ seed: 5, index, prior: prior(index) }).pixels);
    const nearest = (features: Tensor) => median(nearestDistances(features, real));
    const agreement = (features: Tensor) => classAgreement(features, labels, real, labels);
    const ofPrior = generated(() => DEFAULT_PRIOR);
    const ofClasses = generated((index) => String(labels[index]));
    const resampled = featuresOf(
      30,
      (index) => generator.reconstruct(image(index), { seed: 5, index }).pixels,
    );
    const beside = (features: Tensor) => precisionAndRecall(tested, features);
    const expected = [
      { classAgreement: null, ...beside(ofPrior), nearestTrainingImage: nearest(ofPrior) },
      {
        classAgreement: agreement(ofClasses),
        ...beside(ofClasses),
        nearestTrainingImage: nearest(ofClasses),
      },
      {
        classAgreement: agreement(resampled),
        ...beside(resampled),
        nearestTrainingImage: nearest(resampled),
      },
      // The training set begins with the test images.
      { classAgreement: null, precision: 1, recall: 1, nearestTrainingImage: null },
      { classAgreement: agreement(tested), precision: null, recall: null, nearestTrainingImage: 0 },
    ];
    const { results, ...images } = report.neighbours;
    assert.deepEqual(images, { trainingImages: TRAINING_IMAGES, testImages: 30 });
    assert.deepEqual(
      results.map(({ of, name, images, unanimity, ...figures }: Record<string, unknown>) => figures),
      expected,
    );
    const [{ unanimity }] = results.slice(-1);
    assert.ok(unanimity > 0.5 && unanimity <= expected[4].classAgreement!, `unanimity ${unanimity}`);
  });

  test("counts what happens in each layer", async () => {
    const generator = await Generator.load(spk, { encoder: true });
    const { images, layers } = report.activity;
    assert.equal(images, TEST_IMAGES);
    assert.deepEqual(
      layers,
      await measureActivity(generator, pixels.subarray(0, TEST_IMAGES * IMAGE_BYTES), {
        seed: 5n,
        timeSteps: model.timeSteps,
      }),
    );
    const named = new Map(layers.map((layer: { name: string }) => [layer.name, layer]));
    assert.deepEqual(
      [...named.keys()],
      [
        ...["encoder.0", "encoder.1", "before_latent_layer"],
        ...["decoder_input", "decoder.0", "final_layer.0", "final_layer.1"],
      ],
    );
    // Of a single image, against its ledgers.
    const [first] = await measureActivity(generator, image(0), { seed: 5n, timeSteps: 16 });
    const { ledger } = generator.encode(image(0), { ledger: true });
    const neurons = ledger!.layers[0].neuronUpdates;
    assertClose(first.firingRate!, ledger!.layers[1].spikes / neurons, 1e-12, "firing rate");
  });

  test("finds the two kinds of images in the firing rates", () => {
    const { accuracy, trainingImages, testImages } = report.latent;
    assert.ok(accuracy > 0.9 && accuracy <= 1, `accuracy ${accuracy}`);
    assert.deepEqual([trainingImages, testImages], [TRAINING_IMAGES, TEST_IMAGES]);
  });

  test("compares with the float network", () => {
    const { images, reconstructionLoss, latent, agreement } = report.float;
    assert.equal(images, 6);
    assertClose(reconstructionLoss.integer, reconstructionLoss.float, 0.1, "loss");
    assert.deepEqual([latent.trainingImages, latent.testImages], [60, 6]);
    const network = readNetwork(syntheticTensors(NETWORK));
    const means = Array.from({ length: 6 }, (_, index) =>
      spikeAgreement(decodeModel(spk), network, image(index), {
        seed: 5n,
        index: BigInt(index),
        timeSteps: 16,
      }),
    ).reduce((sum, layers) => sum.map((value, i) => value + layers[i]));
    assert.deepEqual(
      agreement.layers.map((layer: { name: string }) => layer.name),
      ["encoder.0", "encoder.1", "before_latent_layer", "decoder_input", "decoder.0", "final_layer.0"],
    );
    for (const [i, { name, equalSpikes }] of agreement.layers.entries()) {
      assertClose(equalSpikes, means[i] / 6, 1e-12, name);
      assert.ok(equalSpikes > 0.8, `${name}: ${equalSpikes}`);
    }
  });

  test("compares with the network of --key", () => {
    const args = [
      ...MODEL,
      "--data",
      "data",
      "--seed",
      "5",
      "--float-images",
      "6",
      "--checkpoint",
      "two.safetensors",
    ];
    const { agreement, reconstructionLoss } = evaluate(...args, "--key", "ema").float;
    assert.deepEqual(agreement, report.float.agreement);
    assert.deepEqual(reconstructionLoss, report.float.reconstructionLoss);
    assert.notDeepEqual(evaluate(...args, "--key", "model").float.agreement, agreement);
  });

  test("draws curves of robustness", () => {
    const { curves, images, reconstructionLoss } = report.robustness;
    assert.equal(images, TEST_IMAGES);
    assert.equal(reconstructionLoss, report.reconstruction.loss);
    assert.equal(curves.length, 6);
    for (const { name, points } of curves) {
      assert.deepEqual(points[0], { amount: 0, reconstructionLoss }, name);
      assert.notEqual(points.at(-1).reconstructionLoss, reconstructionLoss, `${name} changes nothing`);
    }
  });

  test("writes whole files", () => {
    const names = ["evaluation.json", "robustness.csv", "robustness.svg"];
    assert.deepEqual(readdirSync(inWork("results")).sort(), names);
    assert.deepEqual(
      report.output,
      names.map((name) => join("results", name)),
    );
    const read = (name: string) => readFileSync(inWork(`results/${name}`), "utf8");
    assert.deepEqual(JSON.parse(read("evaluation.json")), report);
    const [head, ...lines] = read("robustness.csv").trimEnd().split("\n");
    assert.equal(head, "disturbance,curve,unit,amount,reconstruction_loss,images");
    assert.equal(lines.length, report.robustness.curves.flatMap((c: { points: [] }) => c.points).length);
    assert.ok(
      lines.every((line) => line.split(",").length === 6),
      "every line of the CSV has six fields",
    );
    const svg = read("robustness.svg");
    assert.match(svg, /^<svg .*<title>Reconstruction loss under disturbance/s);
    for (const { name } of report.robustness.curves)
      assert.ok(svg.includes(name), `${name} is in the legend`);
  });

  test("gives the same figures on any number of threads", () => {
    const figures = ({ threads, seconds, output, ...rest }: typeof report) => rest;
    const single = evaluate(...ALL, "--threads", "1", "--out", "single");
    assert.equal(single.threads, 1);
    assert.deepEqual(figures(single), figures(report));
  });

  test("gives the same figures in every build", () => {
    const { reconstruction, fad, neighbours, latent, activity, wasm } = evaluate(
      ...[...MODEL, "--data", "data", "--seed", "5", "--fad-encoder", "fad.safetensors"],
      ...["--fad-images", "30", "--build", "plain", "--streamed"],
    );
    assert.deepEqual([wasm.build, wasm.weights], ["plain", "streamed"]);
    const figures = { reconstruction, fad, neighbours, latent, activity };
    const expected = Object.keys(figures).map((key) => [key, report[key]]);
    assert.deepEqual(figures, Object.fromEntries(expected));
  });

  test("prints tables, and what is left out and why", () => {
    const { status, stdout, stderr } = spikelet(...MODEL, "--data", "data", "--images", "4");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /reconstruction loss +\d\.\d+ \(MSE on \[−1, 1\], 4 test images\)/);
    assert.match(stdout, /FAD: left out: .*--fad-encoder/);
    assert.match(stdout, /Beside real images: left out: .*encoder/);
    assert.match(stdout, /Beside the float model: left out: .*--checkpoint/);
    assert.match(stdout, /Robustness: left out: .*--robustness/);
    const table = spikelet(...ALL, "--out", "table").stdout;
    assert.match(table, /priors 0, 2, by label frequency +30 +\d/);
    assert.match(table, /priors 0, 2, by label frequency +30 +\d+\.\d\d % +\d+\.\d\d % /);
    assert.match(table, /before_latent_layer +\d+\.\d\d % +[\d,]+\n/);
    assert.match(table, /latent spikes flipped/);
  });

  test("takes the priors asked for, and stored statistics", () => {
    const float64 = (values: number[]) => new Uint8Array(Float64Array.from(values).buffer);
    const npy = (shape: number[], values: number[]) =>
      Buffer.concat([npyHeader("<f8", shape), float64(values)]);
    const { mean, covariance } = fitGaussian(
      fadEncoder.features(pixels.subarray(0, TEST_IMAGES * IMAGE_BYTES)),
      4,
    );
    const statistics = zipSync({
      "mu.npy": npy([4], [...mean]),
      "sigma.npy": npy([4, 4], [...covariance]),
    });
    writeFileSync(inWork("statistics.npz"), statistics);
    const { fad } = evaluate(
      ...[...ALL, "--out", "stored", "--fad-statistics", "statistics.npz", "--prior", "2", "classes"],
    );
    assert.deepEqual(fad.results.map((result: { name: string }) => result.name).slice(0, 2), ["2", "0, 2"]);
    assert.match(fad.statistics, /statistics\.npz/);
    // The training set begins with the test images.
    assertClose(fad.results.at(-1).fad, report.fad.results.at(-1).fad, 1e-6, "stored statistics");
  });

  test("does without labels, if told so", () => {
    const { latent, fad } = evaluate(
      ...[...MODEL, "--data", "unlabelled", "--no-labels", "--fad-encoder", "fad.safetensors"],
      ...["--fad-images", "10"],
    );
    assert.match(latent.leftOut, /labels/);
    assert.deepEqual(
      fad.results.map((result: { of: string }) => result.of),
      ["prior", "posterior rates", "images"],
    );
    assert.match(evaluate(...MODEL, "--data", "test-only", "--no-labels").latent.leftOut, /labels/);
  });

  test("runs for fewer time steps", () => {
    const { timeSteps, reconstruction } = evaluate(...MODEL, "--data", "data", "--time-steps", "3");
    assert.equal(timeSteps, 3);
    assert.notEqual(reconstruction.loss, report.reconstruction.loss);
  });

  test("leaves nothing half written when it is interrupted", async () => {
    const child = spawn(
      process.execPath,
      [CLI, "evaluate", ...ALL, "--float-images", "40", "--out", "interrupted"],
      { cwd: work },
    );
    const ended = new Promise((resolve) =>
      child.on("exit", (code, signal) => resolve(signal === null ? code : signal)),
    );
    while (!existsSync(inWork("interrupted"))) await setTimeout(5);
    child.kill("SIGINT");
    const status = await ended;
    assert.ok(status === 130 || status === "SIGINT", `ended with ${status}`);
    assert.deepEqual(readdirSync(inWork("interrupted")), []);
  });
});

describe("what spikelet evaluate refuses", () => {
  const cases: [name: string, args: string[], message: RegExp][] = [
    ["no --data", MODEL, /--data/],
    ["a folder that is not there", [...MODEL, "--data", "nowhere"], /nowhere: not a folder.*give the folder/],
    ["a folder without images", [...MODEL, "--data", "empty"], /found no test images, expected a file t10k/],
    [
      "a data set without training images",
      [...MODEL, "--data", "test-only"],
      /test-only: found no training images, but t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, expected PNG or JPEG files, folders of them, or IDX/,
    ],
    ["unlabelled images", [...MODEL, "--data", "unlabelled"], /found no test labels.*--no-labels/],
    [
      "a model without an encoder",
      ["--model", "decoder.spk", "--data", "data"],
      /has no encoder.*Import a checkpoint/,
    ],
    ["a model that is not there", ["--model", "no.spk", "--data", "data"], /no\.spk: no such file/],
    [
      "more time steps than the model's",
      ["--model", "short.spk", "--data", "data", "--time-steps", "5"],
      /--time-steps: found 5, expected at most 4/,
    ],
    ["curves without a folder", [...MODEL, "--data", "data", "--robustness"], /--robustness: .*--out/],
    [
      "statistics without an encoder",
      [...MODEL, "--data", "data", "--fad-statistics", "s.npz"],
      /--fad-statistics: .*--fad-encoder/,
    ],
    [
      "a FAD encoder of another image size",
      [...MODEL, "--data", "data", "--fad-encoder", "large-fad.safetensors"],
      /found an encoder of 16×16 images.*expected 8×8 images.*give/,
    ],
    [
      "a FAD encoder that is none",
      [...MODEL, "--data", "data", "--fad-encoder", "network.safetensors"],
      /network\.safetensors: Tensor/,
    ],
    [
      "a prior that the model has not",
      [...MODEL, "--data", "data", "--fad-encoder", "fad.safetensors", "--prior", "classe"],
      /--prior: found "classe" \(did you mean classes\?\), expected/,
    ],
    [
      "class priors without labels",
      [...MODEL, "--data", "data", "--no-labels", "--fad-encoder", "fad.safetensors", "--prior", "classes"],
      /--prior: found "classes" without labels/,
    ],
    [
      "the checkpoint of another network",
      [...MODEL, "--data", "data", "--checkpoint", "other.safetensors"],
      /latent size 9.*expected.*latent size 8.*Give the checkpoint/,
    ],
    [
      "a checkpoint without an encoder",
      [...MODEL, "--data", "data", "--checkpoint", "no-encoder.safetensors"],
      /no encoder in the checkpoint/,
    ],
    [
      "two networks in a checkpoint",
      [...MODEL, "--data", "data", "--checkpoint", "two.safetensors"],
      /has 2 networks: 'ema', 'model'; expected one\. Choose by its key: --key ema/,
    ],
    [
      "--key of no network",
      [...MODEL, "--data", "data", "--checkpoint", "two.safetensors", "--key", "emma"],
      /no tensors under the key "emma" \(did you mean ema\?\)/,
    ],
    [
      "--key without --checkpoint",
      [...MODEL, "--data", "data", "--key", "ema"],
      /--key: found it without --checkpoint, expected both/,
    ],
    [
      "a checkpoint that is not there",
      [...MODEL, "--data", "data", "--checkpoint", "no.pth"],
      /no\.pth: no such file; expected a checkpoint/,
    ],
  ];
  writeFileSync(inWork("short.spk"), encodeModel({ ...model, timeSteps: 4 }));
  for (const [name, args, message] of cases) {
    test(name, () => {
      const { status, stderr } = spikelet(...args);
      assert.match(stderr, message);
      assert.equal(status, 2);
    });
  }
});

describe("disturbances", () => {
  const draw = { seed: 1n, index: 2n };
  const spikes = Uint8Array.from({ length: 16 * 500 }, () => (random() < 0.3 ? 1 : 0));
  const flipped = (a: Uint8Array, b: Uint8Array) =>
    a.reduce((n, value, i) => n + (value === b[i] ? 0 : 1), 0);

  test("flip as many spikes as they should", () => {
    assert.deepEqual(flipSpikes(spikes, 0, draw), spikes);
    assert.equal(flipped(flipSpikes(spikes, 1, draw), spikes), spikes.length);
    // Standard deviation 0.0034.
    assertClose(flipped(flipSpikes(spikes, 0.1, draw), spikes) / spikes.length, 0.1, 0.02, "flips");
    assert.deepEqual(flipSpikes(spikes, 0.1, draw), flipSpikes(spikes, 0.1, draw));
    assert.notDeepEqual(flipSpikes(spikes, 0.1, draw), flipSpikes(spikes, 0.1, { ...draw, index: 3n }));
  });

  test("silence as many steps as they should, and leave the others", () => {
    const silenced = silenceSteps(spikes, 16, 5, draw);
    const step = (of: Uint8Array, t: number) => of.subarray(t * 500, (t + 1) * 500);
    const silent = Array.from({ length: 16 }, (_, t) => t).filter((t) => !step(silenced, t).includes(1));
    assert.equal(silent.length, 5);
    for (let t = 0; t < 16; t++) {
      if (!silent.includes(t)) assert.deepEqual(step(silenced, t), step(spikes, t));
    }
  });

  test("of probability 0 leave the loss as it is", async () => {
    const load = { encoder: true };
    const runner = new MeasureRunner(await Generator.load(spk, load), spk, load);
    const job: MeasureJob = { kind: "loss", pixels, seed: 5n, timeSteps: 16 };
    const rowsOf = async (job: MeasureJob) => {
      const { measure } = await runner.prepare(job);
      return [3, 4, 5, 6].map((index) => Array.from(measure(index)));
    };
    const plain = await rowsOf(job);
    for (const disturbance of [
      { kind: "flip", probability: 0 },
      { kind: "silence", steps: 0 },
    ] as const) {
      assert.deepEqual(await rowsOf({ ...job, disturbance }), plain);
    }
  });

  test("flip bits of the weights asked for only, in a copy that loads", async () => {
    const original = Buffer.from(spk);
    const { encoder, decoder } = outlineModel(spk);
    const bytesOf = (layers: typeof encoder) =>
      layers.map((layer) => {
        const { kind, inChannels, outChannels, bits, weightsOffset } = layer;
        return [weightsOffset, weightsOffset + weightBytes(kind, inChannels, outChannels, bits)];
      });
    for (const [part, layers] of [
      ["encoder", encoder],
      ["decoder", decoder],
      ["all", [...decoder, ...encoder]],
    ] as const) {
      const ranges = bytesOf(layers);
      const damaged = flipWeightBits(original, part, 0.01, draw);
      let flips = 0;
      for (let i = 16; i < spk.length; i++) {
        if (damaged[i] === spk[i]) continue;
        assert.ok(
          ranges.some(([from, to]) => i >= from && i < to),
          `${part}: byte ${i} is no weight`,
        );
        for (let bits = damaged[i] ^ spk[i]; bits; bits &= bits - 1) flips++;
      }
      const bits = 8 * ranges.reduce((sum, [from, to]) => sum + to - from, 0);
      assertClose(flips, bits * 0.01, 5 * Math.sqrt(bits * 0.01), `${part}: flips`);
      const generator = await Generator.load(damaged, { encoder: true });
      assert.equal(generator.reconstruct(image(0)).count, 1);
    }
    assert.ok(Buffer.compare(original, spk) === 0, "the file that was given is unchanged");
    assert.ok(Buffer.compare(flipWeightBits(original, "all", 0, draw), spk) === 0, "probability 0");
  });
});

test("a line plot has a line for each curve, and leaves out what a logarithm cannot show", () => {
  const points = [0, 0.001, 0.01].map((x) => ({ x, y: 1 + x }));
  const panel = (xScale: "linear" | "log") => ({
    title: "a < b & c",
    xLabel: "x",
    xScale,
    curves: [{ name: xScale, points }],
  });
  const svg = drawLinePlot({
    title: "plot",
    yLabel: "y",
    reference: { name: "reference", y: 1 },
    panels: [panel("linear"), panel("log")],
  });
  const lines = [...svg.matchAll(/<polyline [^>]*points="([^"]*)"/g)].map(([, list]) => list.split(" "));
  assert.deepEqual(
    lines.map((line) => line.length),
    [3, 2],
  );
  assert.match(svg, /a &lt; b &amp; c/);
  assert.doesNotMatch(svg, /NaN|Infinity/);
});

const shared = fileURLToPath(new URL("../../../shared/data/", import.meta.url));
/** That of the shipped model. */
const CHECKPOINT = fileURLToPath(new URL("../../models/esvae-mnist.safetensors", import.meta.url));

test("the shipped model on MNIST is near to the float network", {
  skip: existsSync(shared) ? false : `needs ${shared}`,
}, () => {
  const report = evaluate(
    ...["--data", join(shared, "mnist"), "--images", "64", "--no-labels"],
    ...["--checkpoint", CHECKPOINT, "--float-images", "4"],
    ...["--fad-encoder", join(shared, "fad/mnist_64.pth"), "--fad-images", "64", "--prior", "learned"],
    ...["--fad-statistics", join(shared, "fad/mnist_test_64.npz")],
  );
  assertClose(report.reconstruction.loss, 0.056, 0.01, "reconstruction loss");
  const { integer, float } = report.float.reconstructionLoss;
  assertClose(integer / float, 1, 0.1, "integer / float");
  for (const { name, equalSpikes } of report.float.agreement.layers) {
    assert.ok(equalSpikes > 0.85, `${name}: ${equalSpikes}`);
  }
  assert.deepEqual(
    report.fad.results.map((result: { name: string }) => result.name),
    ["learned", "re-sampled rates of training images", "training images themselves"],
  );
});

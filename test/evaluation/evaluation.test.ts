import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { readIdxImages } from "../../src/data/idx.js";
import { resizeImages } from "../../src/data/resize.js";
import { FadEncoder, fadOfFeatures, readFadStatistics } from "../../src/evaluation/fad.js";
import { classifierAccuracy, trainLinearClassifier } from "../../src/evaluation/linear-classifier.js";
import { fitGaussian, frechetDistance } from "../../src/math/gaussian.js";
import type { Tensor } from "../../src/network.js";
import { fitMixture, fitPrior } from "../../src/priors/gaussian-mixture.js";
import { randomSource } from "../support/models.js";

const shared = new URL("../../../shared/data/", import.meta.url);
const options = existsSync(shared) ? {} : { skip: "needs ../shared/data" };
const read = (name: string) => new Uint8Array(readFileSync(new URL(name, shared)));

/** Seeded standard normals, by Box and Muller. */
function normalSource(seed: number): () => number {
  const uniform = randomSource(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what}: ${actual}, expected ${expected} ± ${tolerance}`,
  );
}

function refuses(message: RegExp, code = "bad-input") {
  return { name: "SpikeletError", code, message };
}

describe("Gaussians", () => {
  test("mean and unbiased covariance", () => {
    const { mean, covariance } = fitGaussian([1, 2, 3, 6, 5, 4], 2);
    assert.deepEqual([...mean], [3, 4]);
    assert.deepEqual([...covariance], [4, 2, 2, 4]);
    assert.throws(() => fitGaussian([1, 2], 2), refuses(/1 rows/));
    assert.throws(() => fitGaussian([1, Number.NaN], 1), refuses(/not finite/));
  });

  test("Fréchet distance in closed form", () => {
    const diagonal = (mean: number[], variances: number[]) => ({
      mean: Float64Array.from(mean),
      covariance: Float64Array.from({ length: mean.length ** 2 }, (_, i) =>
        i % (mean.length + 1) === 0 ? variances[i % mean.length] : 0,
      ),
    });
    // Of diagonal covariances: Σ (mean difference)² + (difference of standard deviations)².
    const distance = frechetDistance(diagonal([0, 1, 2], [4, 9, 0]), diagonal([1, 1, 0], [1, 9, 16]));
    assertClose(distance, 1 + 0 + 4 + 1 + 0 + 16, 1e-12, "diagonal");
    // Of 2×2 covariances A and B that do not commute: tr √(AB) = √(tr AB + 2 √det AB).
    const a = { mean: Float64Array.of(0, 0), covariance: Float64Array.of(2, 1, 1, 3) };
    const b = { mean: Float64Array.of(0, 0), covariance: Float64Array.of(5, -2, -2, 1) };
    const traceOfRoot = Math.sqrt(2 * 5 - 2 * 2 + 3 + 2 * Math.sqrt(5 * 1));
    assertClose(frechetDistance(a, b), 5 + 6 - 2 * traceOfRoot, 1e-12, "2×2");
    assertClose(frechetDistance(a, a), 0, 1e-12, "same");
  });
});

/** A FAD encoder's tensors with seeded weights: channels 4, 8 on images of 8×8, 5 features. */
function syntheticFadTensors(): Map<string, Tensor> {
  const random = normalSource(3);
  const tensors = new Map<string, Tensor>();
  const put = (name: string, shape: number[], value = random) => {
    const length = shape.reduce((a, b) => a * b, 1);
    tensors.set(name, { shape, data: Float32Array.from({ length }, value) });
  };
  for (const [level, inChannels, outChannels] of [
    [0, 3, 4],
    [1, 4, 8],
  ]) {
    put(`encoder.${level}.0.weight`, [outChannels, inChannels, 3, 3]);
    put(`encoder.${level}.0.bias`, [outChannels]);
    put(`encoder.${level}.1.weight`, [outChannels]);
    put(`encoder.${level}.1.bias`, [outChannels]);
    put(`encoder.${level}.1.running_mean`, [outChannels]);
    put(`encoder.${level}.1.running_var`, [outChannels], () => 1 + random() ** 2);
  }
  put("latent_layer.weight", [5, 32]);
  put("latent_layer.bias", [5]);
  return tensors;
}

/** The same encoder straight from its definition, channels first, in float64. */
function referenceFeatures(tensors: ReadonlyMap<string, Tensor>, image: Float32Array): number[] {
  const data = (name: string) => tensors.get(name)!.data;
  let [size, channels] = [8, 3];
  let map = Float64Array.from({ length: image.length }, (_, i) => image[(i % 64) * 3 + Math.floor(i / 64)]);
  for (let level = 0; level < 2; level++) {
    const out = tensors.get(`encoder.${level}.0.weight`)!.shape[0];
    const of = (part: string) => data(`encoder.${level}.${part}`);
    map = Float64Array.from({ length: (out * size * size) / 4 }, (_, i) => {
      const half = size / 2;
      const [c, y, x] = [Math.floor(i / half ** 2), Math.floor(i / half) % half, i % half];
      let sum = of("0.bias")[c];
      for (let k = 0; k < channels * 9; k++) {
        const [from, row, column] = [
          Math.floor(k / 9),
          2 * y - 1 + (Math.floor(k / 3) % 3),
          2 * x - 1 + (k % 3),
        ];
        if (row < 0 || column < 0 || row >= size || column >= size) continue;
        sum += of("0.weight")[c * channels * 9 + k] * map[(from * size + row) * size + column];
      }
      const gain = of("1.weight")[c] / Math.sqrt(of("1.running_var")[c] + 1e-5);
      const normed = (sum - of("1.running_mean")[c]) * gain + of("1.bias")[c];
      return normed > 0 ? normed : 0.01 * normed;
    });
    channels = out;
    size /= 2;
  }
  return Array.from(data("latent_layer.bias"), (bias, feature) =>
    map.reduce((sum, value, i) => sum + data("latent_layer.weight")[feature * map.length + i] * value, bias),
  );
}

describe("FAD", () => {
  test("features are those of the definition, for floats and for pixels", () => {
    const tensors = syntheticFadTensors();
    const encoder = new FadEncoder(tensors);
    assert.deepEqual([encoder.imageSize, encoder.imageChannels, encoder.featureSize], [8, 3, 5]);
    const random = randomSource(4);
    const pixels = Uint8Array.from({ length: 2 * 192 }, () => 256 * random());
    const values = Float32Array.from(pixels, (pixel) => (pixel / 255) * 2 - 1);
    const features = encoder.features(pixels);
    assert.deepEqual(encoder.features(values), features);
    for (const image of [0, 1]) {
      const expected = referenceFeatures(tensors, values.subarray(192 * image, 192 * (image + 1)));
      expected.forEach((value, i) => {
        assertClose(features[5 * image + i], value, 1e-4 * Math.max(1, Math.abs(value)), `feature ${i}`);
      });
    }
  });

  test("names the tensor that is missing or misshapen", () => {
    const without = syntheticFadTensors();
    without.delete("encoder.1.1.bias");
    assert.throws(
      () => new FadEncoder(without),
      refuses(/'encoder\.1\.1\.bias' is missing/, "bad-checkpoint"),
    );
    const misshapen = syntheticFadTensors().set("latent_layer.weight", {
      shape: [5, 30],
      data: new Float32Array(150),
    });
    assert.throws(
      () => new FadEncoder(misshapen),
      refuses(/'latent_layer\.weight'.*square/, "bad-checkpoint"),
    );
    assert.throws(() => new FadEncoder(new Map()), refuses(/latent_layer\.weight/, "bad-checkpoint"));
  });

  test("scores the MNIST test set and noise as the authors' code does", options, (t) => {
    // With the whole sets FadEncoder gives 0.5946 (10,000 test images), 4.727 (the first 5,000 training images) and 719.1
    // (5,000 of noise), but takes a minute. With fewer images the covariance's error adds to the distance: 5 for 1,000.
    const encoder = new FadEncoder(readCheckpoint(read("fad/mnist_64.pth")));
    const statistics = readFadStatistics(read("fad/mnist_test_64.npz"));
    const { pixels, ...size } = readIdxImages(read("mnist/t10k-images-idx3-ubyte.gz"));
    const count = 1000;
    // Every tenth image: the test set's second half is easier than its first.
    const sample = new Uint8Array(count * size.rows * size.columns);
    for (let i = 0; i < count; i++) {
      const length = size.rows * size.columns;
      sample.set(pixels.subarray(10 * i * length, (10 * i + 1) * length), i * length);
    }
    const real = encoder.features(resizeImages(sample, size, { rows: 32, columns: 32 }, 1));
    const random = randomSource(1);
    const noise = encoder.features(Float32Array.from({ length: count * 32 * 32 }, () => 2 * random() - 1));
    const fadOfReal = fadOfFeatures(real, statistics, encoder.featureSize);
    const fadOfNoise = fadOfFeatures(noise, statistics, encoder.featureSize);
    t.diagnostic(`FAD of ${count} test images ${fadOfReal.toFixed(2)}, of noise ${fadOfNoise.toFixed(1)}`);
    assert.ok(fadOfReal < 6, `test images: ${fadOfReal}`);
    assertClose(fadOfNoise, 719 + 5, 7, "noise");
  });

  test("refuses statistics of another encoder", options, () => {
    const statistics = readFadStatistics(read("fad/mnist_test_64.npz"));
    assert.throws(
      () => fadOfFeatures(new Float32Array(10), statistics, 5),
      refuses(/64 features, expected 5/),
    );
  });
});

const TIME_STEPS = 16;

/** Rates of logits, rounded to multiples of 1/TIME_STEPS as the encoder's are. */
function ratesOf(logits: readonly number[], size: number): Tensor {
  const rates = logits.map((logit) => Math.round(TIME_STEPS / (1 + Math.exp(-logit))) / TIME_STEPS);
  return { shape: [logits.length / size, size], data: Float32Array.from(rates) };
}

/** Rows around the centres (±2, …), class k in row n = k mod classes. */
function clusters(rows: number, size: number, classes: number, spread: number): Tensor {
  const normal = normalSource(5);
  return ratesOf(
    Array.from({ length: rows * size }, (_, i) => {
      const [n, j] = [Math.floor(i / size), i % size];
      return ((((n % classes) >> (j % 3)) & 1) === 1 ? 2 : -2) + spread * normal();
    }),
    size,
  );
}

describe("priors", () => {
  test("one Gaussian: mean of the smoothed logits, Cholesky factor of their covariance", () => {
    const rates = { shape: [3, 2], data: Float32Array.of(0, 0.5, 0.5, 1, 1, 0.25) };
    const logit = (spikes: number) => Math.log((spikes + 0.25) / (16.25 - spikes));
    const logits = [0, 8, 8, 16, 16, 4].map(logit);
    const { mean, covariance } = fitGaussian(logits, 2);
    const { weights, bias } = fitPrior(rates, TIME_STEPS);
    assert.deepEqual(bias, mean);
    assert.equal(weights[1], 0);
    for (const [i, j] of [
      [0, 0],
      [1, 0],
      [1, 1],
    ]) {
      const product = weights[2 * i] * weights[2 * j] + weights[2 * i + 1] * weights[2 * j + 1];
      assertClose(product, covariance[2 * i + j], 1e-12, `covariance ${i}, ${j}`);
    }
  });

  test("a singular covariance gets a small jitter", () => {
    const same = fitPrior({ shape: [4, 3], data: new Float32Array(12).fill(0.5) }, TIME_STEPS);
    assert.deepEqual([...same.bias], [0, 0, 0]);
    assert.ok(
      same.weights.every((weight) => Math.abs(weight) < 1e-6),
      "no spread",
    );
    // Fewer rows than neurons.
    const few = fitPrior(clusters(5, 12, 3, 0.5), TIME_STEPS);
    assert.ok(few.weights.every(Number.isFinite), "finite");
  });

  test("refuses rates that are none", () => {
    const bad = { shape: [2, 1], data: Float32Array.of(0.5, 1.5) };
    assert.throws(() => fitPrior(bad, TIME_STEPS), refuses(/rate 1\.5/));
    const nan = { shape: [2, 1], data: Float32Array.of(0.5, Number.NaN) };
    assert.throws(() => fitMixture(nan, TIME_STEPS, 1, 1), refuses(/rate NaN/));
    const one = { shape: [1, 1], data: Float32Array.of(0.5) };
    assert.throws(() => fitPrior(one, TIME_STEPS), refuses(/1 rows/));
    assert.throws(() => fitMixture(one, TIME_STEPS, 1, 1), refuses(/1 rows of rates for 1 components/));
  });

  test("a mixture finds the clusters, the same for the same seed", () => {
    const rates = clusters(2000, 6, 4, 0.4);
    const mixture = fitMixture(rates, TIME_STEPS, 4, 11);
    assert.deepEqual(fitMixture(rates, TIME_STEPS, 4, 11), mixture);
    for (const proportion of mixture.proportions) assertClose(proportion, 0.25, 0.01, "proportion");
    const signs = mixture.priors.map(({ bias }) => bias.slice(0, 3).map(Math.sign).join());
    assert.deepEqual(signs.sort(), ["-1,-1,-1", "-1,1,-1", "1,-1,-1", "1,1,-1"]);
    for (const { weights, bias } of mixture.priors) {
      for (const center of bias) assertClose(Math.abs(center), 2, 0.15, "centre");
      assertClose(weights[0], 0.4, 0.08, "spread");
    }
  });

  test("one component of a mixture is the Gaussian, and copies of one row do no harm", () => {
    const rates = clusters(500, 5, 4, 0.5);
    const [prior] = fitMixture(rates, TIME_STEPS, 1, 1).priors;
    const gaussian = fitPrior(rates, TIME_STEPS);
    prior.bias.forEach((value, i) => {
      assertClose(value, gaussian.bias[i], 1e-9, "bias");
    });
    // A mixture divides by N, a Gaussian by N − 1.
    prior.weights.forEach((value, i) => {
      assertClose(value, gaussian.weights[i], 0.01, "weight");
    });
    const copies = { shape: [20, 3], data: new Float32Array(60).fill(0.25) };
    const { priors, proportions } = fitMixture(copies, TIME_STEPS, 5, 1);
    assert.ok(
      priors.every(({ weights }) => weights.every(Number.isFinite)),
      "finite",
    );
    assertClose(
      proportions.reduce((a, b) => a + b),
      1,
      1e-12,
      "sum of proportions",
    );
  });
});

describe("linear classifier", () => {
  const labelled = (rows: number, spread: number) => ({
    rates: clusters(rows, 9, 8, spread),
    labels: Uint8Array.from({ length: rows }, (_, n) => n % 8),
  });

  test("separates what a plane separates", async () => {
    const classifier = await trainLinearClassifier(labelled(800, 0.3), 8);
    assert.ok(classifier.weights.every(Number.isFinite), "finite");
    assert.equal(classifierAccuracy(classifier, labelled(400, 0.3)), 1);
  });

  test("comes near the best possible on overlapping classes, and does not care for dead neurons", async () => {
    const training = labelled(4000, 2);
    // Each of three bits of the class shows in three neurons: right with probability Φ(2 · √3 / 2) each.
    const best = 0.9584 ** 3;
    const accuracy = classifierAccuracy(await trainLinearClassifier(training, 8), labelled(4000, 2));
    assertClose(accuracy, best, 0.05, "accuracy");

    const { rates, labels } = training;
    const dead = { shape: [4000, 10], data: new Float32Array(40_000) };
    for (let n = 0; n < 4000; n++) dead.data.set(rates.data.subarray(9 * n, 9 * n + 9), 10 * n);
    const withDead = { rates: dead, labels };
    const accuracyWithDead = classifierAccuracy(await trainLinearClassifier(withDead, 8), withDead);
    assertClose(accuracyWithDead, accuracy, 1e-3, "with a dead neuron");
  });

  test("refuses labels that do not fit", async () => {
    const { rates, labels } = labelled(16, 1);
    await assert.rejects(trainLinearClassifier({ rates, labels }, 7), refuses(/label 7, expected 0 … 6/));
    const short = { rates, labels: labels.subarray(1) };
    await assert.rejects(trainLinearClassifier(short, 8), refuses(/15 labels for 16 rows/));
  });
});

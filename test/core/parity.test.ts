// The Wasm core against the oracle, bit for bit: both builds, weights resident and streamed, traced and not.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import * as memory from "../../assembly/core/memory.js";
import { choiceWord } from "../../src/math/random.js";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import type { Model } from "../../src/model/model.js";
import { quantizeNetwork } from "../../src/quantize/quantize.js";
import {
  type DecodedImage,
  decodeSpikes,
  generate,
  type LayerEvents,
  sampleSpikes,
} from "../../src/reference/integer-network.js";
import { type Build, Core, type WeightPlacement } from "../../src/runtime/core.js";
import {
  mapStepBytes,
  networkOf,
  packSpikes,
  plainLayer,
  randomBook,
  randomSource,
  randomWords,
  readLedger,
  readMap,
  readPixels,
  type SyntheticModelOptions,
  sameBytes,
  streamedBytes,
  syntheticModel,
  TINY,
  writeLatentSpikes,
} from "../support/models.js";

const BUILDS: readonly Build[] = ["plain", "simd"];
const WEIGHTS: readonly WeightPlacement[] = ["resident", "streamed"];

interface OpenCore {
  readonly core: Core;
  readonly weights: WeightPlacement;
  readonly trace: boolean;
  readonly name: string;
}

/** The model in every form of the core. */
async function openAll(model: Model): Promise<OpenCore[]> {
  const bytes = encodeModel(model);
  const cores: OpenCore[] = [];
  for (const build of BUILDS) {
    for (const weights of WEIGHTS) {
      for (const trace of [false, true]) {
        const core = await Core.open(bytes, { build, weights, trace });
        cores.push({ core, weights, trace, name: `${build}, ${weights}${trace ? ", traced" : ""}` });
      }
    }
  }
  return cores;
}

/** What the core counts: the number of neuron updates follows from the layers' shapes. */
function countedEvents(ledger: readonly LayerEvents[]) {
  return ledger.map(({ spikes, synapticOperations }) => ({ spikes, synapticOperations }));
}

/** Compares pixels, ledger and, where they are traced, the spikes of every layer and step. */
function checkImage(
  { core, trace, name }: OpenCore,
  model: Model,
  expected: DecodedImage,
  timeSteps: number,
) {
  assert.ok(sameBytes(readPixels(core, model), expected.pixels), `${name}: pixels`);
  assert.deepEqual(readLedger(core, model).layers, countedEvents(expected.ledger), `${name}: ledger`);
  if (!trace) return;
  expected.layers.forEach((spikes, layer) => {
    const packed = packSpikes(spikes, timeSteps, mapStepBytes(model, layer + 1));
    assert.ok(
      sameBytes(readMap(core, model, layer + 1, timeSteps), packed),
      `${name}: spikes of layer ${layer}`,
    );
  });
}

function checkRanges(model: Model, image: DecodedImage): void {
  image.potentialRanges.forEach(({ lowest, highest }, i) => {
    const proved = model.decoder[i];
    assert.ok(
      lowest >= proved.lowest,
      `layer ${i}: potential ${lowest} is below the proved ${proved.lowest}`,
    );
    assert.ok(
      highest <= proved.highest,
      `layer ${i}: potential ${highest} is above the proved ${proved.highest}`,
    );
  });
}

function select(core: Core, seed: bigint, index: bigint): void {
  const low = (x: bigint) => Number(x & 0xffffffffn);
  const high = (x: bigint) => Number(x >> 32n);
  core.select(low(seed), high(seed), low(index), high(index));
}

interface Image {
  readonly seed: bigint;
  readonly index: bigint;
  readonly timeSteps: number;
  readonly prior: number;
}

/** Makes images in every form of the core and in the oracle. */
async function checkGenerated(model: Model, images: readonly Image[]): Promise<void> {
  const cores = await openAll(model);
  for (const image of images) {
    const { seed, index, timeSteps, prior } = image;
    const expected = generate(model, image);
    checkRanges(model, expected);
    const packed = packSpikes(expected.spikes, timeSteps, mapStepBytes(model, 0));
    for (const open of cores) {
      const { core, weights, trace, name } = open;
      select(core, seed, index);
      core.clearLedger();
      core.generate(prior, timeSteps, true);
      const word = (address: number, i: number) => core.words[address / 4 + i] | 0;
      for (let i = 0; i < model.latentSize; i++) {
        assert.equal(word(memory.RATES, i), expected.rates[i], `${name}: rate ${i}`);
      }
      if (trace) assert.ok(sameBytes(readMap(core, model, 0, timeSteps), packed), `${name}: latent spikes`);
      checkImage(open, model, expected, timeSteps);
      const { fetchedBytes, randomWords: drawn } = readLedger(core, model);
      assert.equal(
        fetchedBytes,
        weights === "streamed" ? streamedBytes(model, prior) : 0,
        `${name}: bytes fetched`,
      );
      assert.equal(drawn, randomWords(model, timeSteps, prior), `${name}: random words`);
    }
  }
}

/** Decodes latent spike trains (timeSteps, latentSize) in every form of the core and in the oracle. */
async function checkDecoded(
  model: Model,
  trains: readonly Uint8Array[],
  timeSteps: number,
): Promise<DecodedImage[]> {
  const cores = await openAll(model);
  return trains.map((spikes) => {
    const expected = decodeSpikes(model, spikes, timeSteps);
    checkRanges(model, expected);
    for (const open of cores) {
      writeLatentSpikes(open.core, model, spikes, timeSteps);
      open.core.clearLedger();
      open.core.decode(timeSteps, true, false);
      checkImage(open, model, expected, timeSteps);
    }
    return expected;
  });
}

const SMALL: readonly (SyntheticModelOptions & { name: string; steps: readonly number[] })[] = [
  { name: "one latent neuron, one step", latentSize: 1, timeSteps: 1, steps: [1] },
  {
    name: "7 latent neurons, 5 steps, 3 channels",
    latentSize: 7,
    timeSteps: 5,
    imageChannels: 3,
    steps: [5, 3],
  },
  { name: "32 latent neurons", latentSize: 32, timeSteps: 16, steps: [16, 8] },
  { name: "33 latent neurons, 3 channels", latentSize: 33, timeSteps: 16, imageChannels: 3, steps: [16, 9] },
  { name: "256 latent neurons", latentSize: 256, timeSteps: 16, steps: [16, 1] },
  { name: "widths that differ", channels: [64, 128, 32], latentSize: 9, timeSteps: 5, steps: [5] },
  { name: "one transposed convolution", channels: [32], latentSize: 8, timeSteps: 6, steps: [6] },
  { name: "several priors", latentSize: 12, timeSteps: 4, priors: 3, steps: [4] },
];

for (const { name, steps, ...options } of SMALL) {
  for (const bits of [8, 6, 5, 4] as const) {
    test(`${name}, ${bits} bits`, async () => {
      const model = syntheticModel({ ...options, bits, seed: bits });
      const images = steps.flatMap((timeSteps) =>
        model.priors.map((_, prior): Image => ({ seed: 1n, index: BigInt(prior), timeSteps, prior })),
      );
      await checkGenerated(model, images);
    });
  }
}

for (const latentSize of [1, 31, 32, 33, 64, 128, 129, 256]) {
  test(`books of codes, ${latentSize} latent neurons`, async () => {
    const model = syntheticModel({ latentSize, timeSteps: 9, bits: 4 });
    const first = randomBook(latentSize, 2);
    const second = randomBook(latentSize, 37);
    const priors = [first, second, ...model.priors, { ...second, name: "again" }];
    const images = priors.flatMap((_, prior) =>
      [0n, 1n, 2n ** 63n].map((index): Image => ({ seed: 7n, index, timeSteps: index ? 9 : 1, prior })),
    );
    await checkGenerated({ ...model, priors }, images);
  });
}

test("the first and the last pair of the largest book are drawn", async () => {
  const model = syntheticModel({ ...TINY, timeSteps: 1 });
  const book = randomBook(model.latentSize, 65536);
  const seed = 1n;
  const chosen = Array.from({ length: 200_000 }, (_, index) => choiceWord(seed, index) >>> 16);
  const images = [0, 65535].map(
    (half): Image => ({ seed, index: BigInt(chosen.indexOf(half)), timeSteps: 1, prior: 0 }),
  );
  await checkGenerated({ ...model, priors: [book] }, images);
});

test("seeds and indices of 64 bits", async () => {
  const most = 2n ** 64n - 1n;
  const pairs = [
    [0n, 0n],
    [most, most],
    [0x123456789abcdef0n, 1n << 32n],
    [1n << 32n, 0xfedcba9876543210n],
  ];
  const images = pairs.map(([seed, index]): Image => ({ seed, index, timeSteps: 4, prior: 0 }));
  await checkGenerated(syntheticModel({ timeSteps: 4 }), images);
});

const ESVAE = { channels: [256, 128, 64, 32], latentSize: 32 } as const;

for (const bits of [8, 6, 5, 4] as const) {
  test(`ESVAE's shape, ${bits} bits, in one page where weights are streamed`, async () => {
    const model = syntheticModel({ ...ESVAE, bits });
    await checkGenerated(model, [{ seed: 9n, index: 4n, timeSteps: 4, prior: 0 }]);
    for (const build of BUILDS) {
      const core = await Core.open(encodeModel(model), { build, weights: "streamed" });
      assert.equal(core.pages, 1, `${build}: pages`);
    }
  });
}

test("ESVAE_large's shape: 64×64, 3 channels, 128 latent neurons", async () => {
  const model = syntheticModel({
    channels: [512, 256, 128, 64, 32],
    latentSize: 128,
    imageChannels: 3,
    bits: 5,
  });
  await checkGenerated(model, [{ seed: 2n, index: 77n, timeSteps: 2, prior: 0 }]);
});

const shipped = new URL("../../models/esvae-mnist.spk", import.meta.url);
const needsShipped = existsSync(shipped) ? {} : { skip: "needs models/esvae-mnist.spk" };

test("the shipped model", needsShipped, async () => {
  const model = decodeModel(new Uint8Array(readFileSync(shipped)));
  await checkGenerated(model, [
    { seed: 1n, index: 0n, timeSteps: model.timeSteps, prior: 0 },
    { seed: 1n, index: 1n, timeSteps: 4, prior: model.priors.length - 1 },
  ]);
});

/** Latent spikes (timeSteps, latentSize). */
function train(model: Model, timeSteps: number, spike: (t: number, neuron: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: timeSteps * model.latentSize }, (_, i) =>
    spike(Math.floor(i / model.latentSize), i % model.latentSize) ? 1 : 0,
  );
}

for (const [latentSize, imageChannels] of [
  [33, 1],
  [64, 3],
] as const) {
  test(`no spikes, all, and single ones of ${latentSize} latent neurons`, async () => {
    const model = syntheticModel({ latentSize, imageChannels, bits: 6 });
    const last = latentSize - 1;
    const trains = [
      train(model, 16, () => false),
      train(model, 16, () => true),
      train(model, 16, (t, i) => t === 0 && i === 0),
      train(model, 16, (t, i) => t === 15 && i === last),
      train(model, 16, (t, i) => t === 7 && i === 31),
      train(model, 16, (t, i) => (t + i) % 2 === 0),
    ];
    await checkDecoded(model, trains, 16);
  });
}

/** Inputs (2×2 positions of 64 channels) that a latent neuron can be given each. */
const DIRECT_INPUTS = 256;

/** Linear layer that passes latent spike i on as its output i, at the same step. */
function passThrough() {
  return plainLayer(
    { kind: "linear", inputSize: 1, inChannels: DIRECT_INPUTS, outChannels: DIRECT_INPUTS },
    (row, channel) => (row === channel ? 1 : 0),
    () => 0,
  );
}

test("spikes at the corners and borders of the first map", async () => {
  const random = randomSource(3);
  const layer = plainLayer(
    { kind: "transposedConv", inputSize: 2, inChannels: 64, outChannels: 32 },
    () => random() - 0.4,
    () => 0.05,
  );
  const { model } = quantizeNetwork(networkOf([passThrough(), layer], 3), {
    bits: 5,
    rounding: "nearest",
    calibrationImages: 1,
  });
  // Latent neuron = (row · 2 + column) · 64 + channel: each corner, its first and last channel.
  const trains = [0, 63, 64, 127, 128, 191, 192, 255].map((neuron) =>
    train(model, 3, (t, i) => t === 1 && i === neuron),
  );
  const images = await checkDecoded(model, trains, 3);
  // Position (0, 0) loses the taps above and to the left of it, (1, 1) none.
  assert.deepEqual(
    images.map(({ ledger }) => ledger[1].synapticOperations / 32),
    [4, 4, 6, 6, 6, 6, 9, 9],
  );
});

test("a layer of single spikes reaches every border of the image", async () => {
  // The 4×4 map's neurons are given one by one: layer 1 of 8×8, whose spikes all fall to the readout.
  const random = randomSource(4);
  const layer = plainLayer(
    { kind: "transposedConv", inputSize: 2, inChannels: 64, outChannels: 32 },
    (row, channel) => (row % 64 === channel ? 1 : 0),
    () => 0,
  );
  const { model } = quantizeNetwork(networkOf([passThrough(), layer], 1), {
    bits: 4,
    rounding: "nearest",
    calibrationImages: 1,
  });
  const trains = Array.from({ length: 8 }, () => train(model, 2, () => random() < 0.01));
  await checkDecoded(model, trains, 2);
});

test("given firing rates are sampled and decoded", async () => {
  for (const latentSize of [1, 33, 128]) {
    const model = syntheticModel({ latentSize, bits: 8 });
    const random = randomSource(latentSize);
    const rates = Int32Array.from({ length: latentSize }, (_, i) =>
      i % 5 === 0 ? 65536 : i % 5 === 1 ? 0 : i % 5 === 2 ? 1 : Math.floor(random() * 65537),
    );
    for (const open of await openAll(model)) {
      for (const timeSteps of [16, 8, 3]) {
        const spikes = sampleSpikes(rates, 7n, 1n << 40n, timeSteps);
        const expected = decodeSpikes(model, spikes, timeSteps);
        select(open.core, 7n, 1n << 40n);
        new Int32Array(open.core.words.buffer, memory.RATES, latentSize).set(rates);
        open.core.clearLedger();
        open.core.decode(timeSteps, true, true);
        const packed = packSpikes(spikes, timeSteps, mapStepBytes(model, 0));
        if (open.trace) {
          assert.ok(
            sameBytes(readMap(open.core, model, 0, timeSteps), packed),
            `${open.name}: latent spikes`,
          );
        }
        checkImage(open, model, expected, timeSteps);
      }
    }
  }
});

test("an image does not depend on what was made before it", async () => {
  const model = syntheticModel({ latentSize: 10, imageChannels: 3, priors: 2, bits: 6 });
  const expected = generate(model, { seed: 5, index: 3, timeSteps: 16, prior: 1 }).pixels;
  for (const { core, name } of await openAll(model)) {
    const make = () => {
      select(core, 5n, 3n);
      core.generate(1, 16, false);
      return readPixels(core, model);
    };
    assert.ok(sameBytes(make(), expected), `${name}: first`);
    select(core, 6n, 3n);
    core.generate(0, 2, true);
    assert.ok(sameBytes(make(), expected), `${name}: after an image of fewer steps and another prior`);
    writeLatentSpikes(
      core,
      model,
      train(model, 16, () => true),
      16,
    );
    core.decode(16, true, false);
    assert.ok(sameBytes(make(), expected), `${name}: after spikes everywhere`);
    assert.ok(sameBytes(make(), expected), `${name}: twice`);
  }
});

test("the ledger stands still when it is not asked for", async () => {
  const model = syntheticModel({ timeSteps: 4 });
  for (const { core, name } of await openAll(model)) {
    core.clearLedger();
    core.generate(0, 4, true);
    const { layers } = readLedger(core, model);
    assert.ok(layers[0].spikes > 0, name);
    core.generate(0, 4, false);
    assert.deepEqual(readLedger(core, model).layers, layers, name);
  }
});

/** Weight by which latent neuron i reaches the output neuron in question, 0 if it does not. */
type WeightOf = (neuron: number) => number;

/**
 * Spikes that drive one output neuron as low as it goes, by all its negative inputs at every step; and as high, by first
 * inputs that bring it close below its threshold, then all its positive ones.
 */
function adversarialTrains(model: Model, bias: number, threshold: number, weight: WeightOf) {
  const chosen = new Set<number>();
  let potential = bias;
  const neurons = Array.from({ length: model.latentSize }, (_, i) => i);
  for (const neuron of neurons.sort((a, b) => weight(b) - weight(a))) {
    if (weight(neuron) <= 0 || potential + weight(neuron) >= threshold) continue;
    potential += weight(neuron);
    chosen.add(neuron);
  }
  return [
    train(model, 16, (_, i) => weight(i) < 0),
    train(model, 16, (t, i) => (t % 2 === 0 ? chosen.has(i) : weight(i) > 0)),
  ];
}

/** Random weights, those of some channels all positive or all negative with a bias to match: as far as 16 bits go. */
function extremeLayer(shape: Parameters<typeof plainLayer>[0]) {
  const random = randomSource(11);
  const sign = (channel: number) => [1, -1, 0, 0][channel % 4];
  return plainLayer(
    shape,
    (_, channel) => 0.0015 * (sign(channel) ? sign(channel) * (0.2 + random()) : 2 * (random() - 0.5)),
    (channel) => sign(channel) * 0.15,
  );
}

/** The bounds are those of the worst channel of the layer: every channel is tried, on all forms of the core. */
async function checkExtremes(
  t: TestContext,
  model: Model,
  layer: number,
  weightOf: (channel: number) => WeightOf,
): Promise<void> {
  const { lowest: provedLowest, highest: provedHighest, bias, threshold } = model.decoder[layer];
  const trains = Array.from(bias, (_, channel) =>
    adversarialTrains(model, bias[channel], threshold[channel], weightOf(channel)),
  );
  const images = await checkDecoded(model, trains.flat(), 16);
  const lowest = Math.min(...images.map((image) => image.potentialRanges[layer].lowest));
  const highest = Math.max(...images.map((image) => image.potentialRanges[layer].highest));
  t.diagnostic(`${provedLowest} ≤ ${lowest}, ${highest} ≤ ${provedHighest}`);
  // Only what no subset of the inputs fills below the threshold is missing, and a quarter of that.
  assert.ok(lowest <= provedLowest + 4, `lowest ${lowest}, proved ${provedLowest}`);
  assert.ok(highest >= provedHighest - 16, `highest ${highest}, proved ${provedHighest}`);
  assert.ok(provedHighest > 32000 && provedLowest < -16000, "the layer does not go far enough to tell");
}

test("linear neurons reach the proved bounds and do not wrap", async (t) => {
  const linear = extremeLayer({ kind: "linear", inputSize: 1, inChannels: 256, outChannels: 128 });
  const next = plainLayer(
    { kind: "transposedConv", inputSize: 2, inChannels: 32, outChannels: 32 },
    (row, channel) => (row % 32 === channel ? 1 : 0),
    () => 0,
  );
  const { model } = quantizeNetwork(networkOf([linear, next]), { calibrationImages: 1 });
  const { weights, outChannels } = model.decoder[0];
  await checkExtremes(t, model, 0, (channel) => (neuron) => weights[neuron * outChannels + channel]);
});

test("transposed convolution neurons reach the proved bounds and do not wrap", async (t) => {
  const conv = extremeLayer({ kind: "transposedConv", inputSize: 2, inChannels: 64, outChannels: 32 });
  const { model } = quantizeNetwork(networkOf([passThrough(), conv]), { calibrationImages: 1 });
  const { weights, outChannels, inChannels } = model.decoder[1];
  // Output (1, 1) sees all four inputs: input (i, j) by tap (2 − 2i, 2 − 2j).
  await checkExtremes(t, model, 1, (channel) => (neuron) => {
    const position = Math.floor(neuron / inChannels);
    const tap = 3 * (2 - 2 * (position >> 1)) + 2 - 2 * (position & 1);
    return weights[(tap * inChannels + (neuron % inChannels)) * outChannels + channel];
  });
});

// The encoder on the core against the oracle, bit for bit: both builds, weights resident and streamed, traced and not. What the
// quantizer proves of an encoder's potentials, and the library's encode and reconstruct.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import * as memory from "../../assembly/core/memory.js";
import { Generator, SpikeletError } from "../../src/index.js";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import type { IntegerLayer, Model, WeightBits } from "../../src/model/model.js";
import { type FloatLayer, type LayerShape, outputSize } from "../../src/network.js";
import { quantizeNetwork } from "../../src/quantize/quantize.js";
import {
  decodeSpikes,
  type EncodedImage,
  encodeImage,
  generate,
  sampleSpikes,
} from "../../src/reference/integer-network.js";
import { type Build, Core, type WeightPlacement } from "../../src/runtime/core.js";
import {
  networkOf,
  packSpikes,
  plainLayer,
  randomSource,
  readPixels,
  type SyntheticModelOptions,
  sameBytes,
  syntheticModel,
} from "../support/models.js";

const BUILDS: readonly Build[] = ["plain", "simd"];
const WEIGHTS: readonly WeightPlacement[] = ["resident", "streamed"];

interface OpenCore {
  readonly core: Core;
  readonly build: Build;
  readonly weights: WeightPlacement;
  readonly trace: boolean;
  readonly name: string;
}

/** The model with its encoder in every form of the core. */
async function openAll(model: Model, traces: readonly boolean[] = [false, true]): Promise<OpenCore[]> {
  const bytes = encodeModel(model);
  const cores: OpenCore[] = [];
  for (const build of BUILDS) {
    for (const weights of WEIGHTS) {
      for (const trace of traces) {
        const core = await Core.open(bytes, { build, weights, trace, encoder: true });
        cores.push({ core, build, weights, trace, name: `${build}, ${weights}${trace ? ", traced" : ""}` });
      }
    }
  }
  return cores;
}

/** Encodes pixels, and gives the firing rates, Q16. */
function encodeOn(core: Core, model: Model, pixels: Uint8Array, steps: number, ledger = false): Int32Array {
  core.bytes.set(pixels, core.imageAddress);
  core.encode(steps, ledger);
  return new Int32Array(core.words.slice(memory.RATES / 4, memory.RATES / 4 + model.latentSize).buffer);
}

function sameRates(rates: Int32Array, expected: Int32Array, what: string): void {
  assert.equal(rates.join(), expected.join(), what);
}

/** Output spikes of encoder layer `layer`, as the traced core keeps them. */
function readSpikes(core: Core, { encoder }: Model, layer: number, steps: number): Uint8Array {
  const entry = memory.ENCODER_LAYERS + (layer + 1) * memory.LAYER_STATE_BYTES;
  const address = core.words[(entry + memory.LAYER_INPUT_MAP) / 4];
  return core.bytes.slice(address, address + steps * spikeBytes(encoder[layer]));
}

/** Bytes of one step of a layer's output spikes. */
function spikeBytes(layer: LayerShape): number {
  return (outputSize(layer) ** 2 * layer.outChannels) / 8;
}

/** Bytes that encoding one image takes from flash where weights are streamed (docs/format.md). */
function streamedBytes({ encoder }: Model): number {
  return encoder.reduce((sum, { kind, inChannels, outChannels, bits }) => {
    const inputs = kind === "imageConv" ? inChannels : 2 * Math.ceil(inChannels / 2);
    const rows = (kind === "linear" ? 1 : 9) * inputs;
    return sum + 4 * outChannels + (rows * outChannels * bits) / 8;
  }, 0);
}

function checkRanges(model: Model, { potentialRanges }: EncodedImage): void {
  potentialRanges.forEach(({ lowest, highest }, i) => {
    const proved = model.encoder[i];
    assert.ok(
      lowest >= proved.lowest && highest <= proved.highest,
      `encoder layer ${i}: potentials ${lowest} … ${highest}, proved ${proved.lowest} … ${proved.highest}`,
    );
  });
}

/** Compares rates, ledger, fetched bytes and, where they are traced, the spikes of every layer and step. */
function checkImage(
  { core, weights, trace, name }: OpenCore,
  model: Model,
  pixels: Uint8Array,
  steps: number,
  expected: EncodedImage,
): void {
  core.clearLedger();
  sameRates(encodeOn(core, model, pixels, steps, true), expected.rates, `${name}, ${steps} steps: rates`);
  expected.ledger.forEach(({ spikes, synapticOperations }, i) => {
    const at = (memory.LEDGER_LAYERS + i * memory.LEDGER_LAYER_BYTES) / 4;
    assert.deepEqual(
      [core.words[at], core.words[at + 1]],
      [spikes, synapticOperations],
      `${name}, ${steps} steps: ledger of layer ${i}`,
    );
  });
  const fetched = weights === "streamed" ? streamedBytes(model) : 0;
  assert.equal(core.words[memory.LEDGER_FETCHED / 4], fetched, `${name}: bytes fetched`);
  assert.equal(core.words[memory.LEDGER_RANDOM / 4], 0, `${name}: random words`);
  assert.ok(sameBytes(readPixels(core, model), pixels), `${name}: the pixels are not left as they were`);
  if (!trace) return;
  expected.layers.forEach((spikes, layer) => {
    const packed = packSpikes(spikes, steps, spikeBytes(model.encoder[layer]));
    assert.ok(
      sameBytes(readSpikes(core, model, layer, steps), packed),
      `${name}, ${steps} steps: spikes of layer ${layer}`,
    );
  });
}

interface Images {
  readonly pixels: readonly Uint8Array[];
  readonly steps: readonly number[];
  readonly traces?: readonly boolean[];
}

/** Encodes every image for every number of steps, in every form of the core and in the oracle. */
async function checkEncoded(model: Model, { pixels, steps, traces }: Images): Promise<EncodedImage[]> {
  const cores = await openAll(model, traces);
  return pixels.flatMap((image) =>
    steps.map((timeSteps) => {
      const expected = encodeImage(model, image, timeSteps);
      checkRanges(model, expected);
      for (const open of cores) checkImage(open, model, image, timeSteps, expected);
      return expected;
    }),
  );
}

type Pixel = (row: number, column: number, channel: number) => number;

function image({ imageSize, imageChannels }: Model, pixel: Pixel): Uint8Array {
  return Uint8Array.from({ length: imageSize ** 2 * imageChannels }, (_, i) => {
    const position = Math.floor(i / imageChannels);
    return pixel(Math.floor(position / imageSize), position % imageSize, i % imageChannels);
  });
}

function randomImage(model: Model, seed: number): Uint8Array {
  const random = randomSource(seed);
  return image(model, () => Math.floor(random() * 256));
}

function variedImages(model: Model): Uint8Array[] {
  const last = model.imageSize - 1;
  const isBorder = (row: number, column: number) => [row, column].some((x) => x === 0 || x === last);
  const random = randomSource(2);
  return [
    randomImage(model, 1),
    image(model, () => 0),
    image(model, () => 255),
    image(model, (row, column) => (isBorder(row, column) ? 255 : 0)),
    image(model, (row, column) => (isBorder(row, column) ? 0 : 255)),
    image(model, (row, column, g) =>
      row === last && column === last && g === model.imageChannels - 1 ? 255 : 128,
    ),
    image(model, () => (random() < 0.5 ? 0 : 255)),
  ];
}

const BITS: readonly WeightBits[] = [8, 6, 5, 4];
const STEPS = [1, 5, 16];

type Options = SyntheticModelOptions & {
  readonly latentSize: number;
  readonly imageChannels: 1 | 3;
  readonly bits: WeightBits;
};

const SMALL: readonly Options[] = [
  ...BITS.flatMap((bits): Options[] => [
    { latentSize: 1, imageChannels: 1, bits },
    { latentSize: 7, imageChannels: 3, bits },
    { latentSize: 33, imageChannels: 1, bits },
    { latentSize: 64, imageChannels: 3, bits },
  ]),
  { latentSize: 1, imageChannels: 3, bits: 5 },
  { latentSize: 7, imageChannels: 1, bits: 6 },
  { latentSize: 33, imageChannels: 3, bits: 4 },
  { latentSize: 64, imageChannels: 1, bits: 8 },
];

for (const options of SMALL) {
  const { latentSize, imageChannels, bits } = options;
  test(`${latentSize} latent neurons, ${imageChannels} channels, ${bits} bits`, async () => {
    const model = syntheticModel({ ...options, encoder: true, seed: bits });
    const images = await checkEncoded(model, { pixels: variedImages(model), steps: STEPS });
    // Otherwise the comparison says little.
    const random = images[STEPS.length - 1];
    random.ledger.slice(1).forEach(({ spikes }, i) => {
      assert.ok(spikes > 0, `encoder layer ${i} is silent`);
    });
  });
}

for (const [name, options, steps] of [
  ["one step", { latentSize: 5, timeSteps: 1 }, [1]],
  ["5 steps, 3 channels", { latentSize: 5, timeSteps: 5, imageChannels: 3 }, [1, 2, 5]],
  ["no convolution but the image's", { channels: [32], latentSize: 40 }, STEPS],
  ["256 latent neurons", { channels: [32], latentSize: 256, bits: 6 }, [16]],
  ["widths that differ", { channels: [96, 64, 32], latentSize: 9, imageChannels: 3, bits: 5 }, [3, 16]],
] as const) {
  test(name, async () => {
    const model = syntheticModel({ ...options, encoder: true });
    await checkEncoded(model, { pixels: variedImages(model), steps });
  });
}

test("an image layer of more than one block", async () => {
  const model = widerImageLayer();
  await checkEncoded(model, { pixels: variedImages(model), steps: [7, 16] });
});

function small(seed: number): () => number {
  const random = randomSource(seed);
  return () => 0.15 * (random() - 0.45);
}

function decoderOf(imageSize: number, latentSize: number): FloatLayer[] {
  const weight = small(21);
  const layers = [
    plainLayer(
      { kind: "linear", inputSize: 1, inChannels: latentSize, outChannels: 128 },
      weight,
      () => 0.05,
    ),
  ];
  for (let inputSize = 2; inputSize < imageSize; inputSize *= 2) {
    layers.push(
      plainLayer({ kind: "transposedConv", inputSize, inChannels: 32, outChannels: 32 }, weight, () => 0.05),
    );
  }
  return layers;
}

function withEncoder(
  imageSize: number,
  imageChannels: 1 | 3,
  encoder: readonly FloatLayer[],
  bits: WeightBits = 8,
): Model {
  const latentSize = encoder[encoder.length - 1].outChannels;
  const network = { ...networkOf(decoderOf(imageSize, latentSize), imageChannels), encoder };
  return quantizeNetwork(network, { bits, rounding: "nearest" }).model;
}

function widerImageLayer(): Model {
  const weight = small(22);
  return withEncoder(8, 3, [
    plainLayer({ kind: "imageConv", inputSize: 8, inChannels: 3, outChannels: 96 }, weight, () => 0.1),
    plainLayer({ kind: "conv", inputSize: 4, inChannels: 96, outChannels: 64 }, weight, () => 0.1),
    plainLayer({ kind: "linear", inputSize: 1, inChannels: 256, outChannels: 9 }, weight, () => 0.1),
  ]);
}

async function checkOnePage(model: Model): Promise<void> {
  for (const build of BUILDS) {
    const core = await Core.open(encodeModel(model), { build, weights: "streamed", encoder: true });
    assert.equal(core.pages, 1, `${build}: pages`);
    assert.ok(core.words[memory.PLAN_BYTES / 4] <= 65536, `${build}: planned bytes`);
    const pixels = randomImage(model, 6);
    for (const steps of [model.timeSteps, 1]) {
      const { rates } = encodeImage(model, pixels, steps);
      sameRates(encodeOn(core, model, pixels, steps), rates, `${build}: rates, ${steps} steps`);
    }
  }
}

/** A model of random integers: the quantizer takes too long for a checkpoint of this size. */
function integerModel(
  channels: readonly number[],
  latentSize: number,
  imageChannels: 1 | 3,
  bits: WeightBits,
): Model {
  const random = randomSource(8);
  const sizes = channels.map((_, i) => 2 ** (i + 1));
  const imageSize = 2 ** (channels.length + 1);
  const layer = (shape: LayerShape, outputs = shape.outChannels): IntegerLayer => {
    const isImage = shape.kind === "imageConv";
    const rows = (shape.kind === "linear" ? 1 : 9) * shape.inChannels;
    const limit = isImage ? 2000 : 2 ** (bits - 1);
    // As many are not 0 as keep the sums well within 16 bits.
    const share = isImage ? 1 : Math.min(1, 40_000 / (limit * rows));
    const spread = limit * Math.sqrt(rows * share) * (isImage ? 0.5 : 0.25);
    const isReal = (i: number) => i % shape.outChannels < outputs;
    const lanes = Array.from({ length: shape.outChannels }, (_, c) => c);
    return {
      ...shape,
      bits: isImage ? 16 : bits,
      weights: Int16Array.from({ length: rows * shape.outChannels }, (_, i) =>
        isReal(i) && random() < share ? Math.floor((2 * random() - 1) * limit) : 0,
      ),
      shift: isImage ? 8 : 0,
      bias: Int16Array.from(lanes, (c) => (isReal(c) ? Math.round(spread * random()) : 0)),
      threshold: Uint16Array.from(lanes, (c) => (isReal(c) ? 1 + Math.round(spread * random()) : 32765)),
      scale: new Float32Array(shape.outChannels).fill(0.001),
      lowest: -32000,
      highest: 32000,
    };
  };
  const bottom = 4 * channels[0];
  const outputs = [...channels.slice(1), 32];
  const inputs = [...channels].reverse();
  const padded = 32 * Math.ceil(latentSize / 32);
  return {
    name: "integers",
    imageSize,
    imageChannels,
    timeSteps: 16,
    latentSize,
    decoder: [
      layer({ kind: "linear", inputSize: 1, inChannels: latentSize, outChannels: bottom }),
      ...channels.map((inChannels, i) =>
        layer({ kind: "transposedConv", inputSize: sizes[i], inChannels, outChannels: outputs[i] }),
      ),
    ],
    encoder: [
      ...inputs.map((outChannels, i) =>
        layer({
          kind: i === 0 ? "imageConv" : "conv",
          inputSize: imageSize >> i,
          inChannels: i === 0 ? imageChannels : inputs[i - 1],
          outChannels,
        }),
      ),
      layer({ kind: "linear", inputSize: 1, inChannels: bottom, outChannels: padded }, latentSize),
    ],
    priors: syntheticModel({ latentSize, encoder: false }).priors,
    readout: {
      shift: 8,
      weights: new Int16Array(9 * imageChannels * 32).fill(1),
      bias: new Int32Array(imageChannels),
    },
  };
}

function esvaeModel(bits: WeightBits): Model {
  return integerModel([256, 128, 64, 32], 32, 1, bits);
}

function checkActive(model: Model, { ledger }: EncodedImage, steps: number): void {
  ledger.slice(1).forEach(({ spikes }, i) => {
    const neurons = steps * 8 * spikeBytes(model.encoder[i]);
    assert.ok(spikes > neurons / 20 && spikes < neurons * 0.95, `layer ${i}: ${spikes} spikes of ${neurons}`);
  });
}

for (const bits of BITS) {
  test(`ESVAE's shape, ${bits} bits, in one page where weights are streamed`, async () => {
    const model = esvaeModel(bits);
    const [, , last] = await checkEncoded(model, { pixels: [randomImage(model, bits)], steps: STEPS });
    checkActive(model, last, 16);
    await checkOnePage(model);
  });
}

test("ESVAE_large's shape: 64×64, 3 channels, 128 latent neurons", async () => {
  const model = integerModel([512, 256, 128, 64, 32], 128, 3, 5);
  const [encoded] = await checkEncoded(model, { pixels: [randomImage(model, 3)], steps: [16] });
  checkActive(model, encoded, 16);
});

const shipped = new URL("../../models/esvae-mnist.spk", import.meta.url);
const shippedModel = existsSync(shipped) ? decodeModel(new Uint8Array(readFileSync(shipped))) : null;

test("the shipped model", {
  skip: shippedModel?.encoder.length ? false : "models/esvae-mnist.spk has no encoder",
}, async () => {
  if (!shippedModel) return;
  const pixels = [randomImage(shippedModel, 1), generate(shippedModel, { seed: 1 }).pixels];
  await checkEncoded(shippedModel, { pixels, steps: [16, 4] });
  await checkOnePage(shippedModel);
});

test("an image does not depend on what was encoded before it", async () => {
  const model = syntheticModel({ latentSize: 33, imageChannels: 3, bits: 6, encoder: true });
  const pixels = randomImage(model, 1);
  const { rates } = encodeImage(model, pixels, 16);
  for (const { core, name } of await openAll(model)) {
    sameRates(encodeOn(core, model, pixels, 16), rates, `${name}: first`);
    for (const other of variedImages(model)) {
      encodeOn(core, model, other, 16);
      encodeOn(core, model, other, 3, true);
      sameRates(encodeOn(core, model, pixels, 16), rates, `${name}: after other images and fewer steps`);
    }
  }
});

for (const [name, make] of [
  ["small", () => syntheticModel({ latentSize: 33, imageChannels: 3, bits: 6, encoder: true })],
  ["ESVAE's shape", () => esvaeModel(8)],
] as const) {
  test(`encoding and decoding do not disturb each other: ${name}`, async () => {
    const model = make();
    const steps = name === "small" ? 16 : 5;
    const made = generate(model, { seed: 5, index: 3, timeSteps: steps });
    const again = encodeImage(model, made.pixels, steps);
    const pixels = randomImage(model, 4);
    const encoded = encodeImage(model, pixels, steps);
    const decoded = decodeSpikes(model, sampleSpikes(encoded.rates, 5, 3, steps), steps);
    for (const { core, name } of await openAll(model)) {
      core.select(5, 0, 3, 0);
      for (let k = 0; k < 2; k++) {
        core.generate(0, steps, true);
        assert.ok(sameBytes(readPixels(core, model), made.pixels), `${name}, ${k}: generated`);
        // The image that was made lies where the encoder reads.
        core.encode(steps, false);
        const { words } = core;
        assert.deepEqual(
          Array.from({ length: model.latentSize }, (_, i) => words[memory.RATES / 4 + i]),
          [...again.rates],
          `${name}, ${k}: rates of what was generated`,
        );
        sameRates(encodeOn(core, model, pixels, steps, true), encoded.rates, `${name}, ${k}: encoded`);
        core.decode(steps, false, true);
        assert.ok(sameBytes(readPixels(core, model), decoded.pixels), `${name}, ${k}: reconstructed`);
      }
    }
  });
}

test("nothing is written above the planned memory, or into the decoder's if it is resident", async () => {
  for (const model of [
    syntheticModel({ latentSize: 33, imageChannels: 3, bits: 6, encoder: true }),
    esvaeModel(5),
  ]) {
    const bytes = encodeModel(model);
    for (const { core, build, weights, trace, name } of await openAll(model)) {
      const end = core.words[memory.PLAN_BYTES / 4];
      core.bytes.fill(0xa5, end);
      core.bytes.set(randomImage(model, 1), core.imageAddress);
      const alone = await Core.open(bytes, { build, weights, trace });
      const front = core.words[memory.PLAN_FRONT / 4];
      const decoderEnd = weights === "resident" ? alone.words[memory.PLAN_BYTES / 4] : front;
      const before = core.bytes.slice(memory.ENCODER_LAYERS, decoderEnd);
      core.encode(model.timeSteps, true);
      assert.ok(sameBytes(core.bytes.subarray(memory.ENCODER_LAYERS, decoderEnd), before), `${name}: below`);
      assert.ok(
        core.bytes.subarray(end).every((b) => b === 0xa5),
        `${name}: above ${end}`,
      );
    }
  }
});

test("the ledger stands still when it is not asked for", async () => {
  const model = syntheticModel({ timeSteps: 4, encoder: true });
  const pixels = randomImage(model, 1);
  for (const { core, name } of await openAll(model)) {
    core.clearLedger();
    encodeOn(core, model, pixels, 4, true);
    const read = () => [...core.words.slice(memory.LEDGER_READOUT / 4, memory.IMAGE_INDEX / 4)];
    const counted = read();
    assert.ok(
      counted.some((n) => n > 0),
      `${name}: nothing counted`,
    );
    encodeOn(core, model, pixels, 4, false);
    assert.deepEqual(read(), counted, name);
    encodeOn(core, model, pixels, 4, true);
    assert.deepEqual(
      read(),
      counted.map((n) => 2 * n),
      `${name}: twice`,
    );
  }
});

test("the cores with the encoder generate what those without generate", async () => {
  const model = syntheticModel({ latentSize: 33, imageChannels: 3, bits: 5, encoder: true });
  const bare: Model = { ...model, encoder: [] };
  const expected = generate(model, { seed: 1, index: 2 }).pixels;
  for (const { core, name } of await openAll(model)) {
    core.select(1, 0, 2, 0);
    core.generate(0, 16, false);
    assert.ok(sameBytes(readPixels(core, model), expected), name);
  }
  for (const build of BUILDS) {
    for (const weights of WEIGHTS) {
      const core = await Core.open(encodeModel(bare), { build, weights });
      core.select(1, 0, 2, 0);
      core.generate(0, 16, false);
      assert.ok(sameBytes(readPixels(core, bare), expected), `${build}, ${weights}: without an encoder`);
    }
  }
});

test("a model without an encoder is refused where one is asked for", async () => {
  const bytes = encodeModel(syntheticModel());
  for (const build of BUILDS) {
    for (const weights of WEIGHTS) {
      await assert.rejects(
        Core.open(bytes, { build, weights, encoder: true }),
        (error: unknown) => error instanceof SpikeletError && error.code === "core-failed",
        `${build}, ${weights}`,
      );
    }
  }
});

// What the quantizer proves.

/** Integer weights that reach output channel `channel` of a layer: (rows) = (taps, inChannels). */
function column({ weights, outChannels }: IntegerLayer, channel: number): number[] {
  return Array.from({ length: weights.length / outChannels }, (_, r) => weights[r * outChannels + channel]);
}

/** The images that drive the image layer's channel at output position (1, 1), where no tap falls off, lowest and highest. */
function extremeImages(model: Model, channel: number): Uint8Array[] {
  const weights = column(model.encoder[0], channel);
  return [1, -1].map((sign) =>
    image(model, (row, column, g) => {
      const [ky, kx] = [row - 1, column - 1];
      const isSeen = ky >= 0 && ky < 3 && kx >= 0 && kx < 3;
      return isSeen && sign * weights[(3 * ky + kx) * model.imageChannels + g] < 0 ? 255 : 0;
    }),
  );
}

/** An image layer on 8×8 pixels, a convolution and a linear layer of ordinary size behind it. */
function imageLayerModel(
  imageChannels: 1 | 3,
  weight: () => number,
  bias: (channel: number) => number,
): Model {
  const other = small(23);
  return withEncoder(8, imageChannels, [
    plainLayer({ kind: "imageConv", inputSize: 8, inChannels: imageChannels, outChannels: 32 }, weight, bias),
    plainLayer({ kind: "conv", inputSize: 4, inChannels: 32, outChannels: 32 }, other, () => 0.1),
    plainLayer({ kind: "linear", inputSize: 1, inChannels: 128, outChannels: 5 }, other, () => 0.1),
  ]);
}

const random = randomSource(9);
const IMAGE_LAYERS: readonly (readonly [string, 1 | 3, () => number, (channel: number) => number])[] = [
  ["ordinary weights", 1, () => 2 * random() - 1, (c) => (c - 16) / 40],
  ["ordinary weights, 3 channels", 3, () => 2 * random() - 1, (c) => (c - 16) / 40],
  ["large weights", 3, () => 2000 * random() - 1000, () => 3],
  ["tiny weights", 1, () => 1e-5 * random(), (c) => (c - 16) / 100],
  ["weights of one sign", 3, () => random(), (c) => (c % 2 ? 5 : -5)],
  ["weights of zero", 1, () => 0, (c) => (c - 16) / 40],
  ["large biases", 1, () => random() - 0.5, (c) => (c - 16) * 100],
];

for (const [name, imageChannels, weight, bias] of IMAGE_LAYERS) {
  test(`the image layer keeps to its bounds and reaches them: ${name}`, async (t) => {
    const model = imageLayerModel(imageChannels, weight, bias);
    const [layer] = model.encoder;
    assert.ok(layer.shift >= 0 && layer.shift <= 24, `shift ${layer.shift}`);
    for (let c = 0; c < layer.outChannels; c++) {
      const sum = column(layer, c).reduce((total, q) => total + 255 * Math.abs(q), 0);
      assert.ok(sum + 2 ** layer.shift < 2 ** 31, `channel ${c}: a sum of up to ${sum}`);
      assert.ok(layer.threshold[c] >= 1 && layer.threshold[c] <= 32765, `channel ${c}: threshold`);
      assert.ok(Math.abs(layer.bias[c]) <= 32765, `channel ${c}: bias ${layer.bias[c]}`);
    }
    const images = Array.from(layer.bias, (_, c) => extremeImages(model, c)).flat();
    const encoded = await checkEncoded(model, {
      pixels: [...images, ...variedImages(model)],
      steps: [16],
      traces: [true],
    });
    const lowest = Math.min(...encoded.map((e) => e.potentialRanges[0].lowest));
    const highest = Math.max(...encoded.map((e) => e.potentialRanges[0].highest));
    t.diagnostic(`shift ${layer.shift}; ${layer.lowest} ≤ ${lowest}, ${highest} ≤ ${layer.highest}`);
    // The bound rounds the weighted sum up by at most 2, and the leak makes 4/3 of that.
    assert.ok(lowest <= layer.lowest + 4, `lowest ${lowest}, proved ${layer.lowest}`);
  });
}

/** Pixels that make a driver neuron silent, fire at every step, and fire at every other step, the second first. */
const SILENT = 0;
const STEADY = 255;
const SECOND = 204;
/** Neurons at one position that have a pixel each: two rows and columns of three image channels. */
const DRIVERS = 12;

/** An image layer whose first twelve channels at each position pass one pixel each on; the others never fire. */
function driverLayer(imageSize: number): FloatLayer {
  return plainLayer(
    { kind: "imageConv", inputSize: imageSize, inChannels: 3, outChannels: 32 },
    (row, channel) => (channel < DRIVERS && row === driverRow(channel) ? 0.3 : 0),
    () => 0,
  );
}

/** Row of weights (tap · 3 + image channel) by which a driver sees its pixel: a tap of rows and columns 1 and 2. */
function driverRow(channel: number): number {
  const [ky, kx, g] = [1 + Math.floor(channel / 6), 1 + (Math.floor(channel / 3) % 2), channel % 3];
  return (3 * ky + kx) * 3 + g;
}

/** The image that gives each driver at (row, column) the value `drive` says. */
function drivenImage(
  model: Model,
  drive: (row: number, column: number, channel: number) => number,
): Uint8Array {
  return image(model, (y, x, g) => drive(y >> 1, x >> 1, 6 * (y & 1) + 3 * (x & 1) + g));
}

test("driver neurons fire as their pixel says", () => {
  const model = withEncoder(4, 3, [
    driverLayer(4),
    plainLayer(
      { kind: "linear", inputSize: 1, inChannels: 128, outChannels: 3 },
      () => 0.1,
      () => 0,
    ),
  ]);
  const values = [SILENT, STEADY, SECOND];
  const pixels = drivenImage(model, (row, column, channel) => values[(row * 7 + column * 5 + channel) % 3]);
  const [spikes] = encodeImage(model, pixels, 6).layers;
  for (let i = 0; i < 128; i++) {
    const [row, column, channel] = [i >> 6, (i >> 5) & 1, i & 31];
    const value = channel < DRIVERS ? values[(row * 7 + column * 5 + channel) % 3] : SILENT;
    const fired = Array.from({ length: 6 }, (_, t) => spikes[t * 128 + i]).join("");
    assert.equal(fired, { [SILENT]: "000000", [STEADY]: "111111", [SECOND]: "010101" }[value], `neuron ${i}`);
  }
});

/** Weights all positive, all negative or both, with a bias to match, on the drivers alone: as far as 16 bits go. */
function extremeLayer(shape: LayerShape): FloatLayer {
  const random = randomSource(11);
  const sign = (channel: number) => [1, -1, 0, 0][channel % 4];
  return plainLayer(
    shape,
    (row, channel) => {
      if (row % 32 >= DRIVERS) return 0;
      const size = 0.0012 + 0.0003 * random();
      return sign(channel) ? sign(channel) * size : size * (random() < 0.5 ? -1 : 1);
    },
    (channel) => sign(channel) * 0.19,
  );
}

/**
 * Images that drive one neuron of layer 1 as low as it goes, by all its negative inputs at every step; and as high, by first
 * inputs that bring it close below its threshold, then all its positive ones.
 */
function adversarialImages(
  model: Model,
  channel: number,
  weightOf: (driver: readonly number[]) => number,
): Uint8Array[] {
  const layer = model.encoder[1];
  const size = model.imageSize / 2;
  const drivers = Array.from({ length: size * size * DRIVERS }, (_, i) => {
    const position = Math.floor(i / DRIVERS);
    return [Math.floor(position / size), position % size, i % DRIVERS] as const;
  });
  const steady = new Set<string>();
  let potential = layer.bias[channel];
  for (const driver of drivers.sort((a, b) => weightOf(b) - weightOf(a))) {
    const weight = weightOf(driver);
    if (weight <= 0 || potential + weight >= layer.threshold[channel]) continue;
    potential += weight;
    steady.add(driver.join());
  }
  return [
    drivenImage(model, (...driver) => (weightOf(driver) < 0 ? STEADY : SILENT)),
    drivenImage(model, (...driver) => {
      if (steady.has(driver.join())) return STEADY;
      return weightOf(driver) > 0 ? SECOND : SILENT;
    }),
  ];
}

/** @param rowOf - row of the layer's weights that driver (row, column, channel) reaches the chosen neuron by; −1 for none */
async function checkExtremes(
  model: Model,
  rowOf: (driver: readonly number[]) => number,
  report: (text: string) => void,
) {
  const layer = model.encoder[1];
  const images = Array.from(layer.bias, (_, channel) => {
    const weights = column(layer, channel);
    return adversarialImages(model, channel, (driver) => weights[rowOf(driver)] ?? 0);
  });
  const encoded = await checkEncoded(model, { pixels: images.flat(), steps: [16], traces: [true] });
  const lowest = Math.min(...encoded.map((e) => e.potentialRanges[1].lowest));
  const highest = Math.max(...encoded.map((e) => e.potentialRanges[1].highest));
  report(`${layer.lowest} ≤ ${lowest}, ${highest} ≤ ${layer.highest}`);
  // Only what no subset of the inputs fills below the threshold is missing, and a quarter of that.
  assert.ok(lowest <= layer.lowest + 4, `lowest ${lowest}, proved ${layer.lowest}`);
  assert.ok(highest >= layer.highest - 40, `highest ${highest}, proved ${layer.highest}`);
  assert.ok(layer.highest > 30000 && layer.lowest < -15000, "the layer does not go far enough to tell");
}

test("convolution neurons reach the proved bounds and do not wrap", async (t) => {
  const model = withEncoder(8, 3, [
    driverLayer(8),
    extremeLayer({ kind: "conv", inputSize: 4, inChannels: 32, outChannels: 32 }),
    plainLayer({ kind: "linear", inputSize: 1, inChannels: 128, outChannels: 5 }, small(24), () => 0.1),
  ]);
  // Output (1, 1) sees rows and columns 1 to 3.
  const rowOf = ([row, column, channel]: readonly number[]) =>
    row > 0 && column > 0 ? (3 * (row - 1) + column - 1) * 32 + channel : -1;
  await checkExtremes(model, rowOf, (text) => t.diagnostic(text));
});

test("linear neurons reach the proved bounds and do not wrap", async (t) => {
  const model = withEncoder(8, 3, [
    driverLayer(8),
    extremeLayer({ kind: "linear", inputSize: 1, inChannels: 512, outChannels: 32 }),
  ]);
  const rowOf = ([row, column, channel]: readonly number[]) => (4 * row + column) * 32 + channel;
  await checkExtremes(model, rowOf, (text) => t.diagnostic(text));
});

// The library.

const LIBRARY = { latentSize: 33, imageChannels: 3, bits: 6, encoder: true, priors: 2 } as const;

function rejects(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof SpikeletError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

test("encode and reconstruct give what the oracle gives", async () => {
  const model = syntheticModel(LIBRARY);
  const bytes = encodeModel(model);
  for (const build of BUILDS) {
    for (const weights of WEIGHTS) {
      const name = `${build}, ${weights}`;
      const generator = await Generator.load(bytes, { build, weights, encoder: true });
      for (const options of [{}, ...[16, 7, 5, 3, 1].map((timeSteps) => ({ timeSteps }))]) {
        const { timeSteps: steps = model.timeSteps }: { timeSteps?: number } = options;
        for (const pixels of variedImages(model)) {
          const expected = encodeImage(model, pixels, steps);
          const latent = expected.layers[expected.layers.length - 1];
          const { firingRates, ledger } = generator.encode(pixels, { ...options, ledger: true });
          for (let i = 0; i < model.latentSize; i++) {
            let count = 0;
            for (let t = 0; t < steps; t++) count += latent[(t * latent.length) / steps + i];
            assert.equal(firingRates[i], count / steps, `${name}, ${steps} steps: rate ${i}`);
          }
          assert.equal(firingRates.length, model.latentSize, `${name}: rates`);
          assert.deepEqual(
            ledger?.layers,
            expected.ledger.map((events, i) => ({
              name: ["encoder.0", "encoder.1", "before_latent_layer"][i],
              ...events,
            })),
            `${name}, ${steps} steps: ledger`,
          );
          assert.equal(
            ledger?.bytesFetched,
            weights === "streamed" ? streamedBytes(model) : 0,
            `${name}: bytes`,
          );
          assert.equal(ledger?.randomWords, 0, `${name}: random words`);
          assert.equal(
            ledger?.synapticOperations,
            expected.ledger.reduce((sum, l) => sum + l.synapticOperations, 0),
            `${name}: synaptic operations`,
          );
          const seed = 2n ** 63n + 5n;
          const spikes = sampleSpikes(expected.rates, seed, 9, steps);
          const images = generator.reconstruct(pixels, { ...options, seed, index: 9 });
          assert.deepEqual(
            images.pixels,
            decodeSpikes(model, spikes, steps).pixels,
            `${name}: reconstructed`,
          );
          assert.equal(images.count, 1, `${name}: count`);
        }
      }
    }
  }
});

test("encode leaves the pixels, the ledger and generate alone", async () => {
  const model = syntheticModel(LIBRARY);
  const generator = await Generator.load(encodeModel(model), { encoder: true, weights: "streamed" });
  const expected = generate(model, { seed: 3, index: 1, prior: 1 }).pixels;
  const make = () => generator.generate({ seed: 3, index: 1, prior: 1 }).pixels;
  assert.deepEqual(make(), expected, "before");
  const pixels = randomImage(model, 2);
  const copy = pixels.slice();
  const { firingRates, ledger } = generator.encode(pixels);
  assert.equal(ledger, undefined, "a ledger that nobody asked for");
  assert.deepEqual(pixels, copy, "pixels");
  assert.deepEqual(make(), expected, "after encode");
  generator.reconstruct(pixels);
  assert.deepEqual(make(), expected, "after reconstruct");
  assert.deepEqual(generator.encode(pixels).firingRates, firingRates, "encoded again");
});

test("encode and reconstruct say what is wrong", async () => {
  const model = syntheticModel({ ...LIBRARY, timeSteps: 4 });
  const bytes = encodeModel(model);
  const pixels = randomImage(model, 1);
  for (const weights of WEIGHTS) {
    const without = await Generator.load(bytes, { weights });
    assert.throws(() => without.encode(pixels), rejects("bad-option", /without the encoder/));
    assert.throws(() => without.reconstruct(pixels), rejects("bad-option", /without the encoder/));
    await assert.rejects(
      Generator.load(encodeModel({ ...model, encoder: [] }), { weights, encoder: true }),
      rejects("bad-option", /has no encoder/),
    );
    const generator = await Generator.load(bytes, { weights, encoder: true });
    assert.ok(generator.wasmBytes > without.wasmBytes, "the core with the encoder is the larger one");
    for (const length of [0, 1, pixels.length - 1, pixels.length + 1, 2 * pixels.length]) {
      const wrong = new Uint8Array(length);
      assert.throws(() => generator.encode(wrong), rejects("bad-input", new RegExp(`${length} bytes.*192`)));
      assert.throws(() => generator.reconstruct(wrong), rejects("bad-input", /Resize/));
    }
    for (const timeSteps of [0, -1, 5, 16, 1.5, Number.NaN]) {
      assert.throws(() => generator.encode(pixels, { timeSteps }), rejects("bad-option", /timeSteps/));
      assert.throws(() => generator.reconstruct(pixels, { timeSteps }), rejects("bad-option", /timeSteps/));
    }
    assert.throws(() => generator.reconstruct(pixels, { seed: -1 }), rejects("bad-option", /seed/));
    assert.deepEqual(
      generator.encode(pixels).firingRates,
      Float64Array.from(encodeImage(model, pixels, 4).rates, (r) => r / 65536),
      "after errors",
    );
  }
});

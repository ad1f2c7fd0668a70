import assert from "node:assert/strict";
import { test } from "node:test";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { BATCH_NORM_EPSILON, FIRING_THRESHOLD } from "../../src/network.js";
import { createMemory, instantiateKernels } from "../../src/training/kernels.js";
import { type LayerPlan, planMemory, type TrainingPlan, writePlan } from "../../src/training/memory-plan.js";
import { discrepancy } from "../../src/training/mmd.js";
import { addPriorGradient, priorRates } from "../../src/training/prior.js";
import { randomSource } from "../support/models.js";
import { syntheticTensors } from "../support/network.js";

// Gradients against differences of the forward pass, layer by layer, where the layer is smooth.

const IMAGES = 2;
const TIME_STEPS = 3;

/** A network of 8×8 images with three layers either way, in memory, and nothing in it. */
async function smallNetwork(timeSteps = TIME_STEPS) {
  const network = readNetwork(syntheticTensors({ latentSize: 32, timeSteps, imageChannels: 3 }));
  const plan = planMemory(network, { batchSize: IMAGES, threads: 1 });
  const memory = createMemory(plan.bytes);
  writePlan(plan, memory);
  const kernels = await instantiateKernels(memory);
  kernels.enterThread(0, plan.workspace, plan.gradientOffset);
  const view = (address: number, length: number) => new Float32Array(memory.buffer, address, length);
  return { plan, kernels, memory, view };
}

const random = randomSource(11);
const signed = () => 2 * random() - 1;

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** (f(at + h) − f(at − h)) / 2h for the values[i] that f depends on. */
function slope(values: Float32Array | Float64Array, i: number, step: number, f: () => number): number {
  const before = values[i];
  values[i] = before + step;
  const above = f();
  values[i] = before - step;
  const below = f();
  values[i] = before;
  return (above - below) / (2 * step);
}

function checkClose(found: number, expected: number, tolerance: number, what: string): void {
  assert.ok(
    Math.abs(found - expected) <= tolerance * Math.max(1, Math.abs(expected)),
    `${what}: found ${found}, expected ${expected}`,
  );
}

/** Some indices below `length`. */
const some = (length: number) => Array.from({ length: 40 }, () => Math.floor(random() * length));

const layersOf = ({ encoder, decoder }: TrainingPlan) => [...encoder, ...decoder];
const weightsOf = ({ shape }: LayerPlan) =>
  (shape.kind === "linear" ? 1 : 9) * shape.inChannels * shape.outChannels;
const neuronsOf = ({ outputSize, outChannels }: LayerPlan) => outputSize ** 2 * outChannels;

for (const kind of ["linear", "conv", "transposedConv"] as const) {
  test(`synapses, ${kind}: gradients of weights and input spikes`, async () => {
    const { plan, kernels, memory, view } = await smallNetwork();
    const layer = layersOf(plan).find(({ shape }) => shape.kind === kind)!;
    const frames = IMAGES * TIME_STEPS;
    const weights = view(layer.weights, weightsOf(layer)).map(signed);
    view(layer.weights, weights.length).set(weights);
    kernels.packWeights(layer.address, 0, 1);
    const inputs = layer.inputSize ** 2 * layer.inChannels;
    const spikes = new Uint8Array(memory.buffer, layer.inputs, (frames * inputs) / 8);
    spikes.set(spikes.map(() => Math.floor(random() * 256) & Math.floor(random() * 256)));
    // L = Σ coefficient · x, so that ∂L/∂x are the coefficients.
    const coefficients = view(layer.gradient, frames * neuronsOf(layer));
    coefficients.set(coefficients.map(signed));
    const loss = () => {
      for (let image = 0; image < IMAGES; image++) kernels.integrate(layer.address, image);
      return dot(coefficients, view(layer.sums, coefficients.length));
    };
    kernels.clear(layer.weights + plan.gradientOffset, 4 * weights.length);
    for (let image = 0; image < IMAGES; image++) {
      kernels.weightGradient(layer.address, image);
    }
    // Two tiles of frames, of which the second is not full.
    kernels.inputGradient(layer.address, 0, frames);
    for (const i of some(weights.length)) {
      const expected = slope(view(layer.weights, weights.length), i, 0.5, loss);
      checkClose(view(layer.weights + plan.gradientOffset, weights.length)[i], expected, 1e-3, `weight ${i}`);
    }
    for (const i of some(frames * inputs)) {
      const mask = 1 << (i & 7);
      const byte = spikes[i >> 3];
      spikes[i >> 3] = byte | mask;
      const fired = loss();
      spikes[i >> 3] = byte & ~mask;
      const expected = fired - loss();
      spikes[i >> 3] = byte;
      checkClose(view(layer.inputGradient, frames * inputs)[i], expected, 1e-3, `input ${i}`);
    }
  });
}

test("synapses, imageConv: gradient of the weights", async () => {
  const { plan, kernels, view } = await smallNetwork();
  const [layer] = plan.encoder;
  const images = view(layer.inputs, IMAGES * plan.imageValues);
  images.set(images.map(signed));
  const weights = view(layer.weights, weightsOf(layer));
  weights.set(weights.map(signed));
  const neurons = neuronsOf(layer);
  const coefficients = Float32Array.from({ length: IMAGES * neurons }, signed);
  for (let image = 0; image < IMAGES; image++) {
    const part = coefficients.subarray(image * neurons, (image + 1) * neurons);
    view(layer.gradient, IMAGES * TIME_STEPS * neurons).set(part, image * TIME_STEPS * neurons);
  }
  const loss = () => {
    for (let image = 0; image < IMAGES; image++) kernels.convolveImage(layer.address, image);
    return dot(coefficients, view(layer.sums, coefficients.length));
  };
  for (let image = 0; image < IMAGES; image++) kernels.imageWeightGradient(layer.address, image);
  for (const i of some(weights.length)) {
    const found = view(layer.weights + plan.gradientOffset, weights.length)[i];
    checkClose(found, slope(weights, i, 0.5, loss), 1e-3, `weight ${i}`);
  }
});

/** tdBN of sums (rows, channels) in double precision, over the batch. */
function normalized(
  sums: Float64Array,
  channels: number,
  weight: Float32Array,
  bias: Float32Array,
): Float64Array {
  const rows = sums.length / channels;
  const result = new Float64Array(sums.length);
  for (let c = 0; c < channels; c++) {
    let mean = 0;
    for (let i = c; i < sums.length; i += channels) mean += sums[i] / rows;
    let variance = 0;
    for (let i = c; i < sums.length; i += channels) variance += (sums[i] - mean) ** 2 / rows;
    const gain = (FIRING_THRESHOLD * weight[c]) / Math.sqrt(variance + BATCH_NORM_EPSILON);
    for (let i = c; i < sums.length; i += channels) result[i] = gain * (sums[i] - mean) + bias[c];
  }
  return result;
}

test("tdBN: gradients of its input and parameters", async () => {
  // Of a single step: from one to the next the surrogate gradient is that of no function.
  const { plan, kernels, view } = await smallNetwork(1);
  const layer = plan.encoder[1];
  const channels = layer.outChannels;
  const length = IMAGES * neuronsOf(layer);
  const sums = view(layer.sums, length);
  sums.set(sums.map(() => 3 + signed()));
  const weight = view(layer.normWeight, channels);
  const bias = view(layer.normBias, channels);
  // Within the surrogate window, so that ∂L/∂y is ∂L/∂o.
  weight.set(weight.map(() => 0.3 + 0.1 * random()));
  bias.set(bias.map(() => -0.15));
  const coefficients = Float32Array.from({ length }, signed);
  view(layer.gradient, length).set(coefficients);

  kernels.clearMoments(layer.address);
  for (let image = 0; image < IMAGES; image++) kernels.addMoments(layer.address, image);
  kernels.normalize(layer.address, 1, IMAGES, false);
  for (let image = 0; image < IMAGES; image++) kernels.fireBackward(layer.address, image, 0);
  kernels.normalizeGradients(layer.address, 1, IMAGES, false);
  for (let image = 0; image < IMAGES; image++) kernels.normalizeBackward(layer.address, image);

  const exact = Float64Array.from(sums);
  const loss = () => dot(coefficients, normalized(exact, channels, weight, bias));
  for (const i of some(length)) {
    checkClose(view(layer.gradient, length)[i], slope(exact, i, 1e-3, loss), 1e-4, `input ${i}`);
  }
  for (const i of some(channels)) {
    const parameter = (address: number) => view(address + plan.gradientOffset, channels)[i];
    checkClose(parameter(layer.normWeight), slope(weight, i, 0.125, loss), 1e-4, `weight ${i}`);
    checkClose(parameter(layer.normBias), slope(bias, i, 0.125, loss), 1e-4, `bias ${i}`);
    assert.equal(parameter(layer.bias), 0);
  }
});

test("readout: gradients of the squared error", async () => {
  const { plan, kernels, memory, view } = await smallNetwork();
  const { readout } = plan;
  const values = plan.imageValues;
  const spikes = new Uint8Array(memory.buffer, readout.spikes, TIME_STEPS * readout.imageSize ** 2 * 4);
  spikes.set(spikes.map(() => Math.floor(random() * 256) & Math.floor(random() * 256)));
  const weights = view(readout.weights, 9 * readout.imageChannels * 32);
  weights.set(weights.map(() => 0.1 * signed()));
  const bias = view(readout.bias, readout.imageChannels);
  bias.set(bias.map(signed));
  const images = view(readout.images, values);
  images.set(images.map(signed));
  const error = new Float64Array(memory.buffer, readout.squaredErrors, 1);
  const gradientScale = 2 / values;
  const loss = () => {
    error[0] = 0;
    kernels.readOut(readout.address, 0, gradientScale);
    return error[0] / values;
  };
  kernels.clear(plan.parameters.start + plan.gradientOffset, plan.parameters.end - plan.parameters.start);
  loss();
  const weightGradient = view(readout.weights + plan.gradientOffset, weights.length).slice();
  const biasGradient = view(readout.bias + plan.gradientOffset, bias.length).slice();
  for (const i of some(weights.length))
    checkClose(weightGradient[i], slope(weights, i, 0.01, loss), 1e-4, `weight ${i}`);
  for (let i = 0; i < bias.length; i++)
    checkClose(biasGradient[i], slope(bias, i, 0.01, loss), 1e-4, `bias ${i}`);
  // A spike more or less is no small change, unless its coefficient is small.
  const coefficients = view(readout.coefficients, TIME_STEPS);
  coefficients[0] = 0.01;
  loss();
  const gradient = view(readout.gradient, readout.imageSize ** 2 * 32).slice();
  for (const i of some(gradient.length)) {
    const mask = 1 << (i & 7);
    const before = spikes[i >> 3];
    spikes[i >> 3] = before | mask;
    const fired = loss();
    spikes[i >> 3] = before & ~mask;
    const expected = (fired - loss()) / coefficients[0];
    spikes[i >> 3] = before;
    assert.ok(
      Math.abs(gradient[i] - expected) < 2e-4,
      `sum ${i}: found ${gradient[i]}, expected ${expected}`,
    );
  }
});

test("MMD: gradients of the rates; equal rates are no discrepancy", () => {
  const size = 3;
  const posterior = Float64Array.from({ length: 5 * size }, random);
  const prior = Float64Array.from({ length: 5 * size }, random);
  const bandwidth = 0.2;
  const found = discrepancy(posterior, prior, size, bandwidth);
  const value = () => discrepancy(posterior, prior, size, bandwidth).value;
  for (let i = 0; i < posterior.length; i++) {
    checkClose(found.posteriorGradient[i], slope(posterior, i, 1e-4, value), 1e-6, `posterior ${i}`);
    checkClose(found.priorGradient[i], slope(prior, i, 1e-4, value), 1e-6, `prior ${i}`);
  }
  checkClose(discrepancy(posterior, posterior, size).value, 0, 1e-12, "MMD of equal rates");
  const silent = new Float64Array(6);
  assert.equal(discrepancy(silent, silent, size).value, 0);
});

test("prior: gradients of weights and bias", () => {
  const size = 4;
  const parameters = {
    weights: Float32Array.from({ length: size * size }, signed),
    bias: Float32Array.from({ length: size }, signed),
  };
  const normals = Float32Array.from({ length: 3 * size }, signed);
  const coefficients = Float64Array.from(normals, signed);
  const gradient = { weights: new Float32Array(size * size), bias: new Float32Array(size) };
  addPriorGradient(gradient, normals, priorRates(parameters, normals), coefficients);
  const loss = () => dot(coefficients, priorRates(parameters, normals));
  for (const name of ["weights", "bias"] as const) {
    gradient[name].forEach((found, i) => {
      checkClose(found, slope(parameters[name], i, 2 ** -8, loss), 1e-4, `${name} ${i}`);
    });
  }
});

test("AdamW: as written down, in double precision", async () => {
  const { plan, kernels, view } = await smallNetwork();
  const count = 8;
  const start = plan.parameters.start;
  const parameters = view(start, count);
  parameters.set(parameters.map(signed));
  const expected = Float64Array.from(parameters);
  const first = new Float64Array(count);
  const second = new Float64Array(count);
  const [rate, decay] = [0.01, 0.1];
  for (let step = 1; step <= 5; step++) {
    const gradient = view(start + plan.gradientOffset, count);
    gradient.set(gradient.map(signed));
    kernels.adamW(
      start,
      start + 4 * count,
      plan.gradientOffset,
      plan.gradientStride,
      1,
      plan.firstMomentOffset,
      plan.secondMomentOffset,
      rate,
      decay,
      1 - 0.9 ** step,
      1 - 0.999 ** step,
    );
    for (let i = 0; i < count; i++) {
      first[i] = 0.9 * first[i] + 0.1 * gradient[i];
      second[i] = 0.999 * second[i] + 0.001 * gradient[i] ** 2;
      const direction = first[i] / (1 - 0.9 ** step) / (Math.sqrt(second[i] / (1 - 0.999 ** step)) + 1e-8);
      expected[i] = expected[i] * (1 - rate * decay) - rate * direction;
    }
  }
  parameters.forEach((found, i) => {
    checkClose(found, expected[i], 1e-6, `parameter ${i}`);
  });
});

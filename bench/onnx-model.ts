// The decoder as a dense float network in ONNX, the way PyTorch exports the authors' code: every layer runs on all 16
// steps at once, and the LIF neurons are unrolled, because ONNX Runtime's Scan would be slower.

import { type FloatLayer, type Network, SpikeletError } from "../src/index.js";
import { BATCH_NORM_EPSILON, FIRING_THRESHOLD, LEAK, outputSize, READOUT_DECAY } from "../src/network.js";
import { Message } from "./protobuf.js";

// Of onnx.proto: data types, types of attributes.
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_FLOAT = 1;
const ATTRIBUTE_INT = 2;
const ATTRIBUTE_INTS = 7;

type Attributes = Readonly<Record<string, Message>>;

function float(value: number): Message {
  return new Message().float(2, value).integer(20, ATTRIBUTE_FLOAT);
}

function integer(value: number): Message {
  return new Message().integer(3, value).integer(20, ATTRIBUTE_INT);
}

function integers(...values: number[]): Message {
  return new Message().integers(8, values).integer(20, ATTRIBUTE_INTS);
}

function valueInfo(name: string, shape: readonly number[]): Message {
  const dimensions = new Message();
  for (const size of shape) dimensions.message(1, new Message().integer(1, size));
  const tensor = new Message().integer(1, FLOAT).message(2, dimensions);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

/** Nodes and constants of a graph; every method gives the name of its result. */
class Graph {
  readonly message = new Message().text(2, "decoder");
  #names = 0;

  #initializer(shape: readonly number[], type: number, data: ArrayBuffer): string {
    const name = `c${this.#names++}`;
    const tensor = new Message()
      .integers(1, shape)
      .integer(2, type)
      .text(8, name)
      .bytes(9, new Uint8Array(data));
    this.message.message(5, tensor);
    return name;
  }

  floats(values: ArrayLike<number>, ...shape: number[]): string {
    return this.#initializer(shape, FLOAT, Float32Array.from(values).buffer);
  }

  /** A vector, or a scalar if `values` is a number. */
  ints(values: number | readonly number[]): string {
    const list = typeof values === "number" ? [values] : values;
    const shape = typeof values === "number" ? [] : [list.length];
    return this.#initializer(shape, INT64, BigInt64Array.from(list, BigInt).buffer);
  }

  node(operator: string, inputs: readonly string[], attributes: Attributes = {}, name?: string): string {
    const result = name ?? `n${this.#names++}`;
    const node = new Message().texts(1, inputs).text(2, result).text(4, operator);
    for (const [key, value] of Object.entries(attributes)) {
      node.bytes(5, Buffer.concat([new Message().text(1, key).finish(), value.finish()]));
    }
    this.message.message(1, node);
    return result;
  }
}

/** Spikes (steps, …) of the weighted inputs (steps, …). */
function fire(graph: Graph, currents: string, steps: number): string {
  const threshold = graph.floats([FIRING_THRESHOLD]);
  const leak = graph.floats([LEAK]);
  const one = graph.floats([1]);
  const first = graph.ints([0]);
  const trains: string[] = [];
  let carried = "";
  for (let t = 0; t < steps; t++) {
    const current = graph.node("Gather", [currents, graph.ints(t)], { axis: integer(0) });
    const potential = carried ? graph.node("Add", [carried, current]) : current;
    const spikes = graph.node("Cast", [graph.node("Greater", [potential, threshold])], {
      to: integer(FLOAT),
    });
    trains.push(graph.node("Unsqueeze", [spikes, first]));
    if (t === steps - 1) break;
    carried = graph.node("Mul", [graph.node("Mul", [potential, leak]), graph.node("Sub", [one, spikes])]);
  }
  return graph.node("Concat", trains, { axis: integer(0) });
}

/** (taps, inChannels, outChannels) to (inChannels, outChannels, taps). */
function transposedConvWeights(
  weights: ArrayLike<number>,
  inChannels: number,
  outChannels: number,
): Float32Array {
  const result = new Float32Array(weights.length);
  for (let k = 0; k < weights.length; k++) {
    const tap = Math.floor(k / (inChannels * outChannels));
    result[(k % (inChannels * outChannels)) * 9 + tap] = weights[k];
  }
  return result;
}

/** Where an output neuron (row, column, channel) of the linear layer lies in the order (channel, row, column). */
function channelFirst(neuron: number, channels: number, positions: number): number {
  return (neuron % channels) * positions + Math.floor(neuron / channels);
}

function batchNorm(graph: Graph, input: string, layer: FloatLayer, order: (c: number) => number): string {
  const { weight, bias, mean, variance } = layer.batchNorm;
  // ONNX has no Vth in its batch normalization: it goes into the weight.
  const scaled = weight.map((w) => w * FIRING_THRESHOLD);
  const parameters = [scaled, bias, mean, variance].map((values) => {
    const ordered = new Float32Array(values.length);
    values.forEach((v, c) => {
      ordered[order(c)] = v;
    });
    return graph.floats(ordered, values.length);
  });
  return graph.node("BatchNormalization", [input, ...parameters], { epsilon: float(BATCH_NORM_EPSILON) });
}

function linear(graph: Graph, input: string, layer: FloatLayer, order: (c: number) => number): string {
  const { inChannels, outChannels } = layer;
  const weights = new Float32Array(layer.weights.length);
  const bias = new Float32Array(outChannels);
  for (let c = 0; c < outChannels; c++) {
    for (let i = 0; i < inChannels; i++)
      weights[order(c) * inChannels + i] = layer.weights[i * outChannels + c];
    bias[order(c)] = layer.bias[c];
  }
  return graph.node(
    "Gemm",
    [input, graph.floats(weights, outChannels, inChannels), graph.floats(bias, outChannels)],
    { transB: integer(1) },
  );
}

function transposedConv(graph: Graph, input: string, layer: FloatLayer): string {
  const { inChannels, outChannels } = layer;
  const weights = transposedConvWeights(layer.weights, inChannels, outChannels);
  return graph.node(
    "ConvTranspose",
    [input, graph.floats(weights, inChannels, outChannels, 3, 3), graph.floats(layer.bias, outChannels)],
    {
      kernel_shape: integers(3, 3),
      strides: integers(2, 2),
      pads: integers(1, 1, 1, 1),
      output_padding: integers(1, 1),
    },
  );
}

/** tanh(Σ_t 0.8^(T−1−t) · y[t]), summed before the convolution, which is linear. */
function readOut(graph: Graph, spikes: string, network: Network, batch: number): void {
  const { imageSize, imageChannels, readout, timeSteps } = network;
  const inChannels = readout.weights.length / 9 / imageChannels;
  const coefficients = Array.from({ length: timeSteps }, (_, t) => READOUT_DECAY ** (timeSteps - 1 - t));
  const total = coefficients.reduce((sum, c) => sum + c, 0);
  const shape = graph.ints([timeSteps, batch, inChannels, imageSize, imageSize]);
  const trains = graph.node("Reshape", [spikes, shape]);
  const weighted = graph.node("Mul", [trains, graph.floats(coefficients, timeSteps, 1, 1, 1, 1)]);
  const sums = graph.node("ReduceSum", [weighted, graph.ints([0])], { keepdims: integer(0) });
  // (3, 3, imageChannels, inChannels) to (inChannels, imageChannels, 3, 3)
  const weights = Float32Array.from(readout.weights, (_, k) => {
    const channel = Math.floor(k / 9 / imageChannels);
    return readout.weights[
      ((k % 9) * imageChannels + (Math.floor(k / 9) % imageChannels)) * inChannels + channel
    ];
  });
  const convolved = graph.node(
    "ConvTranspose",
    [sums, graph.floats(weights, inChannels, imageChannels, 3, 3)],
    { kernel_shape: integers(3, 3), strides: integers(1, 1), pads: integers(1, 1, 1, 1) },
  );
  const bias = Float32Array.from(readout.bias, (b) => b * total);
  const membrane = graph.node("Add", [convolved, graph.floats(bias, 1, imageChannels, 1, 1)]);
  graph.node("Tanh", [membrane], {}, "image");
}

/** An ONNX file of a network's decoder: `z` (timeSteps, batch, latentSize) to `image` (batch, imageChannels, rows, columns). */
export function encodeOnnx(network: Network, batch: number): Uint8Array {
  const { decoder, imageSize, imageChannels, latentSize, timeSteps } = network;
  const [first, ...convolutions] = decoder;
  if (!convolutions.length) throw new SpikeletError("bad-input", "The decoder has no convolution.");
  const graph = new Graph();
  const { inChannels: mapChannels, inputSize: mapSize } = convolutions[0];
  const order = (c: number) => channelFirst(c, mapChannels, mapSize ** 2);

  const latent = graph.node("Reshape", ["z", graph.ints([-1, latentSize])]);
  let currents = batchNorm(graph, linear(graph, latent, first, order), first, order);
  currents = graph.node("Reshape", [currents, graph.ints([timeSteps, batch, first.outChannels])]);
  let spikes = fire(graph, currents, timeSteps);
  for (const layer of convolutions) {
    const { inChannels, inputSize, outChannels } = layer;
    const size = outputSize(layer);
    const map = graph.node("Reshape", [
      spikes,
      graph.ints([timeSteps * batch, inChannels, inputSize, inputSize]),
    ]);
    currents = batchNorm(graph, transposedConv(graph, map, layer), layer, (c) => c);
    currents = graph.node("Reshape", [currents, graph.ints([timeSteps, batch, outChannels, size, size])]);
    spikes = fire(graph, currents, timeSteps);
  }
  readOut(graph, spikes, network, batch);
  graph.message
    .message(11, valueInfo("z", [timeSteps, batch, latentSize]))
    .message(12, valueInfo("image", [batch, imageChannels, imageSize, imageSize]));

  return new Message()
    .integer(1, 7) // IR version
    .text(2, "spikelet bench")
    .message(7, graph.message)
    .message(8, new Message().text(1, "").integer(2, 13)) // operator set
    .finish();
}

import { type FloatLayer, type Network, READOUT_DECAY, type Tensor } from "../network.js";

/**
 * A network's tensors with the names, shapes and order of the authors' checkpoint: what `readNetwork` takes.
 * @param batches - bn.num_batches_tracked
 */
export function stateDict(network: Network, batches = 0): Map<string, Tensor> {
  const { encoder, decoder, prior, readout, latentSize, imageChannels, timeSteps } = network;
  const tensors = new Map<string, Tensor>();
  const bottomSize = decoder[1].inputSize;
  const bottomChannels = decoder[1].inChannels;
  for (const layer of encoder) {
    const inputs = layer.kind === "linear" ? channelRowColumnOrder(bottomSize, bottomChannels) : undefined;
    addLayer(tensors, layer, batches, { inputs });
  }
  tensors.set("sample_layer.0.weight", { shape: [latentSize, latentSize], data: prior.weights });
  tensors.set("sample_layer.0.bias", { shape: [latentSize], data: prior.bias });
  for (const layer of decoder) {
    const outputs = layer.kind === "linear" ? channelRowColumnOrder(bottomSize, bottomChannels) : undefined;
    addLayer(tensors, layer, batches, { outputs });
  }
  const inChannels = decoder[decoder.length - 1].outChannels;
  tensors.set("final_layer.1.weight", {
    shape: [inChannels, imageChannels, 3, 3, 1],
    data: generate(inChannels * imageChannels * 9, (at) => {
      const tap = at % 9;
      const out = Math.floor(at / 9) % imageChannels;
      const channel = Math.floor(at / (9 * imageChannels));
      return readout.weights[(tap * imageChannels + out) * inChannels + channel];
    }),
  });
  tensors.set("final_layer.1.bias", { shape: [imageChannels], data: readout.bias });
  tensors.set("membrane_output_layer.coef", {
    shape: [1, 1, 1, 1, timeSteps],
    data: generate(timeSteps, (t) => READOUT_DECAY ** (timeSteps - 1 - t)),
  });
  return tensors;
}

interface Orders {
  /** For each input (output) of the tensor its number in the layer; the same if not given. */
  readonly inputs?: Uint32Array | undefined;
  readonly outputs?: Uint32Array | undefined;
}

/** (taps, in, out) to torch's: conv (out, in, 3, 3, 1), transposed conv (in, out, 3, 3, 1), linear (out, in). */
function addLayer(
  tensors: Map<string, Tensor>,
  layer: FloatLayer,
  batches: number,
  { inputs, outputs }: Orders,
): void {
  const { name, kind, inChannels, outChannels, weights, bias, batchNorm } = layer;
  const isTransposed = kind === "transposedConv";
  const taps = kind === "linear" ? 1 : 9;
  const inner = isTransposed ? outChannels : inChannels;
  const data = generate(weights.length, (at) => {
    const tap = at % taps;
    const second = Math.floor(at / taps) % inner;
    const first = Math.floor(at / (taps * inner));
    const [input, output] = isTransposed ? [first, second] : [second, first];
    return weights[
      (tap * inChannels + (inputs?.[input] ?? input)) * outChannels + (outputs?.[output] ?? output)
    ];
  });
  const channels = isTransposed ? [inChannels, outChannels] : [outChannels, inChannels];
  const vector = (values: Float32Array): Tensor => ({
    shape: [outChannels],
    data: outputs === undefined ? values : Float32Array.from(outputs, (output) => values[output]),
  });
  tensors.set(`${name}.weight`, { shape: kind === "linear" ? channels : [...channels, 3, 3, 1], data });
  tensors.set(`${name}.bias`, vector(bias));
  tensors.set(`${name}.bn.weight`, vector(batchNorm.weight));
  tensors.set(`${name}.bn.bias`, vector(batchNorm.bias));
  tensors.set(`${name}.bn.running_mean`, vector(batchNorm.mean));
  tensors.set(`${name}.bn.running_var`, vector(batchNorm.variance));
  tensors.set(`${name}.bn.num_batches_tracked`, { shape: [], data: Float32Array.of(batches) });
}

/** For each neuron of a map in (channel, row, column) order, its index in (row, column, channel) order. */
function channelRowColumnOrder(size: number, channels: number): Uint32Array {
  const positions = size * size;
  return Uint32Array.from({ length: positions * channels }, (_, neuron) => {
    return (neuron % positions) * channels + Math.floor(neuron / positions);
  });
}

function generate(length: number, value: (index: number) => number): Float32Array {
  return Float32Array.from({ length }, (_, index) => value(index));
}

import { SpikeletError } from "../errors.js";
import { LAYER_FIELDS, READOUT_FIELDS, SAMPLER_FIELDS } from "../generated/training-wasm.js";
import { KIND_NUMBERS } from "../model/layout.js";
import type { WeightBits } from "../model/model.js";
import {
  type FloatLayer,
  type LayerShape,
  type Network,
  outputSize,
  READOUT_DECAY,
  tapCount,
} from "../network.js";

// Where everything lies in the training module's memory. The plan is arithmetic on the network's shape: every thread is
// given the same one.

type Record32<Fields extends readonly string[]> = Record<Fields[number], number>;

/** A structure that kernels take, and its address. */
interface Placed {
  readonly address: number;
}
export type LayerPlan = Record32<typeof LAYER_FIELDS> & Placed & { readonly shape: LayerShape };
export type SamplerPlan = Record32<typeof SAMPLER_FIELDS> & Placed;
export type ReadoutPlan = Record32<typeof READOUT_FIELDS> & Placed;

export interface PlanOptions {
  /** Images of a batch, at most. */
  readonly batchSize: number;
  readonly threads: number;
  /** Bits of a weight that training takes into account; the image convolution, of 16 bits, is left as it is. */
  readonly bits?: WeightBits;
}

export interface TrainingPlan extends PlanOptions {
  readonly bytes: number;
  readonly timeSteps: number;
  readonly latentSize: number;
  /** Values of one image. */
  readonly imageValues: number;
  /** In the order of the forward pass. */
  readonly encoder: readonly LayerPlan[];
  readonly decoder: readonly LayerPlan[];
  readonly sampler: SamplerPlan;
  readonly readout: ReadoutPlan;
  /** sample_layer.0, as `Network` has it. */
  readonly prior: { readonly weights: number; readonly bias: number; readonly end: number };
  /** All parameters that are optimized, the prior's last. */
  readonly parameters: { readonly start: number; readonly end: number };
  /** What to add to a parameter's address for its gradient, of thread 0; each further thread's lies `gradientStride` further. */
  readonly gradientOffset: number;
  readonly gradientStride: number;
  readonly firstMomentOffset: number;
  readonly secondMomentOffset: number;
  /** Scratch memory of thread 0; each further thread's lies `workspaceBytes` further. */
  readonly workspace: number;
  readonly workspaceBytes: number;
  /** Words that threads wait on (src/training/barrier.ts), and numbers of the step that thread 0 hands to the others. */
  readonly control: number;
  readonly step: number;
}

/** The module has no data of its own; only address 0 is kept free. */
const FIRST_ADDRESS = 1024;
/** A cache line: what different threads write shall not share one. */
const ALIGNMENT = 64;
const FLOAT_BYTES = 4;
const DOUBLE_BYTES = 8;
const MAX_BYTES = 2 ** 32 - 65536;
/** The kernels for LIF neurons keep potentials and sums in the workspace. */
const LIF_WORKSPACE_BYTES = 1152;
/** The table of spikes and the constants before the workspace (assembly/training/thread.ts). */
const TABLE_BYTES = 4160;
/** What an output row sees, in the workspace (assembly/training/synapses.ts). */
const SEEN_BYTES = 32;
/** Frames whose gradients `inputGradient` lays beside each other in the workspace. */
const TILE_FRAMES = 4;

/**
 * @throws SpikeletError "bad-option" if the batch does not fit in 4 GiB
 */
export function planMemory(network: Network, { batchSize, threads, bits }: PlanOptions): TrainingPlan {
  const { timeSteps, latentSize, imageSize, imageChannels } = network;
  const frames = batchSize * timeSteps;
  let end = FIRST_ADDRESS;
  const take = (bytes: number): number => {
    const address = end;
    end += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return address;
  };
  const floats = (count: number) => take(count * FLOAT_BYTES);
  const doubles = (count: number) => take(count * DOUBLE_BYTES);

  const control = take(ALIGNMENT);
  const step = take(ALIGNMENT);

  // Parameters follow each other, so that one loop optimizes them all.
  const parametersStart = end;
  const parametersOf = (layer: FloatLayer) => ({
    weights: floats(tapCount(layer) * layer.inChannels * layer.outChannels),
    bias: floats(layer.outChannels),
    normWeight: floats(layer.outChannels),
    normBias: floats(layer.outChannels),
  });
  const layers = [...network.encoder, ...network.decoder];
  const parameters = layers.map(parametersOf);
  const readoutParameters = {
    weights: floats(network.readout.weights.length),
    bias: floats(network.readout.bias.length),
  };
  const priorWeights = floats(latentSize ** 2);
  const priorBias = floats(latentSize);
  const parametersEnd = end;
  const parameterBytes = parametersEnd - parametersStart;
  const firstMoments = take(parameterBytes);
  const secondMoments = take(parameterBytes);
  const gradients = take(parameterBytes * threads);

  const imageValues = imageSize ** 2 * imageChannels;
  const images = floats(batchSize * imageValues);
  const reconstructions = floats(batchSize * imageValues);
  const latent = take((frames * latentSize) / 8);

  // A layer's gradient is needed until that of the layer before it is there: two buffers in turn will do.
  const frameNeurons = layers.map((layer) => outputSize(layer) ** 2 * layer.outChannels);
  const buffers = [0, 1].map((parity) =>
    floats(frames * Math.max(latentSize, ...frameNeurons.filter((_, i) => i % 2 === parity))),
  );
  // The sampler stands between the encoder's last layer and the decoder's first, and its latent gradient beside them.
  const latentGradient = floats(frames * latentSize);
  const coefficients = floats(timeSteps);

  let inputs = images;
  const plans = layers.map((layer, i): LayerPlan => {
    const { kind, inputSize, inChannels, outChannels } = layer;
    const isFirstOfDecoder = i === network.encoder.length;
    const channels = () => floats(outChannels);
    const isRounded = bits !== undefined && kind !== "imageConv";
    const spikes = take((frames * frameNeurons[i]) / 8);
    const plan = {
      address: take(LAYER_FIELDS.length * FLOAT_BYTES),
      shape: layer,
      kind: KIND_NUMBERS[kind],
      timeSteps,
      inputSize,
      outputSize: outputSize(layer),
      inChannels,
      outChannels,
      inputs: isFirstOfDecoder ? latent : inputs,
      sums: floats((kind === "imageConv" ? batchSize : frames) * frameNeurons[i]),
      spikes,
      gradient: buffers[i % 2],
      stepCoefficients: i === layers.length - 1 ? coefficients : 0,
      inputGradient: isFirstOfDecoder ? latentGradient : buffers[(i + 1) % 2],
      ...parameters[i],
      usedWeights: isRounded ? floats(layer.weights.length) : parameters[i].weights,
      packedWeights: kind === "imageConv" ? 0 : floats(layer.weights.length),
      runningMean: channels(),
      runningVariance: channels(),
      mean: channels(),
      inverseDeviation: channels(),
      gain: channels(),
      gradientShift: channels(),
      gradientSlope: channels(),
      largestInteger: isRounded ? 2 ** (bits - 1) - 1 : 0,
      scaleParts: isRounded ? channels() : 0,
      scales: isRounded ? channels() : 0,
      units: isRounded ? channels() : 0,
      moments: doubles(4 * outChannels * threads),
      spikeCounts: doubles(threads),
    };
    inputs = spikes;
    return plan;
  });
  const encoder = plans.slice(0, network.encoder.length);
  const decoder = plans.slice(network.encoder.length);
  const posterior = encoder[encoder.length - 1];
  const last = decoder[decoder.length - 1];

  const sampler = {
    address: take(SAMPLER_FIELDS.length * FLOAT_BYTES),
    timeSteps,
    latentSize,
    posterior: posterior.spikes,
    rates: floats(batchSize * latentSize),
    uniforms: floats(frames * latentSize),
    latent,
    latentGradient,
    rateGradient: floats(batchSize * latentSize),
    posteriorGradient: posterior.gradient,
  };
  const readout = {
    address: take(READOUT_FIELDS.length * FLOAT_BYTES),
    timeSteps,
    imageSize,
    imageChannels,
    spikes: last.spikes,
    coefficients,
    ...readoutParameters,
    images,
    reconstructions,
    gradient: last.gradient,
    squaredErrors: doubles(threads),
  };
  const listedRows = layers.map((layer) => tapCount(layer) * layer.inChannels);
  const workspaceBytes =
    TABLE_BYTES +
    Math.max(
      LIF_WORKSPACE_BYTES,
      imageSize ** 2 * (last.outChannels + imageChannels) * FLOAT_BYTES,
      TILE_FRAMES * Math.max(...frameNeurons) * FLOAT_BYTES,
      SEEN_BYTES * imageSize + 2 * (Math.max(...listedRows) + 8),
    );
  const workspace = take(workspaceBytes * threads);
  if (end > MAX_BYTES) {
    throw new SpikeletError(
      "bad-option",
      `A batch of ${batchSize} images needs ${Math.ceil(end / 2 ** 20)} MiB, expected at most ${Math.floor(MAX_BYTES / 2 ** 20)}. ` +
        "Take a smaller --batch, or fewer --time-steps.",
    );
  }
  return {
    batchSize,
    threads,
    ...(bits && { bits }),
    bytes: end,
    timeSteps,
    latentSize,
    imageValues,
    encoder,
    decoder,
    sampler,
    readout,
    prior: { weights: priorWeights, bias: priorBias, end: parametersEnd },
    parameters: { start: parametersStart, end: parametersEnd },
    gradientOffset: gradients - parametersStart,
    gradientStride: parameterBytes,
    firstMomentOffset: firstMoments - parametersStart,
    secondMomentOffset: secondMoments - parametersStart,
    workspace,
    workspaceBytes,
    control,
    step,
  };
}

/** Writes the structures that kernels take, and the readout's coefficients. */
export function writePlan(plan: TrainingPlan, memory: WebAssembly.Memory): void {
  const words = new Uint32Array(memory.buffer);
  const write = <Fields extends readonly string[]>(fields: Fields, values: Record32<Fields> & Placed) => {
    fields.forEach((field, i) => {
      words[values.address / FLOAT_BYTES + i] = values[field as Fields[number]];
    });
  };
  for (const layer of [...plan.encoder, ...plan.decoder]) write(LAYER_FIELDS, layer);
  write(SAMPLER_FIELDS, plan.sampler);
  write(READOUT_FIELDS, plan.readout);
  const coefficients = new Float32Array(memory.buffer, plan.readout.coefficients, plan.timeSteps);
  coefficients.set(coefficients.map((_, t) => READOUT_DECAY ** (plan.timeSteps - 1 - t)));
}

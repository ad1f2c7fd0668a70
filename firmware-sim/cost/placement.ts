import type { Grade, Neuromorphic } from "../devices/device.js";
import type { LayerConnectivity } from "./connectivity.js";

/** What one layer takes of a chip, or why it cannot lie there. */
export type LayerPlacement =
  | {
      readonly name: string;
      readonly neurons: number;
      readonly synapses: number;
      readonly cores: number;
      /** The most of any of its cores; absent where the chip does not limit them. */
      readonly inputAxons?: number;
      readonly outputAxons?: number;
    }
  | {
      readonly name: string;
      readonly neurons: number;
      readonly synapses: number;
      readonly problems: readonly string[];
    };

/** Where a decoder would lie on a chip. A core holds neurons of one layer only. */
export type Placement =
  | {
      readonly outcome: "placed";
      readonly layers: readonly LayerPlacement[];
      readonly cores: number;
      /** Absent if the number of cores a chip has is not known. */
      readonly chips?: number;
      readonly grade: Exclude<Grade, "printed">;
    }
  | {
      readonly outcome: "impossible";
      readonly layers: readonly LayerPlacement[];
      readonly problems: readonly string[];
    }
  /** The device file has no limits. */
  | { readonly outcome: "unknown"; readonly reason: string };

/**
 * Places layers on cores, one core after the other. What a device file does not limit is not checked. The readout, which never
 * fires, is no part of it: it runs beside the cores.
 */
export function place(device: Neuromorphic, layers: readonly LayerConnectivity[]): Placement {
  // From the last to the first, because a core's outgoing axons depend on the cores that its spikes go to.
  const placed: LayerPlacement[] = [];
  let readers: Readers | undefined;
  for (const layer of layers.toReversed()) {
    const { placement, readers: own } = placeLayer(device, layer, readers);
    placed.unshift(placement);
    readers = own;
  }
  const problems = placed.flatMap((layer) =>
    "problems" in layer ? layer.problems.map((problem) => `${layer.name}: ${problem}`) : [],
  );
  const { neuronsPerCore, axonsPerCore, synapsesPerCore, synapseMemory } = device;
  const { inputAxonsPerCore, outputAxonsPerCore } = device;
  if (problems.length) {
    const neurons = layers.reduce((sum, layer) => sum + layer.neurons, 0);
    const room = (neuronsPerCore?.value ?? Infinity) * (device.cores?.value ?? Infinity);
    if (neurons > room) problems.push(`the decoder has ${neurons} neurons; a chip holds ${room}`);
    return { outcome: "impossible", layers: placed, problems };
  }
  const limits = [
    ...[neuronsPerCore, axonsPerCore, synapsesPerCore, synapseMemory],
    ...[inputAxonsPerCore, outputAxonsPerCore],
  ].filter((f) => f !== undefined);
  if (!limits.length) {
    return { outcome: "unknown", reason: `how much a core of ${device.name} holds is not known here` };
  }
  const cores = placed.reduce((sum, layer) => sum + ("cores" in layer ? layer.cores : 0), 0);
  const { least, most } = device.weightBits ?? {};
  const origins = [...limits, least, most, device.cores, device.convolutionWeights, device.supportedLayers];
  return {
    outcome: "placed",
    layers: placed,
    cores,
    ...(device.cores ? { chips: Math.ceil(cores / device.cores.value) } : {}),
    grade: origins.some((origin) => origin?.grade === "weak") ? "weak" : "derived",
  };
}

/** What reads the neurons of a layer. */
interface Readers {
  /** For each position of the next layer's input, how many cores read it. */
  readonly cores: readonly number[];
  /** Neurons at each of these positions. */
  readonly channels: number;
}

function placeLayer(
  device: Neuromorphic,
  layer: LayerConnectivity,
  next: Readers | undefined,
): { readonly placement: LayerPlacement; readonly readers?: Readers } {
  const { name, neurons, synapses } = layer;
  const problems = unmetNeeds(device, layer);
  if (problems.length) return { placement: { name, neurons, synapses, problems } };
  const limits = coreLimits(device, layer);
  if (limits.sharedWeights || limits.crossbar) {
    const cores = limits.sharedWeights
      ? coresWithSharedWeights(limits, layer)
      : coresOfCrossbars(limits, layer);
    return { placement: { name, neurons, synapses, cores } };
  }
  const { cores, inputAxons, outputAxons, readers } = fillCores(limits, layer, next);
  if (outputAxons > limits.outputAxons) {
    const most = `has neurons that send to ${outputAxons} cores; a core has ${limits.outputAxons} outgoing axons`;
    return { placement: { name, neurons, synapses, problems: [most] } };
  }
  const placement = {
    ...{ name, neurons, synapses, cores },
    ...(device.inputAxonsPerCore && { inputAxons }),
    ...(device.outputAxonsPerCore && { outputAxons }),
  };
  return { placement, readers };
}

/** What one core holds of one layer. */
interface CoreLimits {
  readonly neurons: number;
  /** Bits of weights, or synapses where these are counted whatever their width. */
  readonly synapses: number;
  readonly inputAxons: number;
  readonly outputAxons: number;
  readonly crossbar: boolean;
  readonly sharedWeights: boolean;
}

function coreLimits(device: Neuromorphic, layer: LayerConnectivity): CoreLimits {
  const stored = Math.max(layer.bits, device.weightBits?.least.value ?? 1);
  const memory = device.synapseMemory ? Math.floor((device.synapseMemory.value * 8) / stored) : Infinity;
  return {
    neurons: device.neuronsPerCore?.value ?? Infinity,
    synapses: Math.min(memory, device.synapsesPerCore?.value ?? Infinity),
    inputAxons: device.inputAxonsPerCore?.value ?? Infinity,
    outputAxons: device.outputAxonsPerCore?.value ?? Infinity,
    crossbar: device.axonsPerCore !== undefined,
    sharedWeights: device.convolutionWeights?.value === "shared" && layer.kind !== "linear",
  };
}

/** Why not even one neuron of the layer can lie on a core. */
function unmetNeeds(device: Neuromorphic, layer: LayerConnectivity): string[] {
  const problems: string[] = [];
  const { supportedLayers, weightBits, axonsPerCore, inputAxonsPerCore } = device;
  const [{ fanIn }] = layer.positions;
  if (supportedLayers && !supportedLayers.value.some((kind) => kind === layer.kind)) {
    problems.push(`is a ${layer.kind} layer; ${device.name} runs ${supportedLayers.value.join(" and ")}`);
  }
  if (weightBits && layer.bits > weightBits.most.value) {
    problems.push(`has weights of ${layer.bits} bits; a core holds ${weightBits.most.value} at most`);
  }
  for (const axons of [axonsPerCore, inputAxonsPerCore]) {
    if (axons && fanIn > axons.value) {
      problems.push(`has neurons with ${fanIn} inputs; a core has ${axons.value}`);
    }
  }
  const { sharedWeights, synapses } = coreLimits(device, layer);
  const kernel = sharedWeights ? layer.weights / layer.outChannels : fanIn;
  if (kernel > synapses) {
    problems.push(`has neurons with ${kernel} weights; a core holds ${synapses}`);
  }
  return problems;
}

/** The best split into blocks of c channels by p positions, each with one copy of c kernels. */
function coresWithSharedWeights(limits: CoreLimits, layer: LayerConnectivity): number {
  const { outChannels } = layer;
  const positions = layer.neurons / outChannels;
  const kernel = layer.weights / outChannels;
  let least = Infinity;
  for (let c = 1; c <= outChannels && c <= limits.neurons && c * kernel <= limits.synapses; c++) {
    const blocks =
      Math.ceil(outChannels / c) * Math.max(1, Math.ceil(positions / Math.floor(limits.neurons / c)));
    least = Math.min(least, blocks);
  }
  return least;
}

/** Neurons at one position share their inputs; those of two positions might need more inputs than a crossbar has. */
function coresOfCrossbars(limits: CoreLimits, layer: LayerConnectivity): number {
  return layer.positions.reduce((sum, { count, fanIn }) => {
    const neurons = Math.min(limits.neurons, Math.floor(limits.synapses / fanIn));
    return sum + count * Math.ceil(layer.outChannels / neurons);
  }, 0);
}

/** One core while it is filled. */
interface Core {
  neurons: number;
  synapses: number;
  outputAxons: number;
  /** Positions whose neurons it receives spikes from. */
  readonly inputs: Set<number>;
}

/**
 * Fills core after core: positions row by row, at each all channels, since these have the same inputs. Neighbours share most of
 * their inputs and of the cores that they send to, which keeps axons few.
 */
function fillCores(limits: CoreLimits, layer: LayerConnectivity, next: Readers | undefined) {
  const { inputs, inChannels, outChannels } = layer;
  const readers = Array.from({ length: 1 + Math.max(...inputs.flat()) }, () => new Set<Core>());
  const cores: Core[] = [];
  let core: Core | undefined;
  inputs.forEach((reaching, position) => {
    const fanIn = reaching.length * inChannels;
    for (let channel = 0; channel < outChannels; channel++) {
      const neuron = position * outChannels + channel;
      // The latent has no core, and the last layer's spikes go to the readout, which has none either.
      const outgoing = next ? next.cores[Math.floor(neuron / next.channels)] : 0;
      if (!core || !hasRoom(core, limits, { fanIn, outgoing, reaching, inChannels })) {
        core = { neurons: 0, synapses: 0, outputAxons: 0, inputs: new Set() };
        cores.push(core);
      }
      core.neurons++;
      core.synapses += fanIn;
      core.outputAxons += outgoing;
      for (const input of reaching) {
        core.inputs.add(input);
        readers[input].add(core);
      }
    }
  });
  return {
    cores: cores.length,
    inputAxons: Math.max(...cores.map((one) => one.inputs.size * inChannels)),
    outputAxons: Math.max(...cores.map((one) => one.outputAxons)),
    readers: { cores: readers.map(({ size }) => size), channels: inChannels },
  };
}

function hasRoom(
  core: Core,
  limits: CoreLimits,
  neuron: {
    readonly fanIn: number;
    readonly outgoing: number;
    readonly reaching: readonly number[];
    readonly inChannels: number;
  },
): boolean {
  const more = neuron.reaching.filter((input) => !core.inputs.has(input)).length;
  return (
    core.neurons < limits.neurons &&
    core.synapses + neuron.fanIn <= limits.synapses &&
    core.outputAxons + neuron.outgoing <= limits.outputAxons &&
    (core.inputs.size + more) * neuron.inChannels <= limits.inputAxons
  );
}

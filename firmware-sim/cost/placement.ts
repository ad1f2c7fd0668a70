import type { Grade, Neuromorphic } from "../devices/device.js";
import type { LayerConnectivity } from "./connectivity.js";

/** What one layer takes of a chip, or why it cannot lie there. */
export type LayerPlacement =
  | { readonly name: string; readonly neurons: number; readonly synapses: number; readonly cores: number }
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
  /** The chip's limits are not published. */
  | { readonly outcome: "unknown"; readonly reason: string };

/**
 * Places layers on cores, one core after the other. What a device file does not limit is not checked. The readout, which never
 * fires, is no part of it: it runs beside the cores.
 */
export function place(device: Neuromorphic, layers: readonly LayerConnectivity[]): Placement {
  const placed = layers.map((layer) => placeLayer(device, layer));
  const problems = placed.flatMap((layer) =>
    "problems" in layer ? layer.problems.map((problem) => `${layer.name}: ${problem}`) : [],
  );
  const { neuronsPerCore, axonsPerCore, synapsesPerCore, synapseMemory } = device;
  if (problems.length) {
    const neurons = layers.reduce((sum, layer) => sum + layer.neurons, 0);
    const room = (neuronsPerCore?.value ?? Infinity) * (device.cores?.value ?? Infinity);
    if (neurons > room) problems.push(`the decoder has ${neurons} neurons; a chip holds ${room}`);
    return { outcome: "impossible", layers: placed, problems };
  }
  const limits = [neuronsPerCore, axonsPerCore, synapsesPerCore, synapseMemory].filter(
    (f) => f !== undefined,
  );
  if (!limits.length) {
    return { outcome: "unknown", reason: `how much a core of ${device.name} holds is not published` };
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

function placeLayer(device: Neuromorphic, layer: LayerConnectivity): LayerPlacement {
  const { name, neurons, synapses } = layer;
  const problems = unmetNeeds(device, layer);
  if (problems.length) return { name, neurons, synapses, problems };
  return { name, neurons, synapses, cores: countCores(coreLimits(device, layer), layer) };
}

/** What one core holds of one layer. */
interface CoreLimits {
  readonly neurons: number;
  /** Bits of weights, or synapses where these are counted whatever their width. */
  readonly synapses: number;
  readonly crossbar: boolean;
  readonly sharedWeights: boolean;
}

function coreLimits(device: Neuromorphic, layer: LayerConnectivity): CoreLimits {
  const stored = Math.max(layer.bits, device.weightBits?.least.value ?? 1);
  const memory = device.synapseMemory ? Math.floor((device.synapseMemory.value * 8) / stored) : Infinity;
  return {
    neurons: device.neuronsPerCore?.value ?? Infinity,
    synapses: Math.min(memory, device.synapsesPerCore?.value ?? Infinity),
    crossbar: device.axonsPerCore !== undefined,
    sharedWeights: device.convolutionWeights?.value === "shared" && layer.kind !== "linear",
  };
}

/** Why not even one neuron of the layer can lie on a core. */
function unmetNeeds(device: Neuromorphic, layer: LayerConnectivity): string[] {
  const problems: string[] = [];
  const { supportedLayers, weightBits, axonsPerCore } = device;
  const [{ fanIn }] = layer.positions;
  if (supportedLayers && !supportedLayers.value.some((kind) => kind === layer.kind)) {
    problems.push(`is a ${layer.kind} layer; ${device.name} runs ${supportedLayers.value.join(" and ")}`);
  }
  if (weightBits && layer.bits > weightBits.most.value) {
    problems.push(`has weights of ${layer.bits} bits; a core holds ${weightBits.most.value} at most`);
  }
  if (axonsPerCore && fanIn > axonsPerCore.value) {
    problems.push(`has neurons with ${fanIn} inputs; a core has ${axonsPerCore.value}`);
  }
  const { sharedWeights, synapses } = coreLimits(device, layer);
  const kernel = sharedWeights ? layer.weights / layer.outChannels : fanIn;
  if (kernel > synapses) {
    problems.push(`has neurons with ${kernel} weights; a core holds ${synapses}`);
  }
  return problems;
}

function countCores(limits: CoreLimits, layer: LayerConnectivity): number {
  if (limits.sharedWeights) return coresWithSharedWeights(limits, layer);
  return limits.crossbar ? coresOfCrossbars(limits, layer) : coresWithStoredWeights(limits, layer);
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

/** Fills core after core, neurons of large fan-in first. */
function coresWithStoredWeights(limits: CoreLimits, layer: LayerConnectivity): number {
  let cores = 0;
  let freeNeurons = 0;
  let freeSynapses = 0;
  for (const { count, fanIn } of layer.positions) {
    let left = count * layer.outChannels;
    while (left > 0) {
      let taken = Math.min(left, freeNeurons, Math.floor(freeSynapses / fanIn));
      if (taken === 0) {
        cores++;
        freeNeurons = limits.neurons;
        freeSynapses = limits.synapses;
        taken = Math.min(left, freeNeurons, Math.floor(freeSynapses / fanIn));
      }
      left -= taken;
      freeNeurons -= taken;
      freeSynapses -= taken * fanIn;
    }
  }
  return cores;
}

// How much happens in each layer while images are encoded and decoded.

import type { Generator } from "../runtime/generator.js";
import type { LayerLedger, Ledger } from "../runtime/ledger.js";

/** Means over images. */
export interface LayerActivity {
  readonly part: "encoder" | "decoder";
  /** Name in the reference code; `final_layer.1` is the readout. */
  readonly name: string;
  /** Spikes of a neuron in a time step, 0 … 1; null for the readout, which has no neurons. */
  readonly firingRate: number | null;
  /** Per image. */
  readonly synapticOperations: number;
}

export interface ActivityOptions {
  readonly seed: bigint;
  readonly timeSteps: number;
  /** Called between images, to let other things happen. */
  readonly pause?: () => Promise<void>;
}

/**
 * Encodes images, decodes what comes out, and counts.
 * @param pixels - (count, imageSize, imageSize, imageChannels), image i with the random numbers of image i
 */
export async function measureActivity(
  generator: Generator,
  pixels: Uint8Array,
  { seed, timeSteps, pause }: ActivityOptions,
): Promise<LayerActivity[]> {
  const { imageBytes } = generator;
  const count = pixels.length / imageBytes;
  let total: LayerActivity[] = [];
  for (let index = 0; index < count; index++) {
    await pause?.();
    const image = pixels.subarray(index * imageBytes, (index + 1) * imageBytes);
    const { firingRates, ledger } = generator.encode(image, { timeSteps, ledger: true });
    const decoded = generator.decode({ firingRates, seed, index, timeSteps, ledger: true });
    const latentRate = firingRates.reduce((sum, rate) => sum + rate, 0) / firingRates.length;
    total = add(total, [
      ...layersOf("encoder", ledger!, latentRate),
      ...layersOf("decoder", decoded.ledgers[0], null),
    ]);
  }
  return total.map((layer) => ({
    ...layer,
    firingRate: layer.firingRate === null ? null : layer.firingRate / count,
    synapticOperations: layer.synapticOperations / count,
  }));
}

/**
 * A layer's spikes are those that enter the next one.
 * @param lastRate - of the last layer, whose spikes enter none
 */
function layersOf(part: LayerActivity["part"], { layers }: Ledger, lastRate: number | null): LayerActivity[] {
  const rateOf = ({ neuronUpdates }: LayerLedger, next: LayerLedger | undefined) =>
    next === undefined ? lastRate : next.spikes / neuronUpdates;
  return layers.map((layer, i) => ({
    part,
    name: layer.name,
    firingRate: rateOf(layer, layers[i + 1]),
    synapticOperations: layer.synapticOperations,
  }));
}

function add(total: readonly LayerActivity[], more: readonly LayerActivity[]): LayerActivity[] {
  return more.map((layer, i) => {
    const before = total[i];
    if (before === undefined) return layer;
    return {
      ...layer,
      firingRate: layer.firingRate === null ? null : layer.firingRate + before.firingRate!,
      synapticOperations: layer.synapticOperations + before.synapticOperations,
    };
  });
}

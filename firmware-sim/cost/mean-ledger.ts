import { SpikeletError } from "../../src/errors.js";
import type { Ledger, ReadoutLedger } from "../../src/runtime/ledger.js";

/** What happens in one layer while one image is made, on average. */
export interface MeanLayerLedger {
  readonly name: string;
  readonly spikesIn: number;
  /** Spikes into the next layer; 0 for the last one, which never fires. */
  readonly spikesOut: number;
  readonly synapticOperations: number;
  readonly neuronUpdates: number;
}

/** The mean of the ledgers of several images. */
export interface MeanLedger {
  readonly images: number;
  /** The decoder's spiking layers, then the readout. */
  readonly layers: readonly MeanLayerLedger[];
  /** Of the spiking layers. */
  readonly synapticOperations: number;
  /** Of that mean; null for one image. */
  readonly standardError: number | null;
  readonly readout: ReadoutLedger;
  readonly randomWords: number;
}

/**
 * Averages the ledgers of one model's images.
 * @throws SpikeletError "bad-option" if there is none
 */
export function meanLedger(ledgers: readonly Ledger[]): MeanLedger {
  if (!ledgers.length) {
    throw new SpikeletError(
      "bad-option",
      "There is no ledger to average; expected at least one. Generate images with `ledger: true`.",
    );
  }
  const mean = (of: (ledger: Ledger) => number): number =>
    ledgers.reduce((sum, ledger) => sum + of(ledger), 0) / ledgers.length;
  const layers = ledgers[0].layers.map(({ name, neuronUpdates }, i) => ({
    name,
    spikesIn: mean((ledger) => ledger.layers[i].spikes),
    spikesOut: mean((ledger) => ledger.layers[i + 1]?.spikes ?? 0),
    synapticOperations: mean((ledger) => ledger.layers[i].synapticOperations),
    neuronUpdates,
  }));
  const operations = mean((ledger) => ledger.synapticOperations);
  const squares = ledgers.reduce((sum, ledger) => sum + (ledger.synapticOperations - operations) ** 2, 0);
  return {
    images: ledgers.length,
    layers,
    synapticOperations: operations,
    standardError: ledgers.length > 1 ? Math.sqrt(squares / (ledgers.length - 1) / ledgers.length) : null,
    readout: {
      additions: mean((ledger) => ledger.readout.additions),
      multiplications: ledgers[0].readout.multiplications,
    },
    randomWords: mean((ledger) => ledger.randomWords),
  };
}

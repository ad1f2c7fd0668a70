import type { Ledger } from "../src/index.js";

/** Five numbers of a sample. */
export interface Spread {
  readonly min: number;
  readonly lowerQuartile: number;
  readonly median: number;
  readonly upperQuartile: number;
  readonly max: number;
}

function quantile(sorted: readonly number[], q: number): number {
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.ceil(place);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    min: sorted[0],
    lowerQuartile: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    upperQuartile: quantile(sorted, 0.75),
    max: sorted[sorted.length - 1],
  };
}

/** Of a / b round by round: what slows the machine down for a while slows both, so this is steadier than the ratio of medians. */
export function ratiosOf(a: readonly number[], b: readonly number[]): Spread {
  return spreadOf(a.map((value, round) => value / b[round]));
}

export function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** One for each spike and synapse that it reached, in the readout too: what times and instructions are divided by. */
export function reachedSynapses({ layers }: Ledger): number {
  return sumOf(layers.map(({ synapticOperations }) => synapticOperations));
}

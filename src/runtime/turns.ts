/** 2^64 divided by the golden ratio, odd. */
const GOLDEN = 0x9e3779b97f4a7c15n;
const WORD = 2 ** 32;

/** Which prior each image of a run is drawn from: a function of its index alone. Plain data, for worker threads. */
export interface Turns {
  /** Image i takes prior i mod n, unless there are bounds. */
  readonly priors: readonly string[];
  /** (priors) Where the part of each ends in 0 … 2^32, in rising order. */
  readonly bounds?: readonly number[];
}

/** Turns in which each prior comes as often as its number in `frequency` says, relative to the others. */
export function turnsByFrequency(priors: readonly string[], frequency: readonly number[]): Turns {
  const total = frequency.reduce((sum, n) => sum + n, 0);
  let sum = 0;
  const bounds = frequency.map((n) => {
    sum += n;
    return Math.round((sum / total) * WORD);
  });
  return { priors, bounds };
}

/** The place in `priors` of the one that image `index` takes. */
export function turnOf({ priors, bounds }: Turns, index: bigint): number {
  if (bounds === undefined) return Number(index % BigInt(priors.length));
  // Multiples of the golden ratio spread more evenly than random numbers: every stretch of a run has nearly its share of each.
  const u = Number(BigInt.asUintN(64, index * GOLDEN) >> 32n);
  return bounds.findIndex((bound) => u < bound);
}

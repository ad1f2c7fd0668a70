import type { Figure, Grade, How } from "../devices/device.js";

/** A result with its origin. */
export interface Priced {
  readonly value: number;
  readonly unit: string;
  /** "weak" if one figure behind it is: to be shown with that mark, never as fact. */
  readonly grade: Exclude<Grade, "printed">;
  /** The least direct way in which a figure behind it was obtained. */
  readonly basis: How;
  /** Each once. */
  readonly sources: readonly string[];
  readonly note?: string;
}

/** For what has no published price; never to be taken as zero. */
export interface NotPriced {
  readonly notPriced: string;
}

export type Estimate = Priced | NotPriced;

/**
 * Whether there is a figure: if not, `notPriced` says why.
 * @example
 * ```ts
 * import { type Estimate, isPriced } from "spikelet/simulator";
 *
 * const format = (estimate: Estimate) => (isPriced(estimate) ? `${estimate.value} ${estimate.unit}` : estimate.notPriced);
 * ```
 */
export function isPriced(estimate: Estimate): estimate is Priced {
  return "value" in estimate;
}

/** From what stands on a device to what was only said. */
const DIRECTNESS: readonly How[] = ["measured", "specified", "simulated", "fitted", "unstated"];

function leastDirect(ways: readonly How[]): How {
  return DIRECTNESS[Math.max(0, ...ways.map((how) => DIRECTNESS.indexOf(how)))];
}

/**
 * An estimate computed from figures.
 * @param basis - how the count that the figures are multiplied with was obtained, if it was not counted exactly
 */
export function priced(
  value: number,
  unit: string,
  figures: readonly Pick<Figure, "grade" | "how" | "source">[],
  options: { readonly basis?: How; readonly note?: string } = {},
): Priced {
  const ways = figures.map((figure) => figure.how);
  if (options.basis) ways.push(options.basis);
  return {
    value,
    unit,
    grade: figures.some((figure) => figure.grade === "weak") ? "weak" : "derived",
    basis: leastDirect(ways),
    sources: [...new Set(figures.map((figure) => figure.source))],
    ...(options.note === undefined ? {} : { note: options.note }),
  };
}

/** Sum of what is priced; the caller says beside it what is not. All in one unit. */
export function sum(estimates: readonly Estimate[], unit: string): Estimate {
  const terms = estimates.filter(isPriced);
  if (!terms.length) return { notPriced: "none of its terms has a price" };
  return {
    value: terms.reduce((total, term) => total + term.value, 0),
    unit,
    grade: terms.some((term) => term.grade === "weak") ? "weak" : "derived",
    basis: leastDirect(terms.map((term) => term.basis)),
    sources: [...new Set(terms.flatMap((term) => term.sources))],
  };
}

/** The estimate of `next` for the value of another one, with the origin of both; as not priced as that one is. */
export function onPriced(estimate: Estimate, next: (value: number) => Estimate): Estimate {
  if (!isPriced(estimate)) return estimate;
  const result = next(estimate.value);
  if (!isPriced(result)) return result;
  const notes = [estimate.note, result.note].filter((note) => note !== undefined);
  return {
    ...result,
    grade: estimate.grade === "weak" ? "weak" : result.grade,
    sources: [...new Set([...estimate.sources, ...result.sources])],
    ...(notes.length ? { note: [...new Set(notes)].join("; ") } : {}),
  };
}

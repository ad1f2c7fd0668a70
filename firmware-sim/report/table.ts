import { formatCount } from "../../src/numbers.js";
import { type Estimate, isPriced, type Priced } from "../cost/estimate.js";

/** How a figure was obtained, by its letter. */
export const MARKS = {
  c: "counted exactly",
  m: "measured",
  s: "simulated",
  f: "simulated, with figures fitted to what was measured of whole runs",
  u: "simulated, with a figure whose publisher does not say how it was obtained",
  w: "weak: a figure behind it was never seen in its source, or the source is no authority",
} as const;
export type Mark = keyof typeof MARKS;

/** One cell of a table. */
export interface Cell {
  readonly text: string;
  readonly marks?: readonly Mark[];
  /** Numbers of footnotes. */
  readonly notes?: readonly number[];
}

/** What the terminal and the page both show. */
export interface Table {
  readonly title: string;
  readonly heads: readonly string[];
  /** The first cell names the row; the others are numbers. */
  readonly rows: readonly (readonly (string | Cell)[])[];
  /** Sentences to stand under it. */
  readonly remarks: readonly string[];
}

/** Collects footnotes, each once; they are numbered from 1. */
export class Footnotes {
  readonly #texts: string[] = [];

  get texts(): readonly string[] {
    return this.#texts;
  }

  /** Numbers of these texts, in order. */
  add(texts: readonly string[]): number[] {
    const numbers = texts.map((text) => {
      const found = this.#texts.indexOf(text);
      return found < 0 ? this.#texts.push(text) : found + 1;
    });
    return [...new Set(numbers)].sort((a, b) => a - b);
  }
}

/** Ascending numbers by runs: three and more in a row as [first, last], others alone. */
export function runsOf(numbers: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run?.at(-1) === number - 1) run.push(number);
    else runs.push([number]);
  }
  return runs.flatMap((run) => (run.length > 2 ? [[run[0], run[run.length - 1]]] : run.map((one) => [one])));
}

/** Marks of a priced figure. */
export function marksOf({ basis, grade }: Priced): Mark[] {
  const letter = ({ measured: "m", specified: "s", simulated: "s", fitted: "f", unstated: "u" } as const)[
    basis
  ];
  return grade === "weak" ? [letter, "w"] : [letter];
}

/** A cell for an exact count. */
export function countedCell(count: number): Cell {
  return { text: formatCount(count), marks: ["c"] };
}

/** A cell for an estimate; the reason of what is not priced goes to the footnotes. */
export function estimateCell(
  estimate: Estimate,
  footnotes: Footnotes,
  format: (value: number, unit: string) => string,
): Cell {
  if (isPriced(estimate)) return { text: format(estimate.value, estimate.unit), marks: marksOf(estimate) };
  return { text: "not priced", notes: footnotes.add([`not priced: ${estimate.notPriced}`]) };
}

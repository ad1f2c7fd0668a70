import { SpikeletError } from "../../src/errors.js";
import { OVERALL_NAMES } from "../../src/priors/with-fitted-priors.js";
import { type Turns, turnOf } from "../../src/runtime/turns.js";

/** Numbers for the classes that the images of a run are of. */
export interface Labels {
  /** The name of each label, from 0. */
  readonly names: readonly string[];
  /** The label of each prior of the run's turns. */
  readonly ofTurn: readonly number[];
}

/** Labels are stored in a byte. */
const MAX_LABEL = 255;

/** The priors of a model that are of a class, in the order of their labels. */
export function classNames(priors: readonly string[]): string[] {
  return priors.filter((name) => !OVERALL_NAMES.includes(name));
}

/**
 * Labels for images of `turns`; undefined if a prior is of no class. A class whose name is a number has that label, if all are so
 * named; else the labels are the places of the classes in the model.
 */
export function labelsOf({ priors }: Turns, modelPriors: readonly string[]): Labels | undefined {
  const classes = classNames(modelPriors);
  if (!priors.every((name) => classes.includes(name))) return undefined;
  const numbers = classes.map((name) => (/^(0|[1-9]\d{0,2})$/.test(name) ? Number(name) : Number.NaN));
  if (numbers.every((number) => number <= MAX_LABEL)) {
    const names = Array.from({ length: Math.max(...numbers) + 1 }, (_, label) => String(label));
    return { names, ofTurn: priors.map(Number) };
  }
  return { names: classes, ofTurn: priors.map((name) => classes.indexOf(name)) };
}

/** The label of image `index`. */
export function labelOf(labels: Labels, turns: Turns, index: bigint): number {
  return labels.ofTurn[turnOf(turns, index)];
}

/** A class's name as that of a folder. */
export function classFolder(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (!/[\\/:*?"<>|\u0000-\u001f]/.test(name) && !name.startsWith(".")) return name;
  throw new SpikeletError(
    "bad-option",
    `Found a class named ${JSON.stringify(name)}, which cannot be a folder's name; expected another --format than png`,
  );
}

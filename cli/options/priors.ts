import { SpikeletError } from "../../src/errors.js";
import { nearestHint } from "../../src/nearest.js";

/** A parser for commander that takes names with commas between them. */
export function classOption(text: string): string[] {
  const names = text.split(",");
  if (names.every((name) => name !== "")) return names;
  throw new SpikeletError(
    "bad-option",
    `--class: found "${text}", expected names with commas between them; for example --class 0,8`,
  );
}

/** Throws unless the model has a prior `name`; `found` says where the name was given. */
export function checkPrior(found: string, name: string, names: readonly string[]): string {
  if (names.includes(name)) return name;
  throw new SpikeletError(
    "bad-option",
    `${found}${nearestHint(name, names)}, expected one that the model has: ${names.join(", ")}`,
  );
}

/** The priors that the images of a run take in turn: the classes, or the prior, asked for, else the model's first. */
export function choosePriors(
  { prior, class: classes }: { readonly prior?: string; readonly class?: readonly string[] },
  names: readonly string[],
): string[] {
  if (classes !== undefined)
    return classes.map((name) => checkPrior(`--class: found "${name}"`, name, names));
  return [prior === undefined ? names[0] : checkPrior(`--prior: found "${prior}"`, prior, names)];
}

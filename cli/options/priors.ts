import { Option } from "commander";
import { SpikeletError } from "../../src/errors.js";
import { nearestHint } from "../../src/nearest.js";
import { classNames } from "../output/classes.js";
import { bytesOption } from "./options.js";

/** More would not be read from flash but from a disk. */
const MOST_BOOK_BYTES = 2 ** 26;

/** `--book` of the commands that fit priors. */
export function bookOption(): Option {
  return new Option(
    "--book <bytes>",
    "codes of all classes together, such as 16K, 64K, 128K (default: 64K)",
  ).argParser(bytesOption("--book", { min: 8, max: MOST_BOOK_BYTES }));
}

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

/** Stands for all classes of a model. */
const ALL_CLASSES = "all";

/** The priors that the images of a run take in turn: the classes, or the prior, asked for, else the model's first. */
export function choosePriors(
  { prior, classes }: { readonly prior?: string; readonly classes?: readonly string[] },
  names: readonly string[],
): string[] {
  if (classes === undefined) {
    return [prior === undefined ? names[0] : checkPrior(`--prior: found "${prior}"`, prior, names)];
  }
  if (classes.length === 1 && classes[0] === ALL_CLASSES && !names.includes(ALL_CLASSES))
    return allClasses(names);
  return classes.map((name) => checkPrior(`--class: found "${name}"`, name, names));
}

function allClasses(names: readonly string[]): string[] {
  const classes = classNames(names);
  if (classes.length > 0) return classes;
  throw new SpikeletError(
    "bad-option",
    `--class: found "${ALL_CLASSES}" for a model with the priors ${names.join(", ")}, expected one with class priors; ` +
      "fit them with spikelet fit",
  );
}

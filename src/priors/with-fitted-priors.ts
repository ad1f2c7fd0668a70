import { codeBytes, MAX_CODES, MAX_PRIORS, WHOLE_SHARE } from "../../assembly/core/format";
import { SpikeletError } from "../errors.js";
import { sharesOf } from "../model/mixture.js";
import type { BookPrior, Model, Prior } from "../model/model.js";
import type { Tensor } from "../network.js";
import { LEARNED_NAME, quantizePrior } from "../quantize/quantize.js";
import { fitBook } from "./book.js";
import { type FittedPrior, fitMixture, fitPrior, MOST_ROUNDS } from "./gaussian-mixture.js";
import { sharpened } from "./sharpness.js";

/** Names of the priors that are fitted to all images. */
const MIXTURE_NAME = "mixture";
const BOOK_NAME = "book";
/** Priors of these names are of all images; any other is of a class. */
export const OVERALL_NAMES: readonly string[] = [BOOK_NAME, MIXTURE_NAME, LEARNED_NAME];
/** Seed of the mixture's starting points and of the codes' bits: the same rates give the same priors. */
const SEED = 1;

/** How priors are fitted; docs/evaluation.md compares them. */
export const PRIOR_KINDS = ["book", "gaussian"] as const;
export type PriorKind = (typeof PRIOR_KINDS)[number];
/** Bytes of the codes of all classes together, if nothing else is said. */
export const DEFAULT_BOOK_BYTES = 65536;

export interface FitPriorsOptions {
  /** (N, latentSize) posterior firing rates of N images, multiples of 1/timeSteps. */
  readonly rates: Tensor;
  /** (N) Class of each image; without labels no class priors are fitted. */
  readonly labels?: ArrayLike<number>;
  /** Names of the class priors by label; the label's number where there is none. */
  readonly classNames?: readonly string[];
  readonly timeSteps: number;
  readonly kind: PriorKind;
  /** Of books: bytes of all codes together, at most; `DEFAULT_BOOK_BYTES` if not given. */
  readonly bookBytes?: number;
  /** Of Gaussians: how many are in the mixture over all images; 0, or not given, for no mixture. */
  readonly components?: number;
  /** Called as the fit goes on with the number of steps done, of those that `fitSteps` says. */
  readonly onStep?: (done: number) => void;
}

/** Steps of a fit: rounds of the mixture, which may need fewer, and books or classes. */
export function fitSteps({
  kind,
  labels,
  components,
}: Pick<FitPriorsOptions, "kind" | "labels" | "components">): number {
  const classes = new Set(Array.from(labels ?? [])).size;
  return kind === "book" ? classes || 1 : mixtureRounds(components) + classes;
}

function mixtureRounds(components = 0): number {
  return components > 0 ? MOST_ROUNDS : 0;
}

/**
 * The model with priors fitted to its encoder's rates: first one over all images, which becomes the default, then the priors
 * that it has, then one for each class. Priors of those names are replaced, and so is what was fitted to all images before.
 *
 * Books: the prior over all images is the mixture of the books of all classes, and takes no codes of its own.
 * @throws SpikeletError "bad-input" if a class has too few images, "cannot-quantize" if a fit is out of range, "bad-option"
 *   for too many priors, or too few bytes for two codes a class
 */
export function withFittedPriors(model: Model, options: FitPriorsOptions): Model {
  const { overall, classes } = options.kind === "book" ? fitBooks(options) : fitGaussians(options);
  const replaced = new Set([MIXTURE_NAME, BOOK_NAME, ...classes.map((prior) => prior.name)]);
  const priors = [...overall, ...model.priors.filter((prior) => !replaced.has(prior.name)), ...classes];
  if (priors.length > MAX_PRIORS) {
    throw new SpikeletError(
      "bad-option",
      `${priors.length} priors would not fit in a model; expected at most ${MAX_PRIORS}. Choose fewer components.`,
    );
  }
  return { ...model, priors };
}

interface FittedPriors {
  /** The components of the prior over all images. */
  readonly overall: readonly Prior[];
  readonly classes: readonly Prior[];
}

function fitBooks(options: FitPriorsOptions): FittedPriors {
  const { rates, bookBytes = DEFAULT_BOOK_BYTES, onStep } = options;
  const [count, latentSize] = rates.shape;
  const parts = options.labels ? partsOf(options, options.labels) : [{ name: BOOK_NAME, rates }];
  const codes = Math.min(MAX_CODES, Math.floor(bookBytes / codeBytes(latentSize) / parts.length));
  if (codes < 2) {
    throw new SpikeletError(
      "bad-option",
      `${bookBytes} bytes hold ${codes} codes for each of ${parts.length} books, expected 2 or more. Give at least ` +
        `${2 * codeBytes(latentSize) * parts.length} bytes.`,
    );
  }
  const shares = sharesOf(parts.map((part) => part.rates.shape[0] / count));
  const books = parts.map((part, i): BookPrior => {
    const book = fitBook(part.rates, codes, SEED);
    onStep?.(i + 1);
    return { kind: "book", name: BOOK_NAME, share: shares[i], codes: book };
  });
  return {
    overall: books,
    classes: options.labels
      ? books.map(({ codes: shared }, i) => ({
          kind: "book",
          name: parts[i].name,
          share: WHOLE_SHARE,
          codes: shared,
        }))
      : [],
  };
}

function fitGaussians(options: FitPriorsOptions): FittedPriors {
  const { rates, labels, timeSteps, components = 0, onStep } = options;
  const parts = labels ? partsOf(options, labels) : [];
  const quantize = (name: string, { weights, bias }: FittedPrior) => quantizePrior(name, weights, bias);
  const overall: Prior[] = [];
  if (components > 0) {
    const { priors, proportions } = fitMixture(rates, timeSteps, components, SEED, onStep);
    const shares = sharesOf(proportions);
    sharpened(priors, proportions, rates).forEach((prior, k) => {
      overall.push({ ...quantize(MIXTURE_NAME, prior), share: shares[k] });
    });
  }
  const rounds = mixtureRounds(components);
  const classes = parts.map((part, i) => {
    const [prior] = sharpened([fitPrior(part.rates, timeSteps)], [1], part.rates);
    onStep?.(rounds + i + 1);
    return quantize(part.name, prior);
  });
  return { overall, classes };
}

/** The rates of each class, by label. */
function partsOf(
  { rates, classNames = [] }: FitPriorsOptions,
  labels: ArrayLike<number>,
): { name: string; rates: Tensor }[] {
  const latentSize = rates.shape[1];
  const rows = new Map<number, number[]>();
  for (let n = 0; n < labels.length; n++) {
    const members = rows.get(labels[n]);
    if (members) members.push(n);
    else rows.set(labels[n], [n]);
  }
  return [...rows.keys()]
    .sort((a, b) => a - b)
    .map((label) => {
      const members = rows.get(label)!;
      const data = new Float32Array(members.length * latentSize);
      members.forEach((n, i) => {
        data.set(rates.data.subarray(n * latentSize, (n + 1) * latentSize), i * latentSize);
      });
      return {
        name: classNames[label] ?? String(label),
        rates: { shape: [members.length, latentSize], data },
      };
    });
}

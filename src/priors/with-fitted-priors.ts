import { MAX_PRIORS } from "../../assembly/core/format";
import { SpikeletError } from "../errors.js";
import { sharesOf } from "../model/mixture.js";
import type { Model, Prior } from "../model/model.js";
import type { Tensor } from "../network.js";
import { quantizePrior } from "../quantize/quantize.js";
import { fitMixture, fitPrior, MOST_ROUNDS } from "./gaussian-mixture.js";

/** Name of the prior that is fitted to all images. */
export const MIXTURE_NAME = "mixture";
/** Seed of the mixture's starting points: the same rates give the same mixture. */
const MIXTURE_SEED = 1;

export interface FitPriorsOptions {
  /** (N, latentSize) posterior firing rates of N images, multiples of 1/timeSteps. */
  readonly rates: Tensor;
  /** (N) Class of each image; without labels no class priors are fitted. */
  readonly labels?: ArrayLike<number>;
  /** Names of the class priors by label; the label's number where there is none. */
  readonly classNames?: readonly string[];
  readonly timeSteps: number;
  /** Gaussians in the mixture over all images; 0 for none. */
  readonly components: number;
  /** Called as the fit goes on with the number of steps done, of those that `fitSteps` says. */
  readonly onStep?: (done: number) => void;
}

/** Steps of a fit: rounds of the mixture, and classes. It may need fewer rounds. */
export function fitSteps({ labels, components }: Pick<FitPriorsOptions, "labels" | "components">): number {
  return mixtureRounds(components) + new Set(Array.from(labels ?? [])).size;
}

function mixtureRounds(components: number): number {
  return components > 0 ? MOST_ROUNDS : 0;
}

/**
 * The model with priors fitted to its encoder's rates: first a mixture over all images, which becomes the default, then
 * the priors that it has, then one for each class. Priors of those names are replaced.
 * @throws SpikeletError "bad-input" if a class has too few images, "cannot-quantize" if a fit is out of range
 */
export function withFittedPriors(model: Model, options: FitPriorsOptions): Model {
  const { rates, labels, classNames = [], timeSteps, components, onStep } = options;
  const priors: Prior[] = [];
  if (components > 0) {
    const mixture = fitMixture(rates, timeSteps, components, MIXTURE_SEED, onStep);
    const shares = sharesOf(mixture.proportions);
    mixture.priors.forEach((prior, k) => {
      priors.push({ ...quantizePrior(MIXTURE_NAME, prior.weights, prior.bias), share: shares[k] });
    });
  }
  const rounds = mixtureRounds(components);
  const classes = labels
    ? fitClasses(rates, labels, classNames, timeSteps, (done) => onStep?.(rounds + done))
    : [];
  const replaced = new Set([...priors, ...classes].map((prior) => prior.name));
  priors.push(...model.priors.filter((prior) => !replaced.has(prior.name)), ...classes);
  if (priors.length > MAX_PRIORS) {
    throw new SpikeletError(
      "bad-option",
      `${priors.length} priors would not fit in a model; expected at most ${MAX_PRIORS}. Choose fewer components.`,
    );
  }
  return { ...model, priors };
}

function fitClasses(
  rates: Tensor,
  labels: ArrayLike<number>,
  classNames: readonly string[],
  timeSteps: number,
  onClass: (done: number) => void,
): Prior[] {
  const latentSize = rates.shape[1];
  const rows = new Map<number, number[]>();
  for (let n = 0; n < labels.length; n++) {
    const members = rows.get(labels[n]);
    if (members) members.push(n);
    else rows.set(labels[n], [n]);
  }
  return [...rows.keys()]
    .sort((a, b) => a - b)
    .map((label, i) => {
      const members = rows.get(label)!;
      const data = new Float32Array(members.length * latentSize);
      members.forEach((n, i) => {
        data.set(rates.data.subarray(n * latentSize, (n + 1) * latentSize), i * latentSize);
      });
      const prior = fitPrior({ shape: [members.length, latentSize], data }, timeSteps);
      onClass(i + 1);
      return quantizePrior(classNames[label] ?? String(label), prior.weights, prior.bias);
    });
}

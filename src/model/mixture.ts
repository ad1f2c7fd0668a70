import { WHOLE_SHARE } from "../../assembly/core/format";
import { choiceWord, type Uint64 } from "../math/random.js";
import type { Prior } from "./model.js";

/** Priors of one name, which follow each other in the model. */
export interface Mixture {
  readonly name: string;
  readonly components: readonly Prior[];
  /** Number of the first component in the model. */
  readonly first: number;
}

/** A model's priors, by name and in order. */
export function mixtures(priors: readonly Prior[]): Mixture[] {
  const found: { name: string; components: Prior[]; first: number }[] = [];
  priors.forEach((prior, i) => {
    const last = found[found.length - 1];
    if (last?.name === prior.name) last.components.push(prior);
    else found.push({ name: prior.name, components: [prior], first: i });
  });
  return found;
}

/** Number of the prior that image `index` of `seed` is drawn from (docs/numerics.md, "Prior"). */
export function chooseComponent({ components, first }: Mixture, seed: Uint64, index: Uint64): number {
  if (components.length === 1) return first;
  let left = choiceWord(seed, index) & 0xffff;
  let chosen = 0;
  while (left >= components[chosen].share) left -= components[chosen++].share;
  return first + chosen;
}

/** Shares in 1/65536 that are nearest to `proportions`, each at least 1, with the right sum. */
export function sharesOf(proportions: ArrayLike<number>): number[] {
  const shares = Array.from(proportions, (p) => Math.max(1, Math.round(p * WHOLE_SHARE)));
  const largest = shares.indexOf(Math.max(...shares));
  shares[largest] += WHOLE_SHARE - shares.reduce((sum, share) => sum + share, 0);
  return shares;
}

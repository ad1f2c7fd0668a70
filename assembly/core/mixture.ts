import { generate } from "./decoder";
import { HEADER_PRIORS, PRIOR_SHARE, WHOLE_SHARE } from "./format";
import { HEADER, STAGING, WORDS } from "./memory";
import { philox } from "./philox";
import { fetchPrior } from "./prior";
import { STREAM_CHOICES } from "./streams";

function shareOf(prior: u32): u32 {
  fetchPrior(prior);
  return load<u32>(STAGING, PRIOR_SHARE);
}

/**
 * The record that the image chosen by SEED and IMAGE_INDEX is drawn from, as src/model/mixture.ts chooses it. Shares alone say where a
 * mixture ends: those of its components, which follow each other, add up to 65536.
 * @param prior - the first record of a mixture, or a prior of one component, which costs no random number
 * @returns a number that is not a prior's if the shares of a broken model do not add up
 */
function chooseComponent(prior: u32): u32 {
  const priors: u32 = load<u8>(HEADER + HEADER_PRIORS);
  if (prior >= priors || shareOf(prior) == WHOLE_SHARE) return prior;
  philox(0, STREAM_CHOICES);
  let left: u32 = load<u16>(WORDS);
  do {
    const share = shareOf(prior);
    if (left < share) break;
    left -= share;
  } while (++prior < priors);
  return prior;
}

/**
 * The image chosen by SEED and IMAGE_INDEX, of the mixture that begins with record `prior`. The bits are those of the library's
 * `Generator`; the ledger also counts what choosing takes.
 */
export function draw(prior: u32, steps: u32, ledger: u32): u32 {
  return generate(chooseComponent(prior), steps, ledger);
}

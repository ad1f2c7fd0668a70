// The core for a device without a host that knows the model: it chooses a mixture's component by itself.

import { generate } from "./core/decoder";
import { chooseComponent } from "./core/mixture";

export { decode, generate, open, rates, sample } from "./core/decoder";

/**
 * The image chosen by SEED and IMAGE_INDEX, of the mixture that begins with record `prior`. The bits are those of the library's
 * `Generator`; the ledger also counts what choosing takes.
 */
export function draw(prior: u32, steps: u32, ledger: u32): u32 {
  return generate(chooseComponent(prior), steps, ledger);
}

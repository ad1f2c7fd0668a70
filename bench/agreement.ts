import { Generator } from "../src/index.js";
import { generate } from "../src/reference/integer-network.js";
import type { Setting } from "./setting.js";

/**
 * Compares one image and its ledger with the reference implementation's: what the figures are divided by is right, and the build is
 * that of the sources.
 * @throws Error if they differ
 */
export async function checkAgreement({ spk, model }: Setting, seed: number): Promise<void> {
  const expected = generate(model, { seed });
  for (const build of ["plain", "simd"] as const) {
    const generator = await Generator.load(spk, { build });
    const { pixels, ledgers } = generator.generate({ seed, ledger: true });
    const isSame =
      Buffer.from(pixels).equals(expected.pixels) &&
      ledgers[0].layers.every((layer, i) => {
        const { spikes, synapticOperations, neuronUpdates } = expected.ledger[i];
        return (
          layer.spikes === spikes &&
          layer.synapticOperations === synapticOperations &&
          layer.neuronUpdates === neuronUpdates
        );
      });
    if (!isSame) {
      throw new Error(`The ${build} build and the reference implementation differ. Run \`npm run build\`.`);
    }
  }
}

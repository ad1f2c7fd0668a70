import { SpikeletError } from "../../src/errors.js";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import { mixtures } from "../../src/model/mixture.js";
import { nearestHint } from "../../src/nearest.js";

/**
 * The part of a model that a generator needs: no encoder, and only the priors that are asked for. Images keep their bits.
 * @param spk - a .spk file
 * @param priors - names of priors to keep, the first becomes the default; all if not given
 * @throws SpikeletError "bad-option" for a prior that the model does not have, "bad-model" or "unsupported-version"
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { deviceModel } from "spikelet/simulator";
 *
 * const sevens = deviceModel(await readFile("mine.spk"), ["7"]);
 * console.log(sevens.length, "bytes of flash");
 * ```
 */
export function deviceModel(spk: Uint8Array, priors?: readonly string[]): Uint8Array {
  const model = decodeModel(spk);
  const found = mixtures(model.priors);
  const names = found.map(({ name }) => name);
  const kept = (priors ?? names).flatMap((name) => {
    const mixture = found.find((m) => m.name === name);
    if (mixture) return mixture.components;
    throw new SpikeletError(
      "bad-option",
      `the model "${model.name}" has no prior "${name}"${nearestHint(name, names)}; expected one of ${names.join(", ")}`,
    );
  });
  return encodeModel({ ...model, encoder: [], priors: kept });
}

import type { LoadOptions } from "../../src/runtime/core.js";
import { Generator } from "../../src/runtime/generator.js";
import type { CoreArguments } from "../options/shared-options.js";
import { about } from "./input.js";
import { type ModelFile, readModel } from "./model-file.js";

/** A model, and a core that runs it; `load` lets others like it be started. */
export interface LoadedModel extends ModelFile {
  readonly generator: Generator;
  readonly load: LoadOptions;
}

/** Loads the model that the command line names. With `encoder`, the model must have one. */
export async function loadModel(
  { model, build, streamed }: Pick<CoreArguments, "model" | "build" | "streamed">,
  { encoder = false } = {},
): Promise<LoadedModel> {
  const source = await readModel(model);
  const load: LoadOptions = {
    weights: streamed ? "streamed" : "resident",
    encoder,
    ...(build && { build }),
  };
  return { ...source, load, generator: await about(source.path, () => Generator.load(source.bytes, load)) };
}

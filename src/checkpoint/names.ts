import { SpikeletError } from "../errors.js";

/** What torch's own wrappers put into the names of a module's tensors, wherever they wrap. */
const WRAPPERS: ReadonlySet<string> = new Set([
  "module", // DataParallel, DistributedDataParallel, AveragedModel
  "_orig_mod", // torch.compile
  "_fsdp_wrapped_module",
  "_checkpoint_wrapped_module",
]);

/** The names of the tensors that a layer keeps. */
export const WEIGHT_NAME = /(^|\.)(weight|bias|coef|running_mean|running_var)$/;

/** The layer that every ESVAE has, and those that tell one where that is missing. */
const ANCHORS: readonly ReadonlySet<string>[] = [
  new Set(["decoder_input"]),
  new Set(["before_latent_layer", "sample_layer", "final_layer", "membrane_output_layer"]),
];

/** Tensors by their names without `prefix`. */
export interface Named<T> {
  /** What all their names begin with in the file, without the dot at its end. */
  readonly prefix: string;
  readonly tensors: ReadonlyMap<string, T> & Map<string, T>;
}

/** The networks whose tensors are in a dictionary, told apart by what stands before the names of their layers. */
export function networksIn<T>(tensors: ReadonlyMap<string, T>): Named<T>[] {
  for (const anchors of ANCHORS) {
    const prefixes = new Set<string>();
    for (const name of tensors.keys()) {
      const parts = name.split(".");
      const layer = parts.findIndex((part) => anchors.has(part));
      if (layer >= 0 && layer < parts.length - 1) prefixes.add(parts.slice(0, layer).join("."));
    }
    if (prefixes.size > 0)
      return [...prefixes].map((prefix) => ({ prefix, tensors: under(tensors, prefix) }));
  }
  return [];
}

function under<T>(tensors: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  if (prefix === "") return plainNames(tensors);
  const start = `${prefix}.`;
  const inside = [...tensors].filter(([name]) => name.startsWith(start));
  return plainNames(new Map(inside.map(([name, tensor]) => [name.slice(start.length), tensor])));
}

/**
 * The tensors by their names without the wrappers in them.
 * @throws SpikeletError "bad-checkpoint" if two come to have one name
 */
export function plainNames<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  const plain = new Map<string, T>();
  for (const [name, tensor] of tensors) {
    const short = name
      .split(".")
      .filter((part) => !WRAPPERS.has(part))
      .join(".");
    if (plain.has(short)) {
      throw new SpikeletError(
        "bad-checkpoint",
        `The checkpoint has two tensors '${short}', one of them as '${name}'; expected one network. ` +
          "Save the weights of one alone.",
      );
    }
    plain.set(short, tensor);
  }
  return plain;
}

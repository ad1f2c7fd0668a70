import { SpikeletError } from "../errors.js";
import { describeFile } from "../file-kind.js";
import { nearestHint } from "../nearest.js";
import type { Tensor } from "../network.js";
import { type Named, networksIn, plainNames, WEIGHT_NAME } from "./names.js";
import { describe, Inert, type PickleValue, TensorView } from "./pickle.js";
import { gatherTensors, readLegacyPth, readZipPth, type SavedObject } from "./pth.js";
import { isSafetensors, readSafetensors, unreadTensor } from "./safetensors.js";
import { isZip } from "./zip.js";

/** Dictionaries within dictionaries that are looked through for tensors. */
const MAX_DEPTH = 6;
/** Keys and candidates that an error shows. */
const SHOWN = 8;

export interface CheckpointOptions {
  /** Which of several state dicts or networks: its key in the file, keys within keys joined by dots. */
  readonly key?: string;
}

/** A dictionary of tensors within a checkpoint, or those of its tensors that are one network's. */
interface Candidate<T> extends Named<T> {
  /** Keys, and what the names begin with, joined by dots; empty for the whole file. */
  readonly path: string;
  /** The keys alone. */
  readonly dictionary: string;
  readonly isNetwork: boolean;
}

/**
 * Reads the tensors of a checkpoint: a `.pth` of torch.save, of any version since 0.4, that holds a state dict, alone or
 * under some key, or a `.safetensors`. The format is told by the bytes, and nothing in them is executed. What else the
 * file holds is passed over, and names lose what wrappers (DataParallel, torch.compile, Lightning) put before them.
 * A tensor of a type that cannot be read is there, and throws when its `data` are asked for.
 * @throws SpikeletError "bad-checkpoint" if the bytes are none of these, are damaged, or hold no tensors or several
 *   networks; "bad-option" for a key that is not there
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { readCheckpoint } from "spikelet";
 *
 * const tensors = readCheckpoint(await readFile("checkpoint.pth"));
 * for (const [name, { shape }] of tensors) console.log(name, shape);
 * ```
 */
export function readCheckpoint(bytes: Uint8Array, { key }: CheckpointOptions = {}): Map<string, Tensor> {
  if (isZip(bytes)) return readSaved(readZipPth(bytes), key);
  if (isSafetensors(bytes)) return choose(candidatesIn("", readSafetensors(bytes)), key).tensors;
  if (isPickle(bytes)) return readSaved(readLegacyPth(bytes), key);
  throw new SpikeletError(
    "bad-checkpoint",
    `Not a checkpoint: found ${describeFile(bytes)}; expected a .pth file of torch.save or a .safetensors file. ` +
      "Check that it is the weights themselves and arrived whole.",
  );
}

/** True if `bytes` begins with a pickle's PROTO instruction, protocol 2 to 5. */
function isPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

function readSaved(saved: SavedObject, key: string | undefined): Map<string, Tensor> {
  const dictionaries = new Map<string, ReadonlyMap<string, TensorView | Inert>>();
  findDictionaries(saved.value, [], new Set(), dictionaries);
  if (dictionaries.size === 0) throw noTensors(saved.value);
  const candidates = [...dictionaries].flatMap(([path, values]) => candidatesIn(path, values));
  const { tensors: chosen } = choose(candidates, key);
  const views = new Map<string, TensorView>();
  for (const [name, value] of chosen) if (value instanceof TensorView) views.set(name, value);
  const gathered = gatherTensors(views, saved);
  return new Map(
    [...chosen].map(([name, value]) => [
      name,
      value instanceof Inert ? unreadTensor(name, value.what) : gathered.get(name)!,
    ]),
  );
}

/** Adds every dictionary with tensors in `value` to `found`, by the keys that lead to it. */
function findDictionaries(
  value: PickleValue,
  keys: readonly string[],
  seen: Set<PickleValue>,
  found: Map<string, ReadonlyMap<string, TensorView | Inert>>,
): void {
  if (keys.length > MAX_DEPTH || seen.has(value)) return;
  const entries = Array.isArray(value) ? [...value.entries()] : value instanceof Map ? [...value] : [];
  if (entries.length > 0) seen.add(value);
  const tensors = new Map<string, TensorView | Inert>();
  for (const [name, item] of entries) {
    if (typeof name !== "string") continue;
    if (item instanceof TensorView || (item instanceof Inert && WEIGHT_NAME.test(name))) {
      tensors.set(name, item);
    }
  }
  if ([...tensors.values()].some((item) => item instanceof TensorView)) found.set(keys.join("."), tensors);
  for (const [name, item] of entries) {
    if (typeof name === "string" || typeof name === "number") {
      findDictionaries(item, [...keys, String(name)], seen, found);
    }
  }
}

/** A dictionary's networks; if it has none, the dictionary itself. */
function candidatesIn<T>(dictionary: string, tensors: ReadonlyMap<string, T>): Candidate<T>[] {
  const networks = networksIn(tensors);
  if (networks.length === 0) {
    return [{ path: dictionary, dictionary, prefix: "", tensors: plainNames(tensors), isNetwork: false }];
  }
  return networks.map((network) => ({
    ...network,
    path: [dictionary, network.prefix].filter((part) => part !== "").join("."),
    dictionary,
    isNetwork: true,
  }));
}

/** The candidate that `key` names, or else the only one of the best kind: networks, then what has weights. */
function choose<T>(candidates: readonly Candidate<T>[], key: string | undefined): Candidate<T> {
  const kinds = [
    candidates.filter(({ isNetwork }) => isNetwork),
    candidates.filter(({ tensors }) => [...tensors.keys()].some((name) => WEIGHT_NAME.test(name))),
    candidates,
  ];
  const best = kinds.find((kind) => kind.length > 0)!;
  const left = key === undefined ? best : named(candidates, key);
  if (left.length === 1) return left[0];
  if (left.length === 0) {
    const paths = best.map(({ path }) => path);
    throw new SpikeletError(
      "bad-option",
      `The checkpoint has no tensors under the key "${key}"${nearestHint(key ?? "", paths)}; ` +
        `expected one of ${listed(paths)}.`,
    );
  }
  const paths = left.map(({ path }) => path);
  throw new SpikeletError(
    "bad-checkpoint",
    `The checkpoint has ${left.length} ${left[0].isNetwork ? "networks" : "dictionaries of tensors"}: ${listed(paths)}; ` +
      `expected one. Choose by its key: --key ${paths.find((path) => path !== "")}.`,
  );
}

/** The candidates of a key; "." is the top of the file. */
function named<T>(candidates: readonly Candidate<T>[], key: string): readonly Candidate<T>[] {
  const wanted = key.replace(/\.$/, "");
  const exact = candidates.filter(({ path }) => path === wanted);
  return exact.length > 0 ? exact : candidates.filter(({ dictionary }) => dictionary === wanted);
}

function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, SHOWN).map((path) => (path === "" ? "the top ('.')" : `'${path}'`));
  return `${shown.join(", ")}${paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : ""}`;
}

function noTensors(value: PickleValue): SpikeletError {
  const entries = value instanceof Map ? [...value].slice(0, SHOWN) : [];
  const shown = entries.map(([key, item]) => `${describe(key)}: ${describe(item)}`).join(", ");
  return new SpikeletError(
    "bad-checkpoint",
    `The checkpoint is ${describe(value)}${shown && ` (${shown})`} and has no tensors that can be read without ` +
      "running it; nothing was executed. Expected a state dict, alone or under some key: save it with " +
      "torch.save(model.state_dict(), path).",
  );
}

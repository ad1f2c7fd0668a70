import { SpikeletError } from "../errors.js";
import type { Tensor } from "../network.js";
import { describe, TensorView } from "./pickle.js";
import { gatherTensors, readLegacyPth, readZipPth, type SavedObject } from "./pth.js";
import { isSafetensors, readSafetensors } from "./safetensors.js";
import { isZip } from "./zip.js";

/** Bytes of an unknown file that an error shows. */
const SHOWN_BYTES = 8;

/**
 * Reads the tensors of a checkpoint: a `.pth` of torch.save, of any version since 0.4, that holds a state dict or
 * `{'net': state_dict, …}`, or a `.safetensors`. The format is told by the bytes, and nothing in them is executed.
 * @throws SpikeletError "bad-checkpoint" if the bytes are none of these, are damaged, or hold more than weights.
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { readCheckpoint } from "spikelet";
 *
 * const tensors = readCheckpoint(await readFile("checkpoint.pth"));
 * for (const [name, { shape }] of tensors) console.log(name, shape);
 * ```
 */
export function readCheckpoint(bytes: Uint8Array): Map<string, Tensor> {
  if (isZip(bytes)) return readStateDict(readZipPth(bytes));
  if (isPickle(bytes)) return readStateDict(readLegacyPth(bytes));
  if (isSafetensors(bytes)) return readSafetensors(bytes);
  throw new SpikeletError(
    "bad-checkpoint",
    `Not a checkpoint: the file ${beginning(bytes)}; expected a .pth file of torch.save or a .safetensors file. ` +
      "Check that it is the weights themselves and arrived whole.",
  );
}

/** True if `bytes` begins with a pickle's PROTO instruction, protocol 2 to 5. */
function isPickle(bytes: Uint8Array): boolean {
  return bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

function beginning(bytes: Uint8Array): string {
  if (bytes.length === 0) return "is empty";
  const shown = [...bytes.subarray(0, SHOWN_BYTES)];
  const hex = shown.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = shown.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `begins with ${hex} ("${text}")`;
}

/** The tensors of the saved dictionary, or of its entry 'net'. */
function readStateDict(saved: SavedObject): Map<string, Tensor> {
  const outer = saved.value;
  const net = outer instanceof Map ? outer.get("net") : undefined;
  const stateDict = net instanceof Map ? net : outer;
  const views = new Map<string, TensorView>();
  if (stateDict instanceof Map) {
    for (const [name, value] of stateDict) {
      if (typeof name === "string" && value instanceof TensorView) views.set(name, value);
    }
  }
  if (views.size === 0) {
    const keys = stateDict instanceof Map ? [...stateDict.keys()].slice(0, 5).map(describe) : [];
    throw new SpikeletError(
      "bad-checkpoint",
      `The checkpoint is ${describe(stateDict)}${keys.length > 0 ? ` (${keys.join(", ")})` : ""} and has no tensors; ` +
        "expected a state dict, or one under the key 'net'. Save it with torch.save(model.state_dict(), path).",
    );
  }
  return gatherTensors(views, saved);
}

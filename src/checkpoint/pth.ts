import { SpikeletError } from "../errors.js";
import type { Tensor } from "../network.js";
import {
  describe,
  MAX_PICKLE_BYTES,
  type PickleValue,
  type StorageReference,
  type TensorView,
  unpickle,
} from "./pickle.js";
import { readZipDirectory, readZipEntry } from "./zip.js";

// torch.save has written two formats: since 1.6 a zip archive, before that (and with
// `_use_new_zipfile_serialization=False` still) five pickles followed by the storages.

/** First pickle of a legacy file (torch/serialization.py). */
const LEGACY_MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
/** Second pickle of a legacy file (torch/serialization.py). */
const LEGACY_PROTOCOL_VERSION = 1001;
/**
 * Elements of all tensors of a checkpoint. ESVAE_large has 7 million. Views can repeat a storage's elements, so the
 * file's size is no bound.
 */
const MAX_ELEMENTS = 2 ** 25;

/** The object given to torch.save, and its storages. */
export interface SavedObject {
  readonly value: PickleValue;
  /** The bytes of the storage of a key, if the file has it. */
  readonly storage: (key: string) => Uint8Array | undefined;
  readonly littleEndian: boolean;
}

function damaged(message: string): SpikeletError {
  return new SpikeletError("bad-checkpoint", `${message}. The file is cut short or damaged: get it again.`);
}

/**
 * Reads the zip format: `ROOT/data.pkl`, `ROOT/data/KEY` for each storage, and perhaps `ROOT/byteorder`.
 * @throws SpikeletError "bad-checkpoint" if the archive is not torch's, is damaged, or holds more than weights.
 */
export function readZipPth(bytes: Uint8Array): SavedObject {
  const directory = readZipDirectory(bytes);
  const pickles = [...directory.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    const some = [...directory.keys()].slice(0, 3).join(", ");
    throw new SpikeletError(
      "bad-checkpoint",
      `The zip archive has ${pickles.length} entries of the form ROOT/data.pkl among its ${directory.size} (${some}…); ` +
        "expected one. Give a file that torch.save wrote, without packing or unpacking it.",
    );
  }
  const [pickleName] = pickles;
  const root = pickleName.slice(0, -"/data.pkl".length);
  const pickled = directory.get(pickleName)!;
  if (pickled.originalSize > MAX_PICKLE_BYTES) {
    throw new SpikeletError(
      "bad-checkpoint",
      `The entry '${pickleName}' has ${pickled.originalSize} bytes; at most ${MAX_PICKLE_BYTES} are accepted besides the ` +
        "tensors. Save the weights alone, torch.save(model.state_dict(), path), and import that file.",
    );
  }
  const mark = directory.get(`${root}/byteorder`);
  const littleEndian = isLittleEndian(mark && readZipEntry(bytes, mark));
  const { value, storages } = unpickle(readZipEntry(bytes, pickled));

  const nameOf = (key: string) => `${root}/data/${key}`;
  for (const reference of storages.values()) {
    checkStorageSize(reference, nameOf(reference.key), directory.get(nameOf(reference.key))?.originalSize);
  }
  return {
    value,
    storage: (key) => {
      const entry = directory.get(nameOf(key));
      return entry && readZipEntry(bytes, entry);
    },
    littleEndian,
  };
}

/** Files without a mark are little-endian: it is what every machine that trains today writes. */
function isLittleEndian(mark: Uint8Array | undefined): boolean {
  if (mark === undefined) return true;
  const text = new TextDecoder().decode(mark.subarray(0, 16)).trim();
  if (text !== "little" && text !== "big") {
    throw damaged(`The checkpoint's byteorder is '${text}'; expected 'little' or 'big'`);
  }
  return text === "little";
}

function checkStorageSize(reference: StorageReference, name: string, found: number | undefined): void {
  if (found === undefined) throw damaged(`The checkpoint has no entry '${name}', which its pickle refers to`);
  const expected = reference.elements * reference.dtype.size;
  if (found !== expected) {
    throw damaged(
      `The entry '${name}' has ${found} bytes; its ${reference.elements} elements of ` +
        `${reference.dtype.name} need ${expected}`,
    );
  }
}

/**
 * Reads the legacy format: pickles of the magic number, the protocol version, facts about the machine, the object
 * and the list of storage keys; then for each key an int64 element count and the elements, little-endian.
 * @throws SpikeletError "bad-checkpoint" if the file is not torch's, is damaged, or holds more than weights.
 */
export function readLegacyPth(bytes: Uint8Array): SavedObject {
  const magic = unpickle(bytes);
  if (magic.value !== LEGACY_MAGIC_NUMBER) {
    throw new SpikeletError(
      "bad-checkpoint",
      `The file is a Python pickle that begins with ${describe(magic.value)}; expected torch's magic number. ` +
        "Save the weights with torch.save(model.state_dict(), path).",
    );
  }
  const protocol = unpickle(bytes, magic.end);
  if (protocol.value !== LEGACY_PROTOCOL_VERSION) {
    throw damaged(
      `The legacy checkpoint has ${describe(protocol.value)} as its version; expected ${LEGACY_PROTOCOL_VERSION}`,
    );
  }
  // Says how wide C's integers were and which byte order the machine had; storages are little-endian regardless.
  const machine = unpickle(bytes, protocol.end);
  const object = unpickle(bytes, machine.end);
  const keys = unpickle(bytes, object.end);
  if (!Array.isArray(keys.value)) {
    throw damaged(
      `The legacy checkpoint has ${describe(keys.value)} after its pickle; expected a list of storages`,
    );
  }

  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, Uint8Array>();
  let position = keys.end;
  for (const key of keys.value) {
    const reference = typeof key === "string" ? object.storages.get(key) : undefined;
    if (reference === undefined) {
      throw damaged(
        `The legacy checkpoint lists storage ${describe(key)}, which its pickle does not refer to`,
      );
    }
    if (bytes.length - position < 8)
      throw damaged(`The legacy checkpoint ends before storage ${reference.key}`);
    const elements = Number(data.getBigInt64(position, true));
    if (elements !== reference.elements) {
      throw damaged(
        `Storage ${reference.key} has ${elements} elements; its pickle says ${reference.elements}`,
      );
    }
    position += 8;
    const length = elements * reference.dtype.size;
    if (length > bytes.length - position) {
      throw damaged(`Storage ${reference.key} needs ${length} bytes; ${bytes.length - position} are left`);
    }
    storages.set(reference.key, bytes.subarray(position, position + length));
    position += length;
  }
  return { value: object.value, storage: (key) => storages.get(key), littleEndian: true };
}

/** Number of elements of a shape, which may be 0. */
function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * The tensors of `views`, in row-major order whatever their strides; integers become floats.
 * @throws SpikeletError "bad-checkpoint" if a tensor reaches beyond its storage, or all together are too large.
 */
export function gatherTensors(
  views: ReadonlyMap<string, TensorView>,
  { storage, littleEndian }: SavedObject,
): Map<string, Tensor> {
  let total = 0;
  for (const [name, view] of views) {
    checkBounds(name, view);
    total += countElements(view.shape);
    if (total > MAX_ELEMENTS) {
      throw new SpikeletError(
        "bad-checkpoint",
        `The tensors up to '${name}' have ${total} elements; at most ${MAX_ELEMENTS} are accepted. ` +
          "Give the checkpoint of an ESVAE, which has a few million.",
      );
    }
  }
  const tensors = new Map<string, Tensor>();
  // Tensors that share a storage mostly follow each other.
  let last: { key: string; bytes: Uint8Array } | undefined;
  for (const [name, view] of views) {
    const { key } = view.storage;
    if (last?.key !== key) {
      const bytes = storage(key);
      if (bytes === undefined) throw damaged(`The storage of tensor '${name}' is not in the file`);
      last = { key, bytes };
    }
    tensors.set(name, lazyTensor(view, last.bytes, littleEndian));
  }
  return tensors;
}

/** A tensor that is gathered when its data are first asked for: most that a file has are not needed. */
function lazyTensor(view: TensorView, bytes: Uint8Array, littleEndian: boolean): Tensor {
  let data: Float32Array | undefined;
  return {
    shape: view.shape,
    get data() {
      data ??= gather(view, bytes, littleEndian);
      return data;
    },
  };
}

function checkBounds(name: string, { storage, offset, shape, strides }: TensorView): void {
  if (countElements(shape) === 0) return;
  const last = shape.reduce((at, size, axis) => at + (size - 1) * strides[axis], offset);
  if (last >= storage.view.elements) {
    throw damaged(
      `Tensor '${name}' of shape (${shape.join(", ")}) and strides (${strides.join(", ")}) reaches element ${last} ` +
        `of a storage of ${storage.view.elements}`,
    );
  }
}

function gather({ storage, offset, shape, strides }: TensorView, bytes: Uint8Array, littleEndian: boolean) {
  const { size, read } = storage.dtype;
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data = new Float32Array(countElements(shape));
  const index = new Array<number>(shape.length).fill(0);
  let element = storage.view.offset + offset;
  for (let i = 0; i < data.length; i++) {
    data[i] = read(source, element * size, littleEndian);
    // Count up `index`, last axis fastest, carrying as an odometer does.
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      element += strides[axis];
      if (++index[axis] < shape[axis]) break;
      element -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return data;
}

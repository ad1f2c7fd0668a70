import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, InertBytes, NumpyArray, type PickleValue, unpickle } from "../../src/checkpoint/pickle.js";
import type { ImageSet } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { describeFile } from "../../src/file-kind.js";
import type { Split } from "./dataset-images.js";
import { listFolder } from "./idx-files.js";
import { about, readInput } from "./input.js";

// CIFAR-10's batches: a label of each image, and its planes of red, green and blue, 32×32 each. The binary ones are records
// of both; those for Python are pickles of a dictionary of `labels`, a list, and `data`, a numpy array.

const SIZE = 32;
const CHANNELS = 3;
const PLANE_BYTES = SIZE * SIZE;
const IMAGE_BYTES = CHANNELS * PLANE_BYTES;
const RECORD_BYTES = 1 + IMAGE_BYTES;
const MAX_LABEL = 255;
/** A pickle's first byte, of protocol 2 or later. */
const PICKLE = 0x80;
/** A batch has 10,000 records. */
const MAX_FILE_BYTES = 2 ** 28;
/** What its archives unpack to, and what the batches are called there. */
const FOLDERS = ["cifar-10-batches-bin", "cifar-10-batches-py"];
const BATCH: Readonly<Record<Split, RegExp>> = {
  train: /^data_batch_\d(\.bin)?$/,
  test: /^test_batch(\.bin)?$/,
};

/** The images of a batch, (count, 3, 32, 32), and their labels. */
interface Batch {
  readonly planes: Uint8Array;
  readonly labels: Uint8Array;
}

/** The batches of a split of CIFAR-10, in a folder or in that of an archive's name within it; none if there are none. */
export async function findCifar(folder: string, split: Split): Promise<string[]> {
  for (const place of [folder, ...FOLDERS.map((name) => join(folder, name))]) {
    const isFolder = await stat(place).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isFolder) continue;
    const names = (await listFolder(place)).filter((name) => BATCH[split].test(name)).sort();
    // Where both are, they are the same images.
    const binary = names.filter((name) => name.endsWith(".bin"));
    const batches = binary.length > 0 ? binary : names;
    if (batches.length > 0) return batches.map((name) => join(place, name));
  }
  return [];
}

/**
 * Reads batches of CIFAR-10. Nothing in a pickle is executed.
 * @throws SpikeletError "bad-input" if one is damaged or is none
 */
export async function readCifar(
  paths: readonly string[],
): Promise<{ readonly images: ImageSet; readonly labels: Uint8Array }> {
  const batches: Batch[] = [];
  for (const path of paths) {
    const bytes = await readInput(path, "batch of CIFAR-10", MAX_FILE_BYTES);
    const read = basename(path).endsWith(".bin") ? readRecords : readPickle;
    batches.push(await about(path, () => read(bytes)));
  }
  const count = batches.reduce((sum, { labels }) => sum + labels.length, 0);
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(count * IMAGE_BYTES);
  let image = 0;
  for (const batch of batches) {
    labels.set(batch.labels, image);
    for (let at = 0; at < batch.planes.length; at += IMAGE_BYTES) {
      const start = image++ * IMAGE_BYTES;
      for (let c = 0; c < CHANNELS; c++) {
        const plane = at + c * PLANE_BYTES;
        for (let i = 0; i < PLANE_BYTES; i++) pixels[start + i * CHANNELS + c] = batch.planes[plane + i];
      }
    }
  }
  return { images: { count, rows: SIZE, columns: SIZE, channels: CHANNELS, pixels }, labels };
}

function readRecords(bytes: Uint8Array): Batch {
  if (bytes.length === 0 || bytes.length % RECORD_BYTES !== 0) {
    throw new SpikeletError(
      "bad-input",
      `Found ${bytes.length} bytes, expected a multiple of ${RECORD_BYTES}, a label and 32×32 pixels. ` +
        "The file is cut short or damaged: get it again.",
    );
  }
  const count = bytes.length / RECORD_BYTES;
  const planes = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const at = i * RECORD_BYTES;
    labels[i] = bytes[at];
    planes.set(bytes.subarray(at + 1, at + RECORD_BYTES), i * IMAGE_BYTES);
  }
  return { planes, labels };
}

function readPickle(bytes: Uint8Array): Batch {
  if (bytes[0] !== PICKLE) throw refused(`Found ${describeFile(bytes)}`);
  const batch = unpickle(bytes).value;
  if (!(batch instanceof Map)) throw refused(`Found ${describe(batch)}`);
  const labels = entry(batch, "labels");
  if (!Array.isArray(labels) || !labels.every(isLabel)) throw refused(`Found ${describe(labels)} as labels`);
  const data = entry(batch, "data");
  if (!(data instanceof NumpyArray)) throw refused(`Found ${describe(data)} as data`);
  const [, shape, , isFirstFastest, elements] = data.state;
  const planes = bytesOf(elements);
  const wanted = [labels.length, IMAGE_BYTES];
  const isWanted = Array.isArray(shape) && shape.length === 2 && wanted.every((size, i) => shape[i] === size);
  if (!isWanted || isFirstFastest !== false || planes?.length !== labels.length * IMAGE_BYTES) {
    const found = Array.isArray(shape)
      ? `of shape (${shape.map((size) => (typeof size === "number" ? size : describe(size))).join(", ")})`
      : "without a shape";
    throw refused(`Found ${labels.length} labels and an array ${found} with ${planes?.length ?? 0} bytes`);
  }
  return { planes, labels: Uint8Array.from(labels) };
}

/** A value of a dictionary that Python 2 wrote, or Python 3 with its names as texts or as bytes. */
function entry(batch: ReadonlyMap<PickleValue, PickleValue>, name: string): PickleValue | undefined {
  for (const [key, value] of batch) {
    const bytes = bytesOf(key);
    if (bytes !== undefined && Buffer.from(bytes).toString() === name) return value;
  }
  return undefined;
}

/** Python 2's bytes are texts where they happen to be UTF-8. */
function bytesOf(value: PickleValue | undefined): Uint8Array | undefined {
  return typeof value === "string"
    ? Buffer.from(value)
    : value instanceof InertBytes
      ? value.bytes
      : undefined;
}

function isLabel(value: PickleValue): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_LABEL;
}

function refused(found: string): SpikeletError {
  return new SpikeletError(
    "bad-input",
    `${found}, expected a batch of CIFAR-10: a pickled dictionary of N labels and of data, a numpy array of bytes of shape ` +
      `(N, ${IMAGE_BYTES}); nothing was executed. Get cifar-10-python.tar.gz again, or give the pictures in a folder for each class.`,
  );
}

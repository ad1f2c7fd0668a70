import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { ImageSet } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import type { Split } from "./dataset-images.js";
import { listFolder } from "./idx-files.js";
import { readInput } from "./input.js";

// CIFAR-10's binary batches: records of a label and the planes of red, green and blue, 32×32 each.

const SIZE = 32;
const CHANNELS = 3;
const PLANE_BYTES = SIZE * SIZE;
const RECORD_BYTES = 1 + CHANNELS * PLANE_BYTES;
/** A batch has 10,000 records. */
const MAX_FILE_BYTES = 2 ** 28;
/** What its archive unpacks to. */
const FOLDER = "cifar-10-batches-bin";
const BATCH: Readonly<Record<Split, RegExp>> = { train: /^data_batch_\d\.bin$/, test: /^test_batch\.bin$/ };
const PYTHON_BATCH = /^(data_batch_\d|test_batch)$/;

/**
 * The batches of a split of CIFAR-10, in a folder or in that of the archive's name within it; none if there are none.
 * @throws SpikeletError "bad-input" if they are Python's
 */
export async function findCifar(folder: string, split: Split): Promise<string[]> {
  const inside = join(folder, FOLDER);
  const isInside = await stat(inside).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const place = isInside ? inside : folder;
  const names = (await listFolder(place)).sort();
  const batches = names.filter((name) => BATCH[split].test(name));
  if (batches.length === 0 && names.some((name) => PYTHON_BATCH.test(name))) {
    throw new SpikeletError(
      "bad-input",
      `${place}: found CIFAR-10's batches for Python, expected those of its binary version, data_batch_1.bin and so on; ` +
        "get cifar-10-binary.tar.gz, or save the pictures in a folder for each class",
    );
  }
  return batches.map((name) => join(place, name));
}

/**
 * Reads batches of CIFAR-10.
 * @throws SpikeletError "bad-input" if one does not hold whole records
 */
export async function readCifar(
  paths: readonly string[],
): Promise<{ readonly images: ImageSet; readonly labels: Uint8Array }> {
  const files: Uint8Array[] = [];
  for (const path of paths) {
    const bytes = await readInput(path, "batch of CIFAR-10", MAX_FILE_BYTES);
    if (bytes.length === 0 || bytes.length % RECORD_BYTES !== 0) {
      throw new SpikeletError(
        "bad-input",
        `${path}: found ${bytes.length} bytes, expected a multiple of ${RECORD_BYTES}, a label and 32×32 pixels. ` +
          "The file is cut short or damaged: get it again.",
      );
    }
    files.push(bytes);
  }
  const count = files.reduce((sum, { length }) => sum + length / RECORD_BYTES, 0);
  const labels = new Uint8Array(count);
  const pixels = new Uint8Array(count * CHANNELS * PLANE_BYTES);
  let image = 0;
  for (const file of files) {
    for (let at = 0; at < file.length; at += RECORD_BYTES) {
      labels[image] = file[at];
      const start = image++ * CHANNELS * PLANE_BYTES;
      for (let c = 0; c < CHANNELS; c++) {
        const plane = at + 1 + c * PLANE_BYTES;
        for (let i = 0; i < PLANE_BYTES; i++) pixels[start + i * CHANNELS + c] = file[plane + i];
      }
    }
  }
  return { images: { count, rows: SIZE, columns: SIZE, channels: CHANNELS, pixels }, labels };
}

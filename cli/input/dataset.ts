import { fitImages } from "../../src/data/fit-image.js";
import { checkLabels, takeImages } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { type ImageShape, imageBytes } from "../output/batch.js";
import { findCifar, readCifar } from "./cifar-files.js";
import {
  allocatePixels,
  colourNotes,
  type Dataset,
  type ReadDatasetOptions,
  type Split,
  shapeFor,
} from "./dataset-images.js";
import { hasIdxImages, hasIdxLabels, readIdxFiles } from "./idx-files.js";
import { about } from "./input.js";
import { hasPictures, readPictures } from "./picture-folder.js";

/** Images of an IDX file that are brought to the network's size at once. */
const FITTED_AT_ONCE = 1000;

/** Whether a data set has images of a split. */
export async function hasSplit(folder: string, split: Split): Promise<boolean> {
  return (await hasArrays(folder, split)) || (await hasPictures(folder, split));
}

async function hasArrays(folder: string, split: Split): Promise<boolean> {
  return (await hasIdxImages(folder, split)) || (await findCifar(folder, split)).length > 0;
}

/**
 * Reads a split of a data set: its IDX files or CIFAR-10's batches, else PNG or JPEG files in the folder, in a folder for
 * each class, or in train/ and test/. All are brought to one size and one kind of colour, as the reference does it.
 * @param shape - what the network takes; told by the images if undefined
 * @throws SpikeletError "no-such-file" if there are none, "bad-input" if one cannot be read or there are too many
 */
export async function readDataset(
  folder: string,
  split: Split,
  shape: ImageShape | undefined,
  options: ReadDatasetOptions = {},
): Promise<Dataset> {
  const isPictures =
    !(await hasArrays(folder, split)) && (split === "train" || (await hasPictures(folder, split)));
  return isPictures ? readPictures(folder, split, shape, options) : readArrays(folder, split, shape, options);
}

/** Says on standard error what was passed over or bent. */
export function printNotes({ notes }: Dataset): void {
  for (const note of notes) process.stderr.write(`spikelet: ${note}\n`);
}

/**
 * The labels of a data set that needs them.
 * @param remedy - what else to do, after a comma
 * @throws SpikeletError "no-such-file" if it has none
 */
export function needLabels({ labels }: Dataset, folder: string, split: Split, remedy = ""): Uint8Array {
  if (labels !== undefined) return labels;
  const usual = `${split === "train" ? "train" : "t10k"}-labels-idx1-ubyte`;
  throw new SpikeletError(
    "no-such-file",
    `${folder}: found no ${split} labels, expected a file ${usual} or ${usual}.gz, or a folder of pictures for each class; ` +
      `give labelled images${remedy}`,
  );
}

async function readArrays(
  folder: string,
  split: Split,
  shape: ImageShape | undefined,
  { most = Number.POSITIVE_INFINITY, labels: withLabels = true }: ReadDatasetOptions,
): Promise<Dataset> {
  const batches = (await hasIdxImages(folder, split)) ? [] : await findCifar(folder, split);
  const {
    images,
    labels: given,
    notes,
  } = batches.length > 0
    ? { ...(await readCifar(batches)), notes: [] }
    : await readIdxFiles(folder, split, withLabels && (await hasIdxLabels(folder, split)));
  const labels = withLabels ? given : undefined;
  if (labels) await about(folder, () => checkLabels(images, labels));
  const count = Math.min(images.count, most);
  const target = shape ?? (await about(folder, () => shapeFor(images)));
  const pixels = allocatePixels(folder, count, target);
  await about(folder, () => {
    for (let first = 0; first < count; first += FITTED_AT_ONCE) {
      const part = takeImages(images, first, Math.min(FITTED_AT_ONCE, count - first));
      pixels.set(fitImages(part, target), first * imageBytes(target));
    }
  });
  return {
    imageSize: target.imageSize,
    imageChannels: target.imageChannels,
    count,
    pixels,
    notes: [...notes, ...colourNotes(images.channels, target)],
    ...(labels && { labels: labels.subarray(0, count) }),
  };
}

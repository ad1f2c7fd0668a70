import { stat } from "node:fs/promises";
import { join } from "node:path";
import { NAME_BYTES } from "../../assembly/core/format";
import { fitImages } from "../../src/data/fit-image.js";
import type { ImageSet } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { OVERALL_NAMES } from "../../src/priors/with-fitted-priors.js";
import { type ImageShape, imageBytes } from "../output/batch.js";
import {
  allocatePixels,
  colourNotes,
  type Dataset,
  type ReadDatasetOptions,
  type Split,
  shapeFor,
} from "./dataset-images.js";
import { listNames, seenIdxFiles } from "./idx-files.js";
import { MAX_FILE_BYTES, readImageSet } from "./image-input.js";
import { about, joinPath, readInput, type SystemPath } from "./input.js";

/** Endings of pictures; of those that are not read, each is passed over with its kind. */
const IMAGE_NAME = /\.(png|jpe?g|jpe|jfif|webp|gif|bmp|avif|hei[cf]|tiff?)$/i;
/** Folders that stand for parts of a data set where there is nothing else. */
const PART_FOLDER: Readonly<Record<Split, RegExp>> = { train: /^train(ing)?$/i, test: /^test(ing)?$/i };
const SPLIT_FOLDER = /^(train(ing)?|test(ing)?|val(id|idation)?)$/i;
/** Folders that are taken for classes; the model has a prior for each, beside those of its mixture. */
const MAX_CLASSES = 200;
/** Files that are named one by one when they cannot be read. */
const NAMED_FILES = 5;

/** Whether a folder has pictures of a split. */
export async function hasPictures(folder: string, split: Split): Promise<boolean> {
  return (await listImages(folder, split)).names.length > 0;
}

/**
 * Reads the PNG and JPEG files of a folder, or of a folder for each class; of train/ or test/ where it has these.
 * @throws as `readDataset`
 */
export async function readPictures(
  folder: string,
  split: Split,
  shape: ImageShape | undefined,
  { most = Number.POSITIVE_INFINITY, labels: withLabels = true, strict = false }: ReadDatasetOptions,
): Promise<Dataset> {
  const { names, labels, classNames, notes: passedOver } = await listImages(folder, split);
  if (names.length === 0) {
    throw new SpikeletError(
      "no-such-file",
      `${folder}: found no training images${await seenIdxFiles(folder)}, expected PNG or JPEG files, folders of them, ` +
        `or IDX files such as train-images-idx3-ubyte${passedOver.map((note) => `; ${note}`).join("")}`,
    );
  }
  const labelsRead: number[] = [];
  const unread: string[] = [];
  const sizes = new Set<string>();
  const notes = new Set(passedOver);
  let target = shape;
  let pixels: Uint8Array = new Uint8Array();
  let count = 0;
  for (const [i, name] of names.entries()) {
    if (count === most) break;
    let set: ImageSet;
    let fitted: Uint8Array;
    try {
      set = await readPicture(joinPath(folder, name), strict ? sizes : undefined);
      target ??= shapeFor(set);
      if (shape === undefined && set.channels > target.imageChannels) {
        target = { ...target, imageChannels: set.channels };
        pixels = inColour(pixels, allocatePixels(folder, Math.min(names.length, most), target));
        if (count > 0) notes.add("grey and colour images: the model is one for colour");
      }
      fitted = fitImages(set, target);
    } catch (error) {
      if (strict || !(error instanceof SpikeletError)) throw error;
      unread.push(error.message);
      continue;
    }
    sizes.add(describeSize(set));
    for (const note of colourNotes(set.channels, target)) notes.add(note);
    if (count === 0) pixels = allocatePixels(folder, Math.min(names.length, most), target);
    pixels.set(fitted, count++ * imageBytes(target));
    if (labels) labelsRead.push(labels[i]);
  }
  if (target === undefined || count === 0) {
    throw new SpikeletError(
      "bad-input",
      `${folder}: none of ${names.length} images can be read; ${unread[0]}`,
    );
  }
  for (const line of unread.slice(0, NAMED_FILES)) notes.add(`skipped ${line}`);
  if (unread.length > NAMED_FILES)
    notes.add(`skipped ${unread.length - NAMED_FILES} more files that cannot be read`);
  if (sizes.size > 1) {
    notes.add(`images of ${sizes.size} sizes: all are stretched to ${target.imageSize}×${target.imageSize}`);
  }
  return {
    imageSize: target.imageSize,
    imageChannels: target.imageChannels,
    count,
    pixels: pixels.subarray(0, count * imageBytes(target)),
    notes: [...notes],
    ...(withLabels && classNames && { labels: Uint8Array.from(labelsRead), classNames }),
  };
}

/** Puts grey images' pixels into `colour`, three times each. */
function inColour(grey: Uint8Array, colour: Uint8Array): Uint8Array {
  for (let i = 0; i < grey.length; i++) colour.fill(grey[i], 3 * i, 3 * i + 3);
  return colour;
}

/** @param sizes - of the pictures before; if given, one of another size is an error */
async function readPicture(path: SystemPath, sizes: ReadonlySet<string> | undefined): Promise<ImageSet> {
  const bytes = await readInput(path, "PNG or JPEG file", MAX_FILE_BYTES);
  return about(path, () => {
    const set = readImageSet(bytes, path);
    const all = new Set([...(sizes ?? []), describeSize(set)]);
    if (sizes === undefined || all.size === 1) return set;
    throw new SpikeletError(
      "bad-input",
      `Found images of ${[...all].join(" and ")}, expected all of one size.`,
    );
  });
}

function describeSize({ rows, columns }: ImageSet): string {
  return `${columns}×${rows}`;
}

interface ListedImages {
  /** Paths within the folder. */
  readonly names: readonly SystemPath[];
  /** Of each image, and the classes' names, if the images lie in folders of their own. */
  readonly labels?: readonly number[];
  readonly classNames?: readonly string[];
  /** What was passed over, a line each. */
  readonly notes: readonly string[];
}

/**
 * The images of a split: those of its folder where all folders are parts of a data set, else, for training, those of the
 * whole folder. Labels of tests are those of the training images.
 */
async function listImages(folder: string, split: Split): Promise<ListedImages> {
  const top = await listEntries(folder);
  const parts = top.folders.map(({ shown }) => shown);
  const training = parts.find((name) => PART_FOLDER.train.test(name));
  const isParted =
    top.images.length === 0 && training !== undefined && parts.every((name) => SPLIT_FOLDER.test(name));
  if (!isParted) return split === "train" ? listClasses(folder, top) : { names: [], notes: [] };
  const part = parts.find((name) => PART_FOLDER[split].test(name));
  if (part === undefined) return { names: [], notes: [] };
  const inside = join(folder, part);
  const { names, notes, ...classes } = await listClasses(inside, await listEntries(inside));
  const found = { ...classes, names: names.map((name) => joinPath(part, name)) };
  if (split === "train") {
    const others = parts.filter((name) => name !== part).map((name) => `${name}/`);
    const note = `${part}/ is read${others.length > 0 ? `, ${others.join(" and ")} left for tests` : ""}`;
    return { ...found, notes: [note, ...top.notes, ...notes] };
  }
  const known = await listClasses(join(folder, training), await listEntries(join(folder, training)));
  return withClassesOf(known, { ...found, notes: [`${part}/ is read`, ...notes] }, part);
}

/** Images by the labels of others; those of classes that the others lack are passed over. */
function withClassesOf(
  { classNames: known }: ListedImages,
  { names, labels, classNames, notes }: ListedImages,
  part: string,
): ListedImages {
  if (known === undefined || labels === undefined || classNames === undefined) return { names, notes };
  const labelOf = classNames.map((name) => known.indexOf(name));
  const kept = names
    .map((name, i) => ({ name, label: labelOf[labels[i]] }))
    .filter(({ label }) => label >= 0);
  const unknown = classNames.filter((_, i) => labelOf[i] < 0);
  return {
    names: kept.map(({ name }) => name),
    labels: kept.map(({ label }) => label),
    classNames: known,
    notes: [
      ...notes,
      ...unknown.map((name) => `passed over ${part}/${name}: no training images are of that class`),
    ],
  };
}

/**
 * The images of a folder; if there are none, those of the folders in it, one of each in turn, so that the first N are of
 * all classes.
 */
async function listClasses(folder: string, top: Entries): Promise<ListedImages> {
  if (top.images.length > 0) return { names: top.images.map(({ name }) => name), notes: top.notes };
  const notes = [...top.notes];
  const classes: { entry: Entry; images: readonly Entry[] }[] = [];
  for (const entry of top.folders) {
    const { name, shown } = entry;
    const inside = await listEntries(joinPath(folder, name)).catch((error: unknown) => {
      if (!(error instanceof SpikeletError)) throw error;
      notes.push(`passed over ${shown}: not a folder that can be read`);
      return undefined;
    });
    if (inside === undefined) continue;
    notes.push(...inside.notes.map((note) => note.replace(/^passed over /, `passed over ${shown}/`)));
    if (inside.images.length > 0) classes.push({ entry, images: inside.images });
  }
  if (classes.length === 0) return { names: [], notes };
  if (classes.length > MAX_CLASSES) {
    throw new SpikeletError(
      "bad-input",
      `${folder}: found ${classes.length} folders of images, one for each class, expected at most ${MAX_CLASSES}`,
    );
  }
  const classNames = classes.map(({ entry }) => entry.shown);
  for (const [label, name] of classNames.entries()) {
    checkClassName(folder, name);
    if (classNames.indexOf(name) === label) continue;
    throw new SpikeletError(
      "bad-input",
      `${join(folder, name)}: found two folders of this name, one in UTF-8 and one in Latin-1, expected one; put their pictures together`,
    );
  }
  const listed = classes
    .flatMap(({ entry, images }, label) =>
      images.map((image, at) => ({ path: joinPath(entry.name, image.name), label, at })),
    )
    .sort((a, b) => a.at - b.at || a.label - b.label);
  return {
    names: listed.map(({ path }) => path),
    labels: listed.map(({ label }) => label),
    classNames,
    notes,
  };
}

/** A name as the system has it, and as it is shown. */
interface Entry {
  readonly name: SystemPath;
  readonly shown: string;
}

interface Entries {
  readonly images: Entry[];
  readonly folders: Entry[];
  readonly notes: string[];
}

/** The pictures and the folders in a folder, by name, links followed; what programs leave behind is neither. */
async function listEntries(folder: SystemPath): Promise<Entries> {
  const entries: Entries = { images: [], folders: [], notes: [] };
  // Before UTF-8, a name's bytes were mostly Latin-1.
  const named = (await listNames(folder)).map(
    (name): Entry => ({ name, shown: typeof name === "string" ? name : name.toString("latin1") }),
  );
  for (const entry of named.sort((a, b) => (a.shown < b.shown ? -1 : 1))) {
    const { name, shown } = entry;
    const kind = await kindOf(joinPath(folder, name));
    if (shown.startsWith(".") || shown === "__MACOSX") {
      // A folder of settings holds no class; files of that kind are everywhere, and not worth a line.
      if (kind === "folder") entries.notes.push(`passed over ${shown}`);
      continue;
    }
    if (kind === "folder") entries.folders.push(entry);
    else if (kind === "file" && IMAGE_NAME.test(shown)) entries.images.push(entry);
    else if (kind === "other") entries.notes.push(`passed over ${shown}: neither a file nor a folder`);
  }
  return entries;
}

/** What a path leads to; "other" for a pipe, a loop of links or what may not be looked at. */
async function kindOf(path: SystemPath): Promise<"file" | "folder" | "other"> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return "folder";
  return found?.isFile() ? "file" : "other";
}

/** A class's name is that of its prior, and --class takes several with commas between them. */
function checkClassName(folder: string, name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes <= NAME_BYTES && !name.includes(",") && !OVERALL_NAMES.includes(name)) return;
  throw new SpikeletError(
    "bad-input",
    `${join(folder, name)}: found a folder of this name, hence a class, expected at most ${NAME_BYTES} bytes of UTF-8 without commas, ` +
      `and none of ${OVERALL_NAMES.join(", ")}; rename the folder`,
  );
}

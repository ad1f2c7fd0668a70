import { opendir, readFile, rm } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { SpikeletError } from "../../src/errors.js";
import { arrayFile, arrayPath } from "./array-files.js";
import { openArray, openArraySink, openSingle } from "./array-sink.js";
import { CARD, isCardInTheWay } from "./card.js";
import { type DataSet, type Shard, type Split, shardRange, shardSpan, splitName } from "./data-set.js";
import { indexIn, openFolderSink } from "./folder-sink.js";
import { prepareFolder, replaceFile, writing } from "./output.js";
import { type FolderFormat, isArrayFormat, type OutputPlace, type PartFormat } from "./output-format.js";
import { encodeParquet } from "./parquet.js";
import { openPartSink, type PartFiles, pixelsPath } from "./part-sink.js";
import { checkSameRun, encodeRun } from "./run-description.js";
import { joinSinks, type Sink } from "./sink.js";
import { encodeTar } from "./tar.js";

/** Says of which run the images of a folder are. */
const MANIFEST = "spikelet.json";

/** The footer of a Parquet file is held in memory, a line for every thousand images. */
const MAX_PARQUET_IMAGES = 1_000_000;

export interface DataSetOptions {
  readonly path: string;
  readonly place: OutputPlace;
  readonly data: DataSet;
  /** Of the work; all of it if undefined. */
  readonly shard: Shard | undefined;
  readonly restart: boolean;
  /** Of each .tar or .parquet file in a folder. */
  readonly imagesPerFile: number;
  /** Of a folder. */
  readonly card: string;
}

/** Opens the output of a data set in any form but that of one picture. */
export function openDataSet(options: DataSetOptions): Promise<Sink> {
  return options.place.isFolder ? openFolder(options) : openFile(options);
}

async function openFile({ path, place, data, shard, restart }: DataSetOptions): Promise<Sink> {
  const { format } = place;
  const [split] = data.splits;
  if (split.name !== undefined) {
    throw new SpikeletError(
      "bad-option",
      `--split: found --out ${path}, which is one file; expected a folder (end its name with /)`,
    );
  }
  const isShard = shard !== undefined;
  if (isArrayFormat(format)) {
    return openArraySink({ run: data.run, restart }, arrayFile(path, format, data, split, shard), isShard);
  }
  if (isShard) {
    throw new SpikeletError(
      "bad-option",
      `--shard: found --out ${path}, one .${format} file, whose end depends on all images; ` +
        "expected .idx, .npy or .npz, or a folder (end its name with /)",
    );
  }
  if (format === "parquet" && split.count > MAX_PARQUET_IMAGES) {
    throw new SpikeletError(
      "bad-option",
      `--out ${path}: found ${split.count} images, expected at most ${MAX_PARQUET_IMAGES} in one .parquet file; ` +
        "give a folder (end its name with /) and --format parquet",
    );
  }
  const ending = extname(path);
  const files: PartFiles = {
    ...partEncoding(format as PartFormat, data),
    data,
    span: split,
    imagesEach: split.count,
    from: 0,
    to: 1,
    folder: dirname(path),
    name: [basename(path, ending), 0, ending],
  };
  const single = { path, partial: pixelsPath(path), run: data.run, restart, isShard: false };
  return openSingle(single, () => openPartSink(files, false));
}

async function openFolder(options: DataSetOptions): Promise<Sink> {
  const { path, data, shard, restart, card } = options;
  const manifest = join(path, MANIFEST);
  if (restart && shard !== undefined) {
    throw new SpikeletError(
      "bad-option",
      `--restart: found --shard with the folder ${path}, where other shards may be at work; delete the folder instead`,
    );
  }
  await prepareFolder(path);
  if (await isCardInTheWay(path)) {
    throw new SpikeletError(
      "bad-option",
      `${join(path, CARD)} is in the way: a data set's card has that name; choose another folder`,
    );
  }
  let text = await readFile(manifest, "utf8").catch(() => undefined);
  if (restart) {
    await clear(options, text !== undefined);
    text = undefined;
  }
  const remedy = "choose another folder, or replace its images with --restart";
  if (text === undefined) {
    for await (const file of ownFiles(options, false)) {
      // Unless another shard's process has just begun.
      text = await readFile(manifest, "utf8").catch(() => undefined);
      if (text !== undefined) break;
      throw new SpikeletError(
        "bad-option",
        `${file} is in the way and no ${MANIFEST} tells its run; ${remedy}`,
      );
    }
  }
  const isNew = text === undefined;
  if (text === undefined) await replaceFile(manifest, encodeRun(data.run));
  else checkSameRun(manifest, text, data.run, remedy);

  const sinks: Sink[] = [];
  const ends: bigint[] = [];
  for (const split of data.splits) {
    sinks.push(await openSplit(options, split));
    ends.push(split.first + BigInt(split.count));
  }
  const sink = joinSinks(sinks, ends);
  return {
    ...sink,
    keptIn: path,
    async finish() {
      const bytes = await sink.finish();
      await replaceFile(join(path, CARD), card);
      return bytes;
    },
    async suspend() {
      await sink.suspend();
      // Without an image there is no run that another one would mix with, unless other shards are at work.
      if (isNew && shard === undefined && (await ownFiles(options, false).next()).done) {
        await rm(manifest, { force: true });
      }
    },
  };
}

function openSplit(options: DataSetOptions, split: Split): Promise<Sink> {
  const { path, place, data, shard } = options;
  const { format } = place;
  if (format === "png") return openFolderSink(join(path, split.name ?? ""), data, shardSpan(shard, split));
  if (isArrayFormat(format)) {
    return openArray(arrayFile(arrayPath(path, format, split), format, data, split, shard), true);
  }
  return openPartSink(partFiles(options, format, split), true);
}

/** The files of a split, as WebDataset and Hugging Face name them. */
function partFiles(
  { path, data, shard, imagesPerFile }: DataSetOptions,
  format: PartFormat,
  split: Split,
): PartFiles {
  const parts = Math.ceil(split.count / imagesPerFile);
  const name = splitName(split);
  return {
    ...partEncoding(format, data),
    data,
    span: split,
    imagesEach: imagesPerFile,
    ...shardRange(shard, parts),
    folder: format === "parquet" ? join(path, "data") : path,
    name:
      format === "parquet"
        ? [`${name}-`, digits(parts), `-of-${String(parts).padStart(digits(parts), "0")}.parquet`]
        : [`${name}-`, Math.max(6, String(parts - 1).length), ".tar"],
  };
}

function digits(parts: number): number {
  return Math.max(5, String(parts).length);
}

function partEncoding(format: PartFormat, { labels, run }: DataSet): Pick<PartFiles, "encode"> {
  if (format === "tar") return { encode: encodeTar };
  const options = { classNames: labels?.names, createdBy: `Spikelet ${run.spikelet}` };
  return { encode: (samples) => encodeParquet(samples, options) };
}

// Files of a folder

/** Names of the files that a run makes in a folder, finished and unfinished. */
function madeNames(format: FolderFormat, splits: string): RegExp {
  const rest = "(\\.[\\w.-]+)?$";
  switch (format) {
    case "png":
      return new RegExp(`^([^/]+/){0,2}\\d{1,20}\\.png${rest}`);
    case "idx":
      return new RegExp(`^(${splits})-(images-idx3|labels-idx1)-ubyte${rest}`);
    case "npy":
      return new RegExp(`^(${splits})(-labels)?\\.npy${rest}`);
    case "npz":
      return new RegExp(`^(${splits})\\.npz${rest}`);
    case "tar":
      return new RegExp(`^(${splits})-\\d{6,}\\.tar${rest}`);
    case "parquet":
      return new RegExp(`^data/(${splits})-\\d{5,}-of-\\d{5,}\\.parquet${rest}`);
  }
}

/** The files of a folder that this run would make, or of any run if the folder is `ours`. */
async function* ownFiles({ path, place, data }: DataSetOptions, ours: boolean): AsyncGenerator<string> {
  const { run } = data;
  const splits = data.splits.map((split) => splitName(split)).join("|");
  const all: readonly FolderFormat[] = ["png", "idx", "npy", "npz", "tar", "parquet"];
  const patterns = ours
    ? all.map((format) => madeNames(format, "[\\w-]+"))
    : [madeNames(place.format, `${splits}|t10k`)];
  const span = { first: BigInt(run.start), count: run.count };
  for await (const entry of await opendir(path, { recursive: true })) {
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const name = relative(path, file).replaceAll("\\", "/");
    if (entry.isDirectory() || !patterns.some((pattern) => pattern.test(name))) continue;
    if (!ours && place.format === "png" && indexIn(basename(name), span) === undefined) continue;
    yield file;
  }
}

/** Removes the images that would mix with the new run's: all of an earlier run if the folder is ours, else those in the way. */
async function clear(options: DataSetOptions, ours: boolean): Promise<void> {
  await writing(options.path, async () => {
    for await (const file of ownFiles(options, ours)) await rm(file, { force: true });
    for (const name of [MANIFEST, CARD]) if (ours) await rm(join(options.path, name), { force: true });
  });
}

import { createReadStream } from "node:fs";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Command } from "commander";
import { SpikeletError } from "../../src/errors.js";
import { formatCount } from "../../src/numbers.js";
import { labelsPath } from "../output/array-files.js";
import { checkSpace, partialPath, renameWhole, sizeOf, writeAt, writing } from "../output/output.js";
import { sealFirstEntry } from "../output/zip.js";

interface MergeArguments {
  readonly keep?: true;
  readonly json?: true;
}

/** The shards of one file. */
interface Sharded {
  readonly path: string;
  readonly of: number;
  /** In order; all of them are there. */
  readonly shards: readonly string[];
}

/** What `spikelet merge` made; `--json` prints a list of it. */
interface Merged {
  readonly path: string;
  readonly shards: number;
  readonly bytes: number;
}

const SHARD_NAME = /^(.+)\.(\d+)-of-(\d+)$/;

const EXAMPLES = `
Examples:
  spikelet merge digits.idx
  spikelet merge data/MNIST/raw/
  spikelet merge digits.npz --keep

Shards are what "spikelet generate --shard K/N" leaves of .idx, .npy and .npz: digits.idx.03-of-16.
The result is, byte for byte, what one process makes. Other formats need no merging.`;

export function addMergeCommand(program: Command): void {
  program
    .command("merge")
    .summary("put the shards of a data set together")
    .description("Lays the shards of an array, or of all arrays in a folder, end to end, and removes them.")
    .argument("<path>", "the file that the shards are of, or a folder")
    .option("--keep", "leave the shards where they are")
    .option("--json", "print what was made as JSON")
    .addHelpText("after", EXAMPLES)
    .action(merge);
}

async function merge(path: string, args: MergeArguments): Promise<void> {
  const files = await findSharded(path);
  const merged: Merged[] = [];
  // All are looked at before the first is made.
  for (const { path, shards } of files) await checkShards(path, shards);
  for (const file of files) merged.push(await mergeFile(file));
  if (!args.keep) {
    for (const { shards } of files) {
      for (const shard of shards) for (const old of [shard, `${shard}.json`]) await rm(old, { force: true });
    }
  }
  const lines = merged.map(
    ({ path, shards, bytes }) => `${path}: ${formatCount(bytes)} bytes from ${formatCount(shards)} shards`,
  );
  console.log(args.json ? JSON.stringify(merged, null, 2) : lines.join("\n"));
}

/** The files of which a folder has shards; or the one at `path`, and its labels. */
async function findSharded(path: string): Promise<Sharded[]> {
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
  const folder = isFolder ? path : dirname(path);
  const names = await readdir(folder).catch(() => []);
  const found = new Map<string, Set<string>>();
  for (const name of names) {
    const match = SHARD_NAME.exec(name);
    if (match === null) continue;
    const sizes = found.get(match[1]) ?? new Set();
    found.set(match[1], sizes.add(match[3]));
  }
  const wanted = [...found.keys()].filter(
    (name) => isFolder || name === basename(path) || belongs(name, basename(path)),
  );
  if (!wanted.some((name) => isFolder || name === basename(path))) {
    throw new SpikeletError(
      "no-such-file",
      `${path}: found no shards of it, expected files such as ${isFolder ? "train-images-idx3-ubyte" : basename(path)}.1-of-2; ` +
        "make them with spikelet generate --shard (folders of .png, .tar and .parquet need no merging)",
    );
  }
  return wanted.sort().map((name) => {
    const sizes = [...found.get(name)!];
    if (sizes.length > 1) {
      throw new SpikeletError(
        "bad-input",
        `${join(folder, name)}: found shards of ${sizes.join(" and of ")}, expected them of one number; delete those of the other run`,
      );
    }
    const of = Number(sizes[0]);
    const shards = Array.from({ length: of }, (_, i) =>
      join(folder, `${name}.${String(i + 1).padStart(sizes[0].length, "0")}-of-${of}`),
    );
    const there = new Set(names);
    const lacking = shards.filter((shard) => !there.has(basename(shard)));
    if (lacking.length > 0) {
      throw new SpikeletError(
        "no-such-file",
        `${join(folder, name)}: found ${of - lacking.length} of ${of} shards, lacking ${basename(lacking[0])}` +
          `${lacking.length > 1 ? " and others" : ""}; make it with spikelet generate --shard`,
      );
    }
    return { path: join(folder, name), of, shards };
  });
}

/** Whether a file has the labels of the images in another. */
function belongs(name: string, images: string): boolean {
  return (["idx", "npy"] as const).some((format) => labelsPath(images, format) === name);
}

/** Throws unless all shards were made by the same run. Shards in a folder are of the run that its manifest tells. */
async function checkShards(path: string, shards: readonly string[]): Promise<void> {
  const texts = await Promise.all(
    shards.map((shard) => readFile(`${shard}.json`, "utf8").catch(() => undefined)),
  );
  const other = texts.findIndex((text) => text !== texts[0]);
  if (other < 0) return;
  throw new SpikeletError(
    "bad-input",
    `${path}: found ${basename(shards[other])} of another run than ${basename(shards[0])}, expected shards of one run; ` +
      "make them again with the same options",
  );
}

async function mergeFile({ path, shards }: Sharded): Promise<Merged> {
  let total = 0;
  for (const shard of shards) total += (await sizeOf(shard)) ?? 0;
  await checkSpace(dirname(path), { bytes: total, files: 1 });
  const partial = partialPath(path);
  return writing(path, async () => {
    const file = await open(partial, "w+");
    let at = 0;
    try {
      for (const shard of shards) {
        for await (const chunk of createReadStream(shard, { highWaterMark: 2 ** 20 })) {
          await writeAt(file, chunk, at);
          at += chunk.length;
        }
      }
      if (/\.npz$/i.test(path)) await sealFirstEntry(file, at);
      await file.sync();
    } finally {
      await file.close();
    }
    await renameWhole(partial, path);
    return { path, shards: shards.length, bytes: at };
  });
}

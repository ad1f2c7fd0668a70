import { type FileHandle, open, readFile, rm } from "node:fs/promises";
import { SpikeletError } from "../../src/errors.js";
import type { Batch, Span } from "./batch.js";
import {
  partialPath,
  prepareFolderOf,
  renameWhole,
  replaceFile,
  sizeOf,
  writeAt,
  writing,
} from "./output.js";
import { checkSameRun, encodeRun, type RunDescription } from "./run-description.js";
import type { Sink, SinkOptions } from "./sink.js";

/** One array in one file, or a stretch of it. */
export interface ArrayFile {
  readonly path: string;
  /** Its images. */
  readonly span: Span;
  /** Before the images. */
  readonly header: Uint8Array;
  readonly bytesEach: number;
  /** After the images. */
  readonly trailer?: () => Iterable<Uint8Array>;
  /** Writes what depends on the whole file. */
  readonly seal?: (file: FileHandle, size: number) => Promise<void>;
  /** Writes what lies beside the file. Returns its bytes. */
  readonly beside?: () => Promise<number>;
}

/**
 * Opens an array, `bytesEach` for each image. They are appended in order to `PATH.partial`, whose length therefore tells how many are
 * finished. The file gets its name when it is whole.
 * @param keepWhole - whether a file that has the name is of this run, with nothing left to make
 */
export async function openArray(array: ArrayFile, keepWhole: boolean): Promise<Sink> {
  const { path, span, header, bytesEach, trailer, seal, beside } = array;
  const partial = partialPath(path);
  const whole = keepWhole ? await sizeOf(path) : undefined;
  if (whole !== undefined) return nothingLeft(array, whole);

  const size = (await sizeOf(partial)) ?? 0;
  const finished = Math.min(span.count, Math.max(0, Math.floor((size - header.length) / bytesEach)));
  const position = (image: bigint) => header.length + Number(image - span.first) * bytesEach;
  const end = position(span.first + BigInt(span.count));

  const file = await writing(partial, async () => {
    const file = await open(partial, size === 0 ? "w+" : "r+");
    await writeAt(file, header, 0);
    await file.truncate(header.length + finished * bytesEach);
    return file;
  });

  return {
    missing: [{ first: span.first + BigInt(finished), count: span.count - finished }],
    toMake: span.count - finished,
    total: span.count,
    keptIn: partial,
    async write(batch: Batch) {
      await writing(partial, () => writeAt(file, batch.bytes, position(batch.first)));
    },
    async finish() {
      let bytes = (await beside?.()) ?? 0;
      let at = end;
      await writing(path, async () => {
        for (const chunk of trailer?.() ?? []) {
          await writeAt(file, chunk, at);
          at += chunk.length;
        }
        await seal?.(file, at);
        await file.sync();
        await file.close();
        await renameWhole(partial, path);
      });
      bytes += at;
      return bytes;
    },
    async suspend() {
      await file.close();
      // A run that was refused or stopped before its first image leaves nothing behind.
      if (((await sizeOf(partial)) ?? 0) < header.length + bytesEach) await rm(partial, { force: true });
    },
  };
}

function nothingLeft({ path, span: { count: total }, beside }: ArrayFile, bytes: number): Sink {
  return {
    missing: [],
    toMake: 0,
    total,
    keptIn: path,
    async write() {},
    async finish() {
      return bytes + ((await beside?.()) ?? 0);
    },
    async suspend() {},
  };
}

/** Output in one file, and how its unfinished form is known. */
export interface SingleFile extends SinkOptions {
  readonly path: string;
  /** What an unfinished run leaves. */
  readonly partial: string;
  /** Whether the description is kept beside the finished file, for `spikelet merge` and for the same command again. */
  readonly isShard: boolean;
}

/** Opens output in one file; a description beside it says of which run the unfinished one is. */
export async function openSingle(
  { path, partial, run, restart, isShard }: SingleFile,
  openSink: () => Promise<Sink>,
): Promise<Sink> {
  const description = `${isShard ? path : partial}.json`;
  await prepareFolderOf(path);
  if (restart) {
    await writing(partial, async () => {
      for (const old of [partial, description, ...(isShard ? [path] : [])]) await rm(old, { force: true });
    });
  }
  const found = isShard && (await sizeOf(path)) !== undefined ? path : partial;
  await checkFound(found, description, run);
  await replaceFile(description, encodeRun(run));
  const sink = await openSink();
  return {
    ...sink,
    async finish() {
      const bytes = await sink.finish();
      if (!isShard) await rm(description, { force: true });
      return bytes;
    },
    async suspend() {
      await sink.suspend();
      const described = isShard ? [partial, path] : [partial];
      const sizes = await Promise.all(described.map(sizeOf));
      if (sizes.every((size) => size === undefined)) await rm(description, { force: true });
    },
  };
}

/** An array in a file of its own. */
export function openArraySink(options: SinkOptions, array: ArrayFile, isShard = false): Promise<Sink> {
  const { path } = array;
  const single = { ...options, path, partial: partialPath(path), isShard };
  return openSingle(single, () => openArray(array, isShard));
}

/** Throws if `found` is there and not of `run`. */
async function checkFound(found: string, description: string, run: RunDescription): Promise<void> {
  if ((await sizeOf(found)) === undefined) return;
  const remedy = `delete ${found}, or start anew with --restart`;
  const text = await readFile(description, "utf8").catch(() => undefined);
  if (text === undefined) {
    throw new SpikeletError("bad-option", `${found} is in the way and nothing tells its run; ${remedy}`);
  }
  checkSameRun(found, text, run, remedy);
}

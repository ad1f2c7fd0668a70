import { open, opendir, rm } from "node:fs/promises";
import { join } from "node:path";
import { openArray } from "./array-sink.js";
import { type Batch, imageBytes, type Span } from "./batch.js";
import type { DataSet } from "./data-set.js";
import { IndexSet } from "./index-set.js";
import { OWN_PARTIAL, partialPath, prepareFolder, replaceFileByChunks, sizeOf, writing } from "./output.js";
import { pixelsAt, type Sample, sampleOf } from "./sample.js";
import type { Sink } from "./sink.js";

/** Images that are read back at once. */
const IMAGES_AT_ONCE = 256;

/** Files that a stretch of images is cut into, each of which can be made by itself. */
export interface PartFiles {
  readonly data: DataSet;
  /** Images of all parts, of which each but the last has `imagesEach`. */
  readonly span: Span;
  readonly imagesEach: number;
  /** Which parts are this process's: `from` up to `to`, without it. */
  readonly from: number;
  readonly to: number;
  readonly folder: string;
  /** A file's name: before the number, digits of the number, after it. */
  readonly name: readonly [before: string, digits: number, after: string];
  /** A whole file. */
  encode(samples: AsyncIterable<Sample>): AsyncIterable<Uint8Array>;
}

/** Where the pixels of an unfinished part gather. */
export function pixelsPath(path: string): string {
  return partialPath(`${path}.pixels`);
}

/**
 * Images in files of a format whose end depends on all of them. The pixels of a part gather in `PATH.pixels.partial`, from which a
 * stopped run goes on; when they are all there the part is written at one go, and gets its name.
 * @param keepWhole - whether files that have these names are of this run
 */
export async function openPartSink(files: PartFiles, keepWhole: boolean): Promise<Sink> {
  const { data, span, imagesEach, from, to, folder, encode } = files;
  const bytesEach = imageBytes(data.shape);
  const path = (part: number) => join(folder, partName(files, part));
  const spanOf = (part: number): Span => ({
    first: span.first + BigInt(part * imagesEach),
    count: Math.min(imagesEach, span.count - part * imagesEach),
  });
  await prepareFolder(folder);
  const { whole, begun, wholeBytes } = await whatIsThere(files, keepWhole);

  /** The images of a part that are to be made; the last one of it is what the part is written after. */
  function missingOf(part: number): Span | undefined {
    if (whole.has(part - from)) return undefined;
    const { first, count } = spanOf(part);
    const finished = Math.min(count - 1, Math.floor((begun.get(part) ?? 0) / bytesEach));
    return { first: first + BigInt(finished), count: count - finished };
  }
  function* missing(): Generator<Span> {
    for (let part = from; part < to; part++) {
      const span = missingOf(part);
      if (span !== undefined) yield span;
    }
  }
  let toMake = 0;
  for (const { count } of missing()) toMake += count;
  const total = from < to ? Number(spanOf(to - 1).first - spanOf(from).first) + spanOf(to - 1).count : 0;

  let current: { readonly part: number; readonly sink: Sink } | undefined;
  let bytesWritten = wholeBytes;

  async function* samples(part: number): AsyncGenerator<Sample> {
    const { first, count } = spanOf(part);
    const file = await open(pixelsPath(path(part)), "r");
    try {
      const pixels = new Uint8Array(IMAGES_AT_ONCE * bytesEach);
      for (let done = 0; done < count; done += IMAGES_AT_ONCE) {
        const images = Math.min(IMAGES_AT_ONCE, count - done);
        await file.read(pixels, 0, images * bytesEach, done * bytesEach);
        for (let i = 0; i < images; i++) {
          yield sampleOf(data, first + BigInt(done + i), pixelsAt(pixels, data.shape, i));
        }
      }
    } finally {
      await file.close();
    }
  }

  async function writePart(part: number): Promise<void> {
    bytesWritten += await replaceFileByChunks(path(part), encode(samples(part)));
    const pixels = pixelsPath(path(part));
    await writing(pixels, () => rm(pixels, { force: true }));
  }

  return {
    missing: { [Symbol.iterator]: missing },
    toMake,
    total,
    keptIn: folder,
    async write(batch: Batch) {
      const part = Math.floor(Number(batch.first - span.first) / imagesEach);
      const { first, count } = spanOf(part);
      if (current?.part !== part) {
        await current?.sink.suspend();
        const array = {
          path: `${path(part)}.pixels`,
          span: { first, count },
          header: new Uint8Array(0),
          bytesEach,
        };
        current = { part, sink: await openArray(array, false) };
      }
      await current.sink.write(batch);
      if (batch.first + BigInt(batch.count) < first + BigInt(count)) return;
      await current.sink.suspend();
      current = undefined;
      await writePart(part);
    },
    async finish() {
      return bytesWritten;
    },
    async suspend() {
      await current?.sink.suspend();
    },
  };
}

function partName({ name: [before, digits, after] }: PartFiles, part: number): string {
  return digits === 0 ? before + after : `${before}${String(part).padStart(digits, "0")}${after}`;
}

/** The process's parts that an earlier one left: those that are whole, and the bytes of pixels of those that are begun. */
async function whatIsThere(
  files: PartFiles,
  keepWhole: boolean,
): Promise<{ whole: IndexSet; begun: Map<number, number>; wholeBytes: number }> {
  const { from, to, folder, name } = files;
  const [before, digits, after] = name;
  const whole = new IndexSet({ first: BigInt(from), count: to - from });
  const begun = new Map<number, number>();
  let wholeBytes = 0;
  for await (const { name } of await opendir(folder)) {
    if (!name.startsWith(before)) continue;
    const number = name.slice(before.length, before.length + digits);
    const part = Number(number);
    const rest = name.slice(before.length + digits);
    if (!/^\d*$/.test(number) || part < from || part >= to || !rest.startsWith(after)) continue;
    const path = join(folder, name);
    if (rest === after && keepWhole) {
      whole.add(BigInt(part));
      wholeBytes += (await sizeOf(path)) ?? 0;
    } else if (rest === pixelsPath(after)) begun.set(part, (await sizeOf(path)) ?? 0);
    // What a process wrote at one go when it was killed.
    else if (OWN_PARTIAL.test(rest)) await rm(path, { force: true });
  }
  return { whole, begun, wholeBytes };
}

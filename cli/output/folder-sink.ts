import { opendir, rm } from "node:fs/promises";
import { join } from "node:path";
import { turnOf } from "../../src/runtime/turns.js";
import type { Batch, Span } from "./batch.js";
import { classFolder } from "./classes.js";
import { type DataSet, imageName } from "./data-set.js";
import { IndexSet } from "./index-set.js";
import { OWN_PARTIAL, prepareFolder, replaceFile, sizeOf } from "./output.js";
import { pixelsAt, sampleOf } from "./sample.js";
import type { Sink } from "./sink.js";

/**
 * One PNG per image of `span`, named by its index; in a folder for each class if the images are of classes. An image that is there
 * already is not made again.
 */
export async function openFolderSink(folder: string, data: DataSet, span: Span): Promise<Sink> {
  const { run, turns, shape } = data;
  const classes = data.labels ? turns.priors.map(classFolder) : undefined;
  const folders = classes ? [...new Set(classes)].map((name) => join(folder, name)) : [folder];
  const pathOf = (index: bigint) =>
    join(folder, classes ? classes[turnOf(turns, index)] : "", `${imageName(run, index)}.png`);
  for (const each of folders) await prepareFolder(each);
  const there = new IndexSet(span);
  let bytes = 0;
  for (const each of folders) {
    for await (const { name } of await opendir(each)) {
      const path = join(each, name);
      const index = indexIn(name.replace(OWN_PARTIAL, ""), span);
      if (index === undefined || path.replace(OWN_PARTIAL, "") !== pathOf(index)) continue;
      if (OWN_PARTIAL.test(name)) await rm(path, { force: true });
      else {
        there.add(index);
        bytes += (await sizeOf(path)) ?? 0;
      }
    }
  }

  return {
    missing: { [Symbol.iterator]: () => there.gaps() },
    toMake: span.count - there.size,
    total: span.count,
    keptIn: folder,
    async write(batch: Batch) {
      for (let i = 0; i < batch.count; i++) {
        const index = batch.first + BigInt(i);
        const { png } = sampleOf(data, index, pixelsAt(batch.bytes, shape, i));
        await replaceFile(pathOf(index), png);
        bytes += png.length;
      }
    },
    async finish() {
      return bytes;
    },
    async suspend() {},
  };
}

/** The index in an image's name, if it is one of `span`. */
export function indexIn(name: string, { first, count }: Span): bigint | undefined {
  const digits = /^(\d{1,20})\.png$/.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const index = BigInt(digits);
  return index >= first && index < first + BigInt(count) ? index : undefined;
}

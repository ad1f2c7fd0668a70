import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { SpikeletError } from "../../src/errors.js";
import type { Batch } from "./batch.js";
import { partialPath, prepareFolderOf, replaceFile, writeAt, writing } from "./output.js";
import { checkSameRun, encodeRun, type RunDescription } from "./run-description.js";
import type { Sink, SinkOptions } from "./sink.js";

/**
 * One array in one file, `bytesEach` for each image. They are appended in order to `PATH.partial`, whose length therefore tells how many are
 * finished; `PATH.partial.json` says of which run they are. The file gets its name when it is whole.
 */
export async function openArraySink(
  { path, run, restart }: SinkOptions,
  header: Uint8Array,
  bytesEach: number,
): Promise<Sink> {
  const partial = partialPath(path);
  const description = `${partial}.json`;
  const start = BigInt(run.start);

  await prepareFolderOf(path);
  if (restart) {
    await writing(partial, async () => {
      await rm(partial, { force: true });
      await rm(description, { force: true });
    });
  }
  const size = await unfinishedBytes(partial, description, run);
  const finished = Math.min(run.count, Math.max(0, Math.floor((size - header.length) / bytesEach)));
  const position = (image: bigint) => header.length + Number(image - start) * bytesEach;

  await replaceFile(description, encodeRun(run));
  const file = await writing(partial, async () => {
    const file = await open(partial, size === 0 ? "w" : "r+");
    await writeAt(file, header, 0);
    await file.truncate(header.length + finished * bytesEach);
    return file;
  });

  return {
    missing: [{ first: start + BigInt(finished), count: run.count - finished }],
    keptIn: partial,
    async write(batch: Batch) {
      await writing(partial, () => writeAt(file, batch.bytes, position(batch.first)));
    },
    async finish() {
      await writing(path, async () => {
        await file.sync();
        await file.close();
        await rename(partial, path);
      });
      await rm(description, { force: true });
      return position(start + BigInt(run.count));
    },
    async suspend() {
      await file.close();
    },
  };
}

/** Length of the partial file that an earlier, equal run left; 0 if there is none. Throws if it is of another run. */
async function unfinishedBytes(partial: string, description: string, run: RunDescription): Promise<number> {
  const found = await stat(partial).catch(() => undefined);
  if (found === undefined) return 0;
  const remedy = `delete ${partial}, or start anew with --restart`;
  const text = await readFile(description, "utf8").catch(() => undefined);
  if (text === undefined) {
    throw new SpikeletError("bad-option", `${partial} is in the way and nothing tells its run; ${remedy}`);
  }
  checkSameRun(partial, text, run, remedy);
  return found.size;
}

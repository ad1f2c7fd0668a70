import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { encode } from "fast-png";
import { SpikeletError } from "../../src/errors.js";
import { type Batch, type ImageShape, imageBytes, type Span } from "./batch.js";
import { prepareFolder, replaceFile, writing } from "./output.js";
import { checkSameRun, encodeRun, type RunDescription } from "./run-description.js";
import type { Sink, SinkOptions } from "./sink.js";

/** Says of which run the images of a folder are. */
const MANIFEST = "spikelet.json";

/** One PNG per image, named by its index. An image that is there already, made by the same run, is not made again. */
export async function openFolderSink({ path, run, restart }: SinkOptions, shape: ImageShape): Promise<Sink> {
  await prepareFolder(path);
  const manifest = join(path, MANIFEST);
  if (restart) await clear(path, run);
  const there = await finishedImages(path, run);
  await replaceFile(manifest, encodeRun(run));

  let total = 0;
  for (const index of there) total += (await stat(join(path, imageName(run, index)))).size;

  return {
    missing: gaps(run, there),
    keptIn: path,
    async write(batch: Batch) {
      const bytes = imageBytes(shape);
      const { imageSize: width, imageSize: height, imageChannels: channels } = shape;
      for (let i = 0; i < batch.count; i++) {
        const data = batch.bytes.subarray(i * bytes, (i + 1) * bytes);
        const png = encode({ width, height, data, channels });
        await replaceFile(join(path, imageName(run, batch.first + BigInt(i))), png);
        total += png.length;
      }
    },
    async finish() {
      return total;
    },
    async suspend() {},
  };
}

/** The index, with zeros before it so that names sort as numbers do. */
function imageName({ start, count }: RunDescription, index: bigint): string {
  const last = BigInt(start) + BigInt(count) - 1n;
  return `${String(index).padStart(String(last).length, "0")}.png`;
}

/** Indices of the images of `run`, in no order, that the folder holds. */
async function imagesIn(folder: string, run: RunDescription): Promise<Set<bigint>> {
  const start = BigInt(run.start);
  const end = start + BigInt(run.count);
  const indices = new Set<bigint>();
  for (const name of await readdir(folder)) {
    const digits = /^(\d{1,20})\.png$/.exec(name)?.[1];
    if (digits === undefined) continue;
    const index = BigInt(digits);
    if (index >= start && index < end && name === imageName(run, index)) indices.add(index);
  }
  return indices;
}

/** Images of an earlier, equal run. Throws if the folder is another run's, or holds such names by chance. */
async function finishedImages(folder: string, run: RunDescription): Promise<Set<bigint>> {
  const manifest = join(folder, MANIFEST);
  const text = await readFile(manifest, "utf8").catch(() => undefined);
  const there = await imagesIn(folder, run);
  if (text !== undefined) {
    checkSameRun(manifest, text, run, "choose another folder, or replace its images with --restart");
  } else if (there.size > 0) {
    const [index] = there;
    throw new SpikeletError(
      "bad-option",
      `${join(folder, imageName(run, index))} is in the way and no ${MANIFEST} tells its run; ` +
        "choose another folder, or replace its images with --restart",
    );
  }
  return there;
}

/** Removes the images that would mix with the new run's: all numbered ones if the folder is ours, else those in the way. */
async function clear(folder: string, run: RunDescription): Promise<void> {
  await writing(folder, async () => {
    const names = await readdir(folder);
    const isOurs = names.includes(MANIFEST);
    const inTheWay = [...(await imagesIn(folder, run))].map((index) => imageName(run, index));
    const old = isOurs ? names.filter((name) => /^\d+\.png$/.test(name)) : inTheWay;
    for (const name of old) await rm(join(folder, name));
    await rm(join(folder, MANIFEST), { force: true });
  });
}

/** The spans of `run` that `there` leaves. */
function gaps(run: RunDescription, there: ReadonlySet<bigint>): Span[] {
  const spans: Span[] = [];
  const end = BigInt(run.start) + BigInt(run.count);
  let first = BigInt(run.start);
  for (const index of [...there, end].sort((a, b) => (a < b ? -1 : 1))) {
    if (index > first) spans.push({ first, count: Number(index - first) });
    first = index + 1n;
  }
  return spans;
}

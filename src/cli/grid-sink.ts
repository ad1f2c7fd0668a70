import { encode } from "fast-png";
import { SpikeletError } from "../errors.js";
import { type Batch, imageBytes } from "./batch.js";
import { prepareFolderOf, replaceFile } from "./output.js";
import type { Sink, SinkOptions } from "./sink.js";

/** A 100×100 grid; it is held in memory, and few programs open a larger picture. */
const MAX_GRID_IMAGES = 10_000;

/** All images side by side in one PNG, as near to a square as they can be; tiles left over are black. */
export async function openGridSink({ path, run, shape }: SinkOptions): Promise<Sink> {
  if (run.count > MAX_GRID_IMAGES) {
    throw new SpikeletError(
      "bad-option",
      `--out ${path}: found --count ${run.count}, expected at most ${MAX_GRID_IMAGES} images in one .png grid; ` +
        "use .idx or .npy, or a folder",
    );
  }
  await prepareFolderOf(path);

  const { imageSize, imageChannels } = shape;
  const start = BigInt(run.start);
  const columns = Math.ceil(Math.sqrt(run.count));
  const rows = Math.ceil(run.count / columns);
  const tileStride = imageSize * imageChannels;
  const gridStride = columns * tileStride;
  const pixels = new Uint8Array(rows * imageSize * gridStride);

  function place(tile: number, image: Uint8Array): void {
    const row = Math.floor(tile / columns);
    const corner = row * imageSize * gridStride + (tile % columns) * tileStride;
    for (let y = 0; y < imageSize; y++) {
      pixels.set(image.subarray(y * tileStride, (y + 1) * tileStride), corner + y * gridStride);
    }
  }

  return {
    missing: [{ first: start, count: run.count }],
    keptIn: undefined,
    async write(batch: Batch) {
      const bytes = imageBytes(shape);
      for (let i = 0; i < batch.count; i++) {
        place(Number(batch.first - start) + i, batch.pixels.subarray(i * bytes, (i + 1) * bytes));
      }
    },
    async finish() {
      const width = columns * imageSize;
      const png = encode({ width, height: rows * imageSize, data: pixels, channels: imageChannels });
      await replaceFile(path, png);
      return png.length;
    },
    async suspend() {},
  };
}

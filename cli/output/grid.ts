import { encode } from "fast-png";
import { type ImageShape, imageBytes } from "./batch.js";

/** A 100×100 grid; it is held in memory, and few programs open a larger picture. */
export const MAX_GRID_IMAGES = 10_000;

/** How tiles of equal size are laid out. */
export interface GridLayout {
  readonly rows: number;
  readonly columns: number;
  /** The tile, counted row by row, on which an image lies; images are counted from the first of the run. */
  tileOf(position: number): number;
}

/**
 * A band of rows for each class, where image index i is of class i mod `classes`: one row a class if there are few
 * images, more if that brings the grid nearer to a square. A run that starts in the middle of a turn keeps the bands.
 */
export function classLayout(start: bigint, count: number, classes: number): GridLayout {
  const before = Number(start % BigInt(classes));
  const perClass = Math.ceil((before + count) / classes);
  const wantedRows = Math.max(1, Math.round(Math.sqrt(perClass / classes)));
  const columns = Math.ceil(perClass / wantedRows);
  const bandTiles = Math.ceil(perClass / columns) * columns;
  return {
    rows: (classes * bandTiles) / columns,
    columns,
    tileOf(position) {
      const image = before + position;
      return (image % classes) * bandTiles + Math.floor(image / classes);
    },
  };
}

/** Pairs of tiles side by side, row by row, as near to a square as they can be; images 2i and 2i + 1 are a pair. */
export function pairLayout(pairs: number): GridLayout {
  const wantedRows = Math.max(1, Math.round(Math.sqrt(2 * pairs)));
  const pairsInRow = Math.ceil(pairs / wantedRows);
  return { rows: Math.ceil(pairs / pairsInRow), columns: 2 * pairsInRow, tileOf: (position) => position };
}

/** One row. */
export function stripLayout(images: number): GridLayout {
  return { rows: 1, columns: images, tileOf: (position) => position };
}

/** Draws images into one PNG, with `text` in its tEXt chunks; tiles left over are black. */
export function drawGrid(
  images: readonly Uint8Array[],
  shape: ImageShape,
  layout: GridLayout,
  text?: Record<string, string>,
): Uint8Array {
  const { imageSize, imageChannels } = shape;
  const tileStride = imageSize * imageChannels;
  const gridStride = layout.columns * tileStride;
  const data = new Uint8Array(layout.rows * imageSize * gridStride);
  for (const [position, image] of images.entries()) {
    const tile = layout.tileOf(position);
    const row = Math.floor(tile / layout.columns);
    const corner = row * imageSize * gridStride + (tile % layout.columns) * tileStride;
    for (let y = 0; y < imageSize; y++) {
      data.set(image.subarray(y * tileStride, (y + 1) * tileStride), corner + y * gridStride);
    }
  }
  return encode({
    width: layout.columns * imageSize,
    height: layout.rows * imageSize,
    data,
    channels: imageChannels,
    ...(text && { text }),
  });
}

/** Cuts the pixels of images that follow each other. */
export function splitImages(pixels: Uint8Array, shape: ImageShape): Uint8Array[] {
  const bytes = imageBytes(shape);
  return Array.from({ length: pixels.length / bytes }, (_, i) => pixels.subarray(i * bytes, (i + 1) * bytes));
}

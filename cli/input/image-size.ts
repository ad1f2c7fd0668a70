import { SpikeletError } from "../../src/errors.js";

/** Larger than what most cameras make; decoding it takes some hundred megabytes. */
const MAX_PIXELS = 2 ** 25;

/** Throws for a picture that is too large to be decoded, or empty. */
export function checkImageSize(rows: number, columns: number): void {
  if (rows > 0 && columns > 0 && rows * columns <= MAX_PIXELS) return;
  throw new SpikeletError(
    "bad-input",
    `Found an image of ${columns}×${rows}, expected at least one pixel and at most ${MAX_PIXELS}. Give a smaller one.`,
  );
}

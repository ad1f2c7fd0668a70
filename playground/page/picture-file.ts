import type { Picture } from "../protocol.js";

/** A longer side is shrunk to this before the network's own resizing: a photograph takes 200 MB as pixels. */
const MOST_PIXELS = 2048;

/**
 * Reads any picture that the browser can.
 * @throws Error with a message for people
 */
export async function readPicture(file: File): Promise<ImageData> {
  const bitmap = await createImageBitmap(file).catch(() => {
    const type = file.type || "no known type";
    throw new Error(
      `${file.name}: found a file of ${type}, ${file.size} bytes, that is no picture this browser can read; expected a PNG, a JPEG or the like.`,
    );
  });
  const shrink = Math.min(1, MOST_PIXELS / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * shrink));
  const height = Math.max(1, Math.round(bitmap.height * shrink));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d")!;
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

export function pictureOf({ width, height, data }: ImageData): Picture {
  return { rows: height, columns: width, rgba: new Uint8Array(data.buffer) };
}

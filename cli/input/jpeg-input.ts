import { decode } from "jpeg-js";
import type { ImageSet } from "../../src/data/idx.js";
import { damaged, readJpegLayout } from "./jpeg-segments.js";
import { turnUpright } from "./orientation.js";

/** What jpeg-js may take for an image of the largest size: coefficients and samples of three components. */
const MAX_MEMORY_MB = 2048;

/**
 * Reads a JPEG, turned as its EXIF data say: grey if it has one component, else RGB.
 * @throws SpikeletError "bad-input" if it is damaged, cut short, too large, or of a kind that jpeg-js does not read
 */
export function readJpeg(bytes: Uint8Array): ImageSet {
  const { rows, columns, channels, isRgb, orientation } = readJpegLayout(bytes);
  let rgb: Uint8Array;
  try {
    rgb = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxMemoryUsageInMB: MAX_MEMORY_MB,
      // It takes three components for luminance and chrominances unless it is told otherwise.
      ...(isRgb && channels === 3 && { colorTransform: false }),
    }).data;
  } catch (cause) {
    throw damaged(`The JPEG cannot be decoded (${(cause as Error).message})`, cause);
  }
  const image =
    channels === 1
      ? { count: 1, rows, columns, channels: 1, pixels: everyThird(rgb) }
      : { count: 1, rows, columns, channels: 3, pixels: rgb };
  return turnUpright(image, orientation);
}

function everyThird(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) grey[i] = rgb[3 * i];
  return grey;
}

import { SpikeletError } from "../errors.js";
import type { Model } from "../model/model.js";
import type { ImageSet } from "./idx.js";
import { resizeImages } from "./resize.js";

/** Pillow's weights of red, green and blue in grey (ITU-R 601-2: 299, 587, 114 of 1000) in units of 2^−16. */
const GREY_WEIGHTS = [19595, 38470, 7471] as const;

/**
 * Brings images to a model's size and channels as the reference does it: RGB to grey by luminance, grey to RGB by
 * repetition, then bilinear with antialiasing; what is not square is stretched.
 * @returns (count, imageSize, imageSize, imageChannels)
 * @throws SpikeletError "bad-input" for images of other than 1 or 3 channels
 * @example
 * ```ts
 * import { fitImages, Generator } from "spikelet";
 *
 * const generator = await Generator.load("mine.spk", { encoder: true });
 * const photo = { count: 1, rows: 480, columns: 640, channels: 3, pixels: new Uint8Array(480 * 640 * 3) };
 * const { firingRates } = generator.encode(fitImages(photo, generator.info));
 * ```
 */
export function fitImages(
  images: ImageSet,
  { imageSize, imageChannels }: Pick<Model, "imageSize" | "imageChannels">,
): Uint8Array {
  const { rows, columns } = images;
  const pixels = convertChannels(images, imageChannels);
  const to = { rows: imageSize, columns: imageSize };
  return resizeImages(pixels, { rows, columns }, to, imageChannels);
}

function convertChannels({ channels, pixels }: ImageSet, wanted: number): Uint8Array {
  if (channels === wanted) return pixels;
  if (channels === 3 && wanted === 1) return toGrey(pixels);
  if (channels === 1 && wanted === 3) return repeat(pixels);
  throw new SpikeletError(
    "bad-input",
    `Found images of ${channels} channels, expected 1 (grey) or 3 (RGB). Convert them first.`,
  );
}

function toGrey(rgb: Uint8Array): Uint8Array {
  const [red, green, blue] = GREY_WEIGHTS;
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) {
    grey[i] = (red * rgb[3 * i] + green * rgb[3 * i + 1] + blue * rgb[3 * i + 2] + 0x8000) >> 16;
  }
  return grey;
}

function repeat(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(3 * grey.length);
  for (let i = 0; i < rgb.length; i++) rgb[i] = grey[Math.floor(i / 3)];
  return rgb;
}

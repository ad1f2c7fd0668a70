import type { ModelInfo } from "../../src/index.js";

/** Rows and columns, and channels, of an image. */
export type ImageShape = Pick<ModelInfo, "imageSize" | "imageChannels">;

/** Colours of a share of neurons that fire, none to all: black, ember, orange, nearly white. */
const EMBERS = [
  [12, 12, 14],
  [122, 40, 24],
  [240, 112, 48],
  [255, 244, 226],
] as const;

/** (256, 3) */
const HEAT = Uint8Array.from({ length: 256 * 3 }, (_, i) => {
  // Few neurons fire at a time: the root leaves them visible.
  const place = Math.sqrt(Math.floor(i / 3) / 255) * (EMBERS.length - 1);
  const below = Math.min(Math.floor(place), EMBERS.length - 2);
  const share = place - below;
  return EMBERS[below][i % 3] * (1 - share) + EMBERS[below + 1][i % 3] * share;
});

/** @param pixels - (imageSize, imageSize, imageChannels) */
export function imageData(pixels: Uint8Array, { imageSize, imageChannels }: ImageShape): ImageData {
  const data = new ImageData(imageSize, imageSize);
  for (let i = 0; i < imageSize ** 2; i++) {
    for (let c = 0; c < 3; c++) data.data[4 * i + c] = pixels[imageChannels * i + (c % imageChannels)];
    data.data[4 * i + 3] = 255;
  }
  return data;
}

/** @param shares - (rows, columns) 0 … 1; what is not a number stays clear */
export function heatData(shares: Float32Array, columns: number): ImageData {
  const data = new ImageData(columns, shares.length / columns);
  shares.forEach((share, i) => {
    if (Number.isNaN(share)) return;
    const heat = 3 * Math.round(255 * share);
    data.data.set(HEAT.subarray(heat, heat + 3), 4 * i);
    data.data[4 * i + 3] = 255;
  });
  return data;
}

/** Makes a canvas show exactly this. */
export function paint(canvas: HTMLCanvasElement, data: ImageData): void {
  canvas.width = data.width;
  canvas.height = data.height;
  canvas.getContext("2d")?.putImageData(data, 0, 0);
}

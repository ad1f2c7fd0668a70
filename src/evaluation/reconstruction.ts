/** Mean squared difference on [−1, 1], which the 255 steps of a pixel cover: the paper's reconstruction loss of an image. */
export function reconstructionLoss(pixels: Uint8Array, reconstruction: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) sum += (pixels[i] - reconstruction[i]) ** 2;
  return (sum / pixels.length) * (2 / 255) ** 2;
}

/** The same of a reconstruction in floating point, −1 … 1. */
export function floatReconstructionLoss(pixels: Uint8Array, reconstruction: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < pixels.length; i++) sum += ((pixels[i] / 255) * 2 - 1 - reconstruction[i]) ** 2;
  return sum / pixels.length;
}

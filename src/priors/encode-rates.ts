import type { Tensor } from "../network.js";
import type { Generator } from "../runtime/generator.js";

/**
 * Posterior firing rates (N, latentSize) of images.
 * @param pixels - (N, imageSize, imageSize, imageChannels) of the generator's model
 * @param onImage - called after each image with the number of those done
 * @throws SpikeletError as `Generator.encode`
 */
export function encodeRates(
  generator: Generator,
  pixels: Uint8Array,
  onImage?: (done: number) => void,
): Tensor {
  const { latentSize } = generator.info;
  const { imageBytes } = generator;
  const count = Math.floor(pixels.length / imageBytes);
  const data = new Float32Array(count * latentSize);
  for (let n = 0; n < count; n++) {
    const image = pixels.subarray(n * imageBytes, (n + 1) * imageBytes);
    data.set(generator.encode(image).firingRates, n * latentSize);
    onImage?.(n + 1);
  }
  return { shape: [count, latentSize], data };
}

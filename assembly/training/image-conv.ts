import { inputRow } from "./geometry";
import { Layer } from "./layer";
import { gradientOffset } from "./thread";

// The encoder's first convolution, of an image in numbers. It is the same at every step, so it is computed once for an
// image, and its gradient is the sum over the steps (`fireBackward`).

/** x = bias + Σ weights · image, (rows, columns, outChannels), of one image. */
export function convolveImage(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const rowBytes = layer.outChannels << 2;
  let sums = layer.sums + ((image * layer.neurons) << 2);
  for (let y: u32 = 0; y < outputSize; y++) {
    for (let x: u32 = 0; x < outputSize; x++) {
      for (let channel: u32 = 0; channel < rowBytes; channel += 16) {
        v128.store(sums + channel, v128.load(layer.bias + channel));
      }
      for (let tap: u32 = 0; tap < 9; tap++) {
        const pixels = pixelsAt(layer, image, y, x, tap);
        if (!pixels) continue;
        for (let i: u32 = 0; i < layer.inChannels; i++) {
          const pixel = v128.load32_splat(pixels + (i << 2));
          const weights = layer.weights + (tap * layer.inChannels + i) * rowBytes;
          for (let channel: u32 = 0; channel < rowBytes; channel += 16) {
            addProduct(sums + channel, pixel, v128.load(weights + channel));
          }
        }
      }
      sums += rowBytes;
    }
  }
}

/** Adds to ∂L/∂weights what one image contributes; ∂L/∂x, summed over the steps, lies in the image's first frame. */
export function imageWeightGradient(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const rowBytes = layer.outChannels << 2;
  let gradient = layer.gradient + ((image * layer.timeSteps * layer.neurons) << 2);
  for (let y: u32 = 0; y < outputSize; y++) {
    for (let x: u32 = 0; x < outputSize; x++) {
      for (let tap: u32 = 0; tap < 9; tap++) {
        const pixels = pixelsAt(layer, image, y, x, tap);
        if (!pixels) continue;
        for (let i: u32 = 0; i < layer.inChannels; i++) {
          const pixel = v128.load32_splat(pixels + (i << 2));
          const weights = layer.weights + gradientOffset + (tap * layer.inChannels + i) * rowBytes;
          for (let channel: u32 = 0; channel < rowBytes; channel += 16) {
            addProduct(weights + channel, pixel, v128.load(gradient + channel));
          }
        }
      }
      gradient += rowBytes;
    }
  }
}

/** Address of the pixel (channels) that an output sees through a tap, or 0. */
function pixelsAt(layer: Layer, image: u32, y: u32, x: u32, tap: u32): u32 {
  const size = layer.inputSize;
  const row = inputRow(layer.kind, y, tap / 3, size);
  const column = inputRow(layer.kind, x, tap % 3, size);
  if ((row | column) < 0) return 0;
  return layer.inputs + ((((image * size + row) * size + column) * layer.inChannels) << 2);
}

function addProduct(sum: u32, a: v128, b: v128): void {
  v128.store(sum, f32x4.add(v128.load(sum), f32x4.mul(a, b)));
}

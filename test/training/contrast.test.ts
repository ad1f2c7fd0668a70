import assert from "node:assert/strict";
import { test } from "node:test";
import { readNetwork } from "../../src/checkpoint/architecture.js";
import { encodeModel } from "../../src/model/file.js";
import { quantizeNetwork, quantizeReadout } from "../../src/quantize/quantize.js";
import { Generator } from "../../src/runtime/generator.js";
import { matchingContrast, withContrast } from "../../src/training/contrast.js";
import { randomSource } from "../support/models.js";
import { syntheticTensors } from "../support/network.js";

/** Σ over the places of an image of the variance over images. */
function varianceOf(pixels: Uint8Array, imageBytes: number): number {
  const count = pixels.length / imageBytes;
  let total = 0;
  for (let k = 0; k < imageBytes; k++) {
    const values = Array.from({ length: count }, (_, i) => pixels[i * imageBytes + k]);
    const mean = values.reduce((a, b) => a + b) / count;
    total += values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  }
  return total;
}

test("the gain that is found gives the core's reconstructions the contrast of the images", async () => {
  const network = readNetwork(syntheticTensors({ encoder: true }));
  const { model } = quantizeNetwork(network);
  const random = randomSource(4);
  const count = 24;
  const imageBytes = model.imageSize ** 2 * model.imageChannels;
  /** The variance of what the core makes of the images with a scaled readout, as it is in the file. */
  async function varianceAt(gain: number, pixels: Uint8Array): Promise<number> {
    const readout = quantizeReadout(withContrast(network, gain));
    const generator = await Generator.load(encodeModel({ ...model, readout }), { encoder: true });
    const made = new Uint8Array(pixels.length);
    for (let index = 0; index < count; index++) {
      const at = index * imageBytes;
      const image = pixels.subarray(at, at + imageBytes);
      made.set(generator.reconstruct(image, { seed: 0, index }).pixels, at);
    }
    return varianceOf(made, imageBytes);
  }
  const dark = Uint8Array.from({ length: count * imageBytes }, () => 255 * random());
  // Images of the contrast of reconstructions, scaled about the middle: rates rise with it, so that the gain is above 1, but not so
  // far that most pixels are black or white, where rounding moves the variance more than a gain does.
  const wanted = await varianceAt(1, dark);
  const scale = Math.sqrt(wanted / varianceOf(dark, imageBytes));
  const pixels = dark.map((value) => Math.round(127.5 + scale * (value - 127.5)));

  const calls: number[] = [];
  const gain = await matchingContrast(model, network, pixels, (done) => calls.push(done));
  assert.deepEqual(
    calls,
    Array.from({ length: count }, (_, i) => i + 1),
  );
  assert.ok(gain > 1 && gain < 3, `gain ${gain}`);
  // The search ends with a step of 0.2 %: a little less gain gives too little contrast, a little more gives too much.
  const target = varianceOf(pixels, imageBytes);
  const [less, more] = [await varianceAt(gain * 0.995, pixels), await varianceAt(gain * 1.005, pixels)];
  assert.ok(less < target && target < more, `${less} < ${target} < ${more} at gain ${gain}`);
});

import { encode } from "fast-png";
import { turnOf } from "../../src/runtime/turns.js";
import { type ImageShape, imageBytes } from "./batch.js";
import { type DataSet, imageName, labelAt } from "./data-set.js";
import type { RunDescription } from "./run-description.js";

/** An image of a data set as a file. */
export interface Sample {
  /** Its index, with zeros before it. */
  readonly key: string;
  readonly png: Uint8Array;
  /** Undefined if the data set has no labels. */
  readonly label: number | undefined;
}

/** Image `index` of a data set from its pixels (rows, columns, channels). */
export function sampleOf(data: DataSet, index: bigint, pixels: Uint8Array): Sample {
  const { shape, run, turns } = data;
  const drawn = { index: String(index), prior: turns.priors[turnOf(turns, index)] };
  return {
    key: imageName(run, index),
    png: encodePng(pixels, shape, provenance(run, drawn)),
    label: labelAt(data, index),
  };
}

/** A PNG that says what made it, in tEXt chunks. */
function encodePng(
  pixels: Uint8Array,
  { imageSize, imageChannels }: ImageShape,
  text: Record<string, string>,
): Uint8Array {
  return encode({ width: imageSize, height: imageSize, data: pixels, channels: imageChannels, text });
}

/** Text that says which images of which run a picture shows. */
export function provenance(
  run: RunDescription,
  images: Readonly<Record<string, string>>,
): Record<string, string> {
  const facts = {
    model: run.model,
    crc32: run.modelCrc32,
    seed: run.seed,
    ...images,
    timeSteps: run.timeSteps,
    reject: run.reject,
  };
  const comment = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  return { Software: `Spikelet ${run.spikelet}`, Comment: latin1(comment.join(" ")) };
}

/** Text as a tEXt chunk holds it; other characters become question marks. */
function latin1(text: string): string {
  return text.replace(/[^\u0020-\u007e\u00a0-\u00ff]/gu, "?");
}

/** Bytes of one image's pixels, of several. */
export function pixelsAt(pixels: Uint8Array, shape: ImageShape, place: number): Uint8Array {
  const bytes = imageBytes(shape);
  return pixels.subarray(place * bytes, (place + 1) * bytes);
}

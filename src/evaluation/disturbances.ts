// What a robustness curve does to the network: spikes and weights that are not what they should be. All draws are Philox's
// (docs/numerics.md).

import * as format from "../../assembly/core/format";
import { STREAM_BITS, STREAM_FLIPS, STREAM_SILENCE } from "../../assembly/core/streams";
import { drawBlock } from "../math/random.js";
import { crc32, outlineModel } from "../model/file.js";
import { weightBytes } from "../model/layout.js";

/** Which draws a disturbance takes. */
export interface Draw {
  readonly seed: bigint;
  /** Of an image, or the number of the damaged copy of a model. */
  readonly index: bigint;
}

/** A source of uniform numbers in (0, 1). */
function uniforms({ seed, index }: Draw, stream: number): () => number {
  const words = new Uint32Array(4);
  let block = 0;
  let used = words.length;
  return () => {
    if (used === words.length) {
      drawBlock(words, block++, stream, index, seed);
      used = 0;
    }
    return (words[used++] + 0.5) / 2 ** 32;
  };
}

/** Spike trains in which each step of each neuron is turned over with a probability. */
export function flipSpikes(spikes: Uint8Array, probability: number, draw: Draw): Uint8Array {
  const uniform = uniforms(draw, STREAM_FLIPS);
  return spikes.map((spike) => (uniform() < probability ? 1 - spike : spike));
}

/** Spike trains (timeSteps, neurons) in which `silenced` steps, drawn at random, have no spikes. */
export function silenceSteps(
  spikes: Uint8Array,
  timeSteps: number,
  silenced: number,
  draw: Draw,
): Uint8Array {
  const uniform = uniforms(draw, STREAM_SILENCE);
  const order = Array.from({ length: timeSteps }, (_, t) => ({ t, rank: uniform() }));
  order.sort((a, b) => a.rank - b.rank);
  const result = spikes.slice();
  const neurons = spikes.length / timeSteps;
  for (const { t } of order.slice(0, silenced)) result.fill(0, t * neurons, (t + 1) * neurons);
  return result;
}

/** Whose weights are damaged. */
export type DamagedPart = "encoder" | "decoder" | "all";

/**
 * A copy of a .spk file in which each bit of the stored weights, those of the readout excepted, is turned over with a
 * probability, and the checksum made anew.
 */
export function flipWeightBits(
  spk: Uint8Array,
  part: DamagedPart,
  probability: number,
  draw: Draw,
): Uint8Array {
  const { encoder, decoder } = outlineModel(spk);
  const layers = [...(part === "encoder" ? [] : decoder), ...(part === "decoder" ? [] : encoder)];
  // A slice of Node's Buffer would be no copy.
  const damaged = Uint8Array.from(spk);
  if (probability > 0) {
    const uniform = uniforms(draw, STREAM_BITS);
    // Steps from one flip to the next are geometrically distributed: far fewer draws than one for each bit.
    const nextStep = () => 1 + Math.floor(Math.log(uniform()) / Math.log1p(-probability));
    for (const { weightsOffset, kind, inChannels, outChannels, bits } of layers) {
      const end = 8 * weightBytes(kind, inChannels, outChannels, bits);
      for (let bit = nextStep() - 1; bit < end; bit += nextStep()) {
        damaged[weightsOffset + (bit >> 3)] ^= 1 << (bit & 7);
      }
    }
  }
  const view = new DataView(damaged.buffer, damaged.byteOffset, damaged.byteLength);
  view.setUint32(format.HEADER_CRC, crc32(damaged.subarray(format.HEADER_CRC_START)), true);
  return damaged;
}

import * as format from "../../assembly/core/format";
import { type LayerKind, tapCount } from "../network.js";
import { damaged } from "./damaged.js";
import { laneOf, TAP_ORDER, weightBytes } from "./layout.js";
import type { IntegerLayer } from "./model.js";

/** Channel 8j + 4h + n of a block lies in half row h, lane j, nibble n. */
function channelAt(half: number, lane: number, nibble: number): number {
  return 8 * lane + 4 * half + nibble;
}

/** Visits the half rows of a layer in the order of the file. */
function forEachHalfRow(
  layer: { kind: LayerKind; inChannels: number; outChannels: number },
  visit: (halfRow: number, tap: number, row: number, block: number, half: number) => void,
): void {
  let halfRow = 0;
  for (let block = 0; block < layer.outChannels; block += format.BLOCK_CHANNELS) {
    for (const tap of TAP_ORDER[layer.kind]) {
      for (let row = 0; row < format.tapRows(layer.inChannels); row++) {
        for (let half = 0; half < 2; half++) visit(halfRow++, tap, row, block, half);
      }
    }
  }
}

/** Bits 4c … of half row h: where its low word starts, and in which bits of which high word the rest of a weight lies. */
function halfRowPlace(halfRow: number, bits: number): { low: number; high: number; slot: number } {
  const extra = bits - 4;
  if (!extra) return { low: halfRow * 8, high: 0, slot: 0 };
  const together = 4 / extra;
  const group = Math.floor(halfRow / together) * (together + 1) * 8;
  const slot = halfRow % together;
  return { low: group + slot * 8, high: group + together * 8, slot };
}

/** Where the weight of the convolution of the image from row (tap, image channel) to an output channel lies. */
function imageWeightPlace(row: number, rows: number, channel: number): number {
  const block = Math.floor(channel / format.BLOCK_CHANNELS) * rows;
  return 2 * ((block + row) * format.BLOCK_CHANNELS + laneOf(channel % format.BLOCK_CHANNELS));
}

function packImageWeights(layer: IntegerLayer): Uint8Array {
  const { kind, inChannels, outChannels, bits, weights } = layer;
  const bytes = new Uint8Array(weightBytes(kind, inChannels, outChannels, bits));
  const view = new DataView(bytes.buffer);
  weights.forEach((w, i) => {
    view.setInt16(imageWeightPlace(Math.floor(i / outChannels), 9 * inChannels, i % outChannels), w, true);
  });
  return bytes;
}

function unpackImageWeights(bytes: Uint8Array, layer: Omit<IntegerLayer, "weights">): Int16Array {
  const { inChannels, outChannels } = layer;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Int16Array.from({ length: 9 * inChannels * outChannels }, (_, i) =>
    view.getInt16(imageWeightPlace(Math.floor(i / outChannels), 9 * inChannels, i % outChannels), true),
  );
}

/** A layer's weights as they lie in the file. */
export function packWeights(layer: IntegerLayer): Uint8Array {
  const { kind, inChannels, outChannels, bits, weights } = layer;
  if (kind === "imageConv") return packImageWeights(layer);
  const bytes = new Uint8Array(weightBytes(kind, inChannels, outChannels, bits));
  const extra = bits - 4;
  const zero = 2 ** (bits - 1);
  forEachHalfRow(layer, (halfRow, tap, row, block, half) => {
    const { low, high, slot } = halfRowPlace(halfRow, bits);
    for (let lane = 0; lane < 4; lane++) {
      for (let nibble = 0; nibble < 4; nibble++) {
        const channel = block + channelAt(half, lane, nibble);
        const w = row < inChannels ? weights[(tap * inChannels + row) * outChannels + channel] + zero : zero;
        bytes[low + lane * 2 + (nibble >> 1)] |= (w & 15) << (4 * (nibble & 1));
        const bit = extra * (4 * slot + nibble);
        if (extra) bytes[high + lane * 2 + (bit >> 3)] |= (w >> 4) << (bit & 7);
      }
    }
  });
  return bytes;
}

/** The reverse of `packWeights`. */
export function unpackWeights(
  bytes: Uint8Array,
  layer: Omit<IntegerLayer, "weights">,
): Int8Array | Int16Array {
  const { kind, inChannels, outChannels, bits } = layer;
  if (kind === "imageConv") return unpackImageWeights(bytes, layer);
  const weights = new Int8Array(tapCount(layer) * inChannels * outChannels);
  const extra = bits - 4;
  const zero = 2 ** (bits - 1);
  forEachHalfRow({ kind, inChannels, outChannels }, (halfRow, tap, row, block, half) => {
    const { low, high, slot } = halfRowPlace(halfRow, bits);
    for (let lane = 0; lane < 4; lane++) {
      for (let nibble = 0; nibble < 4; nibble++) {
        const channel = block + channelAt(half, lane, nibble);
        let w = (bytes[low + lane * 2 + (nibble >> 1)] >> (4 * (nibble & 1))) & 15;
        const bit = extra * (4 * slot + nibble);
        if (extra) w |= ((bytes[high + lane * 2 + (bit >> 3)] >> (bit & 7)) & (2 ** extra - 1)) << 4;
        if (row < inChannels) weights[(tap * inChannels + row) * outChannels + channel] = w - zero;
        else if (w !== zero) throw damaged("The row of weights that makes their number even is not zero.");
      }
    }
  });
  return weights;
}

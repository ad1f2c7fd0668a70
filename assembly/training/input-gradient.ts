import { kernelSize, outputRow } from "./geometry";
import { Layer } from "./layer";
import { multiplyAdd } from "./multiply-add";
import { workspace } from "./thread";

// The gradient of a layer's input spikes, ∂L/∂s = Σ weights · ∂L/∂x. ∂L/∂x is dense: tdBN couples all neurons of a channel.
// So this is a product of matrices, in tiles of 4 frames by 8 input channels: 8 accumulators, each weight loaded once
// for the 4 frames, whose gradients lie beside each other, so that one address serves all.

/** Frames of a tile. */
const TILE_FRAMES: u32 = 4;
/** Bytes of a value of each of a tile's frames. */
const TILE_BYTES: u32 = 16;
/** Bytes of a value of each of a tile's channels. */
const BLOCK_BYTES: u32 = 32;

/** Weights (taps, inChannels, outChannels) to the order in which tiles take them. Each thread packs every `threads`-th block. */
export function packWeights(layer: Layer, first: u32, threads: u32): void {
  const kernel = kernelSize(layer.kind);
  const taps = kernel * kernel;
  const inChannels = layer.inChannels;
  const outChannels = layer.outChannels;
  for (let block = first; block < inChannels >> 3; block += threads) {
    let packed = layer.packedWeights + ((block * taps * outChannels) << 5);
    for (let tap: u32 = 0; tap < taps; tap++) {
      let weights = layer.usedWeights + (((tap * inChannels + (block << 3)) * outChannels) << 2);
      for (let out: u32 = 0; out < outChannels; out++, weights += 4) {
        let w = weights;
        for (let lane = 0; lane < 8; lane++, w += outChannels << 2, packed += 4) {
          store<f32>(packed, load<f32>(w));
        }
      }
    }
  }
}

/** ∂L/∂(input spikes) of some frames that follow each other. */
export function inputGradient(layer: Layer, first: u32, frames: u32): void {
  const inputSize = layer.inputSize;
  const blocks = layer.inChannels >> 3;
  const kernel = kernelSize(layer.kind);
  const weightBytes = (kernel * kernel * layer.inChannels * layer.outChannels) << 2;
  const last = first + frames - 1;
  for (let frame = first; frame <= last; frame += TILE_FRAMES) {
    packGradient(layer, frame, last);
    // The smaller of the two operands is gone through again and again.
    if (weightBytes < layer.neurons * TILE_BYTES) {
      for (let y: u32 = 0; y < inputSize; y++) {
        for (let x: u32 = 0; x < inputSize; x++) {
          for (let block: u32 = 0; block < blocks; block++) tile(layer, frame, last, y, x, block);
        }
      }
    } else {
      for (let block: u32 = 0; block < blocks; block++) {
        for (let y: u32 = 0; y < inputSize; y++) {
          for (let x: u32 = 0; x < inputSize; x++) tile(layer, frame, last, y, x, block);
        }
      }
    }
  }
}

/** ∂L/∂x of a tile's frames to (neurons, 4) in the workspace. Where there are fewer frames, the last is taken again. */
function packGradient(layer: Layer, frame: u32, last: u32): void {
  const frameBytes = layer.neurons << 2;
  let g0 = layer.gradient + frame * frameBytes;
  let g1 = layer.gradient + min(frame + 1, last) * frameBytes;
  let g2 = layer.gradient + min(frame + 2, last) * frameBytes;
  let g3 = layer.gradient + min(frame + 3, last) * frameBytes;
  let packed = workspace;
  for (
    const end = g0 + frameBytes;
    g0 < end;
    g0 += 16, g1 += 16, g2 += 16, g3 += 16, packed += 4 * TILE_BYTES
  ) {
    const a = v128.load(g0);
    const b = v128.load(g1);
    const c = v128.load(g2);
    const d = v128.load(g3);
    const abLow = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const abHigh = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const cdLow = i32x4.shuffle(c, d, 0, 4, 1, 5);
    const cdHigh = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(packed, i64x2.shuffle(abLow, cdLow, 0, 2));
    v128.store(packed, i64x2.shuffle(abLow, cdLow, 1, 3), 16);
    v128.store(packed, i64x2.shuffle(abHigh, cdHigh, 0, 2), 32);
    v128.store(packed, i64x2.shuffle(abHigh, cdHigh, 1, 3), 48);
  }
}

/** 8 input channels at one position of a tile's frames. */
function tile(layer: Layer, frame: u32, last: u32, y: u32, x: u32, block: u32): void {
  const kind = layer.kind;
  const kernel = kernelSize(kind);
  const outputSize = layer.outputSize;
  const outChannels = layer.outChannels;
  const tapBytes = outChannels * BLOCK_BYTES;
  let tap = layer.packedWeights + block * kernel * kernel * tapBytes;
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let b3 = f32x4.splat(0);
  for (let ky: u32 = 0; ky < kernel; ky++) {
    const row = outputRow(kind, y, ky, outputSize);
    for (let kx: u32 = 0; kx < kernel; kx++, tap += tapBytes) {
      const column = outputRow(kind, x, kx, outputSize);
      if ((row | column) < 0) continue;
      let gradient = workspace + (row * outputSize + column) * outChannels * TILE_BYTES;
      const end = tap + tapBytes;
      for (let w = tap; w < end; w += BLOCK_BYTES, gradient += TILE_BYTES) {
        const wa = v128.load(w);
        const wb = v128.load(w, 16);
        let g = v128.load32_splat(gradient);
        a0 = multiplyAdd(g, wa, a0);
        b0 = multiplyAdd(g, wb, b0);
        g = v128.load32_splat(gradient, 4);
        a1 = multiplyAdd(g, wa, a1);
        b1 = multiplyAdd(g, wb, b1);
        g = v128.load32_splat(gradient, 8);
        a2 = multiplyAdd(g, wa, a2);
        b2 = multiplyAdd(g, wb, b2);
        g = v128.load32_splat(gradient, 12);
        a3 = multiplyAdd(g, wa, a3);
        b3 = multiplyAdd(g, wb, b3);
      }
    }
  }
  const inputSize = layer.inputSize;
  const inBytes = layer.inChannels << 2;
  const frameBytes = inputSize * inputSize * inBytes;
  const result = layer.inputGradient + (y * inputSize + x) * inBytes + block * BLOCK_BYTES;
  storeTile(result + frame * frameBytes, a0, b0);
  storeTile(result + min(frame + 1, last) * frameBytes, a1, b1);
  storeTile(result + min(frame + 2, last) * frameBytes, a2, b2);
  storeTile(result + min(frame + 3, last) * frameBytes, a3, b3);
}

function storeTile(address: u32, a: v128, b: v128): void {
  v128.store(address, a);
  v128.store(address, b, 16);
}

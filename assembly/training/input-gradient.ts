import { kernelSize, outputRow } from "./geometry";
import { Layer } from "./layer";

// The gradient of a layer's input spikes, ∂L/∂s = Σ weights · ∂L/∂x. ∂L/∂x is dense: tdBN couples all neurons of a channel.
// So this is a product of matrices, in tiles of 4 time steps by 8 input channels: 8 accumulators, each weight loaded once
// for the 4 steps.

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

/** ∂L/∂(input spikes) of one image. */
export function inputGradient(layer: Layer, image: u32): void {
  const inputSize = layer.inputSize;
  const last = layer.timeSteps - 1;
  for (let y: u32 = 0; y < inputSize; y++) {
    for (let x: u32 = 0; x < inputSize; x++) {
      for (let t: u32 = 0; t <= last; t += 4) {
        // Of a group that has fewer than 4 steps the last is done again.
        inputGradientTiles(
          layer,
          image * (last + 1),
          y,
          x,
          t,
          min(t + 1, last),
          min(t + 2, last),
          min(t + 3, last),
        );
      }
    }
  }
}

/** All input channels at one position and 4 steps. */
function inputGradientTiles(
  layer: Layer,
  frame: u32,
  y: u32,
  x: u32,
  t0: u32,
  t1: u32,
  t2: u32,
  t3: u32,
): void {
  const kind = layer.kind;
  const kernel = kernelSize(kind);
  const outputSize = layer.outputSize;
  const outBytes = layer.outChannels << 2;
  const frameBytes = layer.neurons << 2;
  const g0 = layer.gradient + (frame + t0) * frameBytes;
  const g1 = layer.gradient + (frame + t1) * frameBytes;
  const g2 = layer.gradient + (frame + t2) * frameBytes;
  const g3 = layer.gradient + (frame + t3) * frameBytes;
  const inputSize = layer.inputSize;
  const inBytes = layer.inChannels << 2;
  const inputFrameBytes = inputSize * inputSize * inBytes;
  const position = layer.inputGradient + frame * inputFrameBytes + (y * inputSize + x) * inBytes;

  let tap = layer.packedWeights;
  for (let channel: u32 = 0; channel < inBytes; channel += 32) {
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
      for (let kx: u32 = 0; kx < kernel; kx++, tap += outBytes << 3) {
        const column = outputRow(kind, x, kx, outputSize);
        if ((row | column) < 0) continue;
        let at = (row * outputSize + column) * outBytes;
        const end = at + outBytes;
        for (let w = tap; at < end; at += 4, w += 32) {
          const wa = v128.load(w);
          const wb = v128.load(w, 16);
          let g = v128.load32_splat(g0 + at);
          a0 = f32x4.add(a0, f32x4.mul(g, wa));
          b0 = f32x4.add(b0, f32x4.mul(g, wb));
          g = v128.load32_splat(g1 + at);
          a1 = f32x4.add(a1, f32x4.mul(g, wa));
          b1 = f32x4.add(b1, f32x4.mul(g, wb));
          g = v128.load32_splat(g2 + at);
          a2 = f32x4.add(a2, f32x4.mul(g, wa));
          b2 = f32x4.add(b2, f32x4.mul(g, wb));
          g = v128.load32_splat(g3 + at);
          a3 = f32x4.add(a3, f32x4.mul(g, wa));
          b3 = f32x4.add(b3, f32x4.mul(g, wb));
        }
      }
    }
    const result = position + channel;
    storeTile(result + t0 * inputFrameBytes, a0, b0);
    storeTile(result + t1 * inputFrameBytes, a1, b1);
    storeTile(result + t2 * inputFrameBytes, a2, b2);
    storeTile(result + t3 * inputFrameBytes, a3, b3);
  }
}

function storeTile(address: u32, a: v128, b: v128): void {
  v128.store(address, a);
  v128.store(address, b, 16);
}

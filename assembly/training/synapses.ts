import { inputRow, kernelSize } from "./geometry";
import { Layer } from "./layer";
import { gradientOffset, spikeTable, workspace } from "./thread";

// Synapses on spikes, forward and their weights' gradient. Inputs are 0 or 1, so both are additions, and only for the
// inputs that fire: a row of weights (outChannels) to the sums, or the sums' gradient to a row of the weights' gradient.
// What fires is listed first, without a branch on a spike; then 32 output channels at a time stay in registers.

/** x = bias + Σ weights · spikes, of one image. */
export function integrate(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const rowBytes = layer.outChannels << 2;
  const frame = image * layer.timeSteps;
  let spikes = layer.inputs + frame * layer.inputSpikeBytes;
  let sums = layer.sums + ((frame * layer.neurons) << 2);
  for (let t: u32 = 0; t < layer.timeSteps; t++) {
    for (let y: u32 = 0; y < outputSize; y++) {
      for (let x: u32 = 0; x < outputSize; x++) {
        const end = listRows(layer, spikes, y, x);
        for (let offset: u32 = 0; offset < rowBytes; offset += 128, sums += 128) {
          addRows(end, layer.usedWeights + offset, rowBytes, layer.bias + offset, sums);
        }
      }
    }
    spikes += layer.inputSpikeBytes;
  }
}

/** Adds to ∂L/∂weights what one image contributes: ∂L/∂x of each output to the weights of the inputs that fire. */
export function weightGradient(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const rowBytes = layer.outChannels << 2;
  const frame = image * layer.timeSteps;
  let spikes = layer.inputs + frame * layer.inputSpikeBytes;
  let gradient = layer.gradient + ((frame * layer.neurons) << 2);
  for (let t: u32 = 0; t < layer.timeSteps; t++) {
    for (let y: u32 = 0; y < outputSize; y++) {
      for (let x: u32 = 0; x < outputSize; x++) {
        const end = listRows(layer, spikes, y, x);
        for (let offset: u32 = 0; offset < rowBytes; offset += 128, gradient += 128) {
          addToRows(end, layer.weights + gradientOffset + offset, rowBytes, gradient);
        }
      }
    }
    spikes += layer.inputSpikeBytes;
  }
}

/**
 * Lists in the workspace the rows of weights, tap · inChannels + channel in 16 bits, of the inputs that fire and that the output at
 * (y, x) sees. Returns the list's end.
 */
function listRows(layer: Layer, spikes: u32, y: u32, x: u32): u32 {
  const kind = layer.kind;
  const inputSize = layer.inputSize;
  const inChannels = layer.inChannels;
  const positionBytes = inChannels >> 3;
  const kernel = kernelSize(kind);
  let list = workspace;
  let tap: u32 = 0;
  for (let ky: u32 = 0; ky < kernel; ky++) {
    const row = inputRow(kind, y, ky, inputSize);
    for (let kx: u32 = 0; kx < kernel; kx++, tap += inChannels) {
      const column = inputRow(kind, x, kx, inputSize);
      if ((row | column) < 0) continue;
      let first = i16x8.splat(<i16>tap);
      let at = spikes + (row * inputSize + column) * positionBytes;
      for (const end = at + positionBytes; at < end; at++) {
        const byte: u32 = load<u8>(at);
        v128.store(list, i16x8.add(first, v128.load(spikeTable + (byte << 4))));
        list += popcnt(byte) << 1;
        first = i16x8.add(first, i16x8.splat(8));
      }
    }
  }
  return list;
}

/** sums = bias + Σ rows of the list, of 32 channels. */
function addRows(end: u32, weights: u32, rowBytes: u32, bias: u32, sums: u32): void {
  let s0 = v128.load(bias);
  let s1 = v128.load(bias, 16);
  let s2 = v128.load(bias, 32);
  let s3 = v128.load(bias, 48);
  let s4 = v128.load(bias, 64);
  let s5 = v128.load(bias, 80);
  let s6 = v128.load(bias, 96);
  let s7 = v128.load(bias, 112);
  for (let list = workspace; list < end; list += 2) {
    const w = weights + <u32>load<u16>(list) * rowBytes;
    s0 = f32x4.add(s0, v128.load(w));
    s1 = f32x4.add(s1, v128.load(w, 16));
    s2 = f32x4.add(s2, v128.load(w, 32));
    s3 = f32x4.add(s3, v128.load(w, 48));
    s4 = f32x4.add(s4, v128.load(w, 64));
    s5 = f32x4.add(s5, v128.load(w, 80));
    s6 = f32x4.add(s6, v128.load(w, 96));
    s7 = f32x4.add(s7, v128.load(w, 112));
  }
  v128.store(sums, s0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
  v128.store(sums, s4, 64);
  v128.store(sums, s5, 80);
  v128.store(sums, s6, 96);
  v128.store(sums, s7, 112);
}

/** Adds 32 channels of a gradient to each row of the list. */
function addToRows(end: u32, weights: u32, rowBytes: u32, gradient: u32): void {
  const g0 = v128.load(gradient);
  const g1 = v128.load(gradient, 16);
  const g2 = v128.load(gradient, 32);
  const g3 = v128.load(gradient, 48);
  const g4 = v128.load(gradient, 64);
  const g5 = v128.load(gradient, 80);
  const g6 = v128.load(gradient, 96);
  const g7 = v128.load(gradient, 112);
  for (let list = workspace; list < end; list += 2) {
    const w = weights + <u32>load<u16>(list) * rowBytes;
    v128.store(w, f32x4.add(v128.load(w), g0));
    v128.store(w, f32x4.add(v128.load(w, 16), g1), 16);
    v128.store(w, f32x4.add(v128.load(w, 32), g2), 32);
    v128.store(w, f32x4.add(v128.load(w, 48), g3), 48);
    v128.store(w, f32x4.add(v128.load(w, 64), g4), 64);
    v128.store(w, f32x4.add(v128.load(w, 80), g5), 80);
    v128.store(w, f32x4.add(v128.load(w, 96), g6), 96);
    v128.store(w, f32x4.add(v128.load(w, 112), g7), 112);
  }
}

import { inputRow, kernelSize } from "./geometry";
import { Layer } from "./layer";
import { gradientOffset } from "./thread";

// Synapses on spikes, forward and their weights' gradient. Inputs are 0 or 1, so both are additions, and only for the
// inputs that fire: a row of weights (outChannels) to the sums, or the sums' gradient to a row of the weights' gradient.
// 32 output channels at a time stay in registers.

/** x = bias + Σ weights · spikes, of one image. */
export function integrate(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const blocks = layer.outChannels >> 5;
  const frame = image * layer.timeSteps;
  let spikes = layer.inputs + frame * layer.inputSpikeBytes;
  let sums = layer.sums + ((frame * layer.neurons) << 2);
  for (let t: u32 = 0; t < layer.timeSteps; t++) {
    for (let y: u32 = 0; y < outputSize; y++) {
      for (let x: u32 = 0; x < outputSize; x++) {
        for (let block: u32 = 0; block < blocks; block++) {
          integrateBlock(layer, spikes, y, x, block << 7, sums);
          sums += 128;
        }
      }
    }
    spikes += layer.inputSpikeBytes;
  }
}

/** The sums of 32 output channels, from byte `offset` of a row of weights, at one position. */
function integrateBlock(layer: Layer, spikes: u32, y: u32, x: u32, offset: u32, sums: u32): void {
  const kind = layer.kind;
  const inputSize = layer.inputSize;
  const inChannels = layer.inChannels;
  const positionBytes = inChannels >> 3;
  const rowBytes = layer.outChannels << 2;
  const tapBytes = inChannels * rowBytes;
  const kernel = kernelSize(kind);
  const bias = layer.bias + offset;
  let s0 = v128.load(bias);
  let s1 = v128.load(bias, 16);
  let s2 = v128.load(bias, 32);
  let s3 = v128.load(bias, 48);
  let s4 = v128.load(bias, 64);
  let s5 = v128.load(bias, 80);
  let s6 = v128.load(bias, 96);
  let s7 = v128.load(bias, 112);
  let tap = layer.usedWeights + offset;
  for (let ky: u32 = 0; ky < kernel; ky++) {
    const row = inputRow(kind, y, ky, inputSize);
    for (let kx: u32 = 0; kx < kernel; kx++, tap += tapBytes) {
      const column = inputRow(kind, x, kx, inputSize);
      if ((row | column) < 0) continue;
      let word = spikes + (row * inputSize + column) * positionBytes;
      const end = word + positionBytes;
      for (let weights = tap; word < end; word += 4, weights += rowBytes << 5) {
        for (let bits = load<u32>(word); bits; bits &= bits - 1) {
          const w = weights + ctz(bits) * rowBytes;
          s0 = f32x4.add(s0, v128.load(w));
          s1 = f32x4.add(s1, v128.load(w, 16));
          s2 = f32x4.add(s2, v128.load(w, 32));
          s3 = f32x4.add(s3, v128.load(w, 48));
          s4 = f32x4.add(s4, v128.load(w, 64));
          s5 = f32x4.add(s5, v128.load(w, 80));
          s6 = f32x4.add(s6, v128.load(w, 96));
          s7 = f32x4.add(s7, v128.load(w, 112));
        }
      }
    }
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

/** Adds to ∂L/∂weights what one image contributes: ∂L/∂x of each output to the weights of the inputs that fire. */
export function weightGradient(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const blocks = layer.outChannels >> 5;
  const frame = image * layer.timeSteps;
  let spikes = layer.inputs + frame * layer.inputSpikeBytes;
  let gradient = layer.gradient + ((frame * layer.neurons) << 2);
  for (let t: u32 = 0; t < layer.timeSteps; t++) {
    for (let y: u32 = 0; y < outputSize; y++) {
      for (let x: u32 = 0; x < outputSize; x++) {
        for (let block: u32 = 0; block < blocks; block++) {
          weightGradientBlock(layer, spikes, y, x, block << 7, gradient);
          gradient += 128;
        }
      }
    }
    spikes += layer.inputSpikeBytes;
  }
}

function weightGradientBlock(layer: Layer, spikes: u32, y: u32, x: u32, offset: u32, gradient: u32): void {
  const kind = layer.kind;
  const inputSize = layer.inputSize;
  const inChannels = layer.inChannels;
  const positionBytes = inChannels >> 3;
  const rowBytes = layer.outChannels << 2;
  const tapBytes = inChannels * rowBytes;
  const kernel = kernelSize(kind);
  const g0 = v128.load(gradient);
  const g1 = v128.load(gradient, 16);
  const g2 = v128.load(gradient, 32);
  const g3 = v128.load(gradient, 48);
  const g4 = v128.load(gradient, 64);
  const g5 = v128.load(gradient, 80);
  const g6 = v128.load(gradient, 96);
  const g7 = v128.load(gradient, 112);
  let tap = layer.weights + offset + gradientOffset;
  for (let ky: u32 = 0; ky < kernel; ky++) {
    const row = inputRow(kind, y, ky, inputSize);
    for (let kx: u32 = 0; kx < kernel; kx++, tap += tapBytes) {
      const column = inputRow(kind, x, kx, inputSize);
      if ((row | column) < 0) continue;
      let word = spikes + (row * inputSize + column) * positionBytes;
      const end = word + positionBytes;
      for (let weights = tap; word < end; word += 4, weights += rowBytes << 5) {
        for (let bits = load<u32>(word); bits; bits &= bits - 1) {
          const w = weights + ctz(bits) * rowBytes;
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
    }
  }
}

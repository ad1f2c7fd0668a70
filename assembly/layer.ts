import { BLOCK_PARAMETER_BYTES, KIND_LINEAR, MAX_TIME_STEPS, READOUT_CHANNELS } from "./format";
import { residentBytes, view } from "./flash";
import { fire as firePlain, integrate as integratePlain } from "./integrate";
import { fire as fireSimd, integrate as integrateSimd } from "./integrate-simd";
import { LAST_SPIKES, LAYER_STATE_BYTES, LAYERS, PARAMETERS, PLAN_LAST_MAP, PLAN_SUMS } from "./memory";
import { addReadout } from "./ledger";
import { gather } from "./readout";
import { expand } from "./weights";

/** An entry of the file's layer table, and what the plan adds. A map has one bit a neuron: (step, row, column, channel). */
export class Layer {
  kind: u8;
  bits: u8;
  /** Rows, and columns, of the input map. */
  inputSize: u16;
  inChannels: u16;
  outChannels: u16;
  /** Offsets in the file. */
  parameters: u32;
  scales: u32;
  weights: u32;
  weightsLength: u32;
  lowest: i16;
  highest: i16;
  zero: u32;
  inputMap: u32;
  /** Bytes of one position of the input map. */
  pixelBytes: u32;
  /** Where unpacked weights go: all of them if the model is resident, else one pass of one phase of one block. */
  unpacked: u32;
  /** Whether a phase takes one pass for each of its rows of taps, so that half of its weights are in memory at once. */
  split: u32;
}

export function layerAt(i: u32): Layer {
  return changetype<Layer>(LAYERS + i * LAYER_STATE_BYTES);
}

export function tapCount(layer: Layer): u32 {
  return layer.kind == KIND_LINEAR ? 1 : 9;
}

/** Rows of weights for one tap, padded to an even number. */
export function tapRows(layer: Layer): u32 {
  return (layer.inChannels + 1) & -2;
}

/** Rows, and columns, of the output map. */
export function outputSize(layer: Layer): u32 {
  return layer.kind == KIND_LINEAR ? 1 : layer.inputSize << 1;
}

/** Bytes of one time step of the input map. */
function inputStep(layer: Layer): u32 {
  return layer.inputSize * layer.inputSize * layer.pixelBytes;
}

/** Bytes of one time step of the output map. */
function outputStep(layer: Layer): u32 {
  const size = outputSize(layer);
  return (size * size * layer.outChannels) >> 3;
}

export function inputMapBytes(layer: Layer): u32 {
  return inputStep(layer) * MAX_TIME_STEPS;
}

export function outputMapBytes(layer: Layer): u32 {
  return outputStep(layer) * MAX_TIME_STEPS;
}

/**
 * Runs a layer. Output positions (y mod 2, x mod 2) that see the same taps make a phase: (2i, 2j) sees input (i, j), odd rows
 * also i + 1, odd columns also j + 1. Inputs of neighbouring columns, and the weights of their taps, lie side by side,
 * so one run serves both.
 * @param output - where the output map goes, or 0 for the last layer, whose spikes go to the readout
 */
export function runLayer(layer: Layer, output: u32, steps: u32): void {
  const inputSize: u32 = layer.inputSize;
  const size = outputSize(layer);
  const isLast = !output;
  const last = load<u32>(PLAN_LAST_MAP);
  const kept = !isLast || last;
  const step = kept ? outputStep(layer) : READOUT_CHANNELS >> 3;
  if (isLast) output = last;
  const phases: u32 = layer.kind == KIND_LINEAR ? 1 : 4;
  let packed = layer.weights;
  let unpacked = layer.unpacked;
  let parameters = layer.parameters;
  for (let block: u32 = 0; block < layer.outChannels; block += 32) {
    const biases = view(parameters, PARAMETERS, BLOCK_PARAMETER_BYTES);
    parameters += BLOCK_PARAMETER_BYTES;
    for (let phase: u32 = 0; phase < phases; phase++) {
      const right = phase & 1;
      const below = phase >> 1;
      const rowWeights = (tapRows(layer) << right) << 6;
      for (let r: u32 = 0; r <= below; ) {
        const end = layer.split ? r + 1 : below + 1;
        const passWeights = rowWeights * (end - r);
        const first = unpacked;
        if (residentBytes) {
          unpacked += passWeights;
        } else {
          const bytes = (passWeights >> 4) * layer.bits;
          expand(packed, bytes, layer.bits, unpacked);
          packed += bytes;
        }
        for (let i: u32 = 0; i < inputSize; i++) {
          for (let j: u32 = 0; j < inputSize; j++) {
            const position = i * inputSize + j;
            const sums = load<u32>(PLAN_SUMS) + (layer.split ? position << 10 : 0);
            let weights = first;
            for (let k = r; k < end && i + k < inputSize; k++) {
              const spikes = layer.inputMap + (position + k * inputSize) * layer.pixelBytes;
              const run = layer.pixelBytes << (right & u32(j + 1 < inputSize));
              const from = k ? sums : biases;
              if (ASC_FEATURE_SIMD) {
                integrateSimd(spikes, inputStep(layer), run, weights, from, k << 6, sums, steps);
              } else {
                integratePlain(spikes, inputStep(layer), run, weights, from, k << 6, sums, steps);
              }
              weights += rowWeights;
            }
            if (end > below) {
              const y = (i << 1) + below;
              const x = (j << 1) + right;
              const spikes = kept ? output + (((y * size + x) * layer.outChannels + block) >> 3) : LAST_SPIKES;
              if (ASC_FEATURE_SIMD) fireSimd(sums, biases + 64, spikes, step, steps);
              else firePlain(sums, biases + 64, spikes, step, steps);
              if (isLast) addReadout(y, x, gather(y, x, spikes, step, steps));
            }
          }
        }
        r = end;
      }
    }
  }
}

/** Unpacks all weights of a layer, in the order in which `runLayer` uses them: that of the file. */
export function expandLayer(layer: Layer): void {
  expand(layer.weights, layer.weightsLength, layer.bits, layer.unpacked);
}

import { fetch, residentBytes } from "./flash";
import { BLOCK_PARAMETER_BYTES } from "./format";
import { LAYER_STATE_BYTES, PARAMETERS, POTENTIALS } from "./memory";
import { runNeurons } from "./neurons";
import { gather } from "./readout";
import { expand } from "./weights";

/** An entry of the file's layer table, and what the plan adds. A map has one bit a neuron: (step, row, column, channel). */
export class Layer {
  /** 0 linear, 1 transposed convolution: also what the map's size is shifted by. */
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
  /** Bytes of the packed weights. Not used: it follows from the shape. */
  weightsLength: u32;
  lowest: i16;
  highest: i16;
  zero: u32;
  inputMap: u32;
  /** Bytes of one position of the input map. */
  pixelBytes: u32;
  /** Bytes of one time step of the input map. */
  stepBytes: u32;
  /** Weighted inputs of 32 neurons at every step. */
  sums: u32;
  /** Where unpacked weights go: all of them if the model is resident, else one pass of one phase of one block. */
  unpacked: u32;
  /**
   * Bytes from one input position's sums to the next one's, or 0. If not 0, a phase takes one pass for each of its rows of
   * taps, so that no more than half of its weights are in memory at once.
   */
  sumsStep: u32;
}

/** The layer after this one; after the last, the readout's entry. */
export function after(layer: Layer): Layer {
  return changetype<Layer>(changetype<u32>(layer) + LAYER_STATE_BYTES);
}

/** Bytes of one tap's unpacked weights for one block: rows of 64, padded to an even number. */
export function tapBytes(layer: Layer): u32 {
  return ((<u32>layer.inChannels + 1) & -2) << 6;
}

/**
 * Runs a layer. Output positions (y mod 2, x mod 2) that see the same taps make a phase: (2i, 2j) sees input (i, j), odd rows
 * also i + 1, odd columns also j + 1. Inputs of neighbouring columns, and the weights of their taps, lie side by side,
 * so one run serves both.
 * @param isLast - whether its spikes go to the readout
 * @param ledger - whether these are then counted
 */
export function runLayer(layer: Layer, isLast: bool, steps: u32, ledger: u32): void {
  const inputSize: u32 = layer.inputSize;
  const width = inputSize << 1;
  const pixelBytes = layer.pixelBytes;
  const rowBytes = inputSize * pixelBytes;
  const stepBytes = layer.stepBytes;
  const output = after(layer);
  const mapEnd = layer.inputMap + stepBytes;
  const lastPhase: u32 = <u32>layer.kind * 3;
  let packed = layer.weights;
  let unpacked = layer.unpacked;
  let parameters = layer.parameters;
  let block = output.inputMap;
  const lastBlock = block + (layer.outChannels >> 3);
  do {
    fetch(parameters, PARAMETERS, BLOCK_PARAMETER_BYTES);
    parameters += BLOCK_PARAMETER_BYTES;
    let phase: u32 = 0;
    do {
      const right = phase & 1;
      const below = phase >> 1;
      const rowWeights = tapBytes(layer) << right;
      const rows = layer.sumsStep ? 1 : below + 1;
      let r: u32 = 0;
      do {
        const first = unpacked;
        const passWeights = rowWeights * rows;
        if (residentBytes) {
          unpacked += passWeights;
        } else {
          packed = expand(packed, passWeights, layer.bits, unpacked);
        }
        const end = r + rows;
        let sums = layer.sums;
        let pixel = layer.inputMap;
        let y = below;
        do {
          let x = right;
          do {
            const run = pixelBytes << u32(right & u32(x + 1 < width));
            const inMap = 1 + u32(pixel + rowBytes < mapEnd);
            const spikes = pixel + r * rowBytes;
            const fired = block + (y * width + x) * output.pixelBytes;
            const isDone = end > below;
            runNeurons(
              spikes,
              stepBytes,
              run,
              min(end, inMap) - r,
              rowBytes,
              first,
              rowWeights,
              r ? sums : PARAMETERS,
              r << 6,
              isDone ? POTENTIALS : sums,
              fired,
              output.stepBytes,
              steps,
            );
            if (isLast & isDone) gather(y, x, fired, output.stepBytes, steps, ledger);
            sums += layer.sumsStep;
            pixel += pixelBytes;
            x += 2;
          } while (x < width);
          y += 2;
        } while (y < width);
        r = end;
      } while (r <= below);
      phase++;
    } while (phase <= lastPhase);
    block += 4;
  } while (block < lastBlock);
}

import { fetch, residentBytes } from "./flash";
import { BLOCK_PARAMETER_BYTES } from "./format";
import { after, Layer } from "./layer-table";
import { PARAMETERS, POTENTIALS, ROW_BYTES, tapBytes } from "./memory";
import { runNeurons } from "./neurons";
import { gather } from "./readout";
import { expand } from "./weights";

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
      const rowWeights = tapBytes(layer.inChannels) << right;
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
              r * ROW_BYTES,
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

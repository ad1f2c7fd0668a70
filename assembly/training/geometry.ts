import { KIND_LINEAR, KIND_TRANSPOSED_CONV } from "../core/format";

// Which row (column) of one side of a layer tap k joins to which of the other. In a convolution of stride 2 and padding 1
// output y sees input 2y − 1 + k; a transposed convolution is the same with input and output exchanged.

/** Of a side of `size` rows the row at 2y − 1 + k, or −1. */
function finer(y: u32, k: u32, size: u32): i32 {
  const row = <i32>(2 * y + k) - 1;
  return row < <i32>size ? row : -1;
}

/** Of a side of `size` rows the row r with 2r − 1 + k = y, or −1. */
function coarser(y: u32, k: u32, size: u32): i32 {
  const twice = <i32>(y + 1 - k);
  return twice & 1 || twice >= <i32>(2 * size) ? -1 : twice >> 1;
}

/** Input row that output row y sees through tap k, or −1. */
export function inputRow(kind: u32, y: u32, k: u32, inputSize: u32): i32 {
  if (kind == KIND_LINEAR) return 0;
  return kind == KIND_TRANSPOSED_CONV ? coarser(y, k, inputSize) : finer(y, k, inputSize);
}

/** Output row that sees input row y through tap k, or −1. */
export function outputRow(kind: u32, y: u32, k: u32, outputSize: u32): i32 {
  if (kind == KIND_LINEAR) return 0;
  return kind == KIND_TRANSPOSED_CONV ? finer(y, k, outputSize) : coarser(y, k, outputSize);
}

/** Taps of a row of the kernel. */
export function kernelSize(kind: u32): u32 {
  return kind == KIND_LINEAR ? 1 : 3;
}

import { fetch } from "./flash";
import {
  HEADER_PRIORS_OFFSET,
  PRIOR_HEADER_BYTES,
  PRIOR_ROW_WEIGHTS,
  PRIOR_SHIFT,
  priorRowBytes,
} from "./format";
import { HEADER, NORMALS, RATES, STAGING } from "./memory";
import { sigmoidOf } from "./sigmoid";

/** Where a prior's record begins in the file. The caller gives the bytes of a row, which it needs itself. */
export function recordOffset(prior: u32, size: u32, rowBytes: u32): u32 {
  return load<u32>(HEADER + HEADER_PRIORS_OFFSET) + prior * (PRIOR_HEADER_BYTES + size * rowBytes);
}

/** Firing rates sigmoid(W · normals + b) of a prior, to RATES. */
export function applyPrior(prior: u32, size: u32): void {
  const rowBytes = priorRowBytes(size);
  let offset = recordOffset(prior, size, rowBytes);
  fetch(offset + PRIOR_SHIFT, STAGING, 4);
  const shift = load<u32>(STAGING);
  offset += PRIOR_HEADER_BYTES;
  const bytes = size << 2;
  let neuron: u32 = 0;
  do {
    fetch(offset, STAGING, rowBytes);
    let row = STAGING;
    let sum = load<i32>(row) << 12;
    let j: u32 = 0;
    do {
      sum += <i32>load<i16>(row, PRIOR_ROW_WEIGHTS) * load<i32>(j, NORMALS);
      row += 2;
      j += 4;
    } while (j < bytes);
    store<i32>(neuron, sigmoidOf(sum, shift), RATES);
    offset += rowBytes;
    neuron += 4;
  } while (neuron < bytes);
}

import { PRIOR_HEADER_BYTES, PRIOR_SHIFT } from "./format";
import { view } from "./flash";
import { NORMALS, RATES, STAGING } from "./memory";
import { roundShift, sigmoid } from "./sigmoid";

/** Bytes of one neuron's row: its bias and its weights. */
function rowBytes(size: u32): u32 {
  return (4 + (size << 1) + 3) & -4;
}

export function priorBytes(size: u32): u32 {
  return PRIOR_HEADER_BYTES + size * rowBytes(size);
}

/** Firing rates sigmoid(W · normals + b) of the prior at `offset` in the file, to RATES. */
export function applyPrior(offset: u32, size: u32): void {
  const shift = load<u32>(view(offset + PRIOR_SHIFT, STAGING, 4));
  offset += PRIOR_HEADER_BYTES;
  for (let rate = RATES, end = RATES + (size << 2); rate < end; rate += 4) {
    let row = view(offset, STAGING, rowBytes(size));
    let sum = i64(load<i32>(row)) << 12;
    for (let normal = NORMALS, stop = NORMALS + (size << 2); normal < stop; normal += 4) {
      sum += i64(load<i16>(row, 4)) * i64(load<i32>(normal));
      row += 2;
    }
    store<i32>(rate, sigmoid(roundShift(sum, shift)));
    offset += rowBytes(size);
  }
}

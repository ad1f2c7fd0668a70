import { fetch } from "./flash";
import {
  codeBytes,
  HEADER_PRIORS_OFFSET,
  normalBytes,
  PRIOR_ENTRY_BYTES,
  PRIOR_OFFSET,
  PRIOR_PAIRS,
  PRIOR_SHIFT,
} from "./format";
import { HEADER, RATES, STAGING, WORDS } from "./memory";
import { philox } from "./philox";
import { normal } from "./sampler";
import { sigmoidOf } from "./sigmoid";
import { STREAM_CHOICES, STREAM_PRIOR } from "./streams";

/** Copies a prior's entry of the file's table to STAGING. */
export function fetchPrior(prior: u32): void {
  fetch(load<u32>(HEADER + HEADER_PRIORS_OFFSET) + prior * PRIOR_ENTRY_BYTES, STAGING, PRIOR_ENTRY_BYTES);
}

/** Firing rates of a prior for the image chosen by SEED and IMAGE_INDEX, to RATES. */
export function drawRates(prior: u32, size: u32): void {
  fetchPrior(prior);
  let offset = load<u32>(STAGING, PRIOR_OFFSET);
  const pairs = load<u32>(STAGING, PRIOR_PAIRS);
  const shift = load<u32>(STAGING, PRIOR_SHIFT);
  const oneCode = codeBytes(size);
  const oneNormal = normalBytes(size);
  const bytes = size << 2;
  if (pairs) {
    philox(0, STREAM_CHOICES);
    fetch(offset + ((pairs * <u32>load<u16>(WORDS, 2)) >> 16) * oneCode, STAGING, oneCode << 1);
  } else {
    fetch(offset, RATES, bytes);
    offset += bytes;
  }
  let i: u32 = 0;
  do {
    philox(i, STREAM_PRIOR);
    if (pairs) {
      const code = (load<u32>(WORDS) & 1) * oneCode + ((i >> 3) & 0x1c);
      store<u32>(i << 2, ((load<u32>(code, STAGING) >> i) & 1) << 16, RATES);
    } else {
      fetch(offset, STAGING, oneNormal);
      offset += oneNormal;
      const n = normal();
      let j: u32 = 0;
      do {
        store<i32>(j, load<i32>(j, RATES) + <i32>load<i16>(j >> 1, STAGING) * n, RATES);
        j += 4;
      } while (j < bytes);
    }
  } while (++i < size);
  if (pairs) return;
  i = 0;
  do {
    store<i32>(i, sigmoidOf(load<i32>(i, RATES), shift), RATES);
    i += 4;
  } while (i < bytes);
}

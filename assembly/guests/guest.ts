// What every guest does with the core: the WASI firmware and the component. A guest keeps its own data at the end of the page, from
// STATIC_BASE on (asconfig.json sets it for both compiler and code); the model's plan has to end below it.

import { open } from "../core/decoder";
import { HEADER_DECODER_LAYERS, HEADER_PRIORS, HEADER_TIME_STEPS, NAME_BYTES } from "../core/format";
import {
  HEADER,
  IMAGE_INDEX,
  LEDGER,
  LEDGER_LAYER_BYTES,
  LEDGER_LAYERS,
  PLAN_BYTES,
  SEED,
  STAGING,
  STATUS_MEMORY,
  STATUS_OK,
} from "../core/memory";
import { draw } from "../core/mixture";
import { fetchPrior } from "../core/prior";
import { clear } from "../core/readout";

/** Opens the model in flash, weights fetched as they are needed; a status of the core. */
export function openModel(fileBytes: u32): u32 {
  const status = open(fileBytes, 0);
  return status == STATUS_OK && load<u32>(PLAN_BYTES) > u32(STATIC_BASE) ? STATUS_MEMORY : status;
}

function isNamed(record: u32, name: u32, bytes: u32): bool {
  for (let i: u32 = 0; i < NAME_BYTES; i++) {
    const expected: u32 = i < bytes ? load<u8>(name + i) : 0;
    if (<u32>load<u8>(record + i) != expected) return false;
  }
  return true;
}

/** The first record of the prior with this name, of `bytes` bytes; as many as there are records if none has it. */
export function findPrior(name: u32, bytes: u32): u32 {
  const priors: u32 = load<u8>(HEADER + HEADER_PRIORS);
  if (bytes > NAME_BYTES) return priors;
  let prior: u32 = 0;
  while (prior < priors) {
    fetchPrior(prior);
    if (isNamed(STAGING, name, bytes)) break;
    prior++;
  }
  return prior;
}

/** Draws image `index` of `seed`, with as many time steps as the model has; a status of the core. The ledger is that of this image. */
export function drawImage(seed: u64, index: u64, prior: u32): u32 {
  clear(LEDGER, IMAGE_INDEX - LEDGER);
  store<u64>(SEED, seed);
  store<u64>(IMAGE_INDEX, index);
  return draw(prior, load<u8>(HEADER + HEADER_TIME_STEPS), 1);
}

/** Synaptic operations of the image drawn last, without the readout. */
export function synapticOperations(): u64 {
  let sum: u64 = 0;
  let counters = LEDGER_LAYERS;
  const end = counters + <u32>load<u8>(HEADER + HEADER_DECODER_LAYERS) * LEDGER_LAYER_BYTES;
  do {
    sum += load<u32>(counters, 4);
    counters += LEDGER_LAYER_BYTES;
  } while (counters < end);
  return sum;
}

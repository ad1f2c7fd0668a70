// The core as a guest of the component model: implements spikelet:edge/generator (firmware-sim/component/spikelet-edge.wit) by
// the canonical ABI. An export whose result is more than one number gives the address of it.

import { HEADER_PRIORS, HEADER_TIME_STEPS } from "./core/format";
import { HEADER, LEDGER_FETCHED, LEDGER_RANDOM, PLAN_IMAGE, STATUS_OK } from "./core/memory";
import { imageChannels, imageSize } from "./core/readout";
import { now } from "./guests/edge/clock";
import { show } from "./guests/edge/display";
import { size } from "./guests/edge/flash";
import { report } from "./guests/edge/meter";
import * as guest from "./guests/guest";

export { cabi_realloc } from "./guests/edge/landing";

/** What can go wrong here besides the statuses of the core. The interface's `error` is a status less one. */
const DISPLAY_CLOSED: u32 = 5;

/** The result of the last export. */
const RESULT: u32 = <u32>memory.data(16, 4);

/** open: func() -> result<model, error> */
export function open(): u32 {
  const status = guest.openModel(size());
  store<u8>(RESULT, u32(status != STATUS_OK));
  if (status) {
    store<u8>(RESULT, status - 1, 4);
  } else {
    store<u32>(RESULT, imageSize(), 4);
    store<u32>(RESULT, imageChannels(), 8);
    store<u32>(RESULT, load<u8>(HEADER + HEADER_TIME_STEPS), 12);
  }
  return RESULT;
}

/** find-prior: func(name: string) -> option<u32> */
export function findPrior(name: u32, bytes: u32): u32 {
  const prior = guest.findPrior(name, bytes);
  store<u8>(RESULT, u32(prior < <u32>load<u8>(HEADER + HEADER_PRIORS)));
  store<u32>(RESULT, prior, 4);
  return RESULT;
}

/** Draws, shows and reports an image; 0, or `error` of the interface and one. */
function drawAndShow(seed: u64, index: u64, prior: u32): u32 {
  const start = now();
  const status = guest.drawImage(seed, index, prior);
  if (status) return status;
  const nanoseconds = now() - start;
  const bytes = imageSize() * imageSize() * imageChannels();
  if (show(imageSize(), imageChannels(), load<u32>(PLAN_IMAGE), bytes)) return DISPLAY_CLOSED;
  const operations = guest.synapticOperations();
  report(index, nanoseconds, operations, load<u32>(LEDGER_FETCHED), load<u32>(LEDGER_RANDOM));
  return STATUS_OK;
}

/** draw: func(seed: u64, index: u64, prior: u32) -> result<_, error> */
export function draw(seed: u64, index: u64, prior: u32): u32 {
  const status = drawAndShow(seed, index, prior);
  store<u8>(RESULT, u32(status != STATUS_OK));
  store<u8>(RESULT, status - 1, 1);
  return RESULT;
}

// The firmware as a WASI preview 1 command: reads a model from flash, draws images by seed, sends each to its display (standard
// output) and a line of telemetry for each to its UART (standard error). docs/firmware-wasi.md

import { HEADER_PRIORS, VERSION } from "./core/format";
import {
  HEADER,
  LEDGER_FETCHED,
  LEDGER_RANDOM,
  PLAN_BYTES,
  PLAN_IMAGE,
  STATUS_FLASH,
  STATUS_MEMORY,
  STATUS_OK,
} from "./core/memory";
import { imageChannels, imageSize } from "./core/readout";
import { drawImage, findPrior, openModel, synapticOperations } from "./guests/guest";
import {
  EXIT_ARGUMENT,
  EXIT_BAD_MODEL,
  EXIT_DISPLAY,
  EXIT_FLASH,
  EXIT_MEMORY,
  EXIT_NO_MODEL,
} from "./guests/wasi/exit";
import { fileBytes, openFile } from "./guests/wasi/flash-file";
import { clear, put, putNumber, putZeroTerminated } from "./guests/wasi/line";
import { count, first, model, prior, raw, readArguments, seed } from "./guests/wasi/request";
import { report, stop, writeLineAnd } from "./guests/wasi/stream";
import { CLOCK_MONOTONIC, clock_time_get, DISPLAY } from "./guests/wasi/wasi";

const TIME: u32 = <u32>memory.data(8, 8);

/** Nanoseconds of the monotonic clock. */
function now(): u64 {
  clock_time_get(CLOCK_MONOTONIC, 1, TIME);
  return load<u64>(TIME);
}

function putModelName(): void {
  if (model) putZeroTerminated(model);
  else put("model.spk");
}

/** Begins the last words: "spikelet: " and the model's file. */
function complain(): void {
  clear();
  put("spikelet: ");
  putModelName();
}

function boot(): void {
  clear();
  putModelName();
  if (!openFile()) {
    complain();
    put(": not in flash, the first directory that is open to this program");
    stop(EXIT_NO_MODEL);
  }
  const status = openModel(fileBytes());
  if (status == STATUS_OK) return;
  complain();
  if (status == STATUS_FLASH) {
    put(": flash could not be read");
    stop(EXIT_FLASH);
  }
  if (status == STATUS_MEMORY) {
    put(": needs ");
    putNumber(load<u32>(PLAN_BYTES));
    put(" bytes of memory, there are ");
    putNumber(STATIC_BASE);
    put("; pages too few: ");
    putNumber((load<u32>(PLAN_BYTES) - STATIC_BASE + 65535) >> 16);
    stop(EXIT_MEMORY);
  }
  put(": not a model of version ");
  putNumber(VERSION);
  stop(EXIT_BAD_MODEL);
}

/** Number of the prior's first record. */
function choosePrior(): u32 {
  if (!prior) return 0;
  let end = prior;
  while (load<u8>(end)) end++;
  const found = findPrior(prior, end - prior);
  if (found == <u32>load<u8>(HEADER + HEADER_PRIORS)) {
    complain();
    put(": has no prior named ");
    putZeroTerminated(prior);
    stop(EXIT_ARGUMENT);
  }
  return found;
}

/** Sends the finished image to the display, after the head of a PGM or PPM file if asked. */
function show(): void {
  const size = imageSize();
  clear();
  if (!raw) {
    put(imageChannels() == 1 ? "P5\n" : "P6\n");
    putNumber(size);
    put(" ");
    putNumber(size);
    put("\n255\n");
  }
  if (!writeLineAnd(DISPLAY, load<u32>(PLAN_IMAGE), size * size * imageChannels())) {
    clear();
    put("spikelet: the display is closed");
    stop(EXIT_DISPLAY);
  }
}

function reportImage(index: u64, nanoseconds: u64): void {
  clear();
  put("image=");
  putNumber(index);
  put(" ns=");
  putNumber(nanoseconds);
  put(" ops=");
  putNumber(synapticOperations());
  put(" flash=");
  putNumber(load<u32>(LEDGER_FETCHED));
  put(" words=");
  putNumber(load<u32>(LEDGER_RANDOM));
  report();
}

export function _start(): void {
  readArguments();
  boot();
  const record = choosePrior();
  for (let i: u64 = 0; i < count; i++) {
    const index = first + i;
    const start = now();
    if (drawImage(seed, index, record)) {
      complain();
      put(": flash could not be read for image ");
      putNumber(index);
      stop(EXIT_FLASH);
    }
    const end = now();
    show();
    reportImage(index, end - start);
  }
}

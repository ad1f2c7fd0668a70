import { failed, fetch, isInFile, reset, setResidentBytes } from "./flash";
import {
  HEADER_BYTES,
  HEADER_DECODER_LAYERS,
  HEADER_IMAGE_SIZE,
  HEADER_LATENT_SIZE,
  HEADER_LENGTH,
  HEADER_NAME,
  HEADER_PRIORS,
  HEADER_READOUT_OFFSET,
  HEADER_TIME_STEPS,
  HEADER_WEIGHTS_OFFSET,
  LAYER_BYTES,
  MAGIC,
  MAX_CHANNELS,
  MAX_DECODER_LAYERS,
  MAX_LATENT_SIZE,
  MAX_TIME_STEPS,
  READOUT_CHANNELS,
  VERSION,
} from "./format";
import { runLayer } from "./layer";
import { after, Layer } from "./layer-table";
import { addLayer } from "./ledger";
import {
  FLAG_RESIDENT,
  FLAG_TRACE,
  HEADER,
  LAST_SPIKES,
  LAYERS,
  LEDGER_LAYER_BYTES,
  LEDGER_LAYERS,
  PLAN_BYTES,
  PLAN_FRONT,
  PLAN_IMAGE,
  READOUT,
  STATUS_BAD_ARGUMENT,
  STATUS_BAD_MODEL,
  STATUS_MEMORY,
  STATUS_OK,
  SUMS_BYTES,
  tapBytes,
} from "./memory";
import { drawRates } from "./prior";
import { emit, imageBytes, imageChannels, imageSize, readoutSectionBytes, start } from "./readout";
import { drawSpikes } from "./sampler";
import { expand } from "./weights";

/** Most unpacked weights of one tap with which a phase of four is in memory at once where weights are fetched. */
const MOST_TAP_BYTES: u32 = 8192;

function latentSize(): u32 {
  return load<u16>(HEADER + HEADER_LATENT_SIZE);
}

function layerCount(): u32 {
  return load<u8>(HEADER + HEADER_DECODER_LAYERS);
}

function timeSteps(): u32 {
  return load<u8>(HEADER + HEADER_TIME_STEPS);
}

/** Offset of the first layer's weights: all before it is front matter. */
function frontBytes(): u32 {
  return load<u32>(HEADER + HEADER_WEIGHTS_OFFSET);
}

function firstLayer(): Layer {
  return changetype<Layer>(LAYERS);
}

/** Whether the header at HEADER is that of a file of this length. What it says of the file's sections is checked by fetch. */
function checkHeader(length: u32): bool {
  // Without short circuits, which take more code.
  return bool(
    u32(load<u64>(HEADER) == (u64(VERSION) << 32) + u64(MAGIC)) &
      u32(load<u32>(HEADER + HEADER_LENGTH) == length) &
      u32(!(frontBytes() >> 30)) &
      u32((imageChannels() & -3) == 1) &
      u32(timeSteps() - 1 < MAX_TIME_STEPS) &
      u32(latentSize() - 1 < MAX_LATENT_SIZE) &
      u32(layerCount() - 2 < MAX_DECODER_LAYERS - 1),
  );
}

/**
 * Checks the layers and lays out the memory up to `end`; gives the bytes that this takes wherever the end is, or 0 if a layer
 * does not follow from the one before it. A first call, with an end of 0, reads the layer table and finds out where the end
 * is; a second one, with that end and the same table, also unpacks the weights of a resident model.
 *
 * No sum can wrap: with at most 256 rows and columns and 4096 channels, maps
 * take less than 2^28 bytes and weights less than 2^31.
 *
 * Above what always stays (`top`) lies what each layer needs. A streamed model's maps lie at the low end (of even layers)
 * and at the high end (of odd layers); a resident or traced one keeps every map, and its unpacked weights, at the low end.
 * Below the map at the high end lie the sums and, if streamed, the weights of one pass.
 */
function plan(flags: u32, end: u32): u32 {
  const resident = flags & FLAG_RESIDENT;
  let top = READOUT + readoutSectionBytes();
  store<u32>(PLAN_IMAGE, top);
  top += imageBytes();
  store<u32>(PLAN_FRONT, top);
  top += resident * frontBytes();
  top = (top + 31) & -32;

  let work: u32 = 0;
  let size: u32 = 1;
  let neurons = latentSize();
  let layer = firstLayer();
  let i: u32 = 0;
  do {
    if (!end) fetch(HEADER_BYTES + i * LAYER_BYTES, changetype<u32>(layer), LAYER_BYTES);
    const doubling: u32 = u32(i > 0);
    const bits: u32 = layer.bits;
    const inputSize: u32 = layer.inputSize;
    const inChannels: u32 = layer.inChannels;
    const outChannels: u32 = layer.outChannels;
    const positions = inputSize * inputSize;
    const tap = tapBytes(inChannels);
    const unpackedBytes = tap * (1 + (doubling << 3)) * (outChannels >> 5);
    if (
      u32(layer.kind != doubling) |
      u32(bits - 4 > 4) |
      u32(bits == 7) |
      ((outChannels | (inChannels * doubling)) & 31) |
      u32(outChannels - 1 >= MAX_CHANNELS) |
      (inputSize >> 8) |
      u32(positions * inChannels != neurons) |
      (u32(inputSize != size) & u32(i != 1)) |
      u32(!isInFile(layer.weights, (unpackedBytes >> 4) * bits))
    ) {
      return 0;
    }
    size = inputSize << doubling;
    neurons = size * size * outChannels;
    i++;

    const pixelBytes = ((inChannels + 31) >> 3) & -4;
    layer.pixelBytes = pixelBytes;
    const stepBytes = positions * pixelBytes;
    layer.stepBytes = stepBytes;
    const inputBytes = stepBytes * MAX_TIME_STEPS;
    // Maps that this layer alone keeps from being overwritten.
    const outputBytes = flags | u32(i == layerCount()) ? 0 : neurons << 1;
    const isHigh = flags ? 0 : ~i & 1;
    let low = end - (isHigh ? inputBytes : outputBytes);
    layer.inputMap = isHigh ? low : top;
    let maps = isHigh ? outputBytes : inputBytes;
    if (flags) {
      top += inputBytes;
      maps = 0;
    }
    const split = u32(!resident) & u32(tap > MOST_TAP_BYTES);
    layer.sumsStep = split * SUMS_BYTES;
    low -= split ? positions * SUMS_BYTES : SUMS_BYTES;
    layer.sums = low;
    if (resident) {
      layer.unpacked = top;
      if (end) expand(layer.weights, unpackedBytes, bits, top);
      top += unpackedBytes;
    } else {
      low -= (tap << 2) >> split;
      layer.unpacked = low;
    }
    work = max(work, end - low + maps);
    layer = after(layer);
  } while (i < layerCount());
  if ((size ^ imageSize()) | (neurons ^ (size * size * READOUT_CHANNELS))) return 0;

  const traced = flags & FLAG_TRACE;
  layer.pixelBytes = traced << 1;
  layer.inputMap = traced ? top : LAST_SPIKES;
  layer.stepBytes = traced ? neurons >> 3 : 4;
  if (traced) top += neurons << 1;
  return top + work;
}

/**
 * Checks the model in flash and lays out the memory for it. With FLAG_RESIDENT all weights are unpacked now and flash is
 * not read again; with FLAG_TRACE every layer's spikes are kept. On STATUS_MEMORY, PLAN_BYTES says how much it would take.
 */
export function open(length: u32, flags: u32): u32 {
  let status = STATUS_BAD_MODEL;
  reset();
  store<u32>(HEADER + HEADER_LENGTH, length);
  fetch(0, HEADER, HEADER_NAME);
  if (checkHeader(length)) {
    const bytes = plan(flags, 0);
    if (bytes) {
      store<u32>(PLAN_BYTES, bytes);
      status = STATUS_MEMORY;
      if (bytes <= (<u32>memory.size()) << 16) {
        plan(flags, bytes);
        fetch(load<u32>(HEADER + HEADER_READOUT_OFFSET), READOUT, readoutSectionBytes());
        if (flags & FLAG_RESIDENT) {
          fetch(0, load<u32>(PLAN_FRONT), frontBytes());
          setResidentBytes(frontBytes());
        }
        status = failed;
      }
    }
  }
  // Without time steps and priors nothing can be run. Aligned, as every access is: some processors have no other.
  if (status) {
    store<u64>(HEADER + HEADER_IMAGE_SIZE, 0);
  }
  return status;
}

/**
 * Decodes the spike trains in the first layer's input map to the pixels at PLAN_IMAGE; adds to the ledger if asked. If they are
 * to be sampled, they are first drawn from the firing rates at RATES, for SEED and IMAGE_INDEX.
 */
export function decode(steps: u32, ledger: u32, sampled: u32): u32 {
  if (steps - 1 >= timeSteps()) return STATUS_BAD_ARGUMENT;
  let layer = firstLayer();
  if (sampled) drawSpikes(latentSize(), steps, layer.inputMap, layer.pixelBytes);
  start(steps);
  let counters = LEDGER_LAYERS;
  let left = layerCount();
  do {
    if (ledger) addLayer(counters, layer, steps);
    counters += LEDGER_LAYER_BYTES;
    left--;
    runLayer(layer, !left, steps, ledger);
    layer = after(layer);
  } while (left);
  emit();
  return failed;
}

/** The image chosen by SEED and IMAGE_INDEX: prior, Poisson sampler and decoder in one. With 0 steps only the rates are drawn, to RATES. */
export function generate(prior: u32, steps: u32, ledger: u32): u32 {
  if (prior >= load<u8>(HEADER + HEADER_PRIORS)) return STATUS_BAD_ARGUMENT;
  drawRates(prior, latentSize());
  return decode(steps, ledger, 1);
}

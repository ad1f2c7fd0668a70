import {
  HEADER_BYTES,
  KIND_LINEAR,
  KIND_TRANSPOSED_CONV,
  LAYER_BYTES,
  MAGIC,
  MAX_CHANNELS,
  MAX_DECODER_LAYERS,
  MAX_LATENT_SIZE,
  MAX_TIME_STEPS,
  READOUT_CHANNELS,
  VERSION,
} from "./format";
import { failed, fetch, isInside, reset, setResidentBytes } from "./flash";
import { header } from "./header";
import {
  expandLayer,
  inputMapBytes,
  Layer,
  layerAt,
  outputMapBytes,
  outputSize,
  runLayer,
  tapCount,
  tapRows,
} from "./layer";
import { addLayer, setCounting } from "./ledger";
import {
  ARENA,
  FLAG_RESIDENT,
  FLAG_TRACE,
  HEADER,
  PLAN_BYTES,
  PLAN_FRONT,
  PLAN_IMAGE,
  PLAN_LAST_MAP,
  PLAN_READOUT,
  PLAN_SUMS,
  STATUS_BAD_ARGUMENT,
  STATUS_BAD_MODEL,
  STATUS_FLASH,
  STATUS_MEMORY,
  STATUS_NO_MODEL,
  STATUS_OK,
} from "./memory";
import { applyPrior, priorBytes } from "./prior";
import { clear, emit, imageBytes, readoutBytes } from "./readout";
import { drawNormals, drawSpikes } from "./sampler";

/** Most unpacked weights of a phase that are kept in memory at once where weights are fetched. */
const MOST_PHASE_BYTES: u32 = 32768;

/** Decoder layers of the loaded model; 0 if there is none. */
let layers: u32 = 0;

/** Whether the header at HEADER is that of a file of this length. */
function checkHeader(length: u32): bool {
  const h = header();
  return (
    h.magic == MAGIC &&
    h.version == VERSION &&
    h.length == length &&
    (h.imageChannels == 1 || h.imageChannels == 3) &&
    u32(h.timeSteps) - 1 < MAX_TIME_STEPS &&
    u32(h.latentSize) - 1 < MAX_LATENT_SIZE &&
    u32(h.layers) - 2 < MAX_DECODER_LAYERS - 1 &&
    h.priors > 0 &&
    isInside(h.priorsOffset, h.priors * priorBytes(h.latentSize)) &&
    isInside(h.readoutOffset, readoutBytes()) &&
    isInside(h.weightsOffset, 0)
  );
}

/** Whether layer i follows from the one before it, and its weights lie in the file. */
function checkLayer(i: u32): bool {
  const layer = layerAt(i);
  const inChannels: u32 = layer.inChannels;
  const outChannels: u32 = layer.outChannels;
  const bits: u32 = layer.bits;
  const inputSize: u32 = layer.inputSize;
  layer.pixelBytes = ((inChannels + 31) >> 5) << 2;
  if (bits - 4 > 4 || bits == 7 || (outChannels & 31) || outChannels - 1 >= MAX_CHANNELS) return false;
  if (layer.weightsLength != (tapCount(layer) * tapRows(layer) * outChannels * bits) >> 3) return false;
  if (!isInside(layer.weights, layer.weightsLength) || !isInside(layer.parameters, outChannels << 2)) return false;
  if (!i) return layer.kind == KIND_LINEAR && inputSize == 1 && inChannels == header().latentSize;
  const before = layerAt(i - 1);
  if (layer.kind != KIND_TRANSPOSED_CONV || !inChannels || (inChannels & 31)) return false;
  if (i == 1) return inputSize * inputSize * inChannels == before.outChannels;
  return inChannels == before.outChannels && inputSize == outputSize(before);
}

function align(address: u32): u32 {
  return (address + 15) & -16;
}

/**
 * Lays out the memory; gives the bytes that it takes. Above what always stays (`top`) lie the maps, even ones at the low
 * end and odd ones at the high end, and between the two that a layer needs lie its weights, where these are fetched. A
 * traced plan keeps every map instead.
 */
function plan(resident: u32, trace: u32): u32 {
  store<u32>(PLAN_IMAGE, ARENA);
  let top = align(ARENA + imageBytes());
  store<u32>(PLAN_READOUT, top);
  top = align(top + readoutBytes());
  store<u32>(PLAN_FRONT, top);
  if (resident) top = align(top + header().weightsOffset);

  let span: u32 = 0;
  let positions: u32 = 1;
  for (let i: u32 = 0; i < layers; i++) {
    const layer = layerAt(i);
    const rowBytes = tapRows(layer) << 6;
    let weights = resident ? tapCount(layer) * rowBytes * (layer.outChannels >> 5) : rowBytes;
    layer.split = 0;
    if (!resident && layer.kind != KIND_LINEAR) {
      weights <<= 2;
      if (weights > MOST_PHASE_BYTES) {
        weights >>= 1;
        layer.split = 1;
        positions = max(positions, u32(layer.inputSize) * layer.inputSize);
      }
    }
    layer.unpacked = top;
    if (resident) {
      top += weights;
      weights = 0;
    }
    layer.inputMap = top;
    let maps = inputMapBytes(layer);
    if (trace) {
      top += maps;
      maps = 0;
    } else if (i < layers - 1) {
      maps += outputMapBytes(layer);
    }
    span = max(span, maps + weights);
  }
  store<u32>(PLAN_LAST_MAP, 0);
  if (trace) {
    store<u32>(PLAN_LAST_MAP, top);
    top += outputMapBytes(layerAt(layers - 1));
  }
  for (let i: u32 = 0; i < layers; i++) {
    const layer = layerAt(i);
    if (!trace) layer.inputMap = i & 1 ? top + span - inputMapBytes(layer) : top;
    if (!resident) layer.unpacked = trace ? top : top + (i & 1 ? outputMapBytes(layer) : inputMapBytes(layer));
  }
  store<u32>(PLAN_SUMS, top + span);
  return top + span + positions * (MAX_TIME_STEPS << 6);
}

/**
 * Checks the model in flash and lays out the memory for it. With FLAG_RESIDENT all weights are unpacked now and flash is
 * not read again; with FLAG_TRACE every layer's spikes are kept. On STATUS_MEMORY, PLAN_BYTES says how much it would take.
 */
export function open(length: u32, flags: u32): u32 {
  layers = 0;
  reset();
  if (length < HEADER_BYTES) return STATUS_BAD_MODEL;
  header().length = length;
  fetch(0, HEADER, HEADER_BYTES);
  if (!checkHeader(length)) return failed ? STATUS_FLASH : STATUS_BAD_MODEL;
  const count: u32 = header().layers;
  for (let i: u32 = 0; i < count; i++) {
    fetch(HEADER_BYTES + i * LAYER_BYTES, changetype<u32>(layerAt(i)), LAYER_BYTES);
    if (!checkLayer(i)) return STATUS_BAD_MODEL;
  }
  const last = layerAt(count - 1);
  if (outputSize(last) != header().imageSize || last.outChannels != READOUT_CHANNELS) return STATUS_BAD_MODEL;

  const resident = flags & FLAG_RESIDENT;
  layers = count;
  const bytes = plan(resident, flags & FLAG_TRACE);
  layers = 0;
  store<u32>(PLAN_BYTES, bytes);
  if (bytes > u32(memory.size()) << 16) return STATUS_MEMORY;

  fetch(header().readoutOffset, load<u32>(PLAN_READOUT), readoutBytes());
  if (resident) {
    fetch(0, load<u32>(PLAN_FRONT), header().weightsOffset);
    for (let i: u32 = 0; i < count; i++) expandLayer(layerAt(i));
    setResidentBytes(header().weightsOffset);
  }
  if (failed) return STATUS_FLASH;
  layers = count;
  return STATUS_OK;
}

/** Firing rates of a prior for the normals at NORMALS, to RATES. */
export function rates(prior: u32): u32 {
  if (!layers) return STATUS_NO_MODEL;
  if (prior >= header().priors) return STATUS_BAD_ARGUMENT;
  const size = header().latentSize;
  applyPrior(header().priorsOffset + prior * priorBytes(size), size);
  return failed ? STATUS_FLASH : STATUS_OK;
}

function checkSteps(steps: u32): u32 {
  if (!layers) return STATUS_NO_MODEL;
  return steps - 1 < header().timeSteps ? STATUS_OK : STATUS_BAD_ARGUMENT;
}

/** Latent spike trains from the firing rates at RATES, to the first layer's input map. */
export function sample(steps: u32): u32 {
  const status = checkSteps(steps);
  if (status) return status;
  const latent = layerAt(0);
  drawSpikes(header().latentSize, steps, latent.inputMap, latent.pixelBytes);
  return STATUS_OK;
}

/** Decodes the spike trains in the first layer's input map to the pixels at PLAN_IMAGE; adds to the ledger if asked. */
export function decode(steps: u32, ledger: bool): u32 {
  const status = checkSteps(steps);
  if (status) return status;
  const image = load<u32>(PLAN_IMAGE);
  setCounting(ledger);
  clear(image, image + imageBytes());
  for (let i: u32 = 0; i < layers; i++) {
    const layer = layerAt(i);
    addLayer(i, layer, steps);
    runLayer(layer, i < layers - 1 ? layerAt(i + 1).inputMap : 0, steps);
  }
  emit(steps);
  return failed ? STATUS_FLASH : STATUS_OK;
}

/** The image chosen by SEED and IMAGE_INDEX: normals, prior, Poisson sampler and decoder in one. */
export function generate(prior: u32, steps: u32, ledger: bool): u32 {
  if (layers) drawNormals(header().latentSize);
  const status = rates(prior) || sample(steps);
  return status ? status : decode(steps, ledger);
}

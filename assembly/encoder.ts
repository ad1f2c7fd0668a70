import { decode, generate, open as openDecoder, rates, sample } from "./decoder";
import { failed, fetch, isInFile, residentBytes, view } from "./flash";
import {
  BLOCK_PARAMETER_BYTES,
  HEADER_BYTES,
  HEADER_DECODER_LAYERS,
  HEADER_ENCODER_LAYERS,
  HEADER_LATENT_SIZE,
  HEADER_TIME_STEPS,
  KIND_CONV,
  KIND_IMAGE_CONV,
  KIND_LINEAR,
  LAYER_BYTES,
  MAX_CHANNELS,
  MAX_ENCODER_LAYERS,
  MAX_TIME_STEPS,
} from "./format";
import { fire as firePlain, integrate as integratePlain } from "./integrate";
import { fire as fireSimd, integrate as integrateSimd } from "./integrate-simd";
import { after, Layer, tapBytes } from "./layer";
import { tally } from "./ledger";
import {
  ENCODER_LAYERS,
  FLAG_RESIDENT,
  FLAG_TRACE,
  HEADER,
  LEDGER_LAYER_BYTES,
  LEDGER_LAYERS,
  PARAMETERS,
  PLAN_BYTES,
  PLAN_FRONT,
  PLAN_IMAGE,
  RATES,
  STAGING,
  STATUS_BAD_ARGUMENT,
  STATUS_BAD_MODEL,
  STATUS_FLASH,
  STATUS_MEMORY,
  STATUS_OK,
} from "./memory";
import { imageChannels, imageSize } from "./readout";
import { expand } from "./weights";

export { decode, generate, rates, sample };

// ESVAE's encoder: a convolution of the image, which is the same at every step, then spiking convolutions of stride 2, and
// a linear layer whose firing rates are the posterior. It uses the decoder's kernels; only the geometry differs.

/** Weights of a layer that are unpacked at once where they are fetched, if more would not fit beside the maps of a small device. */
const MOST_PASS_BYTES: u32 = 20480;
/** Input channels of a linear layer in one pass, and the bytes of their spikes. */
const LINEAR_PASS: u32 = 256;

/** Layers of the opened encoder; 0 if there is none. */
let layers: u32 = 0;

function firstLayer(): Layer {
  return changetype<Layer>(ENCODER_LAYERS);
}

/** Rows, and columns, of the output map. */
function outputSize(layer: Layer): u32 {
  return layer.kind == KIND_LINEAR ? 1 : layer.inputSize >> 1;
}

/** Rows of taps of a convolution, or pieces of a linear layer's input: each is one run of spikes for a position. */
function rowCount(layer: Layer): u32 {
  return layer.kind == KIND_LINEAR ? (layer.inChannels + LINEAR_PASS - 1) / LINEAR_PASS : 3;
}

/** Bytes of unpacked weights of one such row. */
function rowWeights(layer: Layer): u32 {
  return layer.kind == KIND_LINEAR ? LINEAR_PASS << 6 : tapBytes(layer) * 3;
}

/** Bytes of all unpacked weights of one block of 32 output channels. */
function blockWeights(layer: Layer): u32 {
  if (layer.kind == KIND_IMAGE_CONV) return layer.inChannels * (9 << 6);
  return layer.kind == KIND_LINEAR ? tapBytes(layer) : tapBytes(layer) * 9;
}

/** Whether entry i follows from the map of `size` rows and `channels` before it, and its weights lie in the file. */
function check(layer: Layer, i: u32, size: u32, channels: u32): bool {
  const kind: u32 = layer.kind;
  const bits: u32 = layer.bits;
  const inChannels: u32 = layer.inChannels;
  const outChannels: u32 = layer.outChannels;
  let follows: bool;
  if (i == layers - 1) {
    const latentSize: u32 = load<u16>(HEADER + HEADER_LATENT_SIZE);
    const fits = inChannels == size * size * channels && outChannels == ((latentSize + 31) & -32);
    follows = kind == KIND_LINEAR && layer.inputSize == 1 && fits && isPacked(bits);
  } else {
    follows = layer.inputSize == size && inChannels == channels && !(size & 1) && size > 0;
    follows = follows && (i ? kind == KIND_CONV && isPacked(bits) : kind == KIND_IMAGE_CONV && bits == 16);
  }
  return (
    follows &&
    !(outChannels & 31) &&
    outChannels - 1 < MAX_CHANNELS &&
    isInFile(layer.weights, (blockWeights(layer) * (outChannels >> 5) * bits) >> 4)
  );
}

function isPacked(bits: u32): bool {
  return bits - 4 <= 4 && bits != 7;
}

/** Opens a model as the decoder's `open`, and forgets an encoder that was open. */
export function open(length: u32, flags: u32): u32 {
  layers = 0;
  return openDecoder(length, flags);
}

/**
 * Checks the encoder of the model that was opened with the same flags, and lays out the memory for it: that of the
 * decoder's maps and weights if these are fetched anew for each image, else behind them.
 */
export function openEncoder(flags: u32): u32 {
  if (!load<u8>(HEADER + HEADER_TIME_STEPS)) return STATUS_BAD_ARGUMENT;
  layers = load<u8>(HEADER + HEADER_ENCODER_LAYERS);
  const status = layers - 2 < MAX_ENCODER_LAYERS - 1 ? planAndFill(flags) : STATUS_BAD_MODEL;
  if (status) layers = 0;
  return status;
}

function planAndFill(flags: u32): u32 {
  const resident = flags & FLAG_RESIDENT;
  const traced = flags & FLAG_TRACE;
  let top = ((resident ? load<u32>(PLAN_BYTES) : load<u32>(PLAN_FRONT)) + 31) & -32;
  let even: u32 = 0;
  let odd: u32 = 0;
  let work: u32 = 0;
  let size = imageSize();
  let channels = imageChannels();
  let layer = firstLayer();
  const table = HEADER_BYTES + load<u8>(HEADER + HEADER_DECODER_LAYERS) * LAYER_BYTES;
  for (let i: u32 = 0; i < layers; i++) {
    fetch(table + i * LAYER_BYTES, changetype<u32>(layer), LAYER_BYTES);
    if (!check(layer, i, size, channels)) return failed ? STATUS_FLASH : STATUS_BAD_MODEL;
    size = outputSize(layer);
    channels = layer.outChannels;
    const positions = size * size;
    const output = after(layer);
    output.pixelBytes = channels >> 3;
    output.stepBytes = positions * output.pixelBytes;
    const mapBytes = output.stepBytes * MAX_TIME_STEPS;
    if (traced) {
      output.inputMap = top;
      top += mapBytes;
    } else if (i & 1) {
      odd = max(odd, mapBytes);
    } else {
      even = max(even, mapBytes);
    }
    let weights = blockWeights(layer);
    layer.sumsStep = 0;
    if (resident) {
      layer.unpacked = top;
      top += weights * (channels >> 5);
      weights = 0;
    } else if (weights > MOST_PASS_BYTES) {
      weights = rowWeights(layer);
      layer.sumsStep = MAX_TIME_STEPS << 6;
    }
    work = max(work, weights + sumsBytes(layer));
    layer = output;
  }
  layer = firstLayer();
  for (let i: u32 = 0; i < layers; i++) {
    const output = after(layer);
    if (!traced) output.inputMap = i & 1 ? top + even : top;
    layer.sums = top + even + odd;
    if (!resident) layer.unpacked = layer.sums + sumsBytes(layer);
    layer = output;
  }
  const bytes = max(load<u32>(PLAN_BYTES), top + even + odd + work);
  store<u32>(PLAN_BYTES, bytes);
  if (bytes > (<u32>memory.size()) << 16) return STATUS_MEMORY;
  if (resident) fill();
  return failed;
}

/** Bytes of the weighted inputs that must be kept: of one position, or of all where a block takes more than one pass. */
function sumsBytes(layer: Layer): u32 {
  const size = layer.sumsStep ? outputSize(layer) : 1;
  return (size * size * MAX_TIME_STEPS) << 6;
}

/** Unpacks the weights of all layers. */
function fill(): void {
  let layer = firstLayer();
  for (let i: u32 = 0; i < layers; i++) {
    const bytes = blockWeights(layer) * (layer.outChannels >> 5);
    if (layer.kind == KIND_IMAGE_CONV) fetch(layer.weights, layer.unpacked, bytes);
    else expand(layer.weights, bytes, layer.bits, layer.unpacked);
    layer = after(layer);
  }
}

function fire(sums: u32, thresholds: u32, output: u32, outputStep: u32, steps: u32): void {
  if (ASC_FEATURE_SIMD) fireSimd(sums, thresholds, output, outputStep, steps);
  else firePlain(sums, thresholds, output, outputStep, steps);
}

/** Convolves the pixels at PLAN_IMAGE and runs the first layer's neurons. */
function runImageLayer(layer: Layer, steps: u32): void {
  const size = imageSize();
  const channels = imageChannels();
  const output = after(layer);
  const shift = layer.zero;
  const half = (1 << shift) >>> 1;
  let weights = layer.unpacked;
  let packed = layer.weights;
  for (let block: u32 = 0; block < layer.outChannels >> 5; block++) {
    const biases = view(layer.parameters + block * BLOCK_PARAMETER_BYTES, PARAMETERS, BLOCK_PARAMETER_BYTES);
    if (!residentBytes) {
      fetch(packed, weights, blockWeights(layer));
      packed += blockWeights(layer);
    }
    for (let y: u32 = 0; y < size; y += 2) {
      for (let x: u32 = 0; x < size; x += 2) {
        for (let lane: u32 = 0; lane < 128; lane += 4) store<i32>(STAGING + lane, half);
        let tap = weights;
        for (let ky: u32 = 0; ky < 3; ky++) {
          for (let kx: u32 = 0; kx < 3; kx++) {
            const row = y + ky - 1;
            const column = x + kx - 1;
            for (let g: u32 = 0; g < channels; g++) {
              // Row and column −1 are above `size` as unsigned numbers; nothing lies outside the image.
              if (row < size && column < size) {
                const pixel = load<u8>(load<u32>(PLAN_IMAGE) + (row * size + column) * channels + g);
                const value = 2 * <i32>pixel - 255;
                for (let lane: u32 = 0; lane < 64; lane += 2) {
                  const sum = STAGING + (lane << 1);
                  store<i32>(sum, load<i32>(sum) + <i32>load<i16>(tap + lane) * value);
                }
              }
              tap += 64;
            }
          }
        }
        for (let lane: u32 = 0; lane < 64; lane += 2) {
          const input = (load<i32>(STAGING + (lane << 1)) >> shift) + <i32>load<u16>(biases + lane);
          for (let t: u32 = 0; t < steps; t++) store<u16>(layer.sums + (t << 6) + lane, input);
        }
        const position = (y >> 1) * (size >> 1) + (x >> 1);
        const spikes = output.inputMap + position * output.pixelBytes + (block << 2);
        fire(layer.sums, biases + 64, spikes, output.stepBytes, steps);
      }
    }
    if (residentBytes) weights += blockWeights(layer);
  }
}

/** Adds to the weighted inputs of one position's block those of row k of its taps, or of piece k of its inputs. */
function integrateRow(layer: Layer, weights: u32, k: u32, y: u32, x: u32, biases: u32, sums: u32, steps: u32): void {
  const size: u32 = layer.inputSize;
  const pixelBytes = layer.pixelBytes;
  let spikes = layer.inputMap;
  let run: u32;
  let isFirst = k == 0;
  if (layer.kind == KIND_LINEAR) {
    spikes += k * (LINEAR_PASS >> 3);
    run = min(LINEAR_PASS >> 3, layer.stepBytes - k * (LINEAR_PASS >> 3));
  } else {
    const row: u32 = 2 * y + k - 1;
    if (row >= size) return;
    // The tap left of the first column, and the row above the first, lie outside.
    const outside = u32(!x);
    isFirst = k == u32(!y);
    spikes += (row * size + 2 * x - 1 + outside) * pixelBytes;
    weights += outside * tapBytes(layer);
    run = (3 - outside) * pixelBytes;
  }
  const from = isFirst ? biases : sums;
  const fromStep: u32 = isFirst ? 0 : 64;
  if (ASC_FEATURE_SIMD) integrateSimd(spikes, layer.stepBytes, run, weights, from, fromStep, sums, steps);
  else integratePlain(spikes, layer.stepBytes, run, weights, from, fromStep, sums, steps);
}

/** Runs a spiking layer. */
function runLayer(layer: Layer, steps: u32): void {
  const size = outputSize(layer);
  const output = after(layer);
  const rows = rowCount(layer);
  const passRows: u32 = layer.sumsStep ? 1 : rows;
  let unpacked = layer.unpacked;
  let packed = layer.weights;
  for (let block: u32 = 0; block < layer.outChannels >> 5; block++) {
    const biases = view(layer.parameters + block * BLOCK_PARAMETER_BYTES, PARAMETERS, BLOCK_PARAMETER_BYTES);
    let left = blockWeights(layer);
    for (let r: u32 = 0; r < rows; r += passRows) {
      const passBytes = min(left, rowWeights(layer) * passRows);
      left -= passBytes;
      if (!residentBytes) packed = expand(packed, passBytes, layer.bits, unpacked);
      for (let y: u32 = 0; y < size; y++) {
        for (let x: u32 = 0; x < size; x++) {
          const position = y * size + x;
          const sums = layer.sums + position * layer.sumsStep;
          for (let k: u32 = 0; k < passRows; k++) {
            integrateRow(layer, unpacked + k * rowWeights(layer), r + k, y, x, biases, sums, steps);
          }
          if (r + passRows >= rows) {
            const spikes = output.inputMap + position * output.pixelBytes + (block << 2);
            fire(sums, biases + 64, spikes, output.stepBytes, steps);
          }
        }
      }
      if (residentBytes) unpacked += passBytes;
    }
  }
}

/** Output rows (or columns) that input row y of a convolution reaches: an odd one two, but for the last. */
function reach(y: u32, size: u32): u32 {
  return 1 + (y & u32(y < size - 1));
}

/** Counts a layer whose input map is complete. */
function addLayer(counters: u32, layer: Layer, steps: u32): void {
  const size: u32 = layer.inputSize;
  const end = layer.inputMap + layer.stepBytes * steps;
  let position: u32 = 0;
  for (let p = layer.inputMap; p < end; position++) {
    let spikes: u32 = 0;
    for (const next = p + layer.pixelBytes; p < next; p += 4) spikes += popcnt(load<u32>(p));
    tally(counters, spikes);
    const taps = reach((position / size) % size, size) * reach(position % size, size);
    tally(counters + 4, spikes * taps * layer.outChannels);
  }
}

/** Encodes the pixels at PLAN_IMAGE to posterior firing rates at RATES; adds to the ledger if asked. */
export function encode(steps: u32, ledger: u32): u32 {
  if (!layers || steps - 1 >= <u32>load<u8>(HEADER + HEADER_TIME_STEPS)) return STATUS_BAD_ARGUMENT;
  let layer = firstLayer();
  runImageLayer(layer, steps);
  let counters = LEDGER_LAYERS;
  for (let i: u32 = 1; i < layers; i++) {
    layer = after(layer);
    counters += LEDGER_LAYER_BYTES;
    if (ledger) addLayer(counters, layer, steps);
    runLayer(layer, steps);
  }
  const latent = after(layer);
  for (let neuron: u32 = 0; neuron < <u32>load<u16>(HEADER + HEADER_LATENT_SIZE); neuron++) {
    let count: u32 = 0;
    let p = latent.inputMap + ((neuron >> 5) << 2);
    for (let t: u32 = 0; t < steps; t++) {
      count += (load<u32>(p) >> (neuron & 31)) & 1;
      p += latent.stepBytes;
    }
    store<u32>(RATES + (neuron << 2), ((count << 16) + (steps >> 1)) / steps);
  }
  return failed;
}

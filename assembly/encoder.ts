import { decode, generate, open as openDecoder } from "./core/decoder";
import { failed, fetch, isInFile, residentBytes, setResidentBytes } from "./core/flash";
import {
  BLOCK_PARAMETER_BYTES,
  HEADER_BYTES,
  HEADER_DECODER_LAYERS,
  HEADER_ENCODER_LAYERS,
  HEADER_LATENT_SIZE,
  HEADER_TIME_STEPS,
  IMAGE_WEIGHT_BITS,
  KIND_CONV,
  KIND_IMAGE_CONV,
  KIND_LINEAR,
  LAYER_BYTES,
  MAX_CHANNELS,
  MAX_ENCODER_LAYERS,
  MAX_TIME_STEPS,
} from "./core/format";
import { after, Layer } from "./core/layer-table";
import { tally } from "./core/ledger";
import {
  ENCODER_LAYERS,
  HEADER,
  LEDGER_LAYER_BYTES,
  LEDGER_LAYERS,
  PARAMETERS,
  PLAN_BYTES,
  PLAN_FRONT,
  PLAN_IMAGE,
  POTENTIALS,
  RATES,
  ROW_BYTES,
  STATUS_BAD_ARGUMENT,
  STATUS_BAD_MODEL,
  STATUS_MEMORY,
  STATUS_OK,
  SUMS_BYTES,
} from "./core/memory";
import { runNeurons } from "./core/neurons";
import { imageChannels, imageSize } from "./core/readout";
import { roundShift } from "./core/sigmoid";
import { expand } from "./core/weights";

export { decode, generate };

// ESVAE's encoder: a convolution of the image, which is the same at every step, then spiking convolutions of stride 2, and
// a linear layer whose firing rates are the posterior. It uses the decoder's kernels; only the geometry differs.
//
// Every layer goes through its input in rows, each one run of spikes (or pixels): a convolution through the three rows of its
// taps, the linear layer through the pixels of the last map. Each map has an even number of rows, and as many columns, but
// for the linear layer's input, which counts as one position. So taps fall off at the top and at the left only.

/** Weights of a block that are unpacked at once where they are fetched; of more, only those of one row of taps are. */
const MOST_PASS_BYTES: u32 = 20480;

/** Layers of the opened encoder; 0 if there is none. */
let layers: u32 = 0;

function firstLayer(): Layer {
  return changetype<Layer>(ENCODER_LAYERS);
}

function latentSize(): u32 {
  return load<u16>(HEADER + HEADER_LATENT_SIZE);
}

function timeSteps(): u32 {
  return load<u8>(HEADER + HEADER_TIME_STEPS);
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
  if (!timeSteps()) return STATUS_BAD_ARGUMENT;
  layers = load<u8>(HEADER + HEADER_ENCODER_LAYERS);
  let status = STATUS_BAD_MODEL;
  // The encoder's weights are behind the front matter.
  const frontBytes = residentBytes;
  setResidentBytes(0);
  if (layers - 2 < MAX_ENCODER_LAYERS - 1) {
    const bytes = plan(u32(frontBytes > 0), flags, 0);
    if (bytes) {
      status = bytes > (<u32>memory.size()) << 16 ? STATUS_MEMORY : STATUS_OK;
      if (!status) plan(u32(frontBytes > 0), flags, bytes);
      store<u32>(PLAN_BYTES, max(load<u32>(PLAN_BYTES), bytes));
    }
  }
  setResidentBytes(frontBytes);
  status = failed || status;
  if (status) layers = 0;
  return status;
}

/** Fetches weights from `offset` in the file and unpacks them; gives the offset after them. */
function unpack(layer: Layer, offset: u32, unpackedBytes: u32, destination: u32): u32 {
  if (layer.kind != KIND_IMAGE_CONV) return expand(offset, unpackedBytes, layer.bits, destination);
  fetch(offset, destination, unpackedBytes);
  return offset + unpackedBytes;
}

/**
 * Checks the layers and lays out the memory up to `end` for them; gives the bytes that it takes, or 0 if a layer does not
 * follow from the one before it. It is called twice, first with an `end` of 0 to find the bytes, then with these; the second call unpacks the
 * weights of a resident model. As in the decoder, a streamed model's maps lie at the low end and at the high end in turn; a
 * resident or traced one keeps them all, and its unpacked weights, at the low end (`top` rises). Below the high end, or the map
 * there, lie the sums and, if streamed, the weights of one pass. No sum can wrap: a layer adds less than 2^30 to a `top` below 2^31.
 */
function plan(resident: u32, flags: u32, end: u32): u32 {
  const keeps = flags | resident;
  let top = (load<u32>(resident ? PLAN_BYTES : PLAN_FRONT) + 31) & -32;
  let low = top;
  let high = end;
  let work: u32 = 0;
  let size = imageSize();
  let channels = imageChannels();
  let layer = firstLayer();
  layer.inputMap = load<u32>(PLAN_IMAGE);
  layer.pixelBytes = channels;
  let entry = HEADER_BYTES + load<u8>(HEADER + HEADER_DECODER_LAYERS) * LAYER_BYTES;
  let i: u32 = 0;
  do {
    fetch(entry, changetype<u32>(layer), LAYER_BYTES);
    entry += LAYER_BYTES;
    const isLinear: u32 = u32(i == layers - 1);
    let rowWeights = channels * ROW_BYTES;
    let blockWeights: u32;
    if (isLinear) {
      channels *= size * size;
      size = 1;
      blockWeights = channels * ROW_BYTES;
    } else {
      rowWeights *= 3;
      blockWeights = rowWeights * 3;
    }
    const bits: u32 = layer.bits;
    const outChannels: u32 = layer.outChannels;
    const unpackedBytes = blockWeights * (outChannels >> 5);
    if (
      u32(layer.kind != (isLinear ? KIND_LINEAR : i ? KIND_CONV : KIND_IMAGE_CONV)) |
      (i ? u32(bits - 4 > 4) | u32(bits == 7) : bits ^ IMAGE_WEIGHT_BITS) |
      ((size & 1) ^ isLinear) |
      (layer.inputSize ^ size) |
      (layer.inChannels ^ channels) |
      (outChannels & 31) |
      u32(outChannels - 1 >= MAX_CHANNELS) |
      (isLinear & u32(outChannels - latentSize() > 31)) |
      (top >> 31) |
      u32(!isInFile(layer.weights, (unpackedBytes >> 4) * bits))
    ) {
      return 0;
    }
    i++;
    size = (size + 1) >> 1;
    channels = outChannels;
    const positions = size * size;
    const output = after(layer);
    const pixelBytes = channels >> 3;
    output.pixelBytes = pixelBytes;
    const stepBytes = positions * pixelBytes;
    output.stepBytes = stepBytes;
    const mapBytes = stepBytes * MAX_TIME_STEPS;
    let map = top;
    if (keeps | (i & 1)) {
      low = top + mapBytes;
    } else {
      high = end - mapBytes;
      map = high;
    }
    output.inputMap = map;
    const split = u32(!resident) & u32(blockWeights > MOST_PASS_BYTES);
    layer.sumsStep = split * SUMS_BYTES;
    let lowest = high - (split ? positions * SUMS_BYTES : SUMS_BYTES);
    layer.sums = lowest;
    if (resident) {
      layer.unpacked = low;
      low += unpackedBytes;
      if (low <= end) unpack(layer, layer.weights, unpackedBytes, layer.unpacked);
    } else {
      lowest -= split ? rowWeights : blockWeights;
      layer.unpacked = lowest;
    }
    if (keeps) top = low;
    work = max(work, low - top + end - lowest);
    layer = output;
  } while (i < layers);
  return top + work;
}

/** Weighted inputs of 32 neurons, the same at every step: runs of pixels against the rows of weights up to `weightsEnd`. */
function convolve(
  pixels: u32,
  run: u32,
  rowBytes: u32,
  weights: u32,
  rowWeights: u32,
  weightsEnd: u32,
  shift: u32,
  sums: u32,
  steps: u32,
): void {
  let lane: u32 = 0;
  do {
    let product = 0;
    let p = pixels;
    let row = weights;
    do {
      let w = row + lane;
      const end = p + run;
      do {
        product += <i32>load<i16>(w) * (2 * <i32>load<u8>(p) - 255);
        w += ROW_BYTES;
        p++;
      } while (p < end);
      p += rowBytes - run;
      row += rowWeights;
    } while (row < weightsEnd);
    const sum = roundShift(product, shift) + <i32>load<u16>(lane, PARAMETERS);
    let t: u32 = 0;
    do {
      store<u16>(sums + t * ROW_BYTES + lane, sum);
    } while (++t < steps);
    lane += 2;
  } while (lane < ROW_BYTES);
}

/** Runs a layer. Output position (y, x) of a convolution sees rows 2y − 1 … 2y + 1 and columns 2x − 1 … 2x + 1 of its input. */
function runLayer(layer: Layer, steps: u32): void {
  const size: u32 = layer.inputSize;
  const isImage = layer.kind == KIND_IMAGE_CONV;
  const pixelBytes = layer.pixelBytes;
  const stepBytes = layer.stepBytes;
  const rowBytes = size * pixelBytes;
  const output = after(layer);
  // 1 for a linear layer: its only position is (1, 1), where nothing falls off.
  const start = size & 1;
  let origin = layer.inputMap;
  let run = pixelBytes;
  let rows: u32 = 3;
  if (start) {
    rows = stepBytes / pixelBytes;
  } else {
    origin -= rowBytes + pixelBytes;
    run *= 3;
  }
  const weightsShift: u32 = isImage ? 6 : 9;
  const rowWeights = run << weightsShift;
  const passRows = layer.sumsStep ? 1 : rows;
  const passWeights = rowWeights * passRows;
  let packed = layer.weights;
  let unpacked = layer.unpacked;
  let parameters = layer.parameters;
  let block = output.inputMap;
  const lastBlock = block + output.pixelBytes;
  do {
    fetch(parameters, PARAMETERS, BLOCK_PARAMETER_BYTES);
    parameters += BLOCK_PARAMETER_BYTES;
    let r: u32 = 0;
    do {
      const first = unpacked;
      if (residentBytes) unpacked += passWeights;
      else packed = unpack(layer, packed, passWeights, unpacked);
      const end = r + passRows;
      let sums = layer.sums;
      let pixel = origin;
      let fired = block;
      let y = start;
      do {
        const above = u32(!y);
        let x = start;
        do {
          const left = u32(!x) * pixelBytes;
          const k = max(r, above);
          const spikes = pixel + k * rowBytes + left;
          const weights = first + (k - r) * rowWeights + (left << weightsShift);
          if (isImage) {
            convolve(
              spikes,
              run - left,
              rowBytes,
              weights,
              rowWeights,
              first + passWeights,
              layer.shift,
              sums,
              steps,
            );
          }
          // What the image adds is summed already.
          const isFirst = !(r | u32(isImage));
          runNeurons(
            spikes,
            stepBytes,
            run - left,
            isImage ? 0 : end - k,
            rowBytes,
            weights,
            rowWeights,
            isFirst ? PARAMETERS : sums,
            isFirst ? 0 : ROW_BYTES,
            end == rows ? POTENTIALS : sums,
            fired,
            output.stepBytes,
            steps,
          );
          sums += layer.sumsStep;
          fired += output.pixelBytes;
          pixel += pixelBytes << 1;
        } while (++x < size >> 1);
        pixel += rowBytes;
      } while (++y < size >> 1);
      r = end;
    } while (r < rows);
    block += 4;
  } while (block < lastBlock);
}

/** Output rows (or columns) that input row y of a convolution reaches: an odd one two, but for the last. */
function reach(y: u32, size: u32): u32 {
  return 1 + (y & u32(y + 1 < size));
}

/** Counts a layer whose input map is complete. */
function addLayer(counters: u32, layer: Layer, steps: u32): void {
  const size: u32 = layer.inputSize;
  const bytes = layer.stepBytes * steps;
  let offset: u32 = 0;
  do {
    const spikes = popcnt(load<u32>(layer.inputMap + offset));
    const position = offset / layer.pixelBytes;
    const taps = reach((position / size) % size, size) * reach(position % size, size);
    tally(counters, spikes);
    tally(counters + 4, spikes * taps * layer.outChannels);
    offset += 4;
  } while (offset < bytes);
}

/** Encodes the pixels at PLAN_IMAGE to posterior firing rates at RATES; adds to the ledger if asked. */
export function encode(steps: u32, ledger: u32): u32 {
  if (!layers || steps - 1 >= timeSteps()) return STATUS_BAD_ARGUMENT;
  let layer = firstLayer();
  let counters = LEDGER_LAYERS;
  let left = layers;
  for (;;) {
    runLayer(layer, steps);
    layer = after(layer);
    if (!--left) break;
    counters += LEDGER_LAYER_BYTES;
    if (ledger) addLayer(counters, layer, steps);
  }
  let neuron: u32 = 0;
  do {
    let count: u32 = 0;
    let p = layer.inputMap + ((neuron >> 5) << 2);
    let t = steps;
    do {
      count += (load<u32>(p) >> neuron) & 1;
      p += layer.stepBytes;
    } while (--t);
    store<u32>(neuron << 2, ((count << 16) + (steps >> 1)) / steps, RATES);
  } while (++neuron < latentSize());
  return failed;
}

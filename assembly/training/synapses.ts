import { inputRow, kernelSize } from "./geometry";
import { Layer } from "./layer";
import { constants, EIGHT_AT, gradientOffset, spikeTable, workspace } from "./thread";

// Synapses on spikes, forward and their weights' gradient. Inputs are 0 or 1, so both are additions, and only for the
// inputs that fire: a row of weights (outChannels) to the sums, or the sums' gradient to a row of the weights' gradient.
// What fires is listed first, without a branch on a spike; then 32 output channels at a time stay in registers.

/** x = bias + Σ weights · spikes, of one image. */
export function integrate(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const rowBytes = layer.outChannels << 2;
  const list = workspace + outputSize * SEEN_BYTES;
  const frame = image * layer.timeSteps;
  tableSeen(layer);
  let spikes = layer.inputs + frame * layer.inputSpikeBytes;
  let sums = layer.sums + ((frame * layer.neurons) << 2);
  for (let t: u32 = 0; t < layer.timeSteps; t++) {
    for (let y: u32 = 0; y < outputSize; y++) {
      for (let x: u32 = 0; x < outputSize; x++) {
        const end = listRows(layer, spikes, y, x, list);
        for (let offset: u32 = 0; offset < rowBytes; offset += 128, sums += 128) {
          addRows(list, end, layer.usedWeights + offset, rowBytes, layer.bias + offset, sums);
        }
      }
    }
    spikes += layer.inputSpikeBytes;
  }
}

/** Adds to ∂L/∂weights what one image contributes: ∂L/∂x of each output to the weights of the inputs that fire. */
export function weightGradient(layer: Layer, image: u32): void {
  const outputSize = layer.outputSize;
  const rowBytes = layer.outChannels << 2;
  const list = workspace + outputSize * SEEN_BYTES;
  const frame = image * layer.timeSteps;
  tableSeen(layer);
  let spikes = layer.inputs + frame * layer.inputSpikeBytes;
  let gradient = layer.gradient + ((frame * layer.neurons) << 2);
  for (let t: u32 = 0; t < layer.timeSteps; t++) {
    for (let y: u32 = 0; y < outputSize; y++) {
      for (let x: u32 = 0; x < outputSize; x++) {
        const end = listRows(layer, spikes, y, x, list);
        for (let offset: u32 = 0; offset < rowBytes; offset += 128, gradient += 128) {
          addToRows(list, end, layer.weights + gradientOffset + offset, rowBytes, gradient);
        }
      }
    }
    spikes += layer.inputSpikeBytes;
  }
}

/** For an output row the input rows (columns) that it sees: their number, and (row, tap) of each. */
const SEEN_BYTES: u32 = 32;

/** Writes what each output row sees to the workspace. */
function tableSeen(layer: Layer): void {
  const kernel = kernelSize(layer.kind);
  let seen = workspace;
  for (let y: u32 = 0; y < layer.outputSize; y++, seen += SEEN_BYTES) {
    let entry = seen + 4;
    for (let k: u32 = 0; k < kernel; k++) {
      const row = inputRow(layer.kind, y, k, layer.inputSize);
      if (row < 0) continue;
      store<u32>(entry, row);
      store<u32>(entry, k, 4);
      entry += 8;
    }
    store<u32>(seen, entry);
  }
}

/**
 * Lists the rows of weights, tap · inChannels + channel in 16 bits, of the inputs that fire and that the output at (y, x) sees.
 * Returns the list's end.
 */
function listRows(layer: Layer, spikes: u32, y: u32, x: u32, list: u32): u32 {
  const inChannels = layer.inChannels;
  const positionBytes = inChannels >> 3;
  const rowBytes = layer.inputSize * positionBytes;
  const eight = v128.load(constants, EIGHT_AT);
  const rows = workspace + y * SEEN_BYTES;
  const columns = workspace + x * SEEN_BYTES;
  const rowsEnd = load<u32>(rows);
  const columnsEnd = load<u32>(columns);
  for (let row = rows + 4; row < rowsEnd; row += 8) {
    const inputs = spikes + load<u32>(row) * rowBytes;
    const firstTap = 3 * load<u32>(row, 4);
    for (let column = columns + 4; column < columnsEnd; column += 8) {
      let first = i16x8.splat(<i16>((firstTap + load<u32>(column, 4)) * inChannels));
      let at = inputs + load<u32>(column) * positionBytes;
      for (const end = at + positionBytes; at < end; at += 4) {
        const word = load<u32>(at);
        const second = i16x8.add(first, eight);
        const third = i16x8.add(second, eight);
        const fourth = i16x8.add(third, eight);
        v128.store(list, i16x8.add(first, v128.load(spikeTable + ((word << 4) & 0xff0))));
        v128.store(
          list + (popcnt(word & 0xff) << 1),
          i16x8.add(second, v128.load(spikeTable + ((word >> 4) & 0xff0))),
        );
        v128.store(
          list + (popcnt(word & 0xffff) << 1),
          i16x8.add(third, v128.load(spikeTable + ((word >> 12) & 0xff0))),
        );
        v128.store(
          list + (popcnt(word & 0xffffff) << 1),
          i16x8.add(fourth, v128.load(spikeTable + ((word >> 20) & 0xff0))),
        );
        list += popcnt(word) << 1;
        first = i16x8.add(fourth, eight);
      }
    }
  }
  return list;
}

/** sums = bias + Σ rows of the list, of 32 channels. */
function addRows(list: u32, end: u32, weights: u32, rowBytes: u32, bias: u32, sums: u32): void {
  let s0 = v128.load(bias);
  let s1 = v128.load(bias, 16);
  let s2 = v128.load(bias, 32);
  let s3 = v128.load(bias, 48);
  let s4 = v128.load(bias, 64);
  let s5 = v128.load(bias, 80);
  let s6 = v128.load(bias, 96);
  let s7 = v128.load(bias, 112);
  for (; list < end; list += 2) {
    const w = weights + <u32>load<u16>(list) * rowBytes;
    s0 = f32x4.add(s0, v128.load(w));
    // Engines load all rows before they add, and would run out of registers by one: a store makes them add this one first.
    v128.store(sums, s0);
    s1 = f32x4.add(s1, v128.load(w, 16));
    s2 = f32x4.add(s2, v128.load(w, 32));
    s3 = f32x4.add(s3, v128.load(w, 48));
    s4 = f32x4.add(s4, v128.load(w, 64));
    s5 = f32x4.add(s5, v128.load(w, 80));
    s6 = f32x4.add(s6, v128.load(w, 96));
    s7 = f32x4.add(s7, v128.load(w, 112));
  }
  v128.store(sums, s0);
  v128.store(sums, s1, 16);
  v128.store(sums, s2, 32);
  v128.store(sums, s3, 48);
  v128.store(sums, s4, 64);
  v128.store(sums, s5, 80);
  v128.store(sums, s6, 96);
  v128.store(sums, s7, 112);
}

/** Adds 32 channels of a gradient to each row of the list. */
function addToRows(list: u32, end: u32, weights: u32, rowBytes: u32, gradient: u32): void {
  const g0 = v128.load(gradient);
  const g1 = v128.load(gradient, 16);
  const g2 = v128.load(gradient, 32);
  const g3 = v128.load(gradient, 48);
  const g4 = v128.load(gradient, 64);
  const g5 = v128.load(gradient, 80);
  const g6 = v128.load(gradient, 96);
  const g7 = v128.load(gradient, 112);
  for (; list < end; list += 2) {
    const w = weights + <u32>load<u16>(list) * rowBytes;
    v128.store(w, f32x4.add(v128.load(w), g0));
    v128.store(w, f32x4.add(v128.load(w, 16), g1), 16);
    v128.store(w, f32x4.add(v128.load(w, 32), g2), 32);
    v128.store(w, f32x4.add(v128.load(w, 48), g3), 48);
    v128.store(w, f32x4.add(v128.load(w, 64), g4), 64);
    v128.store(w, f32x4.add(v128.load(w, 80), g5), 80);
    v128.store(w, f32x4.add(v128.load(w, 96), g6), 96);
    v128.store(w, f32x4.add(v128.load(w, 112), g7), 112);
  }
}

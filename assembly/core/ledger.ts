import { Layer } from "./layer-table";

/** Adds to a counter of the ledger. */
export function tally(counter: u32, n: u32): void {
  store<u32>(counter, load<u32>(counter) + n);
}

/** Output rows (or columns) that row y of a map of `size` rows reaches through a 3×3 kernel: at the border a tap falls off. */
function reach(y: u32, size: u32): u32 {
  return 3 - u32(!y) - u32(y == size - 1);
}

/** Counts spikes that one position sends through the taps that stay within `size` rows and columns, to `channels` each. */
export function addSpikes(counters: u32, spikes: u32, y: u32, x: u32, size: u32, channels: u32): void {
  tally(counters, spikes);
  tally(counters + 4, spikes * reach(y, size) * reach(x, size) * channels);
}

/** Counts a layer whose input map is complete. */
export function addLayer(counters: u32, layer: Layer, steps: u32): void {
  const size: u32 = layer.inputSize;
  const bytes = layer.stepBytes * steps;
  let offset: u32 = 0;
  do {
    const spikes = popcnt(load<u32>(layer.inputMap + offset));
    const position = offset / layer.pixelBytes;
    // The only position of a linear layer has one tap. With stride 2 only the first row and column lose a tap.
    addSpikes(counters, spikes, (position / size) % size, position % size, layer.kind ^ 1, layer.outChannels);
    offset += 4;
  } while (offset < bytes);
}

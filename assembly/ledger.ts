import { KIND_LINEAR } from "./format";
import { header } from "./header";
import { Layer, outputSize } from "./layer";
import { LEDGER_LAYER_BYTES, LEDGER_LAYERS } from "./memory";

/** Whether this image is to be counted. */
export let counting: bool = false;

export function setCounting(on: bool): void {
  counting = on;
}

function add(layer: u32, spikes: u32, operations: u32): void {
  const p = LEDGER_LAYERS + layer * LEDGER_LAYER_BYTES;
  store<u32>(p, load<u32>(p) + spikes);
  store<u32>(p, load<u32>(p, 4) + operations, 4);
}

/** Output rows (or columns) that row y of a map of `size` rows reaches through a 3×3 kernel: at the border a tap falls off. */
function reach(y: u32, size: u32): u32 {
  return 3 - u32(y == 0) - u32(y == size - 1);
}

/** Counts the spikes that enter the readout at (y, x). */
export function addReadout(y: u32, x: u32, spikes: u32): void {
  if (!counting) return;
  const size: u32 = header().imageSize;
  add(header().layers, spikes, spikes * reach(y, size) * reach(x, size) * header().imageChannels);
}

/** Counts layer i, whose input map is complete. With stride 2 only the first row and column lose a tap. */
export function addLayer(i: u32, layer: Layer, steps: u32): void {
  if (!counting) return;
  const size: u32 = layer.inputSize;
  let p = layer.inputMap;
  for (let t = steps; t; t--) {
    for (let y: u32 = 0; y < size; y++) {
      for (let x: u32 = 0; x < size; x++) {
        let spikes: u32 = 0;
        for (let end = p + layer.pixelBytes; p < end; p += 4) spikes += popcnt(load<u32>(p));
        const taps = layer.kind == KIND_LINEAR ? 1 : reach(y, 0) * reach(x, 0);
        add(i, spikes, spikes * taps * layer.outChannels);
      }
    }
  }
  const updates = steps * outputSize(layer) * outputSize(layer) * layer.outChannels;
  store<u32>(LEDGER_LAYERS + i * LEDGER_LAYER_BYTES, updates, 8);
}

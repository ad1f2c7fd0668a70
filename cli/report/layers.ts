import { type LayerShape, outputSize } from "../../src/network.js";

/** Input and output map of a layer, channels first as in the papers: `128×4×4 → 64×8×8`. */
export function formatShape(layer: LayerShape): string {
  const map = (channels: number, size: number) =>
    size === 1 ? `${channels}` : `${channels}×${size}×${size}`;
  return `${map(layer.inChannels, layer.inputSize)} → ${map(layer.outChannels, outputSize(layer))}`;
}

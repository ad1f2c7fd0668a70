import type { LayerSpikes } from "../../src/index.js";

/** Which time steps are looked at: one, counted from 0, or all. */
export type Moment = number | "all";

/** Pixels between the maps of two channels. */
const GAP = 1;

/** (neurons) Share of the time steps in which each neuron fired, 0 … 1. */
function firing({ spikes, size, channels }: LayerSpikes, moment: Moment): Float32Array {
  const neurons = size ** 2 * channels;
  const shares = new Float32Array(neurons);
  const [from, to] = moment === "all" ? [0, spikes.length / neurons] : [moment, moment + 1];
  for (let t = from; t < to; t++) {
    for (let i = 0; i < neurons; i++) shares[i] += spikes[t * neurons + i];
  }
  return shares.map((sum) => sum / (to - from));
}

/** Share of a layer's neurons that fire. */
export function firingShare(layer: LayerSpikes, moment: Moment): number {
  const shares = firing(layer, moment);
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** A picture of shares, 0 … 1, row by row; NaN where there is nothing. */
export interface HeatMap {
  readonly columns: number;
  readonly shares: Float32Array;
}

/** Where in the picture a layer fires: the mean over its channels, (size, size). */
export function placesMap(layer: LayerSpikes, moment: Moment): HeatMap {
  const { size, channels } = layer;
  const shares = firing(layer, moment);
  const means = Float32Array.from({ length: size ** 2 }, (_, place) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += shares[place * channels + c];
    return sum / channels;
  });
  return { columns: size, shares: means };
}

/** Every neuron by itself: the maps of all channels, laid out in a grid. */
export function neuronsMap(layer: LayerSpikes, moment: Moment): HeatMap {
  const { size, channels } = layer;
  const shares = firing(layer, moment);
  const across = 2 ** Math.ceil(Math.log2(channels) / 2);
  const down = Math.ceil(channels / across);
  const stride = size + GAP;
  const columns = across * stride - GAP;
  const map = new Float32Array(columns * (down * stride - GAP)).fill(Number.NaN);
  for (let place = 0; place < size ** 2; place++) {
    for (let c = 0; c < channels; c++) {
      const row = Math.floor(c / across) * stride + Math.floor(place / size);
      const column = (c % across) * stride + (place % size);
      map[row * columns + column] = shares[place * channels + c];
    }
  }
  return { columns, shares: map };
}

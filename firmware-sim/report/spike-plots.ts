import { formatCount, formatPercent } from "../../src/numbers.js";
import { cells, drawing, label, line } from "../../src/plot/svg.js";
import type { LayerSpikes, Trace } from "../../src/runtime/trace.js";
import { stageColour } from "./style.js";

const SIDE = 160;
const TOP = 34;
const LEFT = 2;
/** Neurons that are drawn of a layer that has more. */
const MOST_ROWS = 32;
const LEVELS = 8;
/** Golden ratio: takes neurons of all places and channels, which equal steps would not. */
const RATIO = (Math.sqrt(5) - 1) / 2;

function sample(neurons: number): number[] {
  if (neurons <= MOST_ROWS) return Array.from({ length: neurons }, (_, n) => n);
  return Array.from({ length: MOST_ROWS }, (_, i) => Math.floor((((i + 1) * RATIO) % 1) * neurons)).sort(
    (a, b) => a - b,
  );
}

/** The latent neurons, which lie on no map, and the layers. */
function stagesOf({ latentSpikes, layers, timeSteps }: Trace): LayerSpikes[] {
  const channels = latentSpikes.length / timeSteps;
  return [{ name: "latent", size: 1, channels, spikes: latentSpikes }, ...layers];
}

function rateOf({ spikes }: LayerSpikes): number {
  return spikes.reduce((sum, spike) => sum + spike, 0) / spikes.length;
}

/** For each stage, neurons down and time steps across, a cell for each spike. */
export function rasterPlots(trace: Trace): string[] {
  return stagesOf(trace).map((stage, index) => rasterPlot(stage, index, trace.timeSteps));
}

function rasterPlot(stage: LayerSpikes, index: number, timeSteps: number): string {
  const { name, spikes } = stage;
  const neurons = spikes.length / timeSteps;
  const rows = sample(neurons);
  const width = SIDE / timeSteps;
  const height = SIDE / rows.length;
  const fired = rows.flatMap((neuron, row) =>
    Array.from({ length: timeSteps }, (_, t) => t)
      .filter((t) => spikes[t * neurons + neuron])
      .map((t) => ({ x: LEFT + t * width + 0.5, y: TOP + row * height + 0.4 })),
  );
  const rate = formatPercent(rateOf(stage));
  const shown = rows.length < neurons ? `${rows.length} of ${formatCount(neurons)}` : `all ${neurons}`;
  const bottom = TOP + SIDE;
  return drawing({
    id: `raster-${index}`,
    width: SIDE + 8,
    height: bottom + 34,
    title: `Spikes of ${name}`,
    description: `${shown} neurons over ${timeSteps} time steps; ${rate} of all neurons and steps have a spike.`,
    parts: [
      label(LEFT, 12, "start", name, 'class="strong"'),
      label(LEFT, 28, "start", `${shown}, ${rate}`, 'class="quiet"'),
      cells(fired, width - 1, height - 0.8, `fill="${stageColour(index)}"`),
      line(`M${LEFT} ${TOP}V${bottom}H${LEFT + SIDE}`, 'class="axis"'),
      label(LEFT, bottom + 14, "start", "1", 'class="quiet"'),
      label(LEFT + SIDE, bottom + 14, "end", String(timeSteps), 'class="quiet"'),
      label(LEFT + SIDE / 2, bottom + 14, "middle", "time step", 'class="quiet"'),
    ],
  });
}

/** For each layer, where its spikes fall: rows × columns, stronger for more, the most in full colour. */
export function spikeMaps(trace: Trace): string[] {
  return trace.layers.map((layer, i) => spikeMap(layer, i + 1, trace.timeSteps));
}

function spikeMap({ name, size, channels, spikes }: LayerSpikes, index: number, timeSteps: number): string {
  const counts = new Float64Array(size ** 2);
  spikes.forEach((spike, i) => {
    counts[Math.floor(i / channels) % counts.length] += spike;
  });
  const most = Math.max(...counts);
  const width = SIDE / size;
  const levels = Array.from({ length: LEVELS }, (_, level) => {
    const places = [...counts.keys()]
      .filter((place) => most > 0 && Math.ceil((counts[place] / most) * LEVELS) === level + 1)
      .map((place) => ({ x: LEFT + (place % size) * width, y: TOP + Math.floor(place / size) * width }));
    return cells(places, width, width, `fill="${stageColour(index)}" fill-opacity="${(level + 1) / LEVELS}"`);
  });
  const rate = formatPercent(most / (channels * timeSteps));
  return drawing({
    id: `map-${index}`,
    width: SIDE + 8,
    height: TOP + SIDE + 4,
    title: `Where spikes of ${name} fall`,
    description: `${size} by ${size} places, ${formatCount(channels)} channels; up to ${rate} of the neurons of a place fire in a step.`,
    parts: [
      label(LEFT, 12, "start", name, 'class="strong"'),
      label(LEFT, 28, "start", `${size}×${size}, up to ${rate}`, 'class="quiet"'),
      ...levels,
      `<rect x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" fill="none" class="rule"/>`,
    ],
  });
}

/**
 * The image that came of it, as large as a map.
 * @param source - data URI of a picture whose left end it is
 */
export function finishedImage(source: string, imageSize: number): string {
  return drawing({
    id: "finished-image",
    width: SIDE + 8,
    height: TOP + SIDE + 4,
    title: "The image",
    description: "What the readout makes of the spikes of the last layer.",
    parts: [
      label(LEFT, 12, "start", "image", 'class="strong"'),
      label(LEFT, 28, "start", `${imageSize}×${imageSize}`, 'class="quiet"'),
      `<image x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}" preserveAspectRatio="xMinYMin slice" href="${source}"/>`,
    ],
  });
}

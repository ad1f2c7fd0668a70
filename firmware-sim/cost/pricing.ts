import type { Figure, Neuromorphic, Prices } from "../devices/device.js";
import type { LayerConnectivity } from "./connectivity.js";
import { type Estimate, isPriced, priced, sum } from "./estimate.js";
import type { MeanLayerLedger, MeanLedger } from "./mean-ledger.js";
import type { Placement } from "./placement.js";

/** Where spikes travel. Nothing in a ledger tells it: who prices messages and hops has to say what is assumed. */
export interface Routing {
  /** Cores that each spike is sent to. */
  readonly coresPerSpike: number;
  /** Of each of these messages. */
  readonly hopsEastWest: number;
  readonly hopsNorthSouth: number;
}

export interface PricingOptions {
  /** Needed for the time that a run takes, and with it for static power. */
  readonly placement?: Placement;
  readonly routing?: Routing;
}

/** One kind of event, counted and priced. */
export interface Term {
  readonly name: string;
  /** Events an image; absent where no event is counted. */
  readonly count?: number;
  /** Joules an image. */
  readonly energy: Estimate;
}

export interface PriceReport {
  /** Joules an image, of synaptic operations, neuron updates and spikes out. */
  readonly layers: readonly { readonly name: string; readonly energy: Estimate }[];
  readonly terms: readonly Term[];
  /** Seconds an image; a lower bound. */
  readonly time: Estimate;
  /** Joules an image: the sum of the priced terms, and of nothing else. */
  readonly total: Estimate;
  /** What the total leaves out, with reasons. */
  readonly notPriced: readonly string[];
}

type PriceFigure = Figure<"pJ">;

const SIMULATED = { basis: "simulated" } as const;

/** `count` events at one price. What a chip would do is simulated at best, even where its price was measured. */
function energyOf(
  count: number,
  price: PriceFigure | undefined,
  what: string,
  note = price?.scope,
): Estimate {
  if (!price) return { notPriced: `no price of ${what} was found` };
  const options = note === undefined ? SIMULATED : { ...SIMULATED, note };
  return priced(count * price.value * 1e-12, "J", [price], options);
}

function synapticEnergy(prices: Prices, layer: MeanLayerLedger, kind: LayerConnectivity["kind"]): Estimate {
  const linear = kind === "linear" ? prices.synapticOperationLinear : undefined;
  const price = prices.synapticOperationAllIn ?? linear ?? prices.synapticOperation;
  return energyOf(layer.synapticOperations, price, "a synaptic operation");
}

const ACTIVE = "a neuron that fires counts as active, any other as inactive";

function updateEnergy(prices: Prices, layer: MeanLayerLedger): Estimate {
  const { neuronUpdate, neuronUpdateActive: active, neuronUpdateInactive: inactive } = prices;
  if (!active || !inactive) return energyOf(layer.neuronUpdates, neuronUpdate, "a neuron update");
  const others = layer.neuronUpdates - layer.spikesOut;
  const picojoules = layer.spikesOut * active.value + others * inactive.value;
  return priced(picojoules * 1e-12, "J", [active, inactive], { ...SIMULATED, note: ACTIVE });
}

/** Sum over the layers, with their notes; where no layer has a price, the reason of the first. */
function overLayers(estimates: readonly Estimate[]): Estimate {
  const total = sum(estimates, "J");
  if (!isPriced(total)) return estimates[0] ?? total;
  const notes = new Set(estimates.flatMap((e) => (isPriced(e) && e.note !== undefined ? [e.note] : [])));
  return notes.size ? { ...total, note: [...notes].join("; ") } : total;
}

const CANNOT_HOLD = "the chip cannot hold this decoder: what its events would cost, and no more";

/**
 * Prices what happened in the decoder's spiking layers while one image was made. The readout is not among them: it runs beside
 * the cores.
 * @param layers - the decoder's spiking layers, as many as the ledger has before its readout
 */
export function priceLedger(
  device: Neuromorphic,
  ledger: MeanLedger,
  layers: readonly LayerConnectivity[],
  options: PricingOptions = {},
): PriceReport {
  const { prices = {} } = device;
  const spiking = ledger.layers.slice(0, layers.length);
  const synaptic = spiking.map((layer, i) => synapticEnergy(prices, layer, layers[i].kind));
  const updates = spiking.map((layer) => updateEnergy(prices, layer));
  const spikes = spiking.map((layer) => energyOf(layer.spikesOut, prices.spikeOut, "a spike out"));
  const allIn = prices.synapticOperationAllIn !== undefined;
  const time = runTime(device, spiking, layers, options.placement);
  const terms: Term[] = [
    {
      name: allIn ? "synaptic operations, all-in" : "synaptic operations",
      count: countOf(spiking, (layer) => layer.synapticOperations),
      energy: overLayers(synaptic),
    },
  ];
  if (!allIn) {
    terms.push(
      {
        name: "neuron updates",
        count: countOf(spiking, (l) => l.neuronUpdates),
        energy: overLayers(updates),
      },
      { name: "spikes out", count: countOf(spiking, (l) => l.spikesOut), energy: overLayers(spikes) },
      ...routingTerms(prices, spiking, options.routing),
      {
        name: "random numbers",
        count: ledger.randomWords,
        energy: energyOf(ledger.randomWords, prices.randomNumber, "a random number"),
      },
    );
  }
  const { staticPower, clockPower } = prices;
  if (!allIn || staticPower || clockPower) {
    terms.push({ name: "static power", energy: staticEnergy(device, time, options.placement) });
  }
  const total = sum(
    terms.map(({ energy }) => energy),
    "J",
  );
  const hypothetical = options.placement?.outcome === "impossible";
  const notPriced = terms.flatMap(({ name, energy }) =>
    isPriced(energy) ? [] : [`${name}: ${energy.notPriced}`],
  );
  const [additions, multiplications] = [ledger.readout.additions, ledger.readout.multiplications].map(
    Math.round,
  );
  notPriced.push(
    `readout: its ${additions} additions and ${multiplications} multiplications run beside the cores`,
  );
  return {
    layers: spiking.map(({ name }, i) => ({
      name,
      energy: sum(allIn ? [synaptic[i]] : [synaptic[i], updates[i], spikes[i]], "J"),
    })),
    terms,
    time,
    total: isPriced(total) && hypothetical ? { ...total, note: CANNOT_HOLD } : total,
    notPriced,
  };
}

function countOf(layers: readonly MeanLayerLedger[], of: (layer: MeanLayerLedger) => number): number {
  return layers.reduce((sum, layer) => sum + of(layer), 0);
}

function routingTerms(prices: Prices, layers: readonly MeanLayerLedger[], routing?: Routing): Term[] {
  // Spikes into the first layer come from outside and have to get there, too; those of the last leave for the readout.
  const spikes = layers.reduce((sum, layer) => sum + layer.spikesOut, layers[0]?.spikesIn ?? 0);
  const kinds = [
    { name: "messages", each: 1, price: prices.message },
    { name: "hops, east and west", each: routing?.hopsEastWest ?? 0, price: prices.hopEastWest },
    { name: "hops, north and south", each: routing?.hopsNorthSouth ?? 0, price: prices.hopNorthSouth },
  ];
  return kinds.map(({ name, each, price }): Term => {
    if (!routing) return { name, energy: { notPriced: "where spikes travel depends on the routing" } };
    const count = spikes * routing.coresPerSpike * each;
    const note = `assumes ${routing.coresPerSpike} cores a spike, ${routing.hopsEastWest} + ${routing.hopsNorthSouth} hops a message`;
    return { name, count, energy: energyOf(count, price, name, note) };
  });
}

/** Of all chips in use, over the time that an image takes: static power, and what a running clock takes. */
function staticEnergy(device: Neuromorphic, time: Estimate, placement: Placement | undefined): Estimate {
  const { clock, prices: { staticPower, clockPower } = {} } = device;
  const figures: Figure[] = staticPower ? [staticPower] : [];
  let milliwatts = staticPower?.value ?? 0;
  if (clock && clockPower) {
    figures.push(clock, clockPower);
    milliwatts += clock.value * clockPower.value * 1e-3;
  }
  if (!figures.length) return { notPriced: "no static power was found" };
  const power = `${Number(milliwatts.toPrecision(3))} mW a chip`;
  if (!isPriced(time)) return { notPriced: `${power}, for a time that is not known: ${time.notPriced}` };
  const chips = placement?.outcome === "placed" ? placement.chips : undefined;
  if (chips === undefined) return { notPriced: `${power}; the number of chips is not known` };
  const term = priced(chips * milliwatts * 1e-3 * time.value, "J", figures, { basis: time.basis });
  return {
    ...term,
    grade: time.grade === "weak" ? "weak" : term.grade,
    sources: [...new Set([...term.sources, ...time.sources])],
    note: `${chips} ${chips === 1 ? "chip" : "chips"} of ${power.replace(" a chip", "")} over a run time that is a lower bound`,
  };
}

/**
 * Layers work at once, each on the spikes of the step before; the cores of a layer share its work evenly. So the slowest layer
 * sets the pace, and each time step ends at a barrier.
 */
function runTime(
  device: Neuromorphic,
  ledger: readonly MeanLayerLedger[],
  layers: readonly LayerConnectivity[],
  placement: Placement | undefined,
): Estimate {
  const { synapticOperation, neuronUpdateActive, neuronUpdateInactive, spikeOut, barrier } =
    device.times ?? {};
  if (!synapticOperation || !neuronUpdateActive || !neuronUpdateInactive || !barrier) {
    return { notPriced: "the time of its operations was not found" };
  }
  if (placement?.outcome !== "placed") return { notPriced: "there is no placement" };
  const busy = ledger.map((layer, i) => {
    const place = placement.layers[i];
    const cores = "cores" in place ? place.cores : 1;
    const nanoseconds =
      layer.synapticOperations * synapticOperation.value +
      layer.spikesOut * (neuronUpdateActive.value + (spikeOut?.value ?? 0)) +
      (layer.neuronUpdates - layer.spikesOut) * neuronUpdateInactive.value;
    return nanoseconds / cores;
  });
  const timeSteps = ledger[0].neuronUpdates / layers[0].neurons;
  // The last layer sees a spike of the latent as many steps later as there are layers before it.
  const steps = timeSteps + layers.length - 1;
  const nanoseconds = Math.max(...busy) + steps * barrier.value;
  const figures = [synapticOperation, neuronUpdateActive, neuronUpdateInactive, barrier];
  if (spikeOut) figures.push(spikeOut);
  const time = priced(nanoseconds * 1e-9, "s", figures, {
    ...SIMULATED,
    note: "a lower bound: cores of a layer share its work evenly, and no spike waits for another",
  });
  return placement.grade === "weak" ? { ...time, grade: "weak" } : time;
}

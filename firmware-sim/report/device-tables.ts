import { formatCount, formatQuantity } from "../../src/numbers.js";
import { ENGINES } from "../cost/engines.js";
import { type Estimate, isPriced, sum } from "../cost/estimate.js";
import type { Shortage } from "../cost/microcontroller.js";
import type { Placement } from "../cost/placement.js";
import type { Term } from "../cost/pricing.js";
import type { EngineProfile, MicrocontrollerProfile, NeuromorphicProfile, Profile } from "../cost/profile.js";
import { type Cell, estimateCell, type Footnotes, marksOf, type Table } from "./table.js";

function sourcesOf(estimates: readonly Estimate[]): string[] {
  return estimates.flatMap((estimate) => (isPriced(estimate) ? estimate.sources : []));
}

/** Of estimates that tell what they assume. */
function assumptionsOf(estimates: readonly Estimate[]): string[] {
  return estimates.flatMap((estimate) => (isPriced(estimate) && estimate.note ? [estimate.note] : []));
}

/** What is missing for a firmware to fit, as a footnote. */
export function describeShortages(shortages: readonly Shortage[]): string {
  const parts = shortages.map(({ of, unit, needed, available, missing }) => {
    const [needs, has, lacks] = [needed, available, missing].map(formatCount);
    return `${of}: needs ${needs} ${unit}, has ${has}; ${lacks} missing`;
  });
  return `does not fit: ${parts.join("; ")}`;
}

const measured = (bytes: number): Cell => ({ text: formatCount(bytes), marks: ["m"] });

/** Whether and how fast the generator runs, a row for each device and engine. */
export function microcontrollerTable({ microcontrollers }: Profile, footnotes: Footnotes): Table {
  const row = (id: string, profile: EngineProfile) => {
    const { engine, flashBytes, ramBytes, shortages, cycles, seconds, joules } = profile;
    return [
      id,
      engine,
      shortages.length ? { text: "no", notes: footnotes.add([describeShortages(shortages)]) } : "yes",
      measured(flashBytes),
      measured(ramBytes),
      estimateCell(cycles, footnotes, (value) => formatQuantity(value, "")),
      estimateCell(seconds, footnotes, formatQuantity),
      estimateCell(joules, footnotes, formatQuantity),
      {
        text: "",
        notes: footnotes.add([
          ...sourcesOf([cycles, seconds, joules]),
          ...assumptionsOf([isPriced(joules) ? joules : cycles]),
        ]),
      },
    ];
  };
  const missing = (id: string, engine: string, core: string) => [
    id,
    engine,
    ...Array.from({ length: 6 }, () => "–"),
    { text: "", notes: footnotes.add([`not priced: ${engine} was not measured on ${core}`]) },
  ];
  return {
    title: "Microcontrollers",
    heads: ["device", "engine", "fits", "flash bytes", "RAM bytes", "cycles", "latency", "energy", "notes"],
    rows: microcontrollers.flatMap(({ device, engines }) =>
      ENGINES.map((engine) => {
        const profile = engines.find((candidate) => candidate.engine === engine);
        return profile ? row(device.id, profile) : missing(device.id, engine, device.core);
      }),
    ),
    remarks: [
      "wasm2c: compiled ahead of time; wasm3: interpreted. Flash holds code and model, RAM the Wasm page, stack and engine.",
    ],
  };
}

const PLACED = { placed: "yes", impossible: "no", unknown: "not known" } as const;

/** Why a decoder cannot be placed: layers of one problem together. */
function placementProblems(placement: Extract<Placement, { readonly outcome: "impossible" }>): string {
  const problems = new Map<string, string[]>();
  for (const layer of placement.layers) {
    if (!("problems" in layer)) continue;
    for (const problem of layer.problems)
      problems.set(problem, [...(problems.get(problem) ?? []), layer.name]);
  }
  const names = placement.layers.map(({ name }) => `${name}: `);
  const ofChip = placement.problems.filter((problem) => !names.some((name) => problem.startsWith(name)));
  return [...[...problems].map(([problem, layers]) => `${layers.join(", ")}: ${problem}`), ...ofChip].join(
    "; ",
  );
}

/** What is in a price, where its table says so. */
function scopesOf({ terms }: NeuromorphicProfile["price"]): string[] {
  return terms.flatMap(({ name, energy }) =>
    isPriced(energy) && energy.note ? [`${name}: ${energy.note}`] : [],
  );
}

/** What the total leaves out: terms of one reason together. */
function leftOut({ terms, notPriced }: NeuromorphicProfile["price"]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { name, energy } of terms) {
    if (!isPriced(energy)) reasons.set(energy.notPriced, [...(reasons.get(energy.notPriced) ?? []), name]);
  }
  return [
    ...[...reasons].map(([reason, names]) => `left out, ${names.join("; ")}: ${reason}`),
    ...notPriced.filter((text) => text.startsWith("readout")).map((text) => `left out, ${text}`),
  ];
}

/** Where the decoder would lie, and what its events would cost. */
export function neuromorphicTable({ neuromorphic }: Profile, footnotes: Footnotes): Table {
  const row = ({ device, placement, price }: NeuromorphicProfile) => {
    const total = estimateCell(price.total, footnotes, formatQuantity);
    const time = estimateCell(price.time, footnotes, formatQuantity);
    const why =
      placement.outcome === "impossible"
        ? [`cannot be placed: ${placementProblems(placement)}`]
        : placement.outcome === "unknown"
          ? [placement.reason]
          : [];
    const placed = placement.outcome === "placed" ? placement : undefined;
    const room = placed?.chips && device.cores ? ` of ${placed.chips * device.cores.value}` : "";
    return [
      device.id,
      { text: PLACED[placement.outcome], notes: footnotes.add(why) },
      placed ? `${placed.cores}${room}` : "–",
      String(placed?.chips ?? "–"),
      placement.outcome === "impossible" && isPriced(price.total)
        ? { ...total, text: `(${total.text})` }
        : total,
      isPriced(price.time) ? { ...time, text: `≥ ${time.text}` } : time,
      {
        text: "",
        notes: footnotes.add([
          ...sourcesOf([price.total, price.time]),
          ...assumptionsOf([price.time]),
          ...scopesOf(price),
          ...leftOut(price),
        ]),
      },
    ];
  };
  return {
    title: "Neuromorphic chips",
    heads: ["device", "placed", "cores", "chips", "energy in all", "time", "notes"],
    rows: neuromorphic.map(row),
    remarks: [
      "Energy is the sum of the terms below that have a price, and of nothing else; in brackets: what the events would cost on a " +
        "chip that cannot hold the model.",
    ],
  };
}

const MESSAGES = "messages";
const TERMS = [
  "synaptic operations",
  "neuron updates",
  "spikes out",
  MESSAGES,
  "random numbers",
  "static power",
];

/** The terms of those totals. */
export function termTable({ neuromorphic }: Profile): Table {
  const cell = ({ price }: NeuromorphicProfile, name: string): string | Cell => {
    const allIn = price.terms.find((term) => term.name.endsWith("all-in"));
    const isOfName = (term: Term) =>
      name === MESSAGES ? /^(messages|hops)/.test(term.name) : term.name === name;
    const terms = allIn && name === TERMS[0] ? [allIn] : price.terms.filter(isOfName);
    if (!terms.length) return "in it";
    const energy = sum(
      terms.map((term) => term.energy),
      "J",
    );
    if (!isPriced(energy)) return "–";
    return {
      text: `${formatQuantity(energy.value, energy.unit)}${terms[0] === allIn ? " all-in" : ""}`,
      marks: marksOf(energy),
    };
  };
  return {
    title: "Terms of the energy",
    heads: ["device", ...TERMS.map((name) => (name === MESSAGES ? "messages, hops" : name))],
    rows: neuromorphic.map((chip) => [chip.device.id, ...TERMS.map((name) => cell(chip, name))]),
    remarks: ["– is not priced; it is not zero."],
  };
}

/** Stages on one microcontroller. */
export function microcontrollerStages(
  { device, engines }: MicrocontrollerProfile,
  footnotes: Footnotes,
): Table {
  const names = engines[0]?.stages.map(({ name }) => name) ?? [];
  const cells = ({ cycles, seconds, joules }: EngineProfile["stages"][number]) => [
    estimateCell(cycles, footnotes, (value) => formatQuantity(value, "")),
    estimateCell(seconds, footnotes, formatQuantity),
    estimateCell(joules, footnotes, formatQuantity),
  ];
  return {
    title: `${device.name}, by stage`,
    heads: ["stage", ...engines.flatMap(({ engine }) => [`${engine}: cycles`, "latency", "energy"])],
    rows: [
      ...names.map((name, i) => [name, ...engines.flatMap(({ stages }) => cells(stages[i]))]),
      ["image", ...engines.flatMap((engine) => cells({ name: "image", ...engine }))],
    ],
    remarks: [],
  };
}

/** Layers on one chip. */
export function neuromorphicLayers(
  { device, placement, price }: NeuromorphicProfile,
  footnotes: Footnotes,
): Table {
  const coresOf = (i: number) => {
    const layer = placement.outcome === "unknown" ? undefined : placement.layers[i];
    return layer && "cores" in layer ? String(layer.cores) : "–";
  };
  return {
    title: `${device.name}, by layer`,
    heads: ["layer", "cores", "energy"],
    rows: price.layers.map(({ name, energy }, i) => [
      name,
      coresOf(i),
      estimateCell(energy, footnotes, formatQuantity),
    ]),
    remarks: ["Synaptic operations, neuron updates and spikes out, as far as they are priced."],
  };
}

import { formatCount, formatPercent, formatPlural, formatQuantity } from "../../src/numbers.js";
import { isPriced } from "../cost/estimate.js";
import type { Profile, StageProfile } from "../cost/profile.js";
import { type Cell, countedCell, estimateCell, type Footnotes, type Table } from "./table.js";

/** For what a stage has none of. */
const countedOrNone = (value: number) => (value === 0 ? "–" : countedCell(value));

/** Where the last layer's figures have the readout's in them. */
const READOUT =
  "Instructions and bytes of the last stage include the readout's; its additions and multiplications stand below.";

/** What the stages of an image take. */
export function stageTable({ stages, images }: Profile): Table {
  const total = (of: (stage: StageProfile) => number) => stages.reduce((sum, stage) => sum + of(stage), 0);
  const row = (stage: Omit<StageProfile, "byKind" | "bits">, rate: string | Cell) => [
    stage.name,
    countedCell(stage.instructions),
    countedOrNone(stage.synapticOperations),
    countedOrNone(stage.neuronUpdates),
    rate,
    countedCell(stage.bytesFetched),
    countedOrNone(stage.weightBytes),
  ];
  const image = {
    name: "image",
    instructions: total((stage) => stage.instructions),
    synapticOperations: total((stage) => stage.synapticOperations),
    neuronUpdates: total((stage) => stage.neuronUpdates),
    bytesFetched: total((stage) => stage.bytesFetched),
    weightBytes: total((stage) => stage.weightBytes),
    neurons: total((stage) => stage.neurons),
    firingRate: 0,
  };
  return {
    title: "Stages of an image",
    heads: [
      "stage",
      "Wasm instructions",
      "synaptic operations",
      "neuron updates",
      "firing rate",
      "bytes fetched",
      "weight bytes",
    ],
    rows: [
      ...stages.map((stage) => row(stage, { text: formatPercent(stage.firingRate), marks: ["c"] })),
      row(image, "–"),
    ],
    remarks: [`Exact counts, mean of ${formatPlural(images.count, "image")}. ${READOUT}`],
  };
}

/** What an image counts, with its spread, and what others' counters would make of it. */
export function countsTable({ counts, images }: Profile): Table {
  const { synapticOperations, standardError, readout, conventions } = counts;
  const { neuroBench, esvaeCounter } = conventions;
  const error = standardError === null ? "" : ` ± ${formatCount(standardError)}`;
  return {
    title: "What to quote",
    heads: ["count", "additions", "multiplications"],
    rows: [
      [
        "synaptic operations, spiking layers",
        { text: `${formatCount(synapticOperations)}${error}`, marks: ["c"] },
        "0",
      ],
      ["readout", countedCell(readout.additions), countedCell(readout.multiplications)],
      ["NeuroBench's effective accumulates", countedCell(neuroBench.accumulates), "0"],
      [
        "ESVAE authors' counter",
        countedCell(esvaeCounter.additions),
        countedCell(esvaeCounter.multiplications),
      ],
    ],
    remarks: [
      `Mean of ${formatPlural(images.count, "image")}, prior ${images.prior}, seed ${images.seed}; ± is the standard error. NeuroBench ` +
        "counts the readout at every step and skips weights of 0. The ESVAE authors' counter multiplies transposed convolutions by " +
        "stride², counts taps off the border, biases and leaks, and a multiplication for each neuron and step without a spike.",
    ],
  };
}

/** The spiking decoder beside a dense network that does the same. */
export function denseTable({ arithmetic: { dense, spiking }, model }: Profile, footnotes: Footnotes): Table {
  const sources = footnotes.add([
    ...new Set(
      [dense, spiking].flatMap(({ lowest, highest }) =>
        [lowest, highest].flatMap((cost) => (isPriced(cost) ? cost.sources : [])),
      ),
    ),
  ]);
  const row = (name: string, { additions, multiplications, lowest, highest }: typeof dense) => [
    name,
    countedCell(additions),
    countedCell(multiplications),
    estimateCell(lowest, footnotes, formatQuantity),
    estimateCell(highest, footnotes, formatQuantity),
    { text: "", notes: sources },
  ];
  return {
    title: "The same decoder as a dense network, in one table of 45 nm arithmetic",
    heads: ["", "additions", "multiplications", "weights fetched once", "fetched at each use", "notes"],
    rows: [row("dense, 8 bits, one pass", dense), row(`spiking, ${model.timeSteps} time steps`, spiking)],
    remarks: [
      "Arithmetic and weight fetches alone, on none of the devices. The spiking network multiplies in its readout only. Where " +
        "weights are fetched at each use, fetches are nearly all of it, and having few multiplications saves little.",
    ],
  };
}

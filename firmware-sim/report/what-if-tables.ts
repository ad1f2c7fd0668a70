import { formatPlural, formatQuantity } from "../../src/numbers.js";
import { isPriced } from "../cost/estimate.js";
import type { WhatIf } from "../cost/what-if.js";
import { describeShortages } from "./device-tables.js";
import { countedCell, estimateCell, type Footnotes, type Table } from "./table.js";

/** What other bits and time steps would take. */
export function whatIfTable({ points, images }: WhatIf): Table {
  return {
    title: "What if: other bits and time steps",
    heads: ["bits, time steps", "model bytes", "Wasm instructions", "synaptic operations"],
    rows: points.map((point) => [
      `${point.bits} bits, ${String(point.timeSteps).padStart(2)} steps`,
      countedCell(point.modelBytes),
      countedCell(point.instructions),
      countedCell(point.synapticOperations),
    ]),
    remarks: [
      `Mean of ${formatPlural(images, "image")}. The cost and nothing else: pictures get coarser with fewer bits or steps, and this does ` +
        "not say by how much (spikelet evaluate does). The model's own weights, rounded to the nearest.",
    ],
  };
}

/** The same on microcontrollers: latency and energy for each number of time steps. */
export function whatIfDeviceTable({ points }: WhatIf, footnotes: Footnotes): Table {
  const steps = [...new Set(points.map(({ timeSteps }) => timeSteps))];
  const widths = [...new Set(points.map(({ bits }) => bits))];
  const row = (index: number, bits: number) => {
    const ofWidth = points.filter((point) => point.bits === bits).map(({ estimates }) => estimates[index]);
    const [{ device, engine, shortages }] = ofWidth;
    const notes = shortages.length ? footnotes.add([describeShortages(shortages)]) : [];
    return [
      { text: `${device} ${engine} ${bits}`, notes },
      ...ofWidth.flatMap(({ seconds, joules }) => [
        estimateCell(seconds, footnotes, formatQuantity),
        isPriced(joules) ? estimateCell(joules, footnotes, formatQuantity) : "–",
      ]),
    ];
  };
  return {
    title: "What if: latency and energy of an image",
    heads: ["device, engine, bits", ...steps.flatMap((count) => [`${count} steps`, "energy"])],
    rows: points[0].estimates.flatMap((_, index) => widths.map((bits) => row(index, bits))),
    remarks: ["– is not priced, for the reason that stands with the device above."],
  };
}

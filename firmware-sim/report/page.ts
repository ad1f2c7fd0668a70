import { formatPlural, formatQuantity } from "../../src/numbers.js";
import { escapeText } from "../../src/plot/svg.js";
import type { Trace } from "../../src/runtime/trace.js";
import type { Profile } from "../cost/profile.js";
import type { WhatIf } from "../cost/what-if.js";
import { countsTable, denseTable, stageTable } from "./counted-tables.js";
import {
  microcontrollerStages,
  microcontrollerTable,
  neuromorphicLayers,
  neuromorphicTable,
  termTable,
} from "./device-tables.js";
import { latencyEnergyPlot, leftOutOfPlot } from "./latency-energy-plot.js";
import { finishedImage, rasterPlots, spikeMaps } from "./spike-plots.js";
import { bytePlot, instructionPlot } from "./stage-plots.js";
import { STYLE, stageColour } from "./style.js";
import { type Cell, Footnotes, MARKS, runsOf, type Table } from "./table.js";
import { whatIfPlot } from "./what-if-plot.js";
import { whatIfDeviceTable, whatIfTable } from "./what-if-tables.js";

export interface Report {
  /** Version that made it. */
  readonly spikelet: string;
  readonly profile: Profile;
  readonly whatIf: WhatIf;
  /** Of the first image. */
  readonly trace: Trace;
  /** The first images side by side. */
  readonly pictures: { readonly png: Uint8Array; readonly count: number };
}

/** A section of the page. */
interface Section {
  readonly id: string;
  readonly title: string;
  /** HTML. */
  readonly body: string;
}

/** All of a report as one HTML file: no script, no request to anywhere. */
export function reportPage(report: Report): string {
  const { spikelet, profile, pictures } = report;
  const { model, images } = profile;
  const footnotes = new Footnotes();
  const sections = [
    countedSection(profile),
    spikeSection(report),
    ...(profile.microcontrollers.length ? [microcontrollerSection(profile, footnotes)] : []),
    ...(profile.neuromorphic.length ? [neuromorphicSection(profile, footnotes)] : []),
    denseSection(profile, footnotes),
    whatIfSection(report, footnotes),
  ];
  sections.push(noteSection(footnotes));
  const name = escapeText(model.name);
  const from = `seed ${images.seed}, prior ${escapeText(images.prior)}`;
  const counted = formatPlural(images.count, "image");
  const shown =
    pictures.count === images.count ? `The ${counted}` : `The first ${pictures.count} of ${counted}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>Profile of ${name}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Profile of ${name}</h1>
<p class="quiet">What a spiking image generator takes for an image: counted exactly, and estimated on devices from published figures.</p>
<figure><img src="${dataUri(pictures.png)}" alt="${shown}, side by side">
<figcaption>${shown} that all counts are the mean of: ${from}.</figcaption></figure>
${facts(profile)}
<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`).join("")}</ul></nav>
</header>
<main>
${sections.map(({ id, title, body }) => `<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>\n${body}</section>`).join("\n")}
</main>
<footer><p>Made by Spikelet ${escapeText(spikelet)}.</p></footer>
</body>
</html>
`;
}

function dataUri(png: Uint8Array): string {
  return `data:image/png;base64,${btoa(Array.from(png, (byte) => String.fromCharCode(byte)).join(""))}`;
}

function facts({ model, memory, counts, stages }: Profile): string {
  const total = (of: (stage: Profile["stages"][number]) => number) =>
    stages.reduce((sum, stage) => sum + of(stage), 0);
  const channels = model.imageChannels === 1 ? "grey" : "colour";
  const entries = [
    ["image", `${model.imageSize}×${model.imageSize} ${channels}`],
    ["time steps", String(model.timeSteps)],
    [
      "Wasm instructions",
      formatQuantity(
        total((stage) => stage.instructions),
        "",
      ),
    ],
    ["synaptic operations", formatQuantity(counts.synapticOperations, "")],
    ["model in flash", formatQuantity(model.deviceBytes, "B")],
    [
      `memory (${memory.pages} ${memory.pages === 1 ? "page" : "pages"})`,
      formatQuantity(memory.bytesUsed, "B"),
    ],
  ];
  return `<dl>${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
}

function countedSection(profile: Profile): Section {
  return {
    id: "counted",
    title: "Stages of an image",
    body: [
      table(stageTable(profile), profile),
      table(countsTable(profile), profile),
      '<div class="pair">',
      figure(
        instructionPlot(profile),
        "Executed Wasm instructions by stage and kind, in the very core that a device runs. The last stage includes the readout.",
      ),
      figure(bytePlot(profile), "Packed weights, which stay in flash and are read once for each image."),
      "</div>",
    ].join("\n"),
  };
}

function spikeSection({ trace, pictures, profile }: Report): Section {
  const maps = spikeMaps(trace);
  maps.push(finishedImage(dataUri(pictures.png), profile.model.imageSize));
  return {
    id: "spikes",
    title: "Spikes of the first image",
    body: [
      `<figure><div class="maps">${rasterPlots(trace).join("\n")}</div>`,
      "<figcaption>A row for each neuron, a cell for each spike. Of larger layers, 32 neurons from all over the map. The firing rate is that of all neurons.</figcaption></figure>",
      `<figure><div class="maps">${maps.join("\n")}</div>`,
      "<figcaption>Where the spikes of each layer fall, over all channels and time steps: full colour for the busiest place of the layer.</figcaption></figure>",
    ].join("\n"),
  };
}

function microcontrollerSection(profile: Profile, footnotes: Footnotes): Section {
  const plot = latencyEnergyPlot(profile);
  const left = leftOutOfPlot(profile);
  return {
    id: "microcontrollers",
    title: "Microcontrollers",
    body: [
      table(microcontrollerTable(profile, footnotes), profile),
      '<div class="pair">',
      plot
        ? figure(
            plot,
            "Circles: Wasm compiled ahead of time (wasm2c); squares: interpreted (wasm3). Hollow marks are weak: a figure behind them was never seen in its source. Some currents are of whole boards, others of bare chips.",
          )
        : "<p>No device here has both a latency and an energy to plot.</p>",
      left.length
        ? `<div><h3>Not in the plot</h3><p class="remark">They do not fit, or their energy has no price:</p><ul class="remark">${left.map((text) => `<li>${escapeText(text)}</li>`).join("")}</ul></div>`
        : "",
      "</div>",
      details(
        "Each stage on each microcontroller",
        profile.microcontrollers.map((device) => microcontrollerStages(device, footnotes)),
        profile,
      ),
    ].join("\n"),
  };
}

function neuromorphicSection(profile: Profile, footnotes: Footnotes): Section {
  return {
    id: "neuromorphic",
    title: "Neuromorphic chips",
    body: [
      table(neuromorphicTable(profile, footnotes), profile),
      table(termTable(profile), profile),
      details(
        "Each layer on each chip",
        profile.neuromorphic.map((chip) => neuromorphicLayers(chip, footnotes)),
        profile,
      ),
    ].join("\n"),
  };
}

function denseSection(profile: Profile, footnotes: Footnotes): Section {
  return {
    id: "dense",
    title: "Beside a dense network",
    body: table(denseTable(profile, footnotes), profile),
  };
}

function whatIfSection({ whatIf, profile }: Report, footnotes: Footnotes): Section {
  const caption = "Fewer bits move a point to the left, fewer time steps down.";
  return {
    id: "what-if",
    title: "What if",
    body: [
      "<p>What other bits of a weight and other time steps would cost. This is the cost and nothing else: pictures get coarser with either, and nothing here says by how much.</p>",
      '<div class="pair">',
      figure(
        whatIfPlot(whatIf, {
          id: "what-if-instructions",
          name: "Wasm instructions",
          of: (p) => p.instructions,
        }),
        caption,
      ),
      figure(
        whatIfPlot(whatIf, {
          id: "what-if-operations",
          name: "synaptic operations",
          of: (p) => p.synapticOperations,
        }),
        caption,
      ),
      "</div>",
      details(
        "All figures, with latency and energy on each microcontroller",
        [
          whatIfTable(whatIf),
          ...(profile.microcontrollers.length ? [whatIfDeviceTable(whatIf, footnotes)] : []),
        ],
        profile,
      ),
    ].join("\n"),
  };
}

function noteSection({ texts }: Footnotes): Section {
  const marks = Object.entries(MARKS).map(([mark, meaning]) => `<li><b>${mark}</b> ${meaning}</li>`);
  const notes = texts.map((text, i) => `<li id="note-${i + 1}">${escapeText(text)}</li>`);
  return {
    id: "notes",
    title: "Marks and sources",
    body: `<ul class="marks">${marks.join("")}</ul>
<p>Estimates from different tables are not comparable: each has its own scope and origin.</p>
<ol>${notes.join("\n")}</ol>`,
  };
}

function figure(plot: string, caption: string): string {
  return `<figure>${plot}<figcaption>${caption}</figcaption></figure>`;
}

function details(summary: string, tables: readonly Table[], profile: Profile): string {
  const content = tables.map((one) => table(one, profile)).join("\n");
  return `<details><summary>${summary}</summary>${content}</details>`;
}

/** Names of stages get their colour. */
function table({ title, heads, rows, remarks }: Table, { stages }: Profile): string {
  const head = heads.map((text) => `<th scope="col">${escapeText(text)}</th>`).join("");
  const body = rows.map(([first, ...others]) => {
    const stage = stages.findIndex(({ name }) => name === first);
    const swatch = stage < 0 ? "" : `<span class="swatch" style="background:${stageColour(stage)}"></span>`;
    return `<tr><th scope="row">${swatch}${cell(first)}</th>${others.map((other) => `<td>${cell(other)}</td>`).join("")}</tr>`;
  });
  return `<div class="scroll" role="region" aria-label="${escapeText(title)}" tabindex="0"><table><caption>${escapeText(title)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>${body.join("\n")}</tbody></table></div>
${remarks.map((remark) => `<p class="remark">${escapeText(remark)}</p>`).join("")}`;
}

function cell(content: string | Cell): string {
  if (typeof content === "string") return escapeText(content);
  const { text, marks = [], notes = [] } = content;
  const letters = marks.map((mark) => `<abbr title="${escapeText(MARKS[mark])}">${mark}</abbr>`).join("");
  const link = (number: number) => `<a href="#note-${number}">${number}</a>`;
  const links = runsOf(notes).map((run) => run.map(link).join(run.length > 1 ? "–" : ""));
  return [
    escapeText(text),
    letters && `<sup>${letters}</sup>`,
    links.length && ` <span class="notes">${links.join(" ")}</span>`,
  ]
    .filter(Boolean)
    .join("");
}

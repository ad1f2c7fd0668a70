import type { Profile } from "../../firmware-sim/cost/profile.js";
import type { WhatIf } from "../../firmware-sim/cost/what-if.js";
import { countsTable, denseTable, stageTable } from "../../firmware-sim/report/counted-tables.js";
import {
  microcontrollerStages,
  microcontrollerTable,
  neuromorphicLayers,
  neuromorphicTable,
  termTable,
} from "../../firmware-sim/report/device-tables.js";
import {
  type Cell,
  Footnotes,
  MARKS,
  type Mark,
  runsOf,
  type Table,
} from "../../firmware-sim/report/table.js";
import { whatIfDeviceTable, whatIfTable } from "../../firmware-sim/report/what-if-tables.js";
import { formatCount } from "../../src/numbers.js";
import { formatFacts, formatTable } from "./format.js";
import { exportTables, type TableFormat } from "./table-formats.js";

const WIDTH = 100;
/** Head of the columns that hold nothing but numbers of notes. */
const NOTES = "notes";
const NOT_COMPARABLE =
  "Estimates from different tables are not comparable: each has its own scope and origin.";
const RAISED: Record<Mark, string> = { c: "ᶜ", m: "ᵐ", s: "ˢ", f: "ᶠ", u: "ᵘ", w: "ʷ" };

export interface ProfileReportOptions {
  /** Each stage on each device as well. */
  readonly layers?: boolean;
  /** Sources of every estimate, and why something is not priced or placed: long. */
  readonly notes?: boolean;
  readonly whatIf?: WhatIf;
}

/** A profile as text: tables, then what their marks and numbers stand for. */
export function formatProfile(profile: Profile, options: ProfileReportOptions = {}): string {
  const { notes = false } = options;
  const footnotes = new Footnotes();
  return [
    formatModel(profile),
    ...profileTables(profile, footnotes, options).map((table) =>
      formatSection(table, footnotes.texts, notes),
    ),
    formatMarks(),
    notes ? formatNotes(footnotes.texts) : formatOrigin(footnotes.texts.length),
  ].join("\n\n");
}

/** The tables of a profile, and their notes, in a format for papers and spreadsheets. */
export function exportProfile(
  profile: Profile,
  format: TableFormat,
  options: ProfileReportOptions = {},
): string {
  const footnotes = new Footnotes();
  return exportTables(profileTables(profile, footnotes, options), footnotes.texts, format);
}

function profileTables(
  profile: Profile,
  footnotes: Footnotes,
  { layers = false, whatIf }: ProfileReportOptions,
): Table[] {
  const { microcontrollers, neuromorphic } = profile;
  const tables = [stageTable(profile), countsTable(profile)];
  if (microcontrollers.length > 0) tables.push(microcontrollerTable(profile, footnotes));
  if (layers) tables.push(...microcontrollers.map((device) => microcontrollerStages(device, footnotes)));
  if (neuromorphic.length > 0) tables.push(neuromorphicTable(profile, footnotes), termTable(profile));
  if (layers) tables.push(...neuromorphic.map((device) => neuromorphicLayers(device, footnotes)));
  tables.push(denseTable(profile, footnotes));
  if (whatIf) {
    tables.push(whatIfTable(whatIf));
    if (microcontrollers.length > 0) tables.push(whatIfDeviceTable(whatIf, footnotes));
  }
  return tables;
}

function formatModel({ model, images, memory }: Profile): string {
  const { name, imageSize, imageChannels, timeSteps, fileBytes, deviceBytes } = model;
  const channels = imageChannels === 1 ? "1 channel" : `${imageChannels} channels`;
  return formatFacts([
    ["model", `${name}, ${formatCount(fileBytes)} bytes; ${formatCount(deviceBytes)} as a device needs it`],
    ["images", `${imageSize}×${imageSize}, ${channels}, ${timeSteps} time steps`],
    ["counted", `${formatCount(images.count)} of seed ${images.seed}, prior ${images.prior}`],
    [
      "memory",
      `${formatCount(memory.bytesUsed)} bytes in ${memory.pages} ${memory.pages === 1 ? "page" : "pages"} of 64 KiB`,
    ],
  ]);
}

function formatSection(
  { title, heads, rows, remarks }: Table,
  texts: readonly string[],
  notes: boolean,
): string {
  const columns = heads.map((_, column) => column).filter((column) => notes || heads[column] !== NOTES);
  const table = formatTable(
    columns.map((column) => heads[column]),
    rows.map((row) => columns.map((column) => formatCell(row[column], notes))),
  );
  const obstacles = notes ? [] : obstaclesOf({ heads, rows }, texts);
  return [title, table, ...obstacles, ...remarks.map((remark) => wrap(remark, ""))].join("\n");
}

/** Why a device cannot hold the model: what nobody should have to ask for. */
function obstaclesOf({ heads, rows }: Pick<Table, "heads" | "rows">, texts: readonly string[]): string[] {
  const column = heads.findIndex((head) => head === "fits" || head === "placed");
  return rows.flatMap((row) => {
    const cell = row[column];
    const notes = typeof cell === "object" ? (cell.notes ?? []) : [];
    return notes.map((note) => wrap(`${row[0]}: ${texts[note - 1]}`, "  "));
  });
}

function formatCell(cell: string | Cell, withNotes: boolean): string {
  if (typeof cell === "string") return cell;
  const { text, marks = [] } = cell;
  const notes = withNotes ? (cell.notes ?? []) : [];
  const numbers =
    notes.length > 0
      ? `[${runsOf(notes)
          .map((run) => run.join("–"))
          .join(" ")}]`
      : "";
  return `${text}${marks.map((mark) => RAISED[mark]).join("")}${text && numbers && " "}${numbers}`;
}

function formatMarks(): string {
  const marks = Object.entries(MARKS).map(([mark, meaning]) => `${RAISED[mark as Mark]} ${meaning}`);
  return `Marks\n${marks.join("\n")}`;
}

function formatNotes(texts: readonly string[]): string {
  const width = String(texts.length).length + 3;
  const notes = texts.map((text, i) => `[${i + 1}]`.padEnd(width) + wrap(text, " ".repeat(width)));
  return ["Notes, with the tables that estimates come from", ...notes, NOT_COMPARABLE].join("\n");
}

function formatOrigin(notes: number): string {
  const tables =
    "Cycles come from instructions measured in QEMU (firmware-sim/engines) and each device's CoreMark, energies from its own " +
    `file (docs/devices.md). ${notes} notes give every source, and why something is not priced or placed: --notes.`;
  return `${wrap(tables, "")}\n${NOT_COMPARABLE}`;
}

/** Breaks a text into lines, all but the first behind an indent. */
function wrap(text: string, indent: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (indent.length + last.length + 1 + word.length > WIDTH && last !== "") lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join(`\n${indent}`);
}

// Tables for spreadsheets and papers.

import { type Cell, MARKS, type Table } from "../../firmware-sim/report/table.js";

/** Formats that tables can be printed in beside text. */
export const TABLE_FORMATS = ["csv", "markdown", "latex"] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** How a format writes a table. Marks are letters, notes are numbers into `notes`. */
interface Writer {
  table(table: Table): string[];
  notes(lines: readonly string[]): string[];
}

/** Titles, tables with their remarks, what marks mean, and numbered notes. */
export function exportTables(
  tables: readonly Table[],
  notes: readonly string[],
  format: TableFormat,
): string {
  const writer = WRITERS[format];
  const marks = Object.entries(MARKS).map(([mark, meaning]) => `${mark}: ${meaning}`);
  const numbered = notes.map((note, i) => `[${i + 1}] ${note}`);
  return [...tables.map((table) => writer.table(table)), writer.notes([...marks, ...numbered])]
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

const WRITERS: Record<TableFormat, Writer> = {
  csv: {
    table: ({ title, heads, rows, remarks }) => [
      ...[title, ...remarks].map((line) => `# ${line}`),
      csvRow(heads),
      ...rows.map((row) => csvRow(row.map(plain))),
    ],
    notes: (lines) => lines.map((line) => `# ${line}`),
  },
  markdown: {
    table: ({ title, heads, rows, remarks }) => [
      `### ${title}`,
      "",
      markdownRow(heads),
      markdownRow(heads.map((_, i) => (i === 0 ? "---" : "--:"))),
      ...rows.map((row) => markdownRow(row.map(plain))),
      ...remarks.flatMap((remark) => ["", remark]),
    ],
    notes: (lines) => lines.map((line) => `- ${line}`),
  },
  latex: {
    table: ({ title, heads, rows, remarks }) => [
      "\\begin{table}",
      `\\caption{${latex([title, ...remarks].join(". "))}}`,
      `\\begin{tabular}{l${"r".repeat(heads.length - 1)}}`,
      "\\hline",
      latexRow(heads),
      "\\hline",
      ...rows.map((row) => latexRow(row.map(plain))),
      "\\hline",
      "\\end{tabular}",
      "\\end{table}",
    ],
    notes: (lines) => lines.map((line) => `% ${line}`),
  },
};

/** The text, its marks in letters and the numbers of its notes: `1.69 ms (s) [3] [5]`. */
function plain(cell: string | Cell): string {
  if (typeof cell === "string") return cell;
  const { text, marks = [], notes = [] } = cell;
  return [text, ...(marks.length ? [`(${marks.join("")})`] : []), ...notes.map((note) => `[${note}]`)]
    .filter((part) => part !== "")
    .join(" ");
}

function csvRow(cells: readonly string[]): string {
  return cells.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",");
}

function markdownRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function latexRow(cells: readonly string[]): string {
  return `${cells.map(latex).join(" & ")} \\\\`;
}

/** What LaTeX takes for commands, and the signs of the tables that its old engines lack. */
const LATEX: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  µ: "\\textmu{}",
  "±": "$\\pm$",
  "≥": "$\\geq$",
  "×": "$\\times$",
  "²": "\\textsuperscript{2}",
  "–": "--",
};

function latex(text: string): string {
  return text.replace(/[\\~^µ±≥×²–]|[&%$#_{}]/gu, (sign) => LATEX[sign] ?? `\\${sign}`);
}

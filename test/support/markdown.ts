// Just enough of Markdown, as Prettier formats it, to find what the docs claim.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Folders that are not the repository's own. */
const FOREIGN = /(^|\/)(node_modules|\.git|\.loaders|dist|out|build|generated)(\/|$)/;

/** Every file of the repository, by its path from the top, with `/`. */
export function repositoryFiles(folder = "."): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name).replaceAll("\\", "/");
    if (FOREIGN.test(path)) return [];
    return entry.isDirectory() ? repositoryFiles(path) : entry.isFile() ? [path] : [];
  });
}

export interface Page {
  readonly path: string;
  readonly text: string;
  /** Lines of blocks of code, one string a block, with their indentation taken off. */
  readonly codeBlocks: readonly string[];
  /** The text between backticks, outside of blocks. */
  readonly inlineCode: readonly string[];
  /** The text without blocks of code. */
  readonly prose: string;
}

export function readPage(path: string): Page {
  const text = readFileSync(path, "utf8");
  const codeBlocks: string[] = [];
  const prose = text
    .replace(/^```\w*\n(.*?)^```$/gms, (_, code: string) => {
      codeBlocks.push(code.trimEnd());
      return "";
    })
    .replace(/(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+/g, (code) => {
      codeBlocks.push(code.replace(/^ {4}/gm, "").trimEnd());
      return "\n";
    });
  const inlineCode = [...prose.matchAll(/`([^`]+)`/g)].map(([, code]) => code.replace(/\s+/g, " "));
  return { path, text, codeBlocks, inlineCode, prose };
}

/** A table: a record for each row, by the heads of the columns. */
export type Table = readonly Readonly<Record<string, string>>[];

/** The tables of a text; emphasis is taken off the cells. */
export function tablesOf(text: string): Table[] {
  const cellsOf = (line: string) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("**", ""));
  return [...text.matchAll(/^\|.*\|\n\|[ :|-]+\|\n((?:\|.*\|\n?)*)/gm)].map(([table, rows]) => {
    const heads = cellsOf(table.slice(0, table.indexOf("\n")));
    return rows
      .trimEnd()
      .split("\n")
      .map((row) => Object.fromEntries(cellsOf(row).map((cell, i) => [heads[i], cell])));
  });
}

/** The table under a heading, the `index`-th there. */
export function tableUnder(page: Page, heading: string, index = 0): Table {
  return tablesOf(sectionOf(page, heading))[index];
}

/** What stands between a heading and the next one. */
export function sectionOf({ path, text }: Page, heading: string): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  if (start < 0) throw new Error(`${path} has no heading "${heading}"`);
  const length = lines.slice(start + 1).findIndex((line) => /^#+ /.test(line));
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join("\n");
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf({ prose }: Page): Set<string> {
  return new Set(
    [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replace(/\s/g, "-"),
    ),
  );
}

/** The one place of a page's text that a pattern matches, with line ends as spaces: its groups. */
export function claim(page: Page, pattern: RegExp): string[] {
  const matches = [...page.text.replace(/\s+/g, " ").matchAll(new RegExp(pattern, "g"))];
  if (matches.length !== 1)
    throw new Error(`${page.path} has ${matches.length} places like ${pattern}, expected one`);
  return matches[0].slice(1);
}

/** The number that a text like "7,639" or "0.5 %" begins with. */
export function numberIn(text: string): number {
  return Number.parseFloat(text.replaceAll(",", ""));
}

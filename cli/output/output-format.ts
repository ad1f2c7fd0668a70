import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { SpikeletError } from "../../src/errors.js";

/** Formats of one array. */
export const ARRAY_FORMATS = ["idx", "npy", "npz"] as const;
export type ArrayFormat = (typeof ARRAY_FORMATS)[number];

/** Formats of files that hold a stretch of the images each. */
export const PART_FORMATS = ["tar", "parquet"] as const;
export type PartFormat = (typeof PART_FORMATS)[number];

/** How a folder may hold images. */
export const FOLDER_FORMATS = ["png", ...ARRAY_FORMATS, ...PART_FORMATS] as const;
export type FolderFormat = (typeof FOLDER_FORMATS)[number];

export function isArrayFormat(format: FolderFormat): format is ArrayFormat {
  return (ARRAY_FORMATS as readonly string[]).includes(format);
}

/** Where images go: a folder that holds them in a format, or one file; a .png file is one grid. */
export interface OutputPlace {
  readonly isFolder: boolean;
  readonly format: FolderFormat;
}

/** What an output path asks for by its ending, or --format by name. */
export async function outputPlace(path: string, asked: FolderFormat | undefined): Promise<OutputPlace> {
  if (path === "") throw badEnding('found ""');
  const inFolder = { isFolder: true, format: asked ?? "png" };
  if (/[/\\]$/.test(path) || (await isFolder(path))) return inFolder;
  const format = formatOf(path);
  if (format === undefined) return inFolder;
  if (asked !== undefined && asked !== format) {
    throw new SpikeletError(
      "bad-option",
      `--format: found ${asked} for --out ${path}, expected ${format} for that name; ` +
        "leave --format out, or give a folder (end its name with /)",
    );
  }
  return { isFolder: false, format };
}

/** The format of one file; undefined if the path must be a folder's. */
function formatOf(path: string): FolderFormat | undefined {
  // MNIST's own names have no ending.
  if (/-images[-.]idx3-ubyte$/.test(path)) return "idx";
  const ending = extname(path).toLowerCase();
  if (ending === "") return undefined;
  const format = FOLDER_FORMATS.find((candidate) => ending === `.${candidate}`);
  if (format === undefined) throw badEnding(`found "${path}" with the ending ${ending}`);
  return format;
}

/** The ending of an output path, which must be one of `endings`. */
export function checkEnding<T extends string>(path: string, endings: readonly T[]): T {
  const ending = endings.find((candidate) => extname(path).toLowerCase() === candidate);
  if (ending !== undefined) return ending;
  throw new SpikeletError(
    "bad-option",
    `--out: found "${path}", expected a name that ends in ${endings.join(" or ")}`,
  );
}

function badEnding(found: string): SpikeletError {
  return new SpikeletError(
    "bad-option",
    `--out: ${found}, expected .png (one grid), .idx, .npy or .npz (one array), .tar or .parquet, ` +
      "or a folder (end its name with /)",
  );
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

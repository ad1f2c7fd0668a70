import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { SpikeletError } from "../../src/errors.js";

/** One grid of images, one array in a file, or a folder of images. */
export type OutputFormat = "png" | "idx" | "npy" | "folder";

/** The format that an output path asks for by its ending. */
export async function outputFormat(path: string): Promise<OutputFormat> {
  if (path === "") throw badEnding('found ""');
  if (/[/\\]$/.test(path) || (await isFolder(path))) return "folder";
  const ending = extname(path).toLowerCase();
  switch (ending) {
    case ".png":
      return "png";
    case ".idx":
      return "idx";
    case ".npy":
      return "npy";
    case "":
      return "folder";
    default:
      throw badEnding(`found "${path}" with the ending ${ending}`);
  }
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
    `--out: ${found}, expected .png (one grid), .idx or .npy (one array), or a folder (end its name with /)`,
  );
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}

import { open } from "node:fs/promises";
import { join } from "node:path";
import { SpikeletError } from "../../src/errors.js";

/** A path as the system has it: bytes where they are not UTF-8. */
export type SystemPath = string | Buffer;

export function joinPath(folder: SystemPath, name: SystemPath): SystemPath {
  if (typeof folder === "string" && typeof name === "string") return join(folder, name);
  return Buffer.concat([Buffer.from(folder), Buffer.from("/"), Buffer.from(name)]);
}

/** What is to be said of a path of the command line that has lost what is not UTF-8. */
export function unreadablePath(path: SystemPath): string | undefined {
  return typeof path === "string" && path.includes("\ufffd")
    ? `${path}: found a name that is not UTF-8, which a command line cannot give; rename it, or give the folder that it is in`
    : undefined;
}

/** Reads a whole file, unless it is larger than any honest one of its kind. */
export async function readInput(path: SystemPath, kind: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > maxBytes) {
        throw new SpikeletError(
          "bad-input",
          `${path}: found ${size} bytes, expected a ${kind} of at most ${maxBytes}`,
        );
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error) || error instanceof SpikeletError) throw error;
    switch (error.code) {
      case "ENOENT":
      case "ENOTDIR":
        throw new SpikeletError(
          "no-such-file",
          unreadablePath(path) ?? `${path}: no such file; expected a ${kind}`,
          {
            cause: error,
          },
        );
      case "EISDIR":
        throw new SpikeletError("bad-input", `${path}: found a folder, expected a ${kind}`, { cause: error });
      case "EACCES":
        throw new SpikeletError("bad-input", `${path}: may not be read; change its permissions`, {
          cause: error,
        });
      case "ELOOP":
      case "ENAMETOOLONG": {
        const flaw = error.code === "ELOOP" ? "a link that leads to itself" : "a path that is too long";
        throw new SpikeletError("bad-input", `${path}: found ${flaw}, expected a ${kind}`, { cause: error });
      }
      default:
        throw error;
    }
  }
}

/** Runs something that reads the bytes of `path`, and puts the path before what it has to say about them. */
export async function about<T>(path: SystemPath, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SpikeletError)) throw error;
    throw new SpikeletError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

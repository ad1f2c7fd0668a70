import { access, constants, type FileHandle, mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { SpikeletError } from "../../src/errors.js";

/** What an errno means for someone who wanted to write, and what to do about it. */
const WRITE_ERRORS: Record<string, string> = {
  EACCES: "permission denied; choose another place or change the folder's permissions",
  EDQUOT: "your disk quota is used up; free some space or choose another disk",
  EEXIST: "a file of that name is in the way; choose another name",
  EFBIG:
    "the file would be larger than this system or its limit (ulimit -f) allows; make fewer images or raise it",
  EIO: "the disk reported an error; choose another disk",
  EISDIR: "a folder of that name is in the way; choose another name",
  ENAMETOOLONG: "the name is too long; choose a shorter one",
  ENOENT: "the folder does not exist and cannot be made there; choose another place",
  ENOSPC: "the disk is full; free some space or choose another disk",
  ENOTDIR: "a part of the path is a file, not a folder; choose another place",
  EPERM: "the system does not permit it; choose another place",
  EROFS: "the disk is read-only; choose another place",
};

/** The end of the name of a file that is not finished. */
const PARTIAL = ".partial";

/** Where a file is written until it is whole. */
export function partialPath(path: string): string {
  return path + PARTIAL;
}

/** Runs something that writes `path`, and says in words why it failed. */
export async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const meaning = WRITE_ERRORS[(error as NodeJS.ErrnoException).code ?? ""];
    if (meaning === undefined) throw error;
    throw new SpikeletError("cannot-write", `cannot write ${path}: ${meaning}`, { cause: error });
  }
}

/** Makes the folder that `path` lies in, and finds out before the work, not after, that it cannot be written. */
export async function prepareFolderOf(path: string): Promise<void> {
  await prepareFolder(dirname(path));
}

/** Makes a folder with its parents, and finds out that it cannot be written. */
export async function prepareFolder(folder: string): Promise<void> {
  await writing(folder, async () => {
    await makeFolder(folder);
    await access(folder, constants.W_OK);
  });
}

/** Makes a folder with its parents. Node's own recursive mkdir never returns where nothing can be made, as in /proc. */
async function makeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory()) return;
  const parent = dirname(folder);
  if (parent !== folder) await makeFolder(parent);
  await mkdir(folder);
}

/** Writes a whole file aside and then renames it, so that nobody ever sees half of it under its name. */
export async function replaceFile(path: string, data: Uint8Array | string): Promise<void> {
  const partial = partialPath(path);
  await writing(path, async () => {
    try {
      await writeFile(partial, data);
      await rename(partial, path);
    } catch (error) {
      await rm(partial, { force: true }).catch(() => {});
      throw error;
    }
  });
}

/** Writes all of `bytes` at `position`; a single write may take only some. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

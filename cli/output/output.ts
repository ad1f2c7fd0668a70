import { randomBytes } from "node:crypto";
import {
  access,
  constants,
  type FileHandle,
  mkdir,
  open,
  rename,
  rm,
  stat,
  statfs,
  writeFile,
} from "node:fs/promises";
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

/** Where a file is written until it is whole, by a run that may go on from there. */
export function partialPath(path: string): string {
  return path + PARTIAL;
}

/** What a file is called that one process writes and no other goes on with. */
export const OWN_PARTIAL = /\.[0-9a-f]{8}\.partial$/;

/** Where a file is written at one go. Another process that writes the same file does not disturb it. */
function ownPartialPath(path: string): string {
  return partialPath(`${path}.${randomBytes(4).toString("hex")}`);
}

/** Bytes of a file; undefined if there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.size;
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
  const partial = ownPartialPath(path);
  await writing(path, () =>
    removingOnFailure(partial, async () => {
      await writeFile(partial, data);
      await rename(partial, path);
    }),
  );
}

/** The same for a file that comes in pieces. Returns its bytes. */
export async function replaceFileByChunks(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<number> {
  const partial = ownPartialPath(path);
  return writing(path, () =>
    removingOnFailure(partial, async () => {
      let bytes = 0;
      const file = await open(partial, "w");
      try {
        for await (const chunk of chunks) {
          await writeAt(file, chunk, bytes);
          bytes += chunk.length;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(partial, path);
      return bytes;
    }),
  );
}

async function removingOnFailure<T>(partial: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {});
    throw error;
  }
}

/** Gives a whole file its name, unless another process that made the same file has done so. */
export async function renameWhole(partial: string, path: string): Promise<void> {
  try {
    await rename(partial, path);
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (!isGone || (await sizeOf(path)) === undefined) throw error;
  }
}

/** Writes all of `bytes` at `position`; a single write may take only some. */
export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** What a run will take of a disk. */
export interface SpaceNeeded {
  readonly bytes: number;
  readonly files: number;
}

/** Throws before a run, not hours into it, if the disk of `folder` has not enough room. A disk that tells nothing passes. */
export async function checkSpace(folder: string, { bytes, files }: SpaceNeeded): Promise<void> {
  const disk = await statfs(folder).catch(() => undefined);
  if (disk === undefined || disk.blocks === 0) return;
  const free = disk.bavail * disk.bsize;
  const remedy = "free some space, choose another disk, make fewer images, or pass --no-space-check";
  if (bytes > free) {
    throw new SpikeletError(
      "cannot-write",
      `cannot write ${folder}: found ${formatBytes(free)} of free space, expected about ${formatBytes(bytes)}; ${remedy}`,
    );
  }
  // Some file systems have no limit, and give 0 for it.
  if (disk.files > 0 && files > disk.ffree) {
    throw new SpikeletError(
      "cannot-write",
      `cannot write ${folder}: found room for ${disk.ffree} more files, expected ${files}; ${remedy}`,
    );
  }
}

/** A number of bytes for people. */
function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${["bytes", "kB", "MB", "GB", "TB"][power]}`;
}

import { SpikeletError } from "../errors.js";

/** Where a model comes from: a path (in Node), a URL, or the bytes themselves. */
export type ModelSource = string | URL | Uint8Array;

/** Far above any model: 256 MB. */
const MOST_BYTES = 2 ** 28;

function isWebAddress(source: string | URL): boolean {
  return /^(https?|data|blob):/.test(String(source));
}

async function readFromWeb(source: string | URL): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(source);
  } catch (cause) {
    throw new SpikeletError(
      "no-such-file",
      `${source} could not be fetched. Check the address and the connection.`,
      {
        cause,
      },
    );
  }
  if (!response.ok) {
    throw new SpikeletError(
      "no-such-file",
      `${source} answered ${response.status} ${response.statusText}; expected a .spk file. Check the address.`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

type FileSystem = typeof import("node:fs/promises");

/** Absent in a browser. Asked for at run time: an import would have to be resolved wherever the library is bundled. */
function fileSystem(): FileSystem | undefined {
  return globalThis.process?.getBuiltinModule?.("node:fs/promises");
}

async function readFromDisk(source: string | URL, { readFile, stat }: FileSystem): Promise<Uint8Array> {
  try {
    const { size } = await stat(source);
    if (size > MOST_BYTES) {
      throw new SpikeletError("bad-model", `${source} has ${size} bytes; a model has at most ${MOST_BYTES}.`);
    }
    return await readFile(source);
  } catch (cause) {
    if (cause instanceof SpikeletError) throw cause;
    throw new SpikeletError(
      "no-such-file",
      `${source} could not be read: ${(cause as Error).message}. Give the path of a .spk file.`,
      { cause },
    );
  }
}

/**
 * The bytes of a source.
 * @throws SpikeletError "no-such-file" if it cannot be read, "bad-model" if it is far too large for a model
 */
export async function readSource(source: ModelSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  const files = isWebAddress(source) ? undefined : fileSystem();
  return files ? readFromDisk(source, files) : readFromWeb(source);
}

import { hasChecksum, readZipEntry as unpack, type ZipEntry, zipEntries } from "../data/zip-archive.js";
import { SpikeletError } from "../errors.js";

/** Entries of one archive. torch writes one per tensor; an ESVAE has 119, three times that with an optimizer. */
const MAX_ENTRIES = 20_000;
/** Bytes of all entries, inflated. ESVAE_large with its optimizer's state takes about 100 MB. */
const MAX_INFLATED_BYTES = 2 ** 29;

/** True if `bytes` begins as a zip archive does: with a local file header. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 0x03 && bytes[3] === 0x04;
}

function damaged(message: string, cause?: unknown): SpikeletError {
  return new SpikeletError(
    "bad-checkpoint",
    `${message}. The file is cut short or damaged: get it again.`,
    cause === undefined ? undefined : { cause },
  );
}

/** Says what was being read when the archive proved damaged. */
function reading<T>(bytes: Uint8Array, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof SpikeletError) throw cause;
    throw damaged(
      `The zip archive of ${bytes.length} bytes cannot be read (${(cause as Error).message}); ` +
        "expected a directory at its end",
      cause,
    );
  }
}

/**
 * Reads an archive's directory, inflating nothing.
 * @returns the entries by name.
 * @throws SpikeletError "bad-checkpoint" if there is no whole directory, or its sizes are impossible or beyond the
 *   limits above.
 */
export function readZipDirectory(bytes: Uint8Array): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  let stored = 0;
  let inflated = 0;
  const add = (entry: ZipEntry) => {
    const { name, size, originalSize, compression } = entry;
    if (entries.size === MAX_ENTRIES) {
      throw new SpikeletError(
        "bad-checkpoint",
        `The zip archive has more than ${MAX_ENTRIES} entries; a checkpoint has one per tensor. ` +
          "Save the weights alone, torch.save(model.state_dict(), path), and import that file.",
      );
    }
    if (entries.has(name)) throw damaged(`The zip archive has two entries named '${name}'; expected one`);
    stored += size;
    inflated += originalSize;
    if (inflated > MAX_INFLATED_BYTES) {
      throw new SpikeletError(
        "bad-checkpoint",
        `The zip archive of ${bytes.length} bytes would inflate to ${inflated} or more; at most ${MAX_INFLATED_BYTES} ` +
          "are accepted, and nothing was inflated. Save the weights alone, torch.save(model.state_dict(), path), " +
          "and import that file.",
      );
    }
    // Entries that overlap, the way to pack a bomb, also add up to more than the file.
    if (stored > bytes.length) {
      throw damaged(`The zip archive's entries take ${stored} bytes; the file has ${bytes.length}`);
    }
    if (compression === 0 && size !== originalSize) {
      throw damaged(`The zip entry '${name}' is stored as ${size} bytes but declared as ${originalSize}`);
    }
    entries.set(name, entry);
  };
  reading(bytes, () => {
    for (const entry of zipEntries(bytes)) add(entry);
  });
  return entries;
}

/**
 * The bytes of an entry of the archive `bytes`, inflated.
 * @throws SpikeletError "bad-checkpoint" if they are not as many as the directory declares, or have another checksum.
 */
export function readZipEntry(bytes: Uint8Array, entry: ZipEntry): Uint8Array {
  const data = reading(bytes, () => unpack(bytes, entry));
  if (data.length !== entry.originalSize) {
    throw damaged(
      `The zip entry '${entry.name}' has ${data.length} bytes; its directory says ${entry.originalSize}`,
    );
  }
  if (!hasChecksum(data, entry)) {
    throw damaged(`The zip entry '${entry.name}' does not have the checksum that the archive gives`);
  }
  return data;
}

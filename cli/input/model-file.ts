import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { SpikeletError } from "../../src/errors.js";
import { nearestHint } from "../../src/nearest.js";
import { readInput } from "./input.js";

export const DEFAULT_MODEL = "esvae-mnist";

/** Shipped models; the bundle lies in dist/, beside models/. */
const MODELS_FOLDER = fileURLToPath(new URL("../models/", import.meta.url));

/** Ten times the largest ESVAE (64×64, latent size 256, 8 bits). */
const MAX_MODEL_BYTES = 64 * 2 ** 20;

export interface ModelFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether it comes with Spikelet. */
  readonly isShipped: boolean;
}

/** Reads a model by the path of its file, or by the name of a shipped one. */
export async function readModel(fileOrName: string): Promise<ModelFile> {
  const isPath = fileOrName.endsWith(".spk") || basename(fileOrName) !== fileOrName;
  const path = isPath ? fileOrName : await shippedModelPath(fileOrName);
  return { path, bytes: await readInput(path, "model file (.spk)", MAX_MODEL_BYTES), isShipped: !isPath };
}

async function shippedModelPath(name: string): Promise<string> {
  const names = await shippedModels();
  if (names.includes(name)) return `${MODELS_FOLDER}${name}.spk`;
  throw new SpikeletError(
    "no-such-file",
    `no shipped model is named "${name}"${nearestHint(name, names)}; ` +
      `expected one of ${names.join(", ") || "(none is installed)"}, or the path of a .spk file`,
  );
}

async function shippedModels(): Promise<string[]> {
  const files = await readdir(MODELS_FOLDER).catch(() => []);
  return files
    .filter((file) => file.endsWith(".spk"))
    .map((file) => file.slice(0, -".spk".length))
    .sort();
}

import { SpikeletError } from "../errors.js";

/** The error for bytes that no Spikelet wrote. */
export function damaged(message: string): SpikeletError {
  return new SpikeletError(
    "bad-model",
    `${message} The file is damaged or was not made by Spikelet: make it again with \`spikelet import\`.`,
  );
}

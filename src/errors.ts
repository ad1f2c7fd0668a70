/**
 * What kind of thing went wrong, for programs; the message is for people.
 *
 * - `bad-checkpoint`: not a checkpoint that can be read, or a tensor in it is missing or misshapen
 * - `bad-model`: not a .spk file, or a corrupt one
 * - `unsupported-version`: a .spk file of another version
 * - `cannot-quantize`: no integer width holds the network
 * - `bad-option`: an argument is out of its range
 * - `bad-input`: input data (rates, spikes, a data file) of the wrong shape or range
 * - `no-such-file`: a file or an address that cannot be read
 * - `cannot-write`: a file or a folder that cannot be written
 * - `diverged`: training met a loss that is no finite number
 * - `missing-tool`: a compiler or an emulator that has to be installed
 * - `firmware-failed`: firmware that does not compile, traps or does not end
 * - `core-failed`: the Wasm core gave a status that the host should have ruled out
 */
export type ErrorCode =
  | "bad-checkpoint"
  | "bad-model"
  | "unsupported-version"
  | "cannot-quantize"
  | "bad-option"
  | "bad-input"
  | "no-such-file"
  | "cannot-write"
  | "diverged"
  | "missing-tool"
  | "firmware-failed"
  | "core-failed";

/**
 * The only error that Spikelet throws on purpose: what was found, what was expected, what to do.
 * @example
 * ```ts
 * import { Generator, SpikeletError } from "spikelet";
 *
 * try {
 *   await Generator.load("mine.spk");
 * } catch (error) {
 *   if (error instanceof SpikeletError && error.code === "no-such-file") console.error(error.message);
 *   else throw error;
 * }
 * ```
 */
export class SpikeletError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SpikeletError";
    this.code = code;
  }
}

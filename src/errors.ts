/** What kind of thing went wrong, for programs; the message is for people. */
export type ErrorCode =
  | "bad-checkpoint" // not a checkpoint that can be read, or a tensor in it is missing or misshapen
  | "bad-model" // not a .spk file, or a corrupt one
  | "unsupported-version" // a .spk file of another version
  | "cannot-quantize" // no integer width holds the network
  | "bad-option" // an argument is out of its range
  | "bad-input" // input data (rates, spikes, a data file) of the wrong shape or range
  | "no-such-file"
  | "cannot-write"
  | "diverged" // training met a loss that is no finite number
  | "missing-tool" // a compiler or an emulator that has to be installed
  | "firmware-failed" // firmware that does not compile, traps or does not end
  | "core-failed"; // the Wasm core gave a status that the host should have ruled out

/** The only error that Spikelet throws on purpose: what was found, what was expected, what to do. */
export class SpikeletError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SpikeletError";
    this.code = code;
  }
}

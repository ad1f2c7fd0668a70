// What the page and its workers say to each other.
import type { Profile } from "../firmware-sim/index.js";
import type { Build, ModelInfo, QuantizationReport, Trace, WeightBits } from "../src/index.js";

/** A file that somebody opened. */
export interface OpenedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A model that is ready to run. */
export interface OpenedModel {
  readonly info: ModelInfo;
  /** The .spk file. */
  readonly spk: Uint8Array;
  readonly build: Build;
  readonly hasEncoder: boolean;
  /** Of a weight in the decoder. */
  readonly bits: WeightBits;
  /** Widths that it can be had in, widest first. */
  readonly widths: readonly WeightBits[];
  /** How its weights were rounded, if that was done here. */
  readonly report?: QuantizationReport;
  /** What they were rounded from. */
  readonly source: "checkpoint" | "model";
}

/** One image of a seed. */
export interface ImageChoice {
  readonly seed: bigint;
  readonly index: number;
  /** Name of a prior. */
  readonly prior: string;
}

export interface Batch extends ImageChoice {
  readonly count: number;
  readonly timeSteps: number;
  /** Whether to count synaptic operations, which takes time. */
  readonly counted: boolean;
}

export interface BatchImages {
  /** (count, imageSize, imageSize, imageChannels) */
  readonly pixels: Uint8Array;
  /** That making them took. */
  readonly milliseconds: number;
  /** Of an image, on average; if counted. */
  readonly synapticOperations?: number;
}

export interface Look {
  readonly image: ImageChoice;
  /** (latentSize) In place of those that the image is drawn from. */
  readonly firingRates?: Float64Array;
  readonly timeSteps: number;
}

/** One image from the inside. */
export interface Insight {
  /** (latentSize) 0 … 1 */
  readonly firingRates: Float64Array;
  readonly trace: Trace;
  /** (timeSteps, imageSize, imageSize, imageChannels) The picture after 1, 2 … timeSteps steps. */
  readonly pictures: Uint8Array;
}

export interface Picture {
  readonly rows: number;
  readonly columns: number;
  /** (rows, columns, 4) Red, green, blue, opacity. */
  readonly rgba: Uint8Array;
}

export interface Reconstruction {
  /** (imageSize, imageSize, imageChannels) What the encoder is given, and what the decoder makes of it. */
  readonly original: Uint8Array;
  readonly reconstruction: Uint8Array;
}

/** What a worker can be asked for. */
export interface Calls {
  /** Opens a model to look into, from any kind of file. */
  open(file: OpenedFile): OpenedModel;
  /** Opens a model file as it is, to make images with and to price them, and nothing else. */
  load(spk: Uint8Array): void;
  quantize(bits: WeightBits): OpenedModel;
  generate(batch: Batch): BatchImages;
  look(look: Look): Insight;
  reconstruct(request: { readonly picture: Picture; readonly timeSteps: number }): Reconstruction;
  /** What an image takes on every device, as the mean of `count`. */
  profile(request: { readonly count: number; readonly prior: string }): Profile;
  /** A firmware folder for one of FIRMWARE_TARGETS, as a zip archive. */
  firmware(target: string): Uint8Array;
}

export type CallName = keyof Calls;
export type Input<K extends CallName> = Parameters<Calls[K]>[0];
export type Output<K extends CallName> = ReturnType<Calls[K]>;

export interface Request<K extends CallName = CallName> {
  readonly id: number;
  readonly name: K;
  readonly input: Input<K>;
}

/** Any number of reports on progress, then an output or an error. */
export type Reply =
  | { readonly id: number; readonly progress: number }
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: string };

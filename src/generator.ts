// INTERFACE SKETCH - replaced by the implementation
export interface LayerLedger {
  readonly name: string;
  /** Spikes that enter the layer. */
  readonly spikes: number;
  /** One per spike and synapse inside the map's border. */
  readonly synapticOperations: number;
  readonly neuronUpdates: number;
}
export interface Ledger {
  readonly layers: readonly LayerLedger[];
  readonly synapticOperations: number;
  readonly weightBytesFetched: number;
  readonly randomWords: number;
}
export interface GenerateOptions {
  readonly seed?: number | bigint; // 0 … 2^64−1, default 0
  readonly index?: number | bigint; // first image, default 0
  readonly count?: number; // default 1
  readonly timeSteps?: number; // default model.timeSteps
  readonly prior?: string | number; // default 0
  readonly ledger?: boolean; // default false
}
export interface Images {
  /** (count, imageSize, imageSize, imageChannels), 0…255 */
  readonly pixels: Uint8Array;
  readonly count: number;
  /** One per image, if asked for. */
  readonly ledgers: readonly Ledger[];
}
export interface LoadOptions {
  /** default: SIMD where the engine has it */
  readonly build?: "plain" | "simd";
  /** default "resident" */
  readonly weights?: "resident" | "streamed";
}
export declare class Generator {
  /** source: path (Node), URL, or the bytes of a .spk file */
  static load(source: string | URL | Uint8Array, options?: LoadOptions): Promise<Generator>;
  readonly info: { name: string; imageSize: number; imageChannels: number; timeSteps: number; latentSize: number; priors: string[]; bytes: number };
  readonly build: "plain" | "simd";
  readonly wasmBytes: number;
  generate(options?: GenerateOptions): Images;
  /** Fills `pixels` (imageSize² · imageChannels) with one image; allocates nothing. */
  generateInto(pixels: Uint8Array, options?: GenerateOptions): void;
  /** Yields images one at a time, letting the event loop run between them */
  images(options?: GenerateOptions): AsyncGenerator<Images>;
}

/**
 * Models: importing, quantizing, generating.
 * @module spikelet
 */
export { type NetworkOptions, readNetwork } from "./checkpoint/architecture.js";
export { type CheckpointOptions, readCheckpoint } from "./checkpoint/checkpoint.js";
export { fitImages } from "./data/fit-image.js";
export type { ImageSet } from "./data/idx.js";
export { type ErrorCode, SpikeletError } from "./errors.js";
export { decodeModel, encodeModel } from "./model/file.js";
export {
  type BookPrior,
  type GaussianPrior,
  type IntegerLayer,
  type Model,
  type Prior,
  type Readout,
  WEIGHT_BITS,
  type WeightBits,
} from "./model/model.js";
export type { BatchNorm, FloatLayer, LayerKind, LayerShape, Network, Tensor } from "./network.js";
export { dequantizeDecoder } from "./quantize/dequantize.js";
export {
  type LayerReport,
  type QuantizationReport,
  type QuantizeOptions,
  quantizeNetwork,
  type Rounding,
} from "./quantize/quantize.js";
export { type Build, bestBuild, type LoadOptions, type WeightPlacement, wasmBytes } from "./runtime/core.js";
export {
  type DecodeOptions,
  type EncodeOptions,
  type Encoding,
  type GenerateOptions,
  Generator,
  type ImageOptions,
  type Images,
  type ModelInfo,
} from "./runtime/generator.js";
export type { LayerLedger, Ledger, ReadoutLedger } from "./runtime/ledger.js";
export { type MemoryPlan, memoryPlan, type Region } from "./runtime/memory-plan.js";
export type { ModelSource } from "./runtime/source.js";
export type { LayerSpikes, Trace } from "./runtime/trace.js";

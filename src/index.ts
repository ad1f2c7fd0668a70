export { readNetwork } from "./checkpoint/architecture.js";
export { readCheckpoint } from "./checkpoint/checkpoint.js";
export { type Build, bestBuild, type Weights, wasmBytes } from "./core.js";
export { fitImages } from "./data/fit-image.js";
export type { ImageSet } from "./data/idx.js";
export { type ErrorCode, SpikeletError } from "./errors.js";
export { networkOf } from "./float-model.js";
export {
  type DecodeOptions,
  type EncodeOptions,
  type Encoding,
  type GenerateOptions,
  Generator,
  type ImageOptions,
  type Images,
  type LayerLedger,
  type Ledger,
  type LoadOptions,
  type MemoryPlan,
  type ModelInfo,
  memoryPlan,
  type Region,
} from "./generator.js";
export type { IntegerLayer, Model, Prior, Readout, WeightBits } from "./model.js";
export { decodeModel, encodeModel } from "./model-file.js";
export type { BatchNorm, FloatLayer, LayerKind, LayerShape, Network, Tensor } from "./network.js";
export {
  type LayerReport,
  type QuantizationReport,
  type QuantizeOptions,
  quantizeNetwork,
  type Rounding,
} from "./quantize.js";
export type { ModelSource } from "./source.js";
export type { LayerSpikes, Trace } from "./trace.js";

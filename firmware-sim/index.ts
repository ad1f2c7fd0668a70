/**
 * What a model costs on devices, firmware for them, and a device to run it on.
 * @module spikelet/simulator
 */
export type { ArithmeticCost } from "./cost/arithmetic.js";
export type { Conventions } from "./cost/conventions.js";
export { cycles, type Engine } from "./cost/engines.js";
export { type Estimate, isPriced, type NotPriced, type Priced } from "./cost/estimate.js";
export type { MemoryNeed, Shortage } from "./cost/microcontroller.js";
export type { LayerPlacement, Placement } from "./cost/placement.js";
export type { PriceReport, Routing, Term } from "./cost/pricing.js";
export {
  type Counts,
  type EngineProfile,
  type MicrocontrollerProfile,
  type NeuromorphicProfile,
  type Profile,
  type ProfileOptions,
  profile,
  type StageEstimate,
  type StageProfile,
} from "./cost/profile.js";
export { findDevice, listDevices, readDevice } from "./devices/catalog.js";
export type {
  Device,
  Fact,
  Figure,
  Grade,
  How,
  Microcontroller,
  Neuromorphic,
  Price,
  Prices,
  Times,
} from "./devices/device.js";
export { deviceModel } from "./firmware/device-model.js";
export { firmwareFiles } from "./firmware/files.js";
export { FIRMWARE_TARGETS, type FirmwareTarget, firmwareTarget } from "./firmware/targets.js";
export type { Frame } from "./simulator/frames.js";
export {
  type Faults,
  type FlashRead,
  type Outcome,
  type Place,
  type PowerLoss,
  type SimulateOptions,
  type Simulation,
  simulate,
} from "./simulator/simulator.js";
export type { Kind, KindCounts } from "./wasm/instruction-kinds.js";

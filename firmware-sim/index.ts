export type { ArithmeticCost } from "./cost/arithmetic.js";
export type { Engine } from "./cost/engines.js";
export { type Estimate, isPriced, type NotPriced, type Priced } from "./cost/estimate.js";
export type { Shortage } from "./cost/microcontroller.js";
export type { LayerPlacement, Placement } from "./cost/placement.js";
export type { PriceReport, Term } from "./cost/pricing.js";
export {
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
export type { Device, Microcontroller, Neuromorphic } from "./devices/device.js";
export { deviceModel } from "./firmware/device-model.js";
export { firmwareFiles } from "./firmware/files.js";
export { FIRMWARE_TARGETS, type FirmwareTarget, firmwareTarget } from "./firmware/targets.js";

export type { ArithmeticCost } from "./arithmetic.js";
export type { Device, Microcontroller, Neuromorphic } from "./device.js";
export { deviceModel } from "./device-model.js";
export { findDevice, listDevices, readDevice } from "./devices.js";
export type { Engine } from "./engines.js";
export { type Estimate, isPriced, type NotPriced, type Priced } from "./estimate.js";
export { firmwareFiles } from "./firmware.js";
export { FIRMWARE_TARGETS, type FirmwareTarget, firmwareTarget } from "./firmware-targets.js";
export type { Shortage } from "./microcontroller.js";
export type { LayerPlacement, Placement } from "./placement.js";
export type { PriceReport, Term } from "./pricing.js";
export {
  type EngineProfile,
  type MicrocontrollerProfile,
  type NeuromorphicProfile,
  type Profile,
  type ProfileOptions,
  profile,
  type StageEstimate,
  type StageProfile,
} from "./profile.js";

import { HEADER } from "./memory";

/** The file's header, and what the plan adds (memory.ts). */
export class Header {
  magic: u32;
  version: u32;
  length: u32;
  crc: u32;
  imageSize: u16;
  imageChannels: u8;
  timeSteps: u8;
  latentSize: u16;
  layers: u8;
  encoderLayers: u8;
  priors: u8;
  readoutShift: u8;
  zero: u16;
  priorsOffset: u32;
  readoutOffset: u32;
  weightsOffset: u32;
}

export function header(): Header {
  return changetype<Header>(HEADER);
}

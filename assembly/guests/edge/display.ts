declare module "spikelet:edge/display@0.1.0";

/** 0 if the display took the image, whose pixels are `bytes` bytes at `pixels`. */
export declare function show(size: u32, channels: u32, pixels: u32, bytes: u32): u32;

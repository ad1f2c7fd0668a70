declare module "spikelet:edge/meter@0.1.0";

/** The fields of `cost`, in their order. */
export declare function report(
  image: u64,
  nanoseconds: u64,
  synapticOperations: u64,
  flashBytes: u32,
  randomWords: u32,
): void;

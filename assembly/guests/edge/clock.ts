declare module "spikelet:edge/clock@0.1.0";

/** Nanoseconds. */
export declare function now(): u64;

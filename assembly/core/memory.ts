// The core's memory map, read by both compilers: each place is the sum of the one before it. What the code names most lies
// lowest, where an address takes fewest bytes of code. From ARENA on lies what depends on the model (decoder.ts, `plan`).

import { HEADER_NAME, MAX_DECODER_LAYERS, MAX_ENCODER_LAYERS, MAX_LATENT_SIZE } from "./format";

/** The file's header up to the name, and after it what the plan adds: u32 each. */
export const HEADER: u32 = 0;
export const PLAN_BYTES: u32 = HEADER + HEADER_NAME;
/** Where the file's front matter lies if the model is resident. */
export const PLAN_FRONT: u32 = PLAN_BYTES + 4;
/** The readout's sums, and in their place the pixels of the finished image. */
export const PLAN_IMAGE: u32 = PLAN_BYTES + 8;
/** For each layer its entry of the file's table, then what the plan adds: u32 each. The last entry is the readout's. */
export const LAYERS: u32 = PLAN_BYTES + 12;
export const LAYER_INPUT_MAP: u32 = 32;
export const LAYER_PIXEL_BYTES: u32 = 36;
export const LAYER_STEP_BYTES: u32 = 40;
export const LAYER_SUMS: u32 = 44;
export const LAYER_UNPACKED: u32 = 48;
export const LAYER_SPLIT: u32 = 52;
export const LAYER_STATE_BYTES: u32 = 56;
/** Counters, u32 each: fetched bytes, random words, then incoming spikes and synaptic operations of the readout and of each layer. */
export const LEDGER: u32 = LAYERS + (MAX_DECODER_LAYERS + 1) * LAYER_STATE_BYTES;
export const LEDGER_FETCHED: u32 = LEDGER;
export const LEDGER_RANDOM: u32 = LEDGER + 4;
export const LEDGER_READOUT: u32 = LEDGER + 8;
export const LEDGER_LAYER_BYTES: u32 = 8;
export const LEDGER_LAYERS: u32 = LEDGER_READOUT + LEDGER_LAYER_BYTES;

/** Image index and seed, u64 each, set by the host before an image is drawn; 16-byte aligned, as is all that follows. */
export const IMAGE_INDEX: u32 = LEDGER_LAYERS + MAX_DECODER_LAYERS * LEDGER_LAYER_BYTES + 4;
export const SEED: u32 = IMAGE_INDEX + 8;
/** One Philox block. */
export const WORDS: u32 = SEED + 8;
/** Biases and thresholds of the block in work, as the file has them. */
export const PARAMETERS: u32 = WORDS + 16;
export const THRESHOLDS: u32 = PARAMETERS + 64;
/** Potentials of the block in work, and what is left of them. */
export const POTENTIALS: u32 = THRESHOLDS + 64;
export const LEFT: u32 = POTENTIALS + 64;
/** The readout's R of the block in work, in lane order. */
export const RESPONSE: u32 = LEFT + 64;
/** What a spike of each step counts in the readout, in four lanes. */
export const COEFFICIENTS: u32 = RESPONSE + 64;
/** Spikes of one position of the last layer, where no map keeps them. */
export const LAST_SPIKES: u32 = COEFFICIENTS + 128;
/** A row of weights that are all 0: nothing is ever written here. */
export const ZEROS: u32 = LAST_SPIKES + 64;

/** i32 each. */
export const NORMALS: u32 = ZEROS + 64;
export const RATES: u32 = NORMALS + 4 * MAX_LATENT_SIZE;

/** What was last read from flash. */
export const STAGING: u32 = RATES + 4 * MAX_LATENT_SIZE;
export const STAGING_BYTES: u32 = 960;

/** As LAYERS, of the encoder; its last entry is the latent map. */
export const ENCODER_LAYERS: u32 = STAGING + STAGING_BYTES;

export const ARENA: u32 = ENCODER_LAYERS + (MAX_ENCODER_LAYERS + 1) * LAYER_STATE_BYTES + 8;
/** The readout's section of the file. */
export const READOUT: u32 = ARENA;

export const FLAG_RESIDENT: u32 = 1;
export const FLAG_TRACE: u32 = 2;

export const STATUS_OK: u32 = 0;
export const STATUS_BAD_MODEL: u32 = 1;
export const STATUS_MEMORY: u32 = 2;
export const STATUS_FLASH: u32 = 3;
export const STATUS_BAD_ARGUMENT: u32 = 4;

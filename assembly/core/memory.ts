// The core's memory map, read by both compilers: each place is the sum of the one before it. What the code names most lies
// lowest, where an address takes fewest bytes of code. From ARENA on lies what depends on the model (decoder.ts, `plan`).

import {
  BLOCK_CHANNELS,
  BLOCK_PARAMETER_BYTES,
  HEADER_NAME,
  LAYER_BYTES,
  MAX_DECODER_LAYERS,
  MAX_ENCODER_LAYERS,
  MAX_LATENT_SIZE,
  MAX_TIME_STEPS,
  tapRows,
} from "./format";

/** Of Wasm's memory. */
export const PAGE_BYTES: u32 = 65536;
/** A row of unpacked weights, biases, thresholds or potentials: a block's channels, 16 bits each. */
export const ROW_BYTES: u32 = BLOCK_CHANNELS * 2;
/** Weighted inputs of a block at every step. */
export const SUMS_BYTES: u32 = MAX_TIME_STEPS * ROW_BYTES;
/** A firing rate of 1. */
export const FULL_RATE: u32 = 65536;

/** The file's header up to the name, and after it what the plan adds: u32 each. */
export const HEADER: u32 = 0;
export const PLAN_BYTES: u32 = HEADER + HEADER_NAME;
/** Where the image ends, and the file's front matter lies if the model is resident. */
export const PLAN_FRONT: u32 = PLAN_BYTES + 4;
/** The readout's sums, and in their place the pixels of the finished image. */
export const PLAN_IMAGE: u32 = PLAN_BYTES + 8;
/** For each layer its entry of the file's table, then what the plan adds: u32 each. The last entry is the readout's. */
export const LAYERS: u32 = PLAN_BYTES + 12;
export const LAYER_INPUT_MAP: u32 = LAYER_BYTES;
export const LAYER_PIXEL_BYTES: u32 = LAYER_BYTES + 4;
export const LAYER_STEP_BYTES: u32 = LAYER_BYTES + 8;
export const LAYER_SUMS: u32 = LAYER_BYTES + 12;
export const LAYER_UNPACKED: u32 = LAYER_BYTES + 16;
export const LAYER_SUMS_STEP: u32 = LAYER_BYTES + 20;
export const LAYER_STATE_BYTES: u32 = LAYER_BYTES + 24;
/** Counters, u32 each: fetched bytes, random words, then incoming spikes and synaptic operations of the readout and of each layer. */
export const LEDGER: u32 = LAYERS + (MAX_DECODER_LAYERS + 1) * LAYER_STATE_BYTES;
export const LEDGER_FETCHED: u32 = LEDGER;
export const LEDGER_RANDOM: u32 = LEDGER + 4;
export const LEDGER_READOUT: u32 = LEDGER + 8;
/** Where in a layer's counters the synaptic operations are, after the spikes. */
export const LEDGER_OPERATIONS: u32 = 4;
export const LEDGER_LAYER_BYTES: u32 = 8;
export const LEDGER_LAYERS: u32 = LEDGER_READOUT + LEDGER_LAYER_BYTES;

/** Image index and seed, u64 each, set by the host before an image is drawn; 16-byte aligned, as is all that follows. */
export const IMAGE_INDEX: u32 = LEDGER_LAYERS + MAX_DECODER_LAYERS * LEDGER_LAYER_BYTES + 4;
export const SEED: u32 = IMAGE_INDEX + 8;
/** One Philox block. */
export const WORDS: u32 = SEED + 8;
/** Biases and thresholds of the block in work, as the file has them. */
export const PARAMETERS: u32 = WORDS + 16;
export const THRESHOLDS: u32 = PARAMETERS + ROW_BYTES;
/** Potentials of the block in work, and what is left of them. */
export const POTENTIALS: u32 = PARAMETERS + BLOCK_PARAMETER_BYTES;
export const LEFT: u32 = POTENTIALS + ROW_BYTES;
/** The readout's R of the block in work, in lane order. */
export const RESPONSE: u32 = LEFT + ROW_BYTES;
/** What a spike of each step counts in the readout, in four lanes. */
export const COEFFICIENTS: u32 = RESPONSE + ROW_BYTES;
/** Spikes of one position of the last layer, where no map keeps them. */
export const LAST_SPIKES: u32 = COEFFICIENTS + 8 * MAX_TIME_STEPS;
/** A row of weights that are all 0: nothing is ever written here. */
export const ZEROS: u32 = LAST_SPIKES + 4 * MAX_TIME_STEPS;

/** i32 each, in units of 1 / FULL_RATE; of a Gaussian first the logits. */
export const RATES: u32 = ZEROS + ROW_BYTES;

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

/** Bytes of one tap's unpacked weights for one block. */
export function tapBytes(inChannels: u32): u32 {
  return tapRows(inChannels) * ROW_BYTES;
}

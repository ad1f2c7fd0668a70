// The .spk model file (docs/format.md): its constants, and the lengths that follow from them. Read by both compilers.

export const MAGIC: u32 = 0x4c4b5053; // "SPKL"
export const VERSION: u32 = 3;

export const HEADER_BYTES: u32 = 64;
export const HEADER_VERSION: u32 = 4;
export const HEADER_LENGTH: u32 = 8;
export const HEADER_CRC: u32 = 12;
export const HEADER_IMAGE_SIZE: u32 = 16;
/** First byte that the checksum covers. */
export const HEADER_CRC_START: u32 = HEADER_IMAGE_SIZE;
export const HEADER_IMAGE_CHANNELS: u32 = 18;
export const HEADER_TIME_STEPS: u32 = 19;
export const HEADER_LATENT_SIZE: u32 = 20;
export const HEADER_DECODER_LAYERS: u32 = 22;
export const HEADER_ENCODER_LAYERS: u32 = 24;
export const HEADER_PRIORS: u32 = 23;
export const HEADER_READOUT_SHIFT: u32 = 25;
export const HEADER_PRIORS_OFFSET: u32 = 28;
export const HEADER_READOUT_OFFSET: u32 = 32;
export const HEADER_WEIGHTS_OFFSET: u32 = 36;
export const HEADER_NAME: u32 = 40;
/** Bytes of UTF-8 of a name, of the model or of a prior. */
export const NAME_BYTES: u32 = 24;

export const LAYER_BYTES: u32 = 32;
export const LAYER_KIND: u32 = 0;
export const LAYER_BITS: u32 = 1;
export const LAYER_INPUT_SIZE: u32 = 2;
export const LAYER_IN_CHANNELS: u32 = 4;
export const LAYER_OUT_CHANNELS: u32 = 6;
export const LAYER_PARAMETERS: u32 = 8;
export const LAYER_SCALES: u32 = 12;
export const LAYER_WEIGHTS: u32 = 16;
export const LAYER_WEIGHTS_LENGTH: u32 = 20;
export const LAYER_LOWEST: u32 = 24;
export const LAYER_HIGHEST: u32 = 26;
export const LAYER_SHIFT: u32 = 28;

export const KIND_LINEAR: u32 = 0;
export const KIND_TRANSPOSED_CONV: u32 = 1;
export const KIND_CONV: u32 = 2;
export const KIND_IMAGE_CONV: u32 = 3;

/** A prior's entry of the table begins with its name. */
export const PRIOR_SHARE: u32 = NAME_BYTES;
export const PRIOR_OFFSET: u32 = 28;
/** Codes of a book less one; 0 for a Gaussian. */
export const PRIOR_PAIRS: u32 = 32;
export const PRIOR_SHIFT: u32 = 36;
export const PRIOR_ENTRY_BYTES: u32 = 40;
/** Sum of the shares of one mixture's components. */
export const WHOLE_SHARE: u32 = 65536;

/** Output channels in one block of the file: one row of weights. */
export const BLOCK_CHANNELS: u32 = 32;
export const BLOCK_PARAMETER_BYTES: u32 = 128;
/** What is added to a stored bias: half of 16 bits, less the quarter of it that a leak leaves, and 2 to round the leak to nearest. */
export const BIAS_OFFSET: u32 = 24578;
/** What is added to a stored threshold: potentials are compared with it when they have the 2. */
export const THRESHOLD_OFFSET: u32 = 2;
/** The largest potential, and the largest threshold: with the 2 it has 16 bits. */
export const MAX_POTENTIAL: u32 = 32765;

/** Bits of a weight of the convolution of the image; those of others are 4, 5, 6 or 8. */
export const IMAGE_WEIGHT_BITS: u32 = 16;

export const MAX_TIME_STEPS: u32 = 16;
export const MAX_CODES: u32 = 65536;
export const MAX_LATENT_SIZE: u32 = 256;
export const MAX_IMAGE_SIZE: u32 = 256;
export const MAX_DECODER_LAYERS: u32 = 8;
export const MAX_ENCODER_LAYERS: u32 = 8;
export const MAX_CHANNELS: u32 = 4096;
export const MAX_PRIORS: u32 = 255;
/** Largest shift of a prior, and of the convolution of the image. */
export const MAX_SHIFT: u32 = 24;
export const READOUT_CHANNELS: u32 = 32;

/** Rows of weights of one tap: an even number. */
export function tapRows(inChannels: u32): u32 {
  return (inChannels + 1) & -2;
}

/** Bytes of the weights of one normal in a Gaussian prior, a multiple of 4. */
export function normalBytes(latentSize: u32): u32 {
  return ((latentSize << 1) + 3) & -4;
}

/** Bytes of one code in a book, a multiple of 4. */
export function codeBytes(latentSize: u32): u32 {
  return ((latentSize + 31) >> 3) & -4;
}

/** Bytes of the readout's section: biases of 32 bits, then 9 taps of weights of 16. */
export function readoutBytes(imageChannels: u32): u32 {
  return imageChannels * (4 + 18 * READOUT_CHANNELS);
}

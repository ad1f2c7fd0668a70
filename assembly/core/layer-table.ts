import { LAYER_STATE_BYTES } from "./memory";

/** An entry of the file's layer table, and what the plan adds. A map has one bit a neuron: (step, row, column, channel). */
export class Layer {
  /** As in the file. KIND_LINEAR and KIND_TRANSPOSED_CONV are also what the map's size is shifted by. */
  kind: u8;
  bits: u8;
  /** Rows, and columns, of the input map. */
  inputSize: u16;
  inChannels: u16;
  outChannels: u16;
  /** Offsets in the file. */
  parameters: u32;
  scales: u32;
  weights: u32;
  /** Bytes of the packed weights. Not used: it follows from the shape. */
  weightsLength: u32;
  lowest: i16;
  highest: i16;
  /** Of the convolution of the image: its sums are in units of 2^−shift. */
  shift: u32;
  inputMap: u32;
  /** Bytes of one position of the input map. */
  pixelBytes: u32;
  /** Bytes of one time step of the input map. */
  stepBytes: u32;
  /** Weighted inputs of 32 neurons at every step. */
  sums: u32;
  /** Where unpacked weights go: all of them if the model is resident, else one pass of one phase of one block. */
  unpacked: u32;
  /**
   * Bytes from one input position's sums to the next one's, or 0. If not 0, a phase takes one pass for each of its rows of
   * taps, so that no more than half of its weights are in memory at once.
   */
  sumsStep: u32;
}

/** The layer after this one; after the last, the readout's entry. */
export function after(layer: Layer): Layer {
  return changetype<Layer>(changetype<u32>(layer) + LAYER_STATE_BYTES);
}

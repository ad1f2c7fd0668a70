import type { Tensor } from "../network.js";

/** Rows that a pool gave for what is measured. */
export function numbersOf(rows: Uint8Array): Float64Array {
  return new Float64Array(rows.buffer, rows.byteOffset, rows.length / Float64Array.BYTES_PER_ELEMENT);
}

/** Rows of firing rates that a pool gave for an `EncodeTask`. */
export function ratesOf(rows: Uint8Array, latentSize: number): Tensor {
  const data = new Float32Array(rows.buffer, rows.byteOffset, rows.length / Float32Array.BYTES_PER_ELEMENT);
  return { shape: [data.length / latentSize, latentSize], data };
}

/** Rows (count, width) of numbers as a tensor. */
export function tensorOf(rows: Uint8Array, count: number): Tensor {
  const data = Float32Array.from(numbersOf(rows));
  return { shape: [count, data.length / count], data };
}

/** Rows of a loss and the rates that follow it. */
export function splitLosses(rows: Uint8Array, latentSize: number): { losses: Float64Array; rates: Tensor } {
  const numbers = numbersOf(rows);
  const width = 1 + latentSize;
  const count = numbers.length / width;
  const data = new Float32Array(count * latentSize);
  for (let n = 0; n < count; n++) {
    data.set(numbers.subarray(n * width + 1, (n + 1) * width), n * latentSize);
  }
  return {
    losses: Float64Array.from({ length: count }, (_, n) => numbers[n * width]),
    rates: { shape: [count, latentSize], data },
  };
}

export function firstRows({ shape, data }: Tensor, count: number): Tensor {
  const rows = Math.min(count, shape[0]);
  return { shape: [rows, shape[1]], data: data.subarray(0, rows * shape[1]) };
}

export function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

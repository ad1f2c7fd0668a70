// Bilinear resizing of 8-bit images with antialiasing, bit for bit as Pillow does it (libImaging/Resample.c,
// Image.resize(size, BILINEAR)): separable, horizontal pass first, each pass in fixed point and rounded to 8 bits.

/** Fraction bits of a coefficient: 32, less 8 of the pixel and 2 of headroom (Pillow's PRECISION_BITS). */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

export interface ImageSize {
  readonly rows: number;
  readonly columns: number;
}

/** For each output position of one axis, the input positions that it sees and their fixed-point coefficients. */
interface AxisFilter {
  /** (output length) First input position. */
  readonly first: Int32Array;
  /** (output length) Number of input positions. */
  readonly count: Int32Array;
  /** (output length, stride) */
  readonly coefficients: Int32Array;
  readonly stride: number;
}

/**
 * Resizes images of 8 bits per channel.
 * @param pixels (images, from.rows, from.columns, channels)
 * @returns (images, to.rows, to.columns, channels)
 */
export function resizeImages(
  pixels: Uint8Array,
  from: ImageSize,
  to: ImageSize,
  channels: number,
): Uint8Array {
  const images = pixels.length / (from.rows * from.columns * channels);
  // Along the columns every row of every image is alike, along the rows every image is.
  const wide = resizeAxis(pixels, images * from.rows, from.columns, to.columns, channels);
  return resizeAxis(wide, images, from.rows, to.rows, to.columns * channels);
}

/** Resizes the middle axis: (outer, inLength, inner) to (outer, outLength, inner). */
function resizeAxis(
  input: Uint8Array,
  outer: number,
  inLength: number,
  outLength: number,
  inner: number,
): Uint8Array {
  const { first, count, coefficients, stride } = bilinearFilter(inLength, outLength);
  const output = new Uint8Array(outer * outLength * inner);
  let out = 0;
  for (let o = 0; o < outer; o++) {
    for (let x = 0; x < outLength; x++) {
      const start = (o * inLength + first[x]) * inner;
      for (let i = 0; i < inner; i++) {
        let sum = HALF;
        for (let k = 0; k < count[x]; k++) sum += coefficients[x * stride + k] * input[start + k * inner + i];
        // No coefficient is negative, so only the upper end needs clipping.
        output[out++] = Math.min(sum >> PRECISION_BITS, 255);
      }
    }
  }
  return output;
}

/** Pillow's precompute_coeffs and normalize_coeffs_8bpc for the triangle filter over the whole axis. */
function bilinearFilter(inLength: number, outLength: number): AxisFilter {
  const scale = inLength / outLength;
  // When shrinking, the triangle is stretched to cover every input position: that is the antialiasing.
  const support = Math.max(scale, 1);
  const stride = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(outLength);
  const count = new Int32Array(outLength);
  const coefficients = new Int32Array(outLength * stride);
  for (let x = 0; x < outLength; x++) {
    const center = (x + 0.5) * scale;
    const begin = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), inLength);
    const weights = Array.from({ length: end - begin }, (_, k) =>
      Math.max(0, 1 - Math.abs((k + begin - center + 0.5) * (1 / support))),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    first[x] = begin;
    count[x] = weights.length;
    weights.forEach((weight, k) => {
      coefficients[x * stride + k] = Math.trunc(0.5 + (weight / sum) * (1 << PRECISION_BITS));
    });
  }
  return { first, count, coefficients, stride };
}

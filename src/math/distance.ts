/** Elements between two looks at whether a distance can still matter. */
const STRIDE = 16;

/**
 * Squared Euclidean distance of `size` numbers at two places; anything above `most` as soon as it is found to be that far.
 */
export function squaredDistance(
  a: Float32Array | Float64Array,
  aStart: number,
  b: Float32Array | Float64Array,
  bStart: number,
  size: number,
  most = Number.POSITIVE_INFINITY,
): number {
  let sum = 0;
  for (let start = 0; start < size && sum <= most; start += STRIDE) {
    const end = Math.min(start + STRIDE, size);
    for (let i = start; i < end; i++) {
      const difference = a[aStart + i] - b[bStart + i];
      sum += difference * difference;
    }
  }
  return sum;
}

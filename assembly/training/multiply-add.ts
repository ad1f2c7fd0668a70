/**
 * a · b + c. The module is built twice: with relaxed SIMD, where the processor decides whether the product is rounded before it
 * is added, and without, where it always is.
 */
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/** Logistic function of a Q12 number in Q16 (0…65536): docs/numerics.md, "Sigmoid". */
export function sigmoid(x: i32): i32 {
  // |x| · log2 e in Q16, and e^−|x| as 2^−y.
  const y = (min<u32>(x < 0 ? -x : x, 49151) * 23637 + 512) >> 10;
  const f = (y & 0xffff) >> 2;
  const e: u32 = (65536 - ((f * (45325 - ((f * (15139 - ((f * 2582) >> 14))) >> 14))) >> 14)) >> (y >> 16);
  const low = (e << 15) / ((65536 + e) >> 1);
  return x < 0 ? low : 65536 - low;
}

/** x / 2^shift, to nearest, halves up. */
export function roundShift(x: i32, shift: u32): i32 {
  return (x + ((1 << shift) >>> 1)) >> shift;
}

/** The sigmoid of x / 2^shift. */
export function sigmoidOf(x: i32, shift: u32): i32 {
  return sigmoid(roundShift(x, shift));
}

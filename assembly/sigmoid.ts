import { SIGMOID_TABLE } from "./tables";

/** Logistic function of a Q12 number in Q16 (0…65536): piecewise linear, eight segments a unit. */
export function sigmoid(x: i64): i32 {
  const a = i32(min<i64>(x < 0 ? -x : x, 49151));
  const entry = SIGMOID_TABLE + ((a >> 9) << 1);
  const near: i32 = load<u16>(entry);
  const half = near + (((<i32>load<u16>(entry, 2) - near) * (a & 511) + 256) >> 9);
  return 32768 + (x < 0 ? -half : half);
}

/** x / 2^shift, to nearest, halves up. */
export function roundShift(x: i64, shift: u64): i64 {
  return (x + ((i64(1) << shift) >> 1)) >> shift;
}

/** The sigmoid of x / 2^shift. */
export function sigmoidOf(x: i64, shift: u64): i32 {
  return sigmoid(roundShift(x, shift));
}

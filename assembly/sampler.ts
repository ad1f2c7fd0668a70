import { NORMALS, RATES, WORDS } from "./memory";
import { philox } from "./philox";
import { NORMAL_TABLE } from "./tables";

/** A Q12 standard normal from 32 uniform bits: piecewise linear inverse CDF, eight segments an octave. */
export function normal(u: u32): i32 {
  const tail = (u << 1) | 1;
  const zeros = clz(tail);
  const clipped = zeros > 19;
  const octave: u32 = clipped ? 19 : zeros;
  const mantissa: u32 = clipped ? 0x80000000 : tail << zeros;
  const entry = NORMAL_TABLE + (((octave << 3) + 8 - ((mantissa >> 28) & 7)) << 1);
  const far: i32 = load<u16>(entry);
  const step = far - <i32>load<u16>(entry - 2);
  const x = far - ((step * ((mantissa >> 12) & 0xffff) + 0x8000) >> 16);
  return <i32>u < 0 ? -x : x;
}

/** Standard normals of one image, to NORMALS. */
export function drawNormals(count: u32): void {
  for (let i: u32 = 0; i < count; i++) {
    if (!(i & 3)) philox(i >> 2, 0);
    store<i32>(NORMALS + (i << 2), normal(load<u32>(WORDS + ((i & 3) << 2))));
  }
}

/** Poisson spiking sampling: one 16-bit uniform for each neuron and step against its firing rate at RATES. */
export function drawSpikes(count: u32, steps: u32, map: u32, stepBytes: u32): void {
  for (let p = map, end = map + steps * stepBytes; p < end; p += 4) store<u32>(p, 0);
  for (let i: u32 = 0; i < count; i++) {
    const rate = load<u32>(RATES + (i << 2));
    const bit = u32(1) << (i & 31);
    let p = map + ((i >> 5) << 2);
    for (let t: u32 = 0; t < steps; t++) {
      if (!(t & 7)) philox((i << 1) + (t >> 3), 1);
      if (<u32>load<u16>(WORDS + ((t & 7) << 1)) < rate) store<u32>(p, load<u32>(p) | bit);
      p += stepBytes;
    }
  }
}

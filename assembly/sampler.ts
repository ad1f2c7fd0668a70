import { NORMALS, RATES, WORDS } from "./memory";
import { philox } from "./philox";
import { clear } from "./readout";
import { NORMAL_TABLE } from "./tables";

/** Address of a stream's next 16 random bits, and of the next 32 if `half` is even. */
function draw(half: u32, stream: u32): u32 {
  const place = half & 7;
  if (!place) philox(half >> 3, stream);
  return WORDS + (place << 1);
}

/** A Q12 standard normal from 32 uniform bits: piecewise linear inverse CDF, eight segments an octave. */
export function normal(u: u32): i32 {
  // Below 2^12 the last octave's end stands for all.
  const tail = max<u32>((u << 1) | 1, 1 << 12);
  const octave: u32 = clz(tail);
  const mantissa = tail << octave;
  // The top bit is set: 16 − (mantissa >> 28) is 8 − segment.
  const entry = NORMAL_TABLE + (((octave << 3) + 16 - (mantissa >> 28)) << 1);
  const far: i32 = load<u16>(entry);
  const step = far - <i32>load<u16>(entry - 2);
  const x = far - ((step * ((mantissa >> 12) & 0xffff) + 0x8000) >> 16);
  return <i32>u < 0 ? -x : x;
}

/** Standard normals of one image, to NORMALS. */
export function drawNormals(count: u32): void {
  let i: u32 = 0;
  do {
    store<i32>(i << 2, normal(load<u32>(draw(i << 1, 0))), NORMALS);
  } while (++i < count);
}

/** Poisson spiking sampling: one 16-bit uniform for each neuron and step against its firing rate at RATES. */
export function drawSpikes(count: u32, steps: u32, map: u32, stepBytes: u32): void {
  clear(map, steps * stepBytes);
  let i: u32 = 0;
  do {
    let p = map + ((i >> 5) << 2);
    let t: u32 = 0;
    do {
      const fires = <u32>load<u16>(draw((i << 4) + t, 1)) < load<u32>(i << 2, RATES);
      store<u32>(p, load<u32>(p) | (u32(fires) << i));
      p += stepBytes;
    } while (++t < steps);
  } while (++i < count);
}

import { RATES, WORDS } from "./memory";
import { philox } from "./philox";
import { clear } from "./readout";
import { STREAM_SPIKES } from "./streams";

/** The Q12 standard normal that the eight 16-bit halves at WORDS sum up to (docs/numerics.md, "Standard normals"). */
export function normal(): i32 {
  let sum = -262140;
  let k: u32 = 0;
  do {
    sum += <i32>load<u16>(k, WORDS);
    k += 2;
  } while (k < 16);
  const x = (sum * 5017 + 0x8000) >> 16;
  const cubic = (x * (((x * x) >> 12) - 12288)) >> 12;
  return x + ((cubic * 213 + 0x4000) >> 15);
}

/**
 * Poisson spiking sampling: one 16-bit uniform for each neuron and step against its firing rate at RATES. Blocks of the steps from 8
 * on are MAX_LATENT_SIZE after those of the first.
 */
export function drawSpikes(count: u32, steps: u32, map: u32, stepBytes: u32): void {
  let i: u32 = 0;
  clear(map, steps * stepBytes);
  do {
    let p = map + ((i >> 5) << 2);
    let t: u32 = 0;
    do {
      if (!(t & 7)) philox(i + (t << 5), STREAM_SPIKES);
      const fires = <u32>load<u16>((t & 7) << 1, WORDS) < load<u32>(i << 2, RATES);
      store<u32>(p, load<u32>(p) | (u32(fires) << i));
      p += stepBytes;
    } while (++t < steps);
  } while (++i < count);
}

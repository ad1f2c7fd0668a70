import { COEFFICIENTS, POTENTIALS, RESPONSE, ROW_BYTES, THRESHOLDS, ZEROS } from "./memory";

/**
 * As in neurons-plain.ts, eight lanes to a vector, and what is left of potentials in registers from step to step. All is
 * written out four times, because a call would empty the registers.
 *
 * The end of a word's spikes is a branch that processors do not foresee. So spikes are read 64 at a time, which halves these
 * ends, and a word's first two are added without a branch: where spikes are rare, few words have more.
 */
export function runNeurons(
  spikes: u32,
  spikeStep: u32,
  run: u32,
  rows: u32,
  rowBytes: u32,
  weights: u32,
  rowWeights: u32,
  from: u32,
  fromStep: u32,
  sums: u32,
  output: u32,
  outputStep: u32,
  steps: u32,
): void {
  // Sums have the 24,578 of the stored bias; all of it but the 2 is taken off with what is left of the potential before.
  let left0 = i16x8.splat(-0x6000);
  let left1 = left0;
  let left2 = left0;
  let left3 = left0;
  let response0 = i64x2.splat(0);
  let response1 = response0;
  let response2 = response0;
  let response3 = response0;
  for (let coefficient = COEFFICIENTS; steps; steps--) {
    let a0 = v128.load(from);
    let a1 = v128.load(from, 16);
    let a2 = v128.load(from, 32);
    let a3 = v128.load(from, 48);
    from += fromStep;
    let row = spikes;
    let first = weights;
    for (let left = rows; left; left--) {
      let w = first;
      for (let p = row, end = row + run; p < end; p += 8) {
        let active: u64 = p + 4 < end ? load<u64>(p) : u64(load<u32>(p));
        const one = select<u32>(w + (u32(ctz(active)) << 6), ZEROS, active != 0);
        active &= active - 1;
        const two = select<u32>(w + (u32(ctz(active)) << 6), ZEROS, active != 0);
        active &= active - 1;
        a0 = i16x8.add(i16x8.add(a0, v128.load(one)), v128.load(two));
        a1 = i16x8.add(i16x8.add(a1, v128.load(one, 16)), v128.load(two, 16));
        a2 = i16x8.add(i16x8.add(a2, v128.load(one, 32)), v128.load(two, 32));
        a3 = i16x8.add(i16x8.add(a3, v128.load(one, 48)), v128.load(two, 48));
        for (; active; active &= active - 1) {
          const q = w + (u32(ctz(active)) << 6);
          a0 = i16x8.add(a0, v128.load(q));
          a1 = i16x8.add(a1, v128.load(q, 16));
          a2 = i16x8.add(a2, v128.load(q, 32));
          a3 = i16x8.add(a3, v128.load(q, 48));
        }
        w += 64 * ROW_BYTES;
      }
      row += rowBytes;
      first += rowWeights;
    }
    spikes += spikeStep;
    if (sums != POTENTIALS) {
      v128.store(sums, a0);
      v128.store(sums, a1, 16);
      v128.store(sums, a2, 32);
      v128.store(sums, a3, 48);
      sums += ROW_BYTES;
      continue;
    }
    a0 = i16x8.add(a0, left0);
    a1 = i16x8.add(a1, left1);
    a2 = i16x8.add(a2, left2);
    a3 = i16x8.add(a3, left3);
    // All bits of a lane that is silent.
    const s0 = i16x8.gt_s(v128.load(0, THRESHOLDS), a0);
    const s1 = i16x8.gt_s(v128.load(0, THRESHOLDS + 16), a1);
    const s2 = i16x8.gt_s(v128.load(0, THRESHOLDS + 32), a2);
    const s3 = i16x8.gt_s(v128.load(0, THRESHOLDS + 48), a3);
    // A quarter, to nearest because of the 2, or nothing after a spike.
    left0 = i16x8.sub(v128.and(i16x8.shr_s(a0, 2), s0), i16x8.splat(0x6000));
    left1 = i16x8.sub(v128.and(i16x8.shr_s(a1, 2), s1), i16x8.splat(0x6000));
    left2 = i16x8.sub(v128.and(i16x8.shr_s(a2, 2), s2), i16x8.splat(0x6000));
    left3 = i16x8.sub(v128.and(i16x8.shr_s(a3, 2), s3), i16x8.splat(0x6000));
    const c = v128.load64_splat(coefficient);
    coefficient += 8;
    response0 = i16x8.add(response0, v128.andnot(c, s0));
    response1 = i16x8.add(response1, v128.andnot(c, s1));
    response2 = i16x8.add(response2, v128.andnot(c, s2));
    response3 = i16x8.add(response3, v128.andnot(c, s3));
    // From lane order to the order of channels.
    const l = i8x16.narrow_i16x8_s(s0, s1);
    const h = i8x16.narrow_i16x8_s(s2, s3);
    const low = i8x16.shuffle(l, l, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const high = i8x16.shuffle(h, h, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    store<u32>(
      output,
      ~(
        i8x16.bitmask(i32x4.shuffle(low, high, 0, 4, 1, 5)) |
        (i8x16.bitmask(i32x4.shuffle(low, high, 2, 6, 3, 7)) << 16)
      ),
    );
    output += outputStep;
  }
  v128.store(0, response0, RESPONSE);
  v128.store(0, response1, RESPONSE + 16);
  v128.store(0, response2, RESPONSE + 32);
  v128.store(0, response3, RESPONSE + 48);
}

/**
 * As in integrate.ts, eight lanes to a vector, and spikes read 64 at a time: the end of a word is a branch that processors
 * do not foresee, and there are half as many.
 */
export function integrate(
  spikes: u32,
  spikeStep: u32,
  run: u32,
  weights: u32,
  from: u32,
  fromStep: u32,
  sums: u32,
  steps: u32,
): void {
  for (; steps; steps--) {
    let a0 = v128.load(from);
    let a1 = v128.load(from, 16);
    let a2 = v128.load(from, 32);
    let a3 = v128.load(from, 48);
    let w = weights;
    for (let p = spikes, end = spikes + run; p < end; p += 8) {
      let active: u64 = p + 4 < end ? load<u64>(p) : u64(load<u32>(p));
      for (; active; active &= active - 1) {
        const row = w + (u32(ctz(active)) << 6);
        a0 = i16x8.add(a0, v128.load(row));
        a1 = i16x8.add(a1, v128.load(row, 16));
        a2 = i16x8.add(a2, v128.load(row, 32));
        a3 = i16x8.add(a3, v128.load(row, 48));
      }
      w += 64 * 64;
    }
    v128.store(sums, a0);
    v128.store(sums, a1, 16);
    v128.store(sums, a2, 32);
    v128.store(sums, a3, 48);
    spikes += spikeStep;
    from += fromStep;
    sums += 64;
  }
}

/** u = sum + left, where a sum has the offset of the stored bias. */
function potential(sums: u32, left: v128): v128 {
  return i16x8.add(v128.xor(v128.load(sums), i16x8.splat(-32768)), left);
}

/** What is left for the next step: a quarter, to nearest, or nothing after a spike. */
function leak(potential: v128, fired: v128): v128 {
  return v128.andnot(i16x8.shr_s(i16x8.add(potential, i16x8.splat(2)), 2), fired);
}

/** As in integrate.ts, eight neurons to a vector. */
export function fire(sums: u32, thresholds: u32, output: u32, outputStep: u32, steps: u32): void {
  let left0 = i64x2.splat(0);
  let left1 = left0;
  let left2 = left0;
  let left3 = left0;
  for (; steps; steps--) {
    const u0 = potential(sums, left0);
    const u1 = potential(sums + 16, left1);
    const u2 = potential(sums + 32, left2);
    const u3 = potential(sums + 48, left3);
    const f0 = i16x8.ge_s(u0, v128.load(thresholds));
    const f1 = i16x8.ge_s(u1, v128.load(thresholds, 16));
    const f2 = i16x8.ge_s(u2, v128.load(thresholds, 32));
    const f3 = i16x8.ge_s(u3, v128.load(thresholds, 48));
    left0 = leak(u0, f0);
    left1 = leak(u1, f1);
    left2 = leak(u2, f2);
    left3 = leak(u3, f3);
    // From lane order to the order of channels.
    const low = i8x16.narrow_i16x8_s(f0, f1);
    const high = i8x16.narrow_i16x8_s(f2, f3);
    store<u16>(
      output,
      i8x16.bitmask(i8x16.shuffle(low, high, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29)),
    );
    store<u16>(
      output,
      i8x16.bitmask(i8x16.shuffle(low, high, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31)),
      2,
    );
    sums += 64;
    output += outputStep;
  }
}

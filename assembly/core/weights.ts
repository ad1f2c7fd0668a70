import { fetch } from "./flash";
import { STAGING, STAGING_BYTES } from "./memory";

const ONE: u64 = 0x0001000100010001;

/**
 * Fetches packed weights from `offset` in the file and unpacks half rows of 16 (docs/format.md, "Weights") to 16-bit lanes
 * in lane order, `unpackedBytes` bytes in all. The SIMD build keeps each lane apart; the plain build keeps the sum of
 * lane · 2^16j, so that one 64-bit addition adds four signed lanes and only their sums must be in range.
 * @returns the offset after them
 */
export function expand(offset: u32, unpackedBytes: u32, bits: u32, destination: u32): u32 {
  const extra = bits - 4;
  // Without high words groups may have any length. A half row starts at a multiple of 32.
  const lowBytes: u32 = 32 >> (extra >> 1);
  const zero: u64 = ONE << (bits - 1);
  const highMask: u64 = (zero >> 3) - ONE;
  const end = destination + unpackedBytes;
  do {
    const count = min<u32>(((end - destination) >> 4) * bits, STAGING_BYTES);
    fetch(offset, STAGING, count);
    offset += count;
    let p = STAGING;
    do {
      const group = p + lowBytes;
      let high = load<u64>(group);
      do {
        let low = load<u64>(p);
        do {
          const lanes = (low & (ONE * 15)) | ((high & highMask) << 4);
          if (ASC_FEATURE_SIMD) {
            v128.store64_lane(destination, i16x8.sub(i64x2.splat(lanes), i64x2.splat(zero)), 0);
          } else {
            store<u64>(destination, lanes - zero);
          }
          destination += 8;
          low >>= 4;
          high >>= extra;
        } while (destination & 31);
        p += 8;
      } while (p < group);
      if (extra) p += 8;
    } while (p < STAGING + count);
  } while (destination < end);
  return offset;
}

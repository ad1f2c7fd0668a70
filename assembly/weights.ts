import { fetch } from "./flash";
import { STAGING, STAGING_BYTES } from "./memory";

const ONE: u64 = 0x0001000100010001;

/**
 * Unpacks half rows of 16 weights (docs/format.md, "Weights") to 16-bit lanes in lane order. The SIMD build keeps
 * each lane apart; the plain build keeps the sum of lane · 2^16j, so that one 64-bit addition adds four signed lanes and only
 * their sums must be in range.
 */
function unpack(p: u32, end: u32, bits: u32, destination: u32): u32 {
  const extra = bits - 4;
  const lowBytes: u32 = extra ? 32 / extra : 8;
  const highMask: u64 = (ONE << extra) - ONE;
  const zero: u64 = ONE << (3 + extra);
  while (p < end) {
    const group = p + lowBytes;
    let high = load<u64>(group);
    for (; p < group; p += 8) {
      let low = load<u64>(p);
      for (let n = 0; n < 4; n++) {
        const lanes = (low & (ONE * 15)) | ((high & highMask) << 4);
        if (ASC_FEATURE_SIMD) {
          v128.store64_lane(destination, i16x8.sub(i64x2.splat(lanes), i64x2.splat(zero)), 0);
        } else {
          store<u64>(destination, lanes - zero);
        }
        destination += 8;
        low >>= 4;
        high >>= extra;
      }
    }
    if (extra) p += 8;
  }
  return destination;
}

/** Fetches `bytes` bytes of packed weights from `offset` in the file and unpacks them. */
export function expand(offset: u32, bytes: u32, bits: u32, destination: u32): void {
  while (bytes) {
    const count = min<u32>(bytes, STAGING_BYTES);
    fetch(offset, STAGING, count);
    destination = unpack(STAGING, STAGING + count, bits, destination);
    offset += count;
    bytes -= count;
  }
}

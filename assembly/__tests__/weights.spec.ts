import { failed, fetch, reset } from "../core/flash";
import { HEADER_LENGTH } from "../core/format";
import { HEADER, LEDGER_FETCHED, STATUS_FLASH, STATUS_OK } from "../core/memory";
import { expand } from "../core/weights";

/** as-pect.config.js reads flash from here. */
const FLASH: u32 = 65536;
const FLASH_BYTES: u32 = 8192;
const UNPACKED: u32 = FLASH + FLASH_BYTES;

/** Weight of a row and channel: all values of the width occur. */
function weight(row: u32, channel: u32, bits: u32): i32 {
  const values = u32(1) << bits;
  return i32((row * 29 + channel * 13 + ((row * channel) >> 3)) % values) - i32(values >> 1);
}

/** Packs rows of 32 weights as docs/format.md says ("Weights"), bit by bit. */
function pack(rows: u32, bits: u32): u32 {
  const extra = bits - 4;
  const together: u32 = extra ? 4 / extra : 1;
  const groupWords: u32 = extra ? together + 1 : 1;
  const halfRows = rows * 2;
  const bytes = (halfRows / together) * groupWords * 8;
  for (let p: u32 = 0; p < bytes; p++) store<u8>(FLASH + p, 0);
  for (let halfRow: u32 = 0; halfRow < halfRows; halfRow++) {
    const group = FLASH + (halfRow / together) * groupWords * 8;
    const slot = halfRow % together;
    for (let j: u32 = 0; j < 4; j++) {
      for (let n: u32 = 0; n < 4; n++) {
        const stored = u64(weight(halfRow >> 1, 8 * j + 4 * (halfRow & 1) + n, bits) + (1 << (bits - 1)));
        const low = group + slot * 8;
        store<u64>(low, load<u64>(low) | ((stored & 15) << (16 * j + 4 * n)));
        if (!extra) continue;
        const high = group + together * 8;
        store<u64>(high, load<u64>(high) | ((stored >> 4) << (16 * j + extra * (4 * slot + n))));
      }
    }
  }
  return bytes;
}

function check(rows: u32, bits: u32): void {
  const bytes = pack(rows, bits);
  expect(bytes).toBe(rows * 4 * bits, "no bit is wasted");
  reset();
  store<u32>(HEADER + HEADER_LENGTH, FLASH_BYTES);
  store<u32>(LEDGER_FETCHED, 0);
  store<u64>(UNPACKED + rows * 64, 0x5a5a5a5a5a5a5a5a);
  expect(expand(0, rows * 64, bits, UNPACKED)).toBe(bytes, "the offset after them");
  expect(failed).toBe(STATUS_OK);
  expect(load<u32>(LEDGER_FETCHED)).toBe(bytes);
  for (let row: u32 = 0; row < rows; row++) {
    for (let n: u32 = 0; n < 8; n++) {
      const p = UNPACKED + row * 64 + n * 8;
      let word: i64 = 0;
      for (let j: u32 = 0; j < 4; j++) {
        const w = weight(row, 8 * j + n, bits);
        if (ASC_FEATURE_SIMD) expect(<i32>load<i16>(p + 2 * j)).toBe(w);
        else word += i64(w) << (i64(j) << 4);
      }
      if (!ASC_FEATURE_SIMD) expect(load<i64>(p)).toBe(word);
    }
  }
  expect(load<u64>(UNPACKED + rows * 64)).toBe(0x5a5a5a5a5a5a5a5a, "nothing after the last row");
}

describe("expand", () => {
  it("unpacks 4 bits", () => {
    check(2, 4);
    check(64, 4);
  });

  it("unpacks 5 bits", () => {
    check(2, 5);
    check(64, 5);
  });

  it("unpacks 6 bits", () => {
    check(2, 6);
    check(64, 6);
  });

  it("unpacks 8 bits, in more than one piece", () => {
    check(2, 8);
    check(64, 8);
  });
});

describe("fetch", () => {
  it("does not read past the end of the model", () => {
    reset();
    store<u32>(HEADER + HEADER_LENGTH, 100);
    fetch(96, UNPACKED, 4);
    expect(failed).toBe(STATUS_OK);
    store<u32>(UNPACKED, 0x12345678);
    fetch(97, UNPACKED, 4);
    expect(failed).toBe(STATUS_FLASH);
    expect(load<u32>(UNPACKED)).toBe(0x12345678);
    reset();
    fetch(0xfffffffc, UNPACKED, 8);
    expect(failed).toBe(STATUS_FLASH, "offset and length must not wrap");
  });
});

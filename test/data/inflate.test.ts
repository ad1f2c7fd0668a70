import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import { gunzip } from "../../src/data/gzip.js";
import { inflate } from "../../src/data/inflate.js";
import { randomSource } from "../support/models.js";

/** From noise (stored) to few values (short codes, long copies). */
function sample(length: number, values: number): Uint8Array {
  const random = randomSource(length + values);
  return Uint8Array.from({ length }, () => values * random() ** 2);
}

test("inflates what zlib deflates, of every level and strategy", () => {
  const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED } = constants;
  for (const strategy of [Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED]) {
    for (const level of [0, 1, 6, 9]) {
      for (const length of [0, 1, 300, 100_000]) {
        for (const values of [1, 4, 256]) {
          const data = sample(length, values);
          const packed = deflateRawSync(data, { level, strategy });
          const found = inflate(Uint8Array.of(7, 7, ...packed, 7), 2, length);
          assert.equal(Buffer.compare(found.data, data), 0);
          assert.equal(found.end, packed.length + 2);
        }
      }
    }
  }
});

test("stops at the most bytes that are expected", () => {
  assert.throws(() => inflate(deflateRawSync(new Uint8Array(1001)), 0, 1000), RangeError);
  assert.throws(() => inflate(deflateRawSync(sample(1001, 256), { level: 0 }), 0, 1000), RangeError);
});

test("damaged streams end in an error or in other bytes, and never in anything else", () => {
  const packed = deflateRawSync(sample(2000, 20));
  const random = randomSource(3);
  let errors = 0;
  for (let k = 0; k < 2000; k++) {
    const damaged = Uint8Array.from(packed);
    damaged[Math.floor(random() * damaged.length)] ^= 1 << Math.floor(random() * 8);
    const cut = k % 2 ? damaged : damaged.subarray(0, Math.floor(random() * damaged.length));
    try {
      assert.ok(inflate(cut, 0, 4000).data.length <= 4000);
    } catch (error) {
      assert.ok(error instanceof Error && !(error instanceof assert.AssertionError), String(error));
      errors++;
    }
  }
  assert.ok(errors > 1000, `${errors}`);
});

test("a stream that is cut anywhere ends within a block, whatever the missing bits would mean", () => {
  for (let values = 5; values < 65; values++) {
    const packed = deflateRawSync(sample(300, values));
    for (let length = 0; length < packed.length; length++) {
      assert.throws(() => inflate(packed.subarray(0, length), 0, 4000), /the data end within a block/);
    }
  }
});

test("gunzips files of several members, with names and comments", () => {
  const data = sample(5000, 30);
  const member = gzipSync(data);
  // Flags: extra field, name, comment, checksum of the header.
  const extras = [3, 0, 1, 2, 3, 0x61, 0, 0x62, 0x63, 0, 9, 9];
  const named = Uint8Array.of(
    ...member.subarray(0, 3),
    30,
    ...member.subarray(4, 10),
    ...extras,
    ...member.subarray(10),
  );
  assert.deepEqual(gunzip(Uint8Array.of(...member, ...named), 10_000), Uint8Array.of(...data, ...data));
  assert.throws(() => gunzip(Uint8Array.of(...member, 1), 10_000), /something else follows/);
});

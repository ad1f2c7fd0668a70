import { IMAGE_INDEX, NORMALS, RATES, SEED } from "../memory";
import { drawNormals, drawSpikes, normal } from "../sampler";

/** Spikes of a sampled map: 64 neurons, steps of 8 bytes. */
const MAP: u32 = 65536;

function selectImage(seed: u64, index: u64): void {
  store<u64>(SEED, seed);
  store<u64>(IMAGE_INDEX, index);
}

describe("normal", () => {
  it("is odd in the top bit", () => {
    for (let u: u32 = 0; u < 0x80000000 - 0x01234567; u += 0x01234567) {
      expect(normal(u | 0x80000000)).toBe(-normal(u));
    }
  });

  it("reaches the ends of the table", () => {
    // The smallest tail of the first half of words, 2^-33, and the largest, 1/2.
    expect(normal(0)).toBe(20074);
    expect(normal(0x80000000)).toBe(-20074);
    expect(normal(0x7fffffff)).toBe(0);
    expect(normal(0xffffffff)).toBe(0);
  });

  it("falls as the tail grows", () => {
    let before = normal(0);
    for (let u: u32 = 1; u < 0x7ff00000; u += 0x000fffff) {
      const x = normal(u);
      expect(x).toBeLessThanOrEqual(before);
      before = x;
    }
  });

  it("gives table entries where segments meet", () => {
    // Tail 1/4 ends the first octave: N[8] = 2762; tail 3/8 is segment 4 of it: N[4] = 1305.
    expect(normal(0x3fffffff)).toBe(2762);
    expect(normal(0x5fffffff)).toBe(1305);
  });
});

describe("drawNormals", () => {
  it("writes as many as are asked for, the same for any number", () => {
    selectImage(3, 4);
    drawNormals(9);
    const eighth = load<i32>(NORMALS + 32);
    store<i32>(NORMALS + 36, 12345);
    drawNormals(9);
    expect(load<i32>(NORMALS + 32)).toBe(eighth);
    expect(load<i32>(NORMALS + 36)).toBe(12345);
  });
});

describe("drawSpikes", () => {
  it("never fires at rate 0, always at 65536", () => {
    selectImage(1, 1);
    for (let i: u32 = 0; i < 40; i++) store<u32>(RATES + (i << 2), i & 1 ? 65536 : 0);
    for (let p: u32 = 0; p < 256; p++) store<u8>(MAP + p, 0xff);
    drawSpikes(40, 16, MAP, 8);
    for (let t: u32 = 0; t < 16; t++) {
      expect(load<u32>(MAP + t * 8)).toBe(0xaaaaaaaa);
      expect(load<u32>(MAP + t * 8, 4)).toBe(0xaa);
    }
    expect(load<u8>(MAP + 128)).toBe(0xff, "the map has 16 steps");
  });

  it("starts fewer steps with the same spikes", () => {
    selectImage(7, 2);
    for (let i: u32 = 0; i < 32; i++) store<u32>(RATES + (i << 2), 20000 + i * 1000);
    drawSpikes(32, 16, MAP, 4);
    drawSpikes(32, 5, MAP + 1024, 4);
    for (let t: u32 = 0; t < 5; t++) expect(load<u32>(MAP + 1024 + t * 4)).toBe(load<u32>(MAP + t * 4));
  });
});

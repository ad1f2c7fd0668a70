import { IMAGE_INDEX, RATES, SEED, WORDS } from "../core/memory";
import { drawSpikes, normal } from "../core/sampler";

/** Spikes of a sampled map: 64 neurons, steps of 8 bytes. */
const MAP: u32 = 65536;

function selectImage(seed: u64, index: u64): void {
  store<u64>(SEED, seed);
  store<u64>(IMAGE_INDEX, index);
}

function fill(word: u32): void {
  for (let p: u32 = 0; p < 16; p += 4) store<u32>(WORDS + p, word);
}

describe("normal", () => {
  it("ends at 22808 on both sides", () => {
    fill(0);
    expect(normal()).toBe(-22808);
    fill(0xffffffff);
    expect(normal()).toBe(22808);
  });

  it("is about zero in the middle", () => {
    fill(0x80007fff);
    expect(normal()).toBe(0);
  });

  it("grows with the sum of the halves", () => {
    let before = i32.MIN_VALUE;
    for (let half: u32 = 0; half < 0x10000; half += 17) {
      fill(half | (half << 16));
      const x = normal();
      expect(x).toBeGreaterThanOrEqual(before);
      before = x;
    }
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

import { IMAGE_INDEX, LEDGER_RANDOM, SEED, WORDS } from "../core/memory";
import { philox } from "../core/philox";

function check(counter: StaticArray<u32>, key: StaticArray<u32>, expected: StaticArray<u32>): void {
  store<u32>(IMAGE_INDEX, counter[2]);
  store<u32>(IMAGE_INDEX, counter[3], 4);
  store<u32>(SEED, key[0]);
  store<u32>(SEED, key[1], 4);
  philox(counter[0], counter[1]);
  for (let i = 0; i < 4; i++) expect(load<u32>(WORDS + (i << 2))).toBe(expected[i], "word " + i.toString());
}

// kat_vectors of the Random123 distribution, philox4x32 10.
describe("philox", () => {
  it("gives the known answer for zeros", () => {
    check([0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  });

  it("gives the known answer for ones", () => {
    const ones: u32 = 0xffffffff;
    check([ones, ones, ones, ones], [ones, ones], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  });

  it("gives the known answer for the digits of pi", () => {
    check(
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    );
  });

  it("counts the words that it draws", () => {
    store<u32>(LEDGER_RANDOM, 7);
    philox(0, 0);
    expect(load<u32>(LEDGER_RANDOM)).toBe(11);
  });
});

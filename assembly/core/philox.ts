import { tally } from "./ledger";
import { IMAGE_INDEX, LEDGER_RANDOM, SEED, WORDS } from "./memory";

/** Philox4x32-10 (Salmon et al., SC 2011), counter (block, stream, image index), key (seed): four words to WORDS. */
export function philox(block: u32, stream: u32): void {
  let c0 = block;
  let c1 = stream;
  let c2 = load<u32>(IMAGE_INDEX);
  let c3 = load<u32>(IMAGE_INDEX, 4);
  let k0 = load<u32>(SEED);
  let k1 = load<u32>(SEED, 4);
  let rounds = 10;
  do {
    const p0 = u64(0xd2511f53) * u64(c0);
    const p1 = u64(0xcd9e8d57) * u64(c2);
    c0 = u32(p1 >> 32) ^ c1 ^ k0;
    c1 = u32(p1);
    c2 = u32(p0 >> 32) ^ c3 ^ k1;
    c3 = u32(p0);
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  } while (--rounds);
  store<u32>(WORDS, c0);
  store<u32>(WORDS, c1, 4);
  store<u32>(WORDS, c2, 8);
  store<u32>(WORDS, c3, 12);
  tally(LEDGER_RANDOM, 4);
}

// DEFLATE, RFC 1951. Our own, because the packages for it fill tables of 100 KB when they are loaded, which a program that
// generates images would wait for; tests compare with zlib.

/** In what order a block says how long the codes for code lengths are. */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const END_OF_BLOCK = 256;
const LONGEST_CODE = 15;
/** Symbol 285: the longest copy, without extra bits. */
const LONGEST_COPY = { symbol: 28, length: 258 };

const lengthExtra = (i: number) => (i < 8 || i === LONGEST_COPY.symbol ? 0 : (i >> 2) - 1);
const distanceExtra = (i: number) => (i < 4 ? 0 : (i >> 1) - 1);

/** The smallest value of each symbol: symbols follow each other without gaps. */
function bases(count: number, first: number, extra: (symbol: number) => number): number[] {
  let base = first;
  return Array.from({ length: count }, (_, i) => {
    const own = base;
    base += 1 << extra(i);
    return own;
  });
}

const LENGTH_BASE = bases(LONGEST_COPY.symbol, 3, lengthExtra).concat(LONGEST_COPY.length);
const DISTANCE_BASE = bases(30, 1, distanceExtra);

/** A prefix code: symbol · 16 + length of its code, by the next `bits` bits of input; 0 where no code begins so. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

function makeCode(lengths: ArrayLike<number>): Code {
  const counts = new Uint16Array(LONGEST_CODE + 1);
  let bits = 1;
  for (let s = 0; s < lengths.length; s++) {
    counts[lengths[s]]++;
    if (lengths[s] > bits) bits = lengths[s];
  }
  const next = new Uint32Array(LONGEST_CODE + 1);
  counts[0] = 0;
  for (let l = 1; l <= bits; l++) next[l] = (next[l - 1] + counts[l - 1]) << 1;
  if (next[bits] + counts[bits] > 1 << bits) throw new Error("more codes than fit their lengths");
  const table = new Uint16Array(1 << bits);
  for (let s = 0; s < lengths.length; s++) {
    const length = lengths[s];
    if (!length) continue;
    // Codes are stored from their highest bit on, all else from the lowest.
    let reversed = 0;
    for (let code = next[length]++, k = 0; k < length; k++, code >>= 1)
      reversed = (reversed << 1) | (code & 1);
    for (let at = reversed; at < table.length; at += 1 << length) table[at] = (s << 4) | length;
  }
  return { bits, table };
}

function fixedCodes(): [literals: Code, distances: Code] {
  const lengths = Array.from({ length: 288 }, (_, s) => (s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8));
  return [makeCode(lengths), makeCode(new Uint8Array(30).fill(5))];
}

/** One stream of DEFLATE. */
class Inflater {
  readonly #bytes: Uint8Array;
  readonly #maxBytes: number;
  #position: number;
  #bits = 0;
  #bitCount = 0;
  #out: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(bytes: Uint8Array, start: number, maxBytes: number) {
    this.#bytes = bytes;
    this.#position = start;
    this.#maxBytes = maxBytes;
    this.#out = new Uint8Array(Math.min(maxBytes, 4 * (bytes.length - start)));
  }

  /** The next `count` ≤ 15 bits, left where they are; zeros follow the last byte. */
  #peek(count: number): number {
    while (this.#bitCount < count) {
      this.#bits |= (this.#bytes[this.#position++] ?? 0) << this.#bitCount;
      this.#bitCount += 8;
    }
    return this.#bits & ((1 << count) - 1);
  }

  /** @throws Error if the bits are not all of the data: what the zeros behind them mean is not worth a message */
  #skip(count: number): void {
    this.#bits >>>= count;
    this.#bitCount -= count;
    const { length } = this.#bytes;
    if (this.#position > length && this.#bitCount < 8 * (this.#position - length)) {
      throw new Error("the data end within a block");
    }
  }

  #read(count: number): number {
    const value = this.#peek(count);
    this.#skip(count);
    return value;
  }

  #symbol({ bits, table }: Code): number {
    const entry = table[this.#peek(bits)];
    if (entry === 0) throw new Error("found bits that are no code");
    this.#skip(entry & 15);
    return entry >> 4;
  }

  /** Makes room for `more` bytes. */
  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#maxBytes) throw new RangeError(`there are more than ${this.#maxBytes} bytes`);
    if (needed <= this.#out.length) return;
    const larger = new Uint8Array(Math.min(this.#maxBytes, Math.max(2 * needed, 1024)));
    larger.set(this.#out.subarray(0, this.#length));
    this.#out = larger;
  }

  #stored(): void {
    this.#skip(this.#bitCount & 7);
    const length = this.#read(8) | (this.#read(8) << 8);
    const check = this.#read(8) | (this.#read(8) << 8);
    if ((length ^ check) !== 0xffff) throw new Error("the length of a stored block is damaged");
    const from = this.#position - (this.#bitCount >> 3);
    if (from + length > this.#bytes.length) throw new Error("the data end within a block");
    this.#reserve(length);
    this.#out.set(this.#bytes.subarray(from, from + length), this.#length);
    this.#length += length;
    this.#position = from + length;
    this.#bits = 0;
    this.#bitCount = 0;
  }

  #dynamicCodes(): [literals: Code, distances: Code] {
    const literals = this.#read(5) + 257;
    const distances = this.#read(5) + 1;
    const count = this.#read(4) + 4;
    const ofLengths = new Uint8Array(LENGTH_ORDER.length);
    for (let i = 0; i < count; i++) ofLengths[LENGTH_ORDER[i]] = this.#read(3);
    const code = makeCode(ofLengths);
    const lengths = new Uint8Array(literals + distances);
    for (let i = 0; i < lengths.length; ) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw new Error("a length is repeated before there is one");
      const repeated = symbol === 16 ? lengths[i - 1] : 0;
      const times =
        symbol === 16 ? 3 + this.#read(2) : symbol === 17 ? 3 + this.#read(3) : 11 + this.#read(7);
      if (i + times > lengths.length) throw new Error("there are more lengths than symbols");
      lengths.fill(repeated, i, i + times);
      i += times;
    }
    return [makeCode(lengths.subarray(0, literals)), makeCode(lengths.subarray(literals))];
  }

  #compressed([literals, distances]: [Code, Code]): void {
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol === END_OF_BLOCK) return;
      if (symbol < END_OF_BLOCK) {
        this.#reserve(1);
        this.#out[this.#length++] = symbol;
        continue;
      }
      const l = symbol - END_OF_BLOCK - 1;
      if (l >= LENGTH_BASE.length) throw new Error("found a length that does not exist");
      const length = LENGTH_BASE[l] + this.#read(lengthExtra(l));
      const d = this.#symbol(distances);
      if (d >= DISTANCE_BASE.length) throw new Error("found a distance that does not exist");
      const distance = DISTANCE_BASE[d] + this.#read(distanceExtra(d));
      if (distance > this.#length) throw new Error("a copy begins before the data");
      this.#reserve(length);
      const out = this.#out;
      // One by one: a copy may reach into what it writes.
      for (let end = this.#length + length, at = this.#length; at < end; at++) out[at] = out[at - distance];
      this.#length += length;
    }
  }

  run(): { data: Uint8Array<ArrayBuffer>; end: number } {
    for (let isLast = false; !isLast; ) {
      isLast = this.#read(1) === 1;
      const kind = this.#read(2);
      if (kind === 0) this.#stored();
      else if (kind === 1) this.#compressed(fixedCodes());
      else if (kind === 2) this.#compressed(this.#dynamicCodes());
      else throw new Error("found a kind of block that does not exist");
    }
    return { data: this.#out.subarray(0, this.#length), end: this.#position - (this.#bitCount >> 3) };
  }
}

/**
 * Inflates the DEFLATE stream that begins at `start`.
 * @returns what it holds, and where in `bytes` it ends
 * @throws RangeError if it holds more than `maxBytes`, Error if it is damaged or cut short
 */
export function inflate(
  bytes: Uint8Array,
  start: number,
  maxBytes: number,
): { data: Uint8Array<ArrayBuffer>; end: number } {
  return new Inflater(bytes, start, maxBytes).run();
}

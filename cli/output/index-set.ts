import type { Span } from "./batch.js";

/** Members whose bits lie together; a stretch without any takes no memory. */
const PIECE = 2 ** 16;

/** A set of indices of a span, at a bit each. */
export class IndexSet {
  readonly #span: Span;
  readonly #pieces = new Map<number, Uint8Array>();
  size = 0;

  constructor(span: Span) {
    this.#span = span;
  }

  add(index: bigint): void {
    const place = Number(index - this.#span.first);
    const piece = Math.floor(place / PIECE);
    const bits = this.#pieces.get(piece) ?? new Uint8Array(PIECE / 8);
    this.#pieces.set(piece, bits);
    bits[(place % PIECE) >>> 3] |= 1 << (place & 7);
    this.size++;
  }

  /** Whether the member `place` after the span's first is there. */
  has(place: number): boolean {
    const bits = this.#pieces.get(Math.floor(place / PIECE));
    return bits !== undefined && (bits[(place % PIECE) >>> 3] & (1 << (place & 7))) !== 0;
  }

  /** What is not there, in order. */
  *gaps(): Generator<Span> {
    const { first, count } = this.#span;
    for (let from = 0; from < count; ) {
      let to = from;
      while (to < count && to - from < PIECE && !this.has(to)) to++;
      if (to > from) yield { first: first + BigInt(from), count: to - from };
      from = to > from ? to : from + 1;
    }
  }
}

/** How long a failure of another thread can go unnoticed, if it comes between the look at its word and the wait. */
const WAIT_MILLISECONDS = 200;

/**
 * A barrier of threads on a word of shared memory: the word counts arrivals, and a round is over when all have arrived.
 * Every thread has its own `Barrier` on the same word.
 */
export class Barrier {
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #threads: number;
  #rounds = 0;

  /** @param address - of a word that is 0 at first, and of a second one behind it that is not 0 once a thread has failed */
  constructor(memory: WebAssembly.Memory, address: number, threads: number) {
    this.#words = new Int32Array(memory.buffer);
    this.#index = address / 4;
    this.#threads = threads;
  }

  /** Waits for all other threads. Throws if one of them has failed. */
  wait(): void {
    if (this.#threads === 1) return;
    const goal = (++this.#rounds * this.#threads) | 0;
    const arrived = (Atomics.add(this.#words, this.#index, 1) + 1) | 0;
    if (arrived === goal) {
      Atomics.notify(this.#words, this.#index);
      return;
    }
    for (;;) {
      const count = Atomics.load(this.#words, this.#index);
      // The difference is looked at, not the counts: after 2^31 arrivals the word is negative.
      if (((count - goal) | 0) >= 0) return;
      if (Atomics.load(this.#words, this.#index + 1) !== 0)
        throw new Error("another training thread has failed");
      Atomics.wait(this.#words, this.#index, count, WAIT_MILLISECONDS);
    }
  }

  /** Tells the other threads that this one will not arrive any more. */
  fail(): void {
    Atomics.store(this.#words, this.#index + 1, 1);
    Atomics.notify(this.#words, this.#index);
  }
}

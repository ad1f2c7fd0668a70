import { byId } from "./dom.js";

const MOST = 2n ** 64n - 1n;

/** The field for a seed, 0 … 2^64 − 1. */
export class Seed {
  readonly #input = byId("seed", HTMLInputElement);
  #value = BigInt(this.#input.value);

  /**
   * @param onChange - is called when there is another seed
   * @param onError - is given what is wrong with a text that is none
   */
  constructor(onChange: () => void, onError: (error: Error) => void) {
    const set = (seed: bigint) => {
      this.#value = seed;
      this.#input.removeAttribute("aria-invalid");
      onChange();
    };
    this.#input.addEventListener("change", () => {
      const text = this.#input.value.trim();
      if (/^\d{1,20}$/.test(text) && BigInt(text) <= MOST) {
        set(BigInt(text));
        return;
      }
      this.#input.setAttribute("aria-invalid", "true");
      onError(new Error(`Seed: found "${text}", expected a whole number from 0 to ${MOST}.`));
    });
    byId("another-seed", HTMLButtonElement).addEventListener("click", () => {
      const [seed] = crypto.getRandomValues(new Uint32Array(1));
      this.#input.value = String(seed);
      set(BigInt(seed));
    });
  }

  get value(): bigint {
    return this.#value;
  }
}

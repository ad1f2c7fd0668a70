// A core without its host: any binary of it, with a flash that can be watched.
import * as memory from "../assembly/core/memory";

interface Exports {
  readonly memory: WebAssembly.Memory;
  open(length: number, flags: number): number;
  generate(prior: number, steps: number, ledger: number): number;
}

/** Called before and after each read from flash. */
export interface Watch {
  before(offset: number): void;
  after(offset: number): void;
}

function ok(status: number): void {
  if (status) throw new Error(`The core gave status ${status}.`);
}

export class BareCore {
  readonly exports: Exports & WebAssembly.Exports;
  watch: Watch | undefined;
  readonly #flash: Uint8Array;
  readonly #resident: boolean;

  constructor(module: WebAssembly.Module, flash: Uint8Array, resident: boolean) {
    this.#flash = flash;
    this.#resident = resident;
    const read = (offset: number, destination: number, length: number) =>
      this.#read(offset, destination, length);
    const { exports } = new WebAssembly.Instance(module, { flash: { read } });
    this.exports = exports as BareCore["exports"];
    if (this.#open() === memory.STATUS_MEMORY) {
      const linear = this.exports.memory;
      const needed = new Uint32Array(linear.buffer, memory.PLAN_BYTES, 1)[0];
      linear.grow(Math.ceil((needed - linear.buffer.byteLength) / memory.PAGE_BYTES));
    }
    this.open();
  }

  #read(offset: number, destination: number, length: number): number {
    this.watch?.before(offset);
    const bytes = this.#flash.subarray(offset, offset + length);
    new Uint8Array(this.exports.memory.buffer, destination, length).set(bytes);
    this.watch?.after(offset);
    return 0;
  }

  #open(): number {
    return this.exports.open(this.#flash.length, this.#resident ? memory.FLAG_RESIDENT : 0);
  }

  /** Opens the model again: a resident core unpacks all weights anew. */
  open(): void {
    ok(this.#open());
  }

  /** Makes one image with the default prior. */
  generate(seed: number, index: number, steps: number): void {
    const words = new Uint32Array(this.exports.memory.buffer);
    words.set([index, 0], memory.IMAGE_INDEX / 4);
    words.set([seed, 0], memory.SEED / 4);
    ok(this.exports.generate(0, steps, 0));
  }
}

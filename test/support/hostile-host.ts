import * as memory from "../../assembly/core/memory.js";

export interface CoreExports {
  readonly memory: WebAssembly.Memory;
  open(length: number, flags: number): number;
  decode(steps: number, ledger: number, sampled: number): number;
  generate(prior: number, steps: number, ledger: number): number;
}

export interface EncoderExports extends CoreExports {
  openEncoder(flags: number): number;
  encode(steps: number, ledger: number): number;
}

/** An instance of a core whose flash holds whatever a test wants. */
export class HostileHost<Exports extends CoreExports = CoreExports> {
  readonly core: Exports;
  flash: Uint8Array = new Uint8Array();
  /** Length given to `open`: no read may go past it. */
  length = 0;
  reads = 0;
  /** The read that fails, counted from 1; 0 for none. */
  failingRead = 0;

  constructor(wasm: Uint8Array<ArrayBuffer>, pages = 1) {
    const read = (offset: number, destination: number, length: number) =>
      this.#read(offset >>> 0, destination >>> 0, length >>> 0);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { flash: { read } });
    this.core = instance.exports as unknown as Exports;
    if (pages > 1) this.core.memory.grow(pages - 1);
  }

  #read(offset: number, destination: number, length: number): number {
    this.reads++;
    const { buffer } = this.core.memory;
    if (offset + length > this.length)
      throw new Error(`read of ${length} bytes at ${offset}, outside of the model`);
    if (destination + length > buffer.byteLength)
      throw new Error(`read to ${destination}, outside of memory`);
    if (this.reads === this.failingRead || offset + length > this.flash.length) return 1;
    new Uint8Array(buffer, destination, length).set(this.flash.subarray(offset, offset + length));
    return 0;
  }

  open(flash: Uint8Array, flags: number, length = flash.length): number {
    this.flash = flash;
    this.length = length;
    this.reads = 0;
    return this.core.open(length, flags);
  }

  word(address: number): number {
    return new Uint32Array(this.core.memory.buffer, address, 1)[0];
  }

  /** Bytes of memory. */
  get size(): number {
    return this.core.memory.buffer.byteLength;
  }

  /** The finished image, of `bytes` bytes. */
  pixels(bytes: number): Uint8Array {
    const address = this.word(memory.PLAN_IMAGE);
    return new Uint8Array(this.core.memory.buffer.slice(address, address + bytes));
  }

  /** Puts an image where the encoder reads it. */
  setPixels(pixels: Uint8Array): void {
    new Uint8Array(this.core.memory.buffer).set(pixels, this.word(memory.PLAN_IMAGE));
  }

  /** Firing rates of `count` latent neurons. */
  rates(count: number): string {
    return new Int32Array(this.core.memory.buffer, memory.RATES, count).join();
  }
}

import * as memory from "../../assembly/core/memory";
import { SpikeletError } from "../../src/errors.js";
import { DEVICE_HEX } from "../../src/generated/wasm.js";
import { highWord, lowWord, type Uint64 } from "../../src/math/random.js";
import { outlineModel } from "../../src/model/file.js";
import { layerSpans, type Span } from "../../src/model/flash-map.js";
import { decoderLayerName } from "../../src/model/model.js";
import { decodeHex } from "../../src/runtime/core.js";
import type { KindCounts } from "./instruction-kinds.js";
import { Counters, instrument } from "./instrument.js";

interface Exports {
  readonly memory: WebAssembly.Memory;
  open(length: number, flags: number): number;
  draw(prior: number, steps: number, ledger: number): number;
}

/** What one part of an image took. */
export interface Stage {
  /** `latent` for prior and sampler, then the decoder's layers; the readout runs along with the last one. */
  readonly name: string;
  /** Executed Wasm instructions by kind. */
  readonly instructions: KindCounts;
  readonly bytesFetched: number;
}

export interface CountedImage {
  readonly stages: readonly Stage[];
  /** (imageSize, imageSize, imageChannels) 0 … 255 */
  readonly pixels: Uint8Array;
}

let counted: WebAssembly.Module | undefined;

/**
 * The device's core with its instructions counted, stage by stage: it reads a layer's parameters and weights from flash when it
 * comes to the layer. Weights are streamed.
 */
export class CountedCore {
  readonly #spk: Uint8Array;
  readonly #exports: Exports;
  readonly #counters: Counters;
  readonly #names: readonly string[];
  /** For each layer, what is read when it begins. */
  readonly #spans: readonly (readonly Span[])[];
  readonly #timeSteps: number;
  readonly #imageBytes: number;
  readonly #stages: Stage[] = [];
  #fetched = 0;

  /**
   * @param spk - a .spk file
   * @throws SpikeletError "bad-model" or "unsupported-version"
   */
  constructor(spk: Uint8Array) {
    const model = outlineModel(spk);
    const layers = model.decoder.length;
    this.#spk = spk;
    this.#names = ["latent", ...model.decoder.map((_, i) => decoderLayerName(i, layers))];
    this.#spans = model.decoder.map((_, i) => Object.values(layerSpans(spk, i)));
    this.#timeSteps = model.timeSteps;
    this.#imageBytes = model.imageSize ** 2 * model.imageChannels;
    counted ??= new WebAssembly.Module(new Uint8Array(instrument(decodeHex(DEVICE_HEX))));
    const { exports } = new WebAssembly.Instance(counted, {
      flash: {
        read: (offset: number, destination: number, length: number) =>
          this.#read(offset, destination, length),
      },
    });
    this.#exports = exports as unknown as Exports;
    this.#counters = new Counters(exports);
    if (this.#exports.open(spk.length, 0) === memory.STATUS_MEMORY) {
      const linear = this.#exports.memory;
      const needed = new Uint32Array(linear.buffer, memory.PLAN_BYTES, 1)[0];
      linear.grow(Math.ceil((needed - linear.buffer.byteLength) / memory.PAGE_BYTES));
      this.#check(this.#exports.open(spk.length, 0));
    }
  }

  /** Bytes of linear memory that are in use. */
  get memoryBytes(): number {
    return new Uint32Array(this.#exports.memory.buffer, memory.PLAN_BYTES, 1)[0];
  }

  #check(status: number): void {
    if (status) throw new SpikeletError("core-failed", `The counted core gave status ${status}.`);
  }

  #read(offset: number, destination: number, length: number): number {
    const spans = this.#spans[this.#stages.length] ?? [];
    if (spans.some(({ from, to }) => offset >= from && offset < to)) this.#endStage();
    this.#fetched += length;
    const bytes = this.#spk.subarray(offset, offset + length);
    new Uint8Array(this.#exports.memory.buffer, destination, length).set(bytes);
    return 0;
  }

  #endStage(): void {
    this.#stages.push({
      name: this.#names[this.#stages.length],
      instructions: this.#counters.byKind(),
      bytesFetched: this.#fetched,
    });
    this.#counters.reset();
    this.#fetched = 0;
  }

  /**
   * Makes one image.
   * @param prior - number of the first record of a prior; 0 if not given
   * @param timeSteps - 1 … the model's time steps; all of them if not given
   */
  draw(seed: Uint64, index: Uint64, prior = 0, timeSteps = this.#timeSteps): CountedImage {
    const words = new Uint32Array(this.#exports.memory.buffer);
    words.set([lowWord(index), highWord(index)], memory.IMAGE_INDEX / 4);
    words.set([lowWord(seed), highWord(seed)], memory.SEED / 4);
    this.#counters.reset();
    this.#fetched = 0;
    this.#stages.length = 0;
    this.#check(this.#exports.draw(prior, timeSteps, 0));
    this.#endStage();
    const address = words[memory.PLAN_IMAGE / 4];
    const pixels = new Uint8Array(this.#exports.memory.buffer, address, this.#imageBytes).slice();
    return { stages: [...this.#stages], pixels };
  }
}

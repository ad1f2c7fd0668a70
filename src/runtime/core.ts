import * as memory from "../../assembly/core/memory";
import { SpikeletError } from "../errors.js";
import * as generated from "../generated/wasm.js";

/** The two builds of the core's one source: plain Wasm for any engine, and SIMD. Same bits from both. */
export type Build = "plain" | "simd";

/** Where the core keeps weights: all unpacked in memory, or fetched from flash as each layer needs them. */
export type WeightPlacement = "resident" | "streamed";

export interface LoadOptions {
  /** SIMD where the engine has it, if not given. */
  readonly build?: Build;
  /** "resident" if not given. "streamed" runs in as little memory as a device would. */
  readonly weights?: WeightPlacement;
  /** Whether `encode` and `reconstruct` will be called: the core that has the encoder is larger. */
  readonly encoder?: boolean;
  /** Whether `trace` will be called: the spikes of every layer are then kept, which takes more memory. */
  readonly trace?: boolean;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  open(length: number, flags: number): number;
  decode(steps: number, ledger: number, sampled: number): number;
  generate(prior: number, steps: number, ledger: number): number;
  /** Only in the cores with the encoder. */
  openEncoder?(flags: number): number;
  encode?(steps: number, ledger: number): number;
}

const STATUS_MESSAGES: Record<number, string> = {
  [memory.STATUS_BAD_MODEL]: "the model in flash is not a valid .spk file",
  [memory.STATUS_MEMORY]: "the model does not fit in memory",
  [memory.STATUS_FLASH]: "flash could not be read",
  [memory.STATUS_BAD_ARGUMENT]: "an argument is out of range, or no model is open",
};

/** Value of a hexadecimal digit, 0 … 9 or a … f, from its character code. */
function digit(code: number): number {
  return (code & 15) + 9 * (code >> 6);
}

/** The binary that src/generated/wasm.ts has as text. */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length / 2);
  for (let k = 0; k < bytes.length; k++) {
    bytes[k] = (digit(text.charCodeAt(2 * k)) << 4) | digit(text.charCodeAt(2 * k + 1));
  }
  return bytes;
}

const HEX = {
  plain: generated.PLAIN_HEX,
  simd: generated.SIMD_HEX,
  plainEncoder: generated.PLAIN_ENCODER_HEX,
  simdEncoder: generated.SIMD_ENCODER_HEX,
};

type Binary = keyof typeof HEX;

function binaryOf(build: Build, encoder: boolean): Binary {
  return encoder ? `${build}Encoder` : build;
}

const binaries = new Map<Binary, Uint8Array<ArrayBuffer>>();
const modules = new Map<Binary, Promise<WebAssembly.Module>>();

/**
 * The Wasm binary of a build, with or without the encoder.
 * @example
 * ```ts
 * import { bestBuild, wasmBytes } from "spikelet";
 *
 * console.log(wasmBytes(bestBuild()).length, "bytes");
 * ```
 */
export function wasmBytes(build: Build, encoder = false): Uint8Array<ArrayBuffer> {
  const binary = binaryOf(build, encoder);
  let bytes = binaries.get(binary);
  if (!bytes) {
    bytes = decodeHex(HEX[binary]);
    binaries.set(binary, bytes);
  }
  return bytes;
}

/**
 * SIMD where the engine has it.
 * @example
 * ```ts
 * import { bestBuild } from "spikelet";
 *
 * console.log(bestBuild() === "simd" ? "SIMD" : "no SIMD here");
 * ```
 */
export function bestBuild(): Build {
  return WebAssembly.validate(wasmBytes("simd")) ? "simd" : "plain";
}

function compile(build: Build, encoder: boolean): Promise<WebAssembly.Module> {
  const binary = binaryOf(build, encoder);
  let module = modules.get(binary);
  if (!module) {
    module = WebAssembly.compile(wasmBytes(build, encoder));
    modules.set(binary, module);
  }
  return module;
}

function fail(status: number): never {
  throw new SpikeletError(
    "core-failed",
    `The Wasm core gave status ${status}: ${STATUS_MESSAGES[status] ?? "unknown"}. The host should have ruled this out: please report it.`,
  );
}

function checkChoice(name: string, found: string, choices: readonly string[]): void {
  if (choices.includes(found)) return;
  const expected = choices.map((choice) => `"${choice}"`).join(" or ");
  throw new SpikeletError("bad-option", `${name} is ${JSON.stringify(found)}; expected ${expected}.`);
}

/**
 * All options, with what stands for those that are not given.
 * @throws SpikeletError "bad-option" for a build or a placement that does not exist
 */
export function loadOptions(options: LoadOptions): Required<LoadOptions> {
  const { build = bestBuild(), weights = "resident", encoder = false, trace = false } = options;
  checkChoice("build", build, ["plain", "simd"] satisfies Build[]);
  checkChoice("weights", weights, ["resident", "streamed"] satisfies WeightPlacement[]);
  return { build, weights, encoder, trace };
}

/** Starts to compile a core that will be opened, so that it is ready when the model is. If it fails, so does `Core.open`. */
export function prepare(build: Build, encoder: boolean): void {
  compile(build, encoder).catch(() => {});
}

/** A Wasm instance with a model in it. Views stay valid: memory is sized once, while the model is opened. */
export class Core {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly #exports: Exports;

  private constructor(exports: Exports) {
    this.#exports = exports;
    this.bytes = new Uint8Array(exports.memory.buffer);
    this.words = new Uint32Array(exports.memory.buffer);
  }

  /**
   * @param flash - the bytes of a .spk file
   * @throws SpikeletError "bad-option", or "core-failed" if the core refuses the file
   */
  static async open(flash: Uint8Array, options: LoadOptions): Promise<Core> {
    const { build, weights, encoder, trace } = loadOptions(options);
    let linear: WebAssembly.Memory | undefined;
    let bytes = new Uint8Array();
    let words = new Uint32Array();
    const flashWords =
      flash.byteOffset % 4 ? undefined : new Uint32Array(flash.buffer, flash.byteOffset, flash.length >> 2);
    // Word by word once it is open: it is called hundreds of times for a streamed image, and subarrays would be garbage.
    let isOpen = false;
    const read = (offset: number, destination: number, length: number): number => {
      const from = offset >>> 0;
      const to = destination >>> 0;
      if (!linear || from + length > flash.length) return 1;
      if (!bytes.length) {
        bytes = new Uint8Array(linear.buffer); // Growing has detached the views.
        words = new Uint32Array(linear.buffer);
      }
      if (!isOpen) {
        bytes.set(flash.subarray(from, from + length), to);
      } else if (flashWords && (from | to | length) % 4 === 0) {
        for (let k = 0; k < length >> 2; k++) words[(to >> 2) + k] = flashWords[(from >> 2) + k];
      } else {
        for (let k = 0; k < length; k++) bytes[to + k] = flash[from + k];
      }
      return 0;
    };
    const instance = await WebAssembly.instantiate(await compile(build, encoder), { flash: { read } });
    const exports = instance.exports as unknown as Exports;
    linear = exports.memory;
    const flags = (weights === "resident" ? memory.FLAG_RESIDENT : 0) | (trace ? memory.FLAG_TRACE : 0);
    const openAll = () => exports.open(flash.length, flags) || (encoder && exports.openEncoder?.(flags)) || 0;
    let status = openAll();
    // The decoder's plan and the encoder's are made one after the other.
    for (let tries = 0; tries < 2 && status === memory.STATUS_MEMORY; tries++) {
      const needed = new Uint32Array(linear.buffer, memory.PLAN_BYTES, 1)[0];
      linear.grow(Math.ceil((needed - linear.buffer.byteLength) / memory.PAGE_BYTES));
      status = openAll();
    }
    if (status) fail(status);
    isOpen = true;
    return new Core(exports);
  }

  /** 64 KiB pages of linear memory. */
  get pages(): number {
    return this.bytes.length / memory.PAGE_BYTES;
  }

  #check(status: number): void {
    if (status) fail(status);
  }

  /** Chooses the image: each argument is one half of an unsigned 64-bit number. */
  select(seedLow: number, seedHigh: number, indexLow: number, indexHigh: number): void {
    this.words[memory.SEED / 4] = seedLow;
    this.words[memory.SEED / 4 + 1] = seedHigh;
    this.words[memory.IMAGE_INDEX / 4] = indexLow;
    this.words[memory.IMAGE_INDEX / 4 + 1] = indexHigh;
  }

  clearLedger(): void {
    this.words.fill(0, memory.LEDGER / 4, memory.IMAGE_INDEX / 4);
  }

  /** Draws the firing rates of an image, to memory: what `generate` does before it finds that no steps are asked for. */
  rates(prior: number): void {
    this.#exports.generate(prior, 0, 0);
  }

  /** Decodes the latent spike trains; with `sampled` those that are first drawn from the firing rates in memory. */
  decode(steps: number, ledger: boolean, sampled: boolean): void {
    this.#check(this.#exports.decode(steps, Number(ledger), Number(sampled)));
  }

  generate(prior: number, steps: number, ledger: boolean): void {
    this.#check(this.#exports.generate(prior, steps, Number(ledger)));
  }

  encode(steps: number, ledger: boolean): void {
    this.#check(this.#exports.encode?.(steps, Number(ledger)) ?? memory.STATUS_BAD_ARGUMENT);
  }

  /** A layer's field of the plan (assembly/core/memory.ts). */
  layerWord(layer: number, field: number): number {
    return this.words[(memory.LAYERS + layer * memory.LAYER_STATE_BYTES + field) / 4];
  }

  /** Address of a layer's input map; of the last layer's output, if it is traced, for `layer` = layers. */
  mapAddress(layer: number): number {
    return this.layerWord(layer, memory.LAYER_INPUT_MAP);
  }

  /** Address of the finished pixels. */
  get imageAddress(): number {
    return this.words[memory.PLAN_IMAGE / 4];
  }
}

import * as memory from "../../assembly/core/memory";
import { SpikeletError } from "../errors.js";
import { highWord, lowWord } from "../math/random.js";
import { type ModelOutline, outlineModel } from "../model/file.js";
import { chooseComponent, type Mixture, mixtures } from "../model/mixture.js";
import {
  type Build,
  Core,
  type LoadOptions,
  loadOptions,
  prepare,
  type WeightPlacement,
  wasmBytes,
} from "./core.js";
import {
  decoderLedger,
  encoderLedger,
  type LayerLedger,
  type Ledger,
  type LedgerLayer,
  readoutProducts,
} from "./ledger.js";
import { type ModelSource, readSource } from "./source.js";
import { readSpikes, type Trace, type TracedMap, tracedMaps } from "./trace.js";

/** Which image, and how long the network runs for it. */
export interface ImageOptions {
  /** 0 … 2^64 − 1 (a bigint above 2^53 − 1); 0 if not given. */
  readonly seed?: number | bigint;
  /** Number of the (first) image of this seed, 0 … 2^64 − 1; 0 if not given. */
  readonly index?: number | bigint;
  /** 1 … the model's time steps; all of them if not given. */
  readonly timeSteps?: number;
  /** Name or number of one of the model's priors; 0, the default one, if not given. */
  readonly prior?: string | number;
}

export interface GenerateOptions extends ImageOptions {
  /** Images to make; 1 if not given. */
  readonly count?: number;
  /** Whether to count what happens in the network; costs nothing if not asked for. */
  readonly ledger?: boolean;
}

export interface DecodeOptions extends ImageOptions {
  /** (latentSize) 0 … 1: spike trains are drawn from these for `seed` and `index`. */
  readonly firingRates?: ArrayLike<number>;
  /** (timeSteps, latentSize) 0 or 1, in place of firing rates. */
  readonly spikeTrains?: ArrayLike<number>;
  readonly ledger?: boolean;
}

export interface EncodeOptions {
  /** 1 … the model's time steps; all of them if not given. */
  readonly timeSteps?: number;
  readonly ledger?: boolean;
}

/** What the encoder makes of an image. */
export interface Encoding {
  /** (latentSize) posterior firing rates r_q, 0 … 1 in multiples of 1 / timeSteps. */
  readonly firingRates: Float64Array;
  /** If asked for. */
  readonly ledger?: Ledger;
}

export interface Images {
  /** (count, imageSize, imageSize, imageChannels), 0 … 255 */
  readonly pixels: Uint8Array;
  readonly count: number;
  /** One for each image, if asked for. */
  readonly ledgers: readonly Ledger[];
}

/** A model in short. */
export interface ModelInfo {
  readonly name: string;
  readonly imageSize: number;
  readonly imageChannels: number;
  readonly timeSteps: number;
  readonly latentSize: number;
  /** Names of the priors; the first is the default. */
  readonly priors: readonly string[];
  /** Size of the model file. */
  readonly bytes: number;
}

const MOST_INDEX = 2n ** 64n - 1n;

function badOption(name: string, found: unknown, expected: string): SpikeletError {
  return new SpikeletError("bad-option", `${name} is ${String(found)}; expected ${expected}.`);
}

function checkUint64(name: string, value: number | bigint): void {
  const fits =
    typeof value === "bigint"
      ? value >= 0n && value <= MOST_INDEX
      : Number.isSafeInteger(value) && value >= 0;
  if (!fits) throw badOption(name, value, "an integer from 0 to 2^64 − 1 (a bigint above 2^53 − 1)");
}

function plus(index: number | bigint, n: number): number | bigint {
  if (typeof index === "number" && index + n <= Number.MAX_SAFE_INTEGER) return index + n;
  return BigInt(index) + BigInt(n);
}

/** Generates images from one model. Not to be used from two places at once: it has one core. */
export class Generator {
  readonly info: ModelInfo;
  readonly build: Build;
  readonly weights: WeightPlacement;
  readonly #core: Core;
  readonly #priors: readonly Mixture[];
  readonly #decoder: readonly LedgerLayer[];
  readonly #readoutProducts: number;
  /** Empty if the core has no encoder. */
  readonly #encoder: readonly LedgerLayer[];
  /** Empty if the core keeps no spikes. */
  readonly #traced: readonly TracedMap[];

  private constructor(core: Core, model: ModelOutline, bytes: number, options: Required<LoadOptions>) {
    this.#core = core;
    this.#priors = mixtures(model.priors);
    this.#decoder = decoderLedger(model);
    this.#readoutProducts = readoutProducts(model);
    this.#encoder = options.encoder ? encoderLedger(model) : [];
    this.#traced = options.trace ? tracedMaps(core, model) : [];
    this.build = options.build;
    this.weights = options.weights;
    this.info = {
      name: model.name,
      imageSize: model.imageSize,
      imageChannels: model.imageChannels,
      timeSteps: model.timeSteps,
      latentSize: model.latentSize,
      priors: this.#priors.map((p) => p.name),
      bytes,
    };
  }

  /**
   * Loads a model.
   * @throws SpikeletError "no-such-file", "bad-model", "unsupported-version" or "bad-option"
   * @example
   * ```ts
   * import { Generator } from "spikelet";
   *
   * const generator = await Generator.load("node_modules/spikelet/models/esvae-mnist.spk");
   * const small = await Generator.load(new URL("https://example.org/mine.spk"), { weights: "streamed" });
   * ```
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<Generator> {
    const all = loadOptions(options);
    const { build, encoder } = all;
    prepare(build, encoder);
    const bytes = await readSource(source);
    const model = outlineModel(bytes);
    if (encoder && !model.encoder.length) {
      throw new SpikeletError(
        "bad-option",
        `The model "${model.name}" has no encoder; encode and reconstruct need one. Import a checkpoint that has \`encoder.*\` tensors.`,
      );
    }
    return new Generator(await Core.open(bytes, all), model, bytes.length, all);
  }

  /** Size of the Wasm binary in use. */
  get wasmBytes(): number {
    return wasmBytes(this.build, this.#encoder.length > 0).length;
  }

  /** 64 KiB pages of linear memory in use. */
  get pages(): number {
    return this.#core.pages;
  }

  /** Bytes of one image. */
  get imageBytes(): number {
    return this.info.imageSize ** 2 * this.info.imageChannels;
  }

  #timeSteps(options: ImageOptions): number {
    const { timeSteps = this.info.timeSteps } = options;
    if (!Number.isInteger(timeSteps) || timeSteps < 1 || timeSteps > this.info.timeSteps) {
      throw badOption(
        "timeSteps",
        timeSteps,
        `an integer from 1 to ${this.info.timeSteps}, as the model was trained with`,
      );
    }
    return timeSteps;
  }

  #prior(options: ImageOptions): Mixture {
    const { prior = 0 } = options;
    const number = typeof prior === "string" ? this.info.priors.indexOf(prior) : prior;
    const found = this.#priors[number];
    if (!found) {
      throw badOption("prior", prior, `one of ${this.info.priors.map((p) => `"${p}"`).join(", ")}`);
    }
    return found;
  }

  /** Chooses image `offset` of those that the options ask for; gives the number of its prior's component. */
  #select(options: ImageOptions, prior: Mixture, offset: number): number {
    const { seed = 0, index = 0 } = options;
    checkUint64("seed", seed);
    checkUint64("index", index);
    const at = offset ? plus(index, offset) : index;
    if (offset) checkUint64("index + count", at);
    this.#core.select(lowWord(seed), highWord(seed), lowWord(at), highWord(at));
    return chooseComponent(prior, seed, at);
  }

  #copyPixels(pixels: Uint8Array, offset: number): void {
    const from = this.#core.imageAddress;
    const { bytes } = this.#core;
    const length = this.imageBytes;
    for (let k = 0; k < length; k++) pixels[offset + k] = bytes[from + k];
  }

  /**
   * Makes one image into `pixels`, (imageSize, imageSize, imageChannels), and allocates nothing.
   * @throws SpikeletError "bad-option"
   * @example
   * ```ts
   * const pixels = new Uint8Array(generator.imageBytes);
   * for (let index = 0; index < 1000; index++) generator.generateInto(pixels, { seed: 1, index });
   * ```
   */
  generateInto(pixels: Uint8Array, options: ImageOptions = {}): void {
    if (pixels.length !== this.imageBytes) {
      throw badOption("pixels.length", pixels.length, `${this.imageBytes}, the size of one image`);
    }
    const component = this.#select(options, this.#prior(options), 0);
    this.#core.generate(component, this.#timeSteps(options), false);
    this.#copyPixels(pixels, 0);
  }

  /**
   * The firing rates (latentSize), 0 … 1, that image `index` of `seed` is drawn from.
   * @throws SpikeletError "bad-option"
   * @example
   * ```ts
   * const rates = generator.firingRates({ seed: 1, index: 4 });
   * const { pixels } = generator.decode({ firingRates: rates, seed: 1, index: 4 });
   * ```
   */
  firingRates(options: Omit<ImageOptions, "timeSteps"> = {}): Float64Array {
    this.#core.rates(this.#select(options, this.#prior(options), 0));
    return this.#readRates();
  }

  #readRates(): Float64Array {
    const first = memory.RATES / 4;
    return Float64Array.from(
      this.#core.words.subarray(first, first + this.info.latentSize),
      (r) => r / memory.FULL_RATE,
    );
  }

  /**
   * Makes images. Image i of a seed is the same whatever was made before, on every engine and in every build.
   * @throws SpikeletError "bad-option"
   * @example
   * ```ts
   * const { pixels, count } = generator.generate({ seed: 1, count: 10, prior: "7" });
   * const second = pixels.subarray(generator.imageBytes, 2 * generator.imageBytes);
   * ```
   */
  generate(options: GenerateOptions = {}): Images {
    const { count = 1, ledger = false } = options;
    if (!Number.isInteger(count) || count < 1 || count * this.imageBytes > 2 ** 31) {
      throw badOption("count", count, "a positive integer, and at most 2 GiB of pixels at once");
    }
    const steps = this.#timeSteps(options);
    const prior = this.#prior(options);
    const pixels = new Uint8Array(count * this.imageBytes);
    const ledgers: Ledger[] = [];
    for (let i = 0; i < count; i++) {
      const component = this.#select(options, prior, i);
      if (ledger) this.#core.clearLedger();
      this.#core.generate(component, steps, ledger);
      if (ledger) ledgers.push(this.#readLedger(this.#decoder, steps));
      this.#copyPixels(pixels, i * this.imageBytes);
    }
    return { pixels, count, ledgers };
  }

  /**
   * `count` images (without end if not given) one by one, each made when it is asked for. What runs between them is the caller's
   * choice: a page that has to answer meanwhile waits for a frame or a timer there.
   * @throws SpikeletError "bad-option"
   * @example
   * ```ts
   * for (const { pixels } of generator.images({ seed: 1, count: 1000 })) {
   *   console.log(pixels.length);
   *   await new Promise((resolve) => setTimeout(resolve)); // Other work can run here.
   * }
   * ```
   */
  *images(options: GenerateOptions = {}): IterableIterator<Images> {
    const { index = 0, count = Number.POSITIVE_INFINITY } = options;
    for (let i = 0; i < count; i++) {
      yield this.generate({ ...options, index: plus(index, i), count: 1 });
    }
  }

  /**
   * Decodes given firing rates or spike trains to one image.
   * @throws SpikeletError "bad-option", or "bad-input" if neither is given, or one of the wrong length or range
   * @example
   * ```ts
   * const { latentSize } = generator.info;
   * const { pixels } = generator.decode({ firingRates: new Float32Array(latentSize).fill(0.5), seed: 2 });
   * ```
   */
  decode(options: DecodeOptions): Images {
    const { ledger = false } = options;
    const steps = this.#timeSteps(options);
    this.#core.clearLedger();
    this.#decode(options, steps, ledger);
    const ledgers = ledger ? [this.#readLedger(this.#decoder, steps)] : [];
    return { pixels: this.#pixels(), count: 1, ledgers };
  }

  #decode(options: DecodeOptions, steps: number, ledger: boolean): void {
    const { firingRates, spikeTrains } = options;
    if (firingRates && !spikeTrains) {
      this.#writeRates(firingRates);
      this.#select(options, this.#priors[0], 0);
    } else if (spikeTrains && !firingRates) {
      this.#writeSpikes(spikeTrains, steps);
    } else {
      throw new SpikeletError("bad-input", "decode needs either firingRates or spikeTrains, and not both.");
    }
    this.#core.decode(steps, ledger, firingRates !== undefined);
  }

  /** A copy of the finished image. */
  #pixels(): Uint8Array {
    const pixels = new Uint8Array(this.imageBytes);
    this.#copyPixels(pixels, 0);
    return pixels;
  }

  /**
   * Makes one image and tells which neurons fired on the way: image `index` of `seed`, as `generate` makes it, or what `decode`
   * makes of given firing rates or spike trains.
   * @throws SpikeletError "bad-option", also if the generator was loaded without `trace`; "bad-input" as `decode`
   * @example
   * ```ts
   * const traced = await Generator.load("mine.spk", { trace: true });
   * const { layers, timeSteps } = traced.trace({ seed: 1 });
   * for (const { name, spikes } of layers) console.log(name, spikes.length / timeSteps, "neurons");
   * ```
   */
  trace(options: DecodeOptions = {}): Trace {
    if (!this.#traced.length) {
      throw new SpikeletError(
        "bad-option",
        "The generator keeps no spikes; expected `Generator.load(source, { trace: true })`.",
      );
    }
    const timeSteps = this.#timeSteps(options);
    this.#core.clearLedger();
    if (options.firingRates || options.spikeTrains) this.#decode(options, timeSteps, true);
    else this.#core.generate(this.#select(options, this.#prior(options), 0), timeSteps, true);
    const [latent, ...layers] = this.#traced;
    return {
      timeSteps,
      latentSpikes: readSpikes(this.#core, latent, timeSteps),
      layers: layers.map((map) => ({
        name: map.name,
        size: map.size,
        channels: map.channels,
        spikes: readSpikes(this.#core, map, timeSteps),
      })),
      pixels: this.#pixels(),
      ledger: this.#readLedger(this.#decoder, timeSteps),
    };
  }

  /**
   * Encodes one image to its posterior firing rates.
   * @param pixels - (imageSize, imageSize, imageChannels), 0 … 255
   * @throws SpikeletError "bad-option" if the model or the loaded core has no encoder, "bad-input" for pixels of another size
   * @example
   * ```ts
   * const autoencoder = await Generator.load("mine.spk", { encoder: true });
   * const image = new Uint8Array(autoencoder.imageBytes);
   * const { firingRates } = autoencoder.encode(image);
   * ```
   */
  encode(pixels: Uint8Array, options: EncodeOptions = {}): Encoding {
    const { ledger = false } = options;
    const steps = this.#timeSteps(options);
    this.#writePixels(pixels);
    this.#core.clearLedger();
    this.#core.encode(steps, ledger);
    const firingRates = this.#readRates().map((rate) => Math.round(rate * steps) / steps);
    return ledger ? { firingRates, ledger: this.#readLedger(this.#encoder, steps) } : { firingRates };
  }

  /**
   * Encodes one image, draws spike trains from its firing rates for `seed` and `index`, and decodes them.
   * @param pixels - (imageSize, imageSize, imageChannels), 0 … 255
   * @throws as `encode`
   * @example
   * ```ts
   * const autoencoder = await Generator.load("mine.spk", { encoder: true });
   * const { pixels } = autoencoder.reconstruct(new Uint8Array(autoencoder.imageBytes), { seed: 1 });
   * ```
   */
  reconstruct(pixels: Uint8Array, options: Omit<ImageOptions, "prior"> = {}): Images {
    const steps = this.#timeSteps(options);
    this.#writePixels(pixels);
    this.#core.encode(steps, false);
    this.#select(options, this.#priors[0], 0);
    this.#core.decode(steps, false, true);
    return { pixels: this.#pixels(), count: 1, ledgers: [] };
  }

  #writePixels(pixels: Uint8Array): void {
    if (!this.#encoder.length) {
      throw new SpikeletError(
        "bad-option",
        "The generator was loaded without the encoder; expected `Generator.load(source, { encoder: true })`.",
      );
    }
    if (pixels.length !== this.imageBytes) {
      const { imageSize, imageChannels } = this.info;
      throw new SpikeletError(
        "bad-input",
        `The image has ${pixels.length} bytes; expected ${this.imageBytes}, ${imageSize}×${imageSize} of ${imageChannels} ${imageChannels === 1 ? "channel" : "channels"}. Resize it first.`,
      );
    }
    this.#core.bytes.set(pixels, this.#core.imageAddress);
  }

  #writeRates(rates: ArrayLike<number>): void {
    const d = this.info.latentSize;
    if (rates.length !== d) {
      throw new SpikeletError(
        "bad-input",
        `firingRates has ${rates.length} values; expected ${d}, one a latent neuron.`,
      );
    }
    for (let i = 0; i < d; i++) {
      if (!(rates[i] >= 0 && rates[i] <= 1)) {
        throw new SpikeletError(
          "bad-input",
          `firingRates[${i}] is ${rates[i]}; expected a number from 0 to 1.`,
        );
      }
      this.#core.words[memory.RATES / 4 + i] = Math.round(rates[i] * memory.FULL_RATE);
    }
  }

  #writeSpikes(spikes: ArrayLike<number>, steps: number): void {
    const d = this.info.latentSize;
    if (spikes.length !== steps * d) {
      throw new SpikeletError(
        "bad-input",
        `spikeTrains has ${spikes.length} values; expected ${steps} time steps of ${d} latent neurons, ${steps * d} in all.`,
      );
    }
    const stepWords = this.#core.layerWord(0, memory.LAYER_PIXEL_BYTES) / 4;
    const first = this.#core.mapAddress(0) / 4;
    this.#core.words.fill(0, first, first + steps * stepWords);
    for (let k = 0; k < steps * d; k++) {
      if (spikes[k] !== 0 && spikes[k] !== 1) {
        throw new SpikeletError("bad-input", `spikeTrains[${k}] is ${spikes[k]}; expected 0 or 1.`);
      }
      const neuron = k % d;
      const word = first + Math.floor(k / d) * stepWords + (neuron >> 5);
      this.#core.words[word] |= spikes[k] << (neuron & 31);
    }
  }

  #readLedger(layers: readonly LedgerLayer[], steps: number): Ledger {
    const { words } = this.#core;
    const entries = layers.map(({ name, neurons, address }): LayerLedger => {
      const at = address / 4;
      return {
        name,
        spikes: words[at],
        synapticOperations: words[at + memory.LEDGER_OPERATIONS / 4],
        neuronUpdates: neurons * steps,
      };
    });
    const spiking = layers.flatMap(({ neurons }, i) => (neurons > 0 ? [entries[i]] : []));
    const isDecoder = spiking.length < entries.length;
    const multiplications = isDecoder ? this.#readoutProducts : 0;
    const coefficients = isDecoder ? entries[entries.length - 1].spikes : 0;
    return {
      layers: entries,
      synapticOperations: spiking.reduce((sum, l) => sum + l.synapticOperations, 0),
      readout: { additions: coefficients + multiplications, multiplications },
      bytesFetched: words[memory.LEDGER_FETCHED / 4],
      randomWords: words[memory.LEDGER_RANDOM / 4],
    };
  }
}

import { zipSync } from "fflate";
import { fitImages, Generator, SpikeletError, WEIGHT_BITS, type WeightBits } from "../../src/index.js";
import type {
  Batch,
  BatchImages,
  Input,
  Insight,
  Look,
  OpenedFile,
  OpenedModel,
  Output,
  Reconstruction,
} from "../protocol.js";
import { overBlack } from "./over-black.js";
import { quantizeSource, readSource, type Source, widestBits } from "./source.js";

type OnProgress = (share: number) => void;

const simulator = () => import("./simulator.js");

/** The model of a worker, and what can be asked of it. */
export class Session {
  #source: Source | undefined;
  #generator: Generator | undefined;
  #spk: Uint8Array = new Uint8Array();

  get #loaded(): Generator {
    return opened(this.#generator);
  }

  /**
   * Opens a model file, or imports a checkpoint and quantizes it to 8 bits. If it is neither, the model before it stays.
   * @throws SpikeletError "bad-model", "unsupported-version", "bad-checkpoint" or "cannot-quantize"
   */
  async open(file: OpenedFile, onProgress: OnProgress): Promise<OpenedModel> {
    const source = readSource(file);
    const opened = await this.#load(source, widestBits(source), onProgress);
    this.#source = source;
    return opened;
  }

  /** Quantizes the open model to another width. */
  async quantize(bits: WeightBits, onProgress: OnProgress): Promise<OpenedModel> {
    return this.#load(opened(this.#source), bits, onProgress);
  }

  async #load(source: Source, bits: WeightBits, onProgress: OnProgress): Promise<OpenedModel> {
    const { spk, model, report } = quantizeSource(source, bits, onProgress);
    const hasEncoder = model.encoder.length > 0;
    const generator = await Generator.load(spk, { encoder: hasEncoder, trace: true });
    this.#generator = generator;
    this.#spk = spk;
    const widest = widestBits(source);
    return {
      info: generator.info,
      spk,
      build: generator.build,
      hasEncoder,
      bits,
      widths: WEIGHT_BITS.filter((width) => width <= widest),
      ...(report && { report }),
      source: source.kind,
    };
  }

  /** Opens a model file as it is, without its encoder; no spikes are kept. */
  async load(spk: Uint8Array): Promise<void> {
    this.#generator = await Generator.load(spk);
    this.#spk = spk;
  }

  generate({ counted, ...options }: Batch): BatchImages {
    const start = performance.now();
    const { pixels, ledgers, count } = this.#loaded.generate({ ...options, ledger: counted });
    const milliseconds = performance.now() - start;
    if (!counted) return { pixels, milliseconds };
    const synapticOperations = ledgers.reduce((sum, ledger) => sum + ledger.synapticOperations, 0) / count;
    return { pixels, milliseconds, synapticOperations };
  }

  look({ image, firingRates: given, timeSteps }: Look): Insight {
    const generator = this.#loaded;
    const firingRates = given ?? generator.firingRates(image);
    const trace = generator.trace({ ...image, firingRates, timeSteps });
    const { imageBytes } = generator;
    const pictures = new Uint8Array(timeSteps * imageBytes);
    for (let steps = 1; steps <= timeSteps; steps++) {
      const { pixels } = generator.decode({ ...image, firingRates, timeSteps: steps });
      pictures.set(pixels, (steps - 1) * imageBytes);
    }
    return { firingRates, trace, pictures };
  }

  reconstruct({ picture, timeSteps }: Input<"reconstruct">): Reconstruction {
    const generator = this.#loaded;
    const { rows, columns, rgba } = picture;
    const set = { count: 1, rows, columns, channels: 3, pixels: overBlack(rgba) };
    const original = fitImages(set, generator.info);
    return { original, reconstruction: generator.reconstruct(original, { timeSteps }).pixels };
  }

  async profile({ count, prior }: Input<"profile">, onProgress: OnProgress): Promise<Output<"profile">> {
    const { profile, listDevices } = await simulator();
    return profile(this.#spk, {
      devices: listDevices(),
      count,
      prior,
      onProgress: (done, total) => onProgress(done / total),
    });
  }

  async firmware(target: string): Promise<Uint8Array> {
    const { deviceModel, firmwareFiles, firmwareTarget } = await simulator();
    const files = firmwareFiles(deviceModel(this.#spk), firmwareTarget(target));
    return zipSync(Object.fromEntries([...files].map(([path, bytes]) => [`firmware/${path}`, bytes])));
  }
}

function opened<T>(part: T | undefined): T {
  if (part === undefined) throw new SpikeletError("bad-option", "No model is open yet; open one first.");
  return part;
}

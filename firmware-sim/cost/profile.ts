import { PAGE_BYTES } from "../../assembly/core/memory";
import { decodeModel, type ModelOutline, outlineModel } from "../../src/model/file.js";
import { mixtures } from "../../src/model/mixture.js";
import { Generator } from "../../src/runtime/generator.js";
import type { Ledger } from "../../src/runtime/ledger.js";
import type { Device, Microcontroller, Neuromorphic } from "../devices/device.js";
import { deviceModel } from "../firmware/device-model.js";
import { CountedCore, type Stage } from "../wasm/counted-core.js";
import { type KindCounts, kindCounts, sumOfKinds } from "../wasm/instruction-kinds.js";
import { type ArithmeticCost, denseInt8Cost, spikingInt8Cost } from "./arithmetic.js";
import { decoderConnectivity, type LayerConnectivity, readoutConnectivity } from "./connectivity.js";
import { type Conventions, EffectiveAccumulates, esvaeCount } from "./conventions.js";
import { cycles, ENGINES, type Engine, engineCosts } from "./engines.js";
import { type Estimate, onPriced } from "./estimate.js";
import { type MeanLedger, meanLedger } from "./mean-ledger.js";
import { energy, latency, type Shortage, shortages } from "./microcontroller.js";
import { type Placement, place } from "./placement.js";
import { type PriceReport, priceLedger, type Routing } from "./pricing.js";

/** What one stage of an image takes, on average over the images. Counted exactly, in the very Wasm that a device runs. */
export interface StageProfile {
  /** `latent` for prior and sampler, then the decoder's layers; the last one's figures include the readout's. */
  readonly name: string;
  /** Executed Wasm instructions. */
  readonly instructions: number;
  readonly byKind: KindCounts;
  /** Bytes read from flash. */
  readonly bytesFetched: number;
  /** Bytes of packed weights in the model file; 0 for the latent stage. */
  readonly weightBytes: number;
  /** Of a weight; 0 for the latent stage. */
  readonly bits: number;
  readonly neurons: number;
  /** Spikes of a neuron in a time step, 0 … 1. */
  readonly firingRate: number;
  /** Without the readout's. */
  readonly synapticOperations: number;
  readonly neuronUpdates: number;
}

/** What an image is quoted with; means over the images. */
export interface Counts
  extends Pick<MeanLedger, "synapticOperations" | "standardError" | "readout" | "randomWords"> {
  readonly neuronUpdates: number;
  /** Of the spiking layers. */
  readonly spikes: number;
  /** The same images by counters that papers use. */
  readonly conventions: Conventions;
}

/** A stage on a device. */
export interface StageEstimate {
  readonly name: string;
  readonly cycles: Estimate;
  readonly seconds: Estimate;
  readonly joules: Estimate;
}

/** The generator on a microcontroller, with Wasm run one way. All simulated but the sizes, which are measured. */
export interface EngineProfile {
  readonly engine: Engine;
  readonly flashBytes: number;
  readonly ramBytes: number;
  /** Empty if it fits. */
  readonly shortages: readonly Shortage[];
  readonly stages: readonly StageEstimate[];
  /** Of a whole image. */
  readonly cycles: Estimate;
  readonly seconds: Estimate;
  readonly joules: Estimate;
}

export interface MicrocontrollerProfile {
  readonly device: Microcontroller;
  /** Only engines that were measured on its processor. */
  readonly engines: readonly EngineProfile[];
}

export interface NeuromorphicProfile {
  readonly device: Neuromorphic;
  readonly placement: Placement;
  readonly price: PriceReport;
}

export interface Profile {
  readonly model: {
    readonly name: string;
    readonly imageSize: number;
    readonly imageChannels: number;
    readonly timeSteps: number;
    readonly latentSize: number;
    /** Of the model file, and of the part that a device needs (firmware-sim/firmware/device-model.ts). */
    readonly fileBytes: number;
    readonly deviceBytes: number;
  };
  /** How many images the means are over, and which: image 0 and on of a seed and a prior. */
  readonly images: { readonly count: number; readonly seed: number; readonly prior: string };
  /** 64 KiB pages of Wasm memory, and the bytes of them in use. */
  readonly memory: { readonly pages: number; readonly bytesUsed: number };
  readonly counts: Counts;
  readonly stages: readonly StageProfile[];
  readonly microcontrollers: readonly MicrocontrollerProfile[];
  readonly neuromorphic: readonly NeuromorphicProfile[];
  /** One pass of the same decoder as a dense 8-bit network, and the spiking one, in 45 nm arithmetic. */
  readonly arithmetic: { readonly dense: ArithmeticCost; readonly spiking: ArithmeticCost };
}

export interface ProfileOptions {
  readonly devices: readonly Device[];
  /** Images to take the mean of; 10 if not given. */
  readonly count?: number;
  /** 1 if not given. */
  readonly seed?: number;
  /** Name of a prior; the model's default if not given. */
  readonly prior?: string;
  /** Where spikes travel on neuromorphic chips; messages and hops are not priced if not given. */
  readonly routing?: Routing;
  /** Called after each image. */
  readonly onProgress?: (done: number, total: number) => void;
}

function meanStages(runs: readonly (readonly Stage[])[]): Stage[] {
  const mean = (of: (run: readonly Stage[]) => number) =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
  return runs[0].map(({ name }, i) => ({
    name,
    instructions: kindCounts((kind) => mean((run) => run[i].instructions[kind])),
    bytesFetched: mean((run) => run[i].bytesFetched),
  }));
}

function stageProfiles(
  model: ModelOutline,
  stages: readonly Stage[],
  ledgers: readonly Ledger[],
  layers: readonly LayerConnectivity[],
): StageProfile[] {
  const ledger = meanLedger(ledgers);
  const spikesOut = (stage: number) => ledger.layers[stage]?.spikesIn ?? 0;
  return stages.map(({ name, instructions, bytesFetched }, stage): StageProfile => {
    const common = { name, instructions: sumOfKinds(instructions), byKind: instructions, bytesFetched };
    if (stage === 0) {
      const neurons = model.latentSize;
      const firingRate = spikesOut(0) / (neurons * model.timeSteps);
      return {
        ...common,
        weightBytes: 0,
        bits: 0,
        neurons,
        firingRate,
        synapticOperations: 0,
        neuronUpdates: 0,
      };
    }
    const { neurons, weights, bits } = layers[stage - 1];
    const { synapticOperations, neuronUpdates } = ledger.layers[stage - 1];
    return {
      ...common,
      weightBytes: (weights * bits) / 8,
      bits,
      neurons,
      firingRate: spikesOut(stage) / neuronUpdates,
      synapticOperations,
      neuronUpdates,
    };
  });
}

function onEngine(
  engine: Engine,
  device: Microcontroller,
  stages: readonly StageProfile[],
  need: { readonly modelBytes: number; readonly pages: number },
): EngineProfile | undefined {
  const costs = engineCosts(engine, device);
  if (!costs) return undefined;
  const estimate = (name: string, counts: KindCounts): StageEstimate => {
    const taken = cycles(engine, device, counts);
    return {
      name,
      cycles: taken,
      seconds: onPriced(taken, (value) => latency(device, value)),
      joules: onPriced(taken, (value) => energy(device, value)),
    };
  };
  const total = kindCounts((kind) => stages.reduce((sum, { byKind }) => sum + byKind[kind], 0));
  const memory = {
    flashBytes: costs.codeBytes + need.modelBytes,
    ramBytes: costs.ramBytes + need.pages * PAGE_BYTES,
  };
  const { cycles: whole, seconds, joules } = estimate("image", total);
  return {
    engine,
    ...memory,
    shortages: shortages(device, { ...memory, wasmPages: need.pages }),
    stages: stages.map(({ name, byKind }) => estimate(name, byKind)),
    cycles: whole,
    seconds,
    joules,
  };
}

/**
 * What making an image of a model takes: executed Wasm instructions and events are counted, stage by stage, and priced on devices.
 * @param spk - a .spk file
 * @throws SpikeletError "bad-model", "unsupported-version", or "bad-option" for a prior that the model does not have
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { findDevice, isPriced, profile } from "spikelet/simulator";
 *
 * const devices = [findDevice("rp2040"), findDevice("nrf52840")];
 * const { microcontrollers } = await profile(await readFile("mine.spk"), { devices });
 * for (const { device, engines } of microcontrollers) {
 *   for (const { engine, seconds } of engines) console.log(device.name, engine, isPriced(seconds) && seconds.value);
 * }
 * ```
 */
export async function profile(spk: Uint8Array, options: ProfileOptions): Promise<Profile> {
  const { devices, count = 10, seed = 1, routing, onProgress } = options;
  const slim = deviceModel(spk, options.prior === undefined ? undefined : [options.prior]);
  const model = outlineModel(slim);
  const core = new CountedCore(slim);
  const generator = await Generator.load(slim, { trace: true });
  const layers = decoderConnectivity(model);
  const withReadout = [...layers, readoutConnectivity(model)];
  const effective = new EffectiveAccumulates(decodeModel(slim), withReadout);
  let accumulates = 0;
  const ledgers: Ledger[] = [];
  const runs: (readonly Stage[])[] = [];
  for (let index = 0; index < count; index++) {
    const trace = generator.trace({ seed, index });
    ledgers.push(trace.ledger);
    accumulates += effective.count(trace);
    runs.push(core.draw(seed, index).stages);
    onProgress?.(index + 1, count);
  }
  const stages = stageProfiles(model, meanStages(runs), ledgers, layers);
  const mean = meanLedger(ledgers);
  const pages = Math.ceil(core.memoryBytes / PAGE_BYTES);
  const need = { modelBytes: slim.length, pages };
  return {
    model: {
      name: model.name,
      imageSize: model.imageSize,
      imageChannels: model.imageChannels,
      timeSteps: model.timeSteps,
      latentSize: model.latentSize,
      fileBytes: spk.length,
      deviceBytes: slim.length,
    },
    images: { count, seed, prior: mixtures(model.priors)[0].name },
    memory: { pages, bytesUsed: core.memoryBytes },
    counts: {
      synapticOperations: mean.synapticOperations,
      standardError: mean.standardError,
      readout: mean.readout,
      neuronUpdates: mean.layers.reduce((sum, layer) => sum + layer.neuronUpdates, 0),
      spikes: mean.layers.reduce((sum, layer) => sum + layer.spikesOut, 0),
      randomWords: mean.randomWords,
      conventions: {
        neuroBench: { accumulates: accumulates / count },
        esvaeCounter: esvaeCount(withReadout, mean, model.timeSteps),
      },
    },
    stages,
    microcontrollers: devices
      .filter((device) => device.family === "microcontroller")
      .map((device) => ({
        device,
        engines: ENGINES.flatMap((engine) => onEngine(engine, device, stages, need) ?? []),
      })),
    neuromorphic: devices
      .filter((device) => device.family === "neuromorphic")
      .map((device) => {
        const placement = place(device, layers);
        return {
          device,
          placement,
          price: priceLedger(device, mean, layers, { placement, ...(routing && { routing }) }),
        };
      }),
    arithmetic: { dense: denseInt8Cost(withReadout), spiking: spikingInt8Cost(withReadout, mean) },
  };
}

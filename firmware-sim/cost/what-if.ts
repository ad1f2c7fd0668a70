import { PAGE_BYTES } from "../../assembly/core/memory";
import { decodeModel, encodeModel } from "../../src/model/file.js";
import { type Model, WEIGHT_BITS, type WeightBits } from "../../src/model/model.js";
import { dequantizeDecoder } from "../../src/quantize/dequantize.js";
import { quantizeNetwork } from "../../src/quantize/quantize.js";
import { Generator } from "../../src/runtime/generator.js";
import type { Device, Microcontroller } from "../devices/device.js";
import { deviceModel } from "../firmware/device-model.js";
import { CountedCore } from "../wasm/counted-core.js";
import { addKinds, type KindCounts, kindCounts, sumOfKinds } from "../wasm/instruction-kinds.js";
import { cycles, ENGINES, type Engine, engineCosts } from "./engines.js";
import { type Estimate, onPriced } from "./estimate.js";
import { energy, latency, type Shortage, shortages } from "./microcontroller.js";

/** A variant of the model on a microcontroller, with Wasm run one way. */
export interface WhatIfEstimate {
  /** Id of the device. */
  readonly device: string;
  readonly engine: Engine;
  /** Empty if it fits. */
  readonly shortages: readonly Shortage[];
  readonly seconds: Estimate;
  readonly joules: Estimate;
}

/** What one width of weights costs over one number of time steps, an image, on average. */
export interface WhatIfPoint {
  readonly bits: number;
  readonly timeSteps: number;
  /** Of the model as a device needs it. */
  readonly modelBytes: number;
  /** Executed Wasm instructions; counted. */
  readonly instructions: number;
  readonly synapticOperations: number;
  readonly estimates: readonly WhatIfEstimate[];
}

/** What other bits and time steps would cost. It says nothing of the pictures, which get coarser with either. */
export interface WhatIf {
  readonly images: number;
  /** By bits, then by time steps. The widest is the model as it is. */
  readonly points: readonly WhatIfPoint[];
}

export interface WhatIfOptions {
  /** Those that are no microcontrollers are left out. */
  readonly devices: readonly Device[];
  /** Images to take the mean of; 4 if not given. */
  readonly count?: number;
  /** 1 if not given. */
  readonly seed?: number;
  /** Name of a prior; the model's default if not given. */
  readonly prior?: string;
  /** Called after each image of each point. */
  readonly onProgress?: (done: number, total: number) => void;
}

const QUARTERS = [1, 2, 3, 4];

/** Widths up to the model's own, which is that of its widest layer. */
function widthsOf({ decoder }: Model): WeightBits[] {
  const own = Math.max(...decoder.map(({ bits }) => bits));
  return WEIGHT_BITS.filter((bits) => bits <= own).toReversed();
}

/** Quarters of the model's time steps. */
function timeStepsOf({ timeSteps }: Model): number[] {
  return [...new Set(QUARTERS.map((quarter) => Math.ceil((quarter * timeSteps) / 4)))];
}

/** The model with its own weights rounded anew. Nearest rounding needs no calibration, and costs do not depend on its finesse. */
function requantize(model: Model, bits: WeightBits): Model {
  const options = { bits, name: model.name, rounding: "nearest", calibrationImages: 1 } as const;
  const { decoder } = quantizeNetwork(dequantizeDecoder(model), options).model;
  return { ...model, decoder };
}

function estimatesOn(
  device: Microcontroller,
  counts: KindCounts,
  need: { readonly modelBytes: number; readonly pages: number },
): WhatIfEstimate[] {
  return ENGINES.flatMap((engine) => {
    const costs = engineCosts(engine, device);
    if (!costs) return [];
    const taken = cycles(engine, device, counts);
    return {
      device: device.id,
      engine,
      shortages: shortages(device, {
        flashBytes: costs.codeBytes + need.modelBytes,
        ramBytes: costs.ramBytes + need.pages * PAGE_BYTES,
        wasmPages: need.pages,
      }),
      seconds: onPriced(taken, (value) => latency(device, value)),
      joules: onPriced(taken, (value) => energy(device, value)),
    };
  });
}

/**
 * Counts and prices variants of a model: bits of a weight × time steps.
 * @param spk - a .spk file
 * @throws SpikeletError "bad-model", "unsupported-version", "bad-option" for a prior that the model does not have, or
 * "cannot-quantize"
 */
export async function whatIf(spk: Uint8Array, options: WhatIfOptions): Promise<WhatIf> {
  const { devices, count = 4, seed = 1, prior, onProgress } = options;
  const microcontrollers = devices.filter((device) => device.family === "microcontroller");
  const slim = deviceModel(spk, prior === undefined ? undefined : [prior]);
  const model = decodeModel(slim);
  const widths = widthsOf(model);
  const lengths = timeStepsOf(model);
  const total = widths.length * lengths.length * count;
  let done = 0;

  const points: WhatIfPoint[] = [];
  for (const bits of widths) {
    const variant = bits === widths.at(-1) ? slim : encodeModel(requantize(model, bits));
    const core = new CountedCore(variant);
    const generator = await Generator.load(variant);
    const need = { modelBytes: variant.length, pages: Math.ceil(core.memoryBytes / PAGE_BYTES) };
    for (const timeSteps of lengths) {
      let executed = kindCounts(() => 0);
      let synapticOperations = 0;
      for (let index = 0; index < count; index++) {
        const { stages } = core.draw(seed, index, 0, timeSteps);
        executed = stages.reduce((sum, { instructions }) => addKinds(sum, instructions), executed);
        const { ledgers } = generator.generate({ seed, index, timeSteps, ledger: true });
        synapticOperations += ledgers[0].synapticOperations;
        onProgress?.(++done, total);
      }
      const mean = kindCounts((kind) => executed[kind] / count);
      points.push({
        bits,
        timeSteps,
        modelBytes: variant.length,
        instructions: sumOfKinds(mean),
        synapticOperations: synapticOperations / count,
        estimates: microcontrollers.flatMap((device) => estimatesOn(device, mean, need)),
      });
    }
  }
  return { images: count, points };
}

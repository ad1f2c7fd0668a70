// What turns executed Wasm instructions into a processor's. Tables and their origin: scripts/calibrate-engines.ts.

import type { Microcontroller } from "../devices/device.js";
import coremark from "../engines/coremark.json" with { type: "json" };
import wasm2c from "../engines/wasm2c.json" with { type: "json" };
import wasm3 from "../engines/wasm3.json" with { type: "json" };
import { KINDS, type KindCounts } from "../wasm/instruction-kinds.js";
import { type Estimate, isPriced, priced } from "./estimate.js";

/** One engine on one processor, measured in QEMU. */
export interface EngineCosts {
  /** Bytes in flash: engine and core, without the model. */
  readonly codeBytes: number;
  /** Bytes in RAM beside the page of Wasm memory. */
  readonly ramBytes: number;
  /** Largest relative error over the stages that the costs were fitted to. */
  readonly largestError: number;
  /** Machine instructions for a Wasm instruction of each kind. Only their sum over a run means something: kinds occur together. */
  readonly costs: KindCounts;
}

interface EngineTable {
  readonly measured: string;
  readonly targets: Readonly<Record<string, EngineCosts>>;
}

const TABLES = { wasm2c, wasm3 } satisfies Record<string, EngineTable>;

/** How Wasm is run on a device: compiled ahead of time (`wasm2c`, then a C compiler), or interpreted (`wasm3`). */
export type Engine = keyof typeof TABLES;
export const ENGINES: readonly Engine[] = ["wasm2c", "wasm3"];

/** The processor that firmware for a device is compiled for. */
const TARGETS: Readonly<Record<Microcontroller["core"], string>> = {
  "cortex-m0+": "cortex-m0plus",
  "cortex-m3": "cortex-m3",
  "cortex-m4": "cortex-m4",
  "cortex-m7": "cortex-m7",
  "cortex-m33": "cortex-m33",
  rv32imc: "rv32",
  // QEMU has no Cortex-M55, and its Xtensa is not used here; cycles are carried over by what CoreMark takes on both.
  "cortex-m55": "cortex-m33",
  lx7: "cortex-m4",
};

const CARRIED: readonly Microcontroller["core"][] = ["cortex-m55", "lx7"];

/** An engine on a device's processor, or undefined where it was not measured. */
export function engineCosts(engine: Engine, device: Microcontroller): EngineCosts | undefined {
  const { targets }: EngineTable = TABLES[engine];
  return targets[TARGETS[device.core]];
}

/**
 * Machine instructions for executed Wasm instructions.
 * @param target - a name of FIRMWARE_TARGETS
 */
export function machineInstructions(engine: Engine, target: string, counts: KindCounts): Estimate {
  const { targets, measured }: EngineTable = TABLES[engine];
  const table = targets[target];
  if (!table) return { notPriced: `${engine} was not measured on ${target}` };
  const instructions = KINDS.reduce((sum, kind) => sum + counts[kind] * table.costs[kind], 0);
  return priced(instructions, "instructions", [{ grade: "derived", how: "simulated", source: measured }]);
}

/**
 * Cycles of one of a device's cores for executed Wasm instructions: instructions, times the cycles that the same processor takes
 * for one of CoreMark's. That ratio is the published CoreMark/MHz over the instructions that CoreMark takes in QEMU; waits for
 * flash are in it as far as they are in the published score.
 * @example
 * ```ts
 * import { cycles, findDevice, isPriced, type KindCounts, type Microcontroller } from "spikelet/simulator";
 *
 * const device = findDevice("rp2040") as Microcontroller;
 * const cyclesOf = (executed: KindCounts) => {
 *   const estimate = cycles("wasm3", device, executed);
 *   return isPriced(estimate) ? estimate.value : undefined;
 * };
 * ```
 */
export function cycles(engine: Engine, device: Microcontroller, counts: KindCounts): Estimate {
  const target = TARGETS[device.core];
  const instructions = machineInstructions(engine, target, counts);
  if (!isPriced(instructions)) return instructions;
  const { coremarkPerMhz } = device;
  if (!coremarkPerMhz) return { notPriced: `no CoreMark figure of ${device.name} was found` };
  const iterations: Readonly<Record<string, number>> = coremark.instructionsPerIteration;
  const perInstruction = 1e6 / coremarkPerMhz.value / iterations[target];
  const figures = [
    coremarkPerMhz,
    { grade: "derived", how: "simulated", source: coremark.measured } as const,
    { grade: instructions.grade, how: instructions.basis, source: instructions.sources[0] },
  ];
  const note = CARRIED.includes(device.core)
    ? `carried over from ${target} to ${device.core} by CoreMark`
    : `${perInstruction.toFixed(2)} cycles an instruction, by CoreMark`;
  return priced(instructions.value * perInstruction, "cycles", figures, { note });
}

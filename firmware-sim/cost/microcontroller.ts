import { PAGE_BYTES } from "../../assembly/core/memory";
import type { Figure, How, Microcontroller } from "../devices/device.js";
import { type Estimate, type Priced, priced } from "./estimate.js";

/** What a firmware takes. */
export interface MemoryNeed {
  /** Code, and the model where it lies in flash. */
  readonly flashBytes: number;
  /** In all: Wasm pages, stack, and what an engine takes. */
  readonly ramBytes: number;
  /** 64 KiB pages among `ramBytes`. */
  readonly wasmPages: number;
}

/** What is missing for a firmware to fit. */
export interface Shortage {
  readonly of: "flash" | "RAM" | "Wasm pages";
  readonly unit: "bytes" | "pages";
  readonly needed: number;
  readonly available: number;
  /** needed − available, above 0. */
  readonly missing: number;
}

/** What a device lacks for a firmware; empty if it fits. */
export function shortages(device: Microcontroller, need: MemoryNeed): Shortage[] {
  const besidePages = need.ramBytes - need.wasmPages * PAGE_BYTES;
  const roomForPages = Math.max(0, Math.floor((device.ram.value - besidePages) / PAGE_BYTES));
  const compared = [
    { of: "flash", unit: "bytes", needed: need.flashBytes, available: device.flash.value },
    { of: "RAM", unit: "bytes", needed: need.ramBytes, available: device.ram.value },
    { of: "Wasm pages", unit: "pages", needed: need.wasmPages, available: roomForPages },
  ] as const;
  return compared
    .filter(({ needed, available }) => needed > available)
    .map((item) => ({ ...item, missing: item.needed - item.available }));
}

/**
 * How long one core takes.
 * @param basis - how the cycles were obtained
 * @returns seconds
 */
export function latency(device: Microcontroller, cycles: number, basis: How = "simulated"): Priced {
  return priced(cycles / (device.clock.value * 1e6), "s", [device.clock], { basis });
}

/**
 * What a device draws while one core runs: current per MHz × supply × cycles.
 * @param basis - how the cycles were obtained
 * @returns joules
 */
export function energy(device: Microcontroller, cycles: number, basis: How = "simulated"): Estimate {
  const { activeCurrent, supply, clock } = device;
  if (!activeCurrent) return { notPriced: `no run current of ${device.name} was found` };
  if (!supply) return { notPriced: `no supply voltage stands beside the run current of ${device.name}` };
  const figures: Figure[] = [activeCurrent, supply];
  let coulombsPerCycle = activeCurrent.value * 1e-12;
  if (activeCurrent.unit === "mA") {
    coulombsPerCycle = (activeCurrent.value * 1e-3) / (clock.value * 1e6);
    figures.push(clock);
  }
  return priced(coulombsPerCycle * supply.value * cycles, "J", figures, {
    basis,
    note: activeCurrent.scope,
  });
}

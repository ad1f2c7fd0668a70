import type {
  EngineProfile,
  Estimate,
  Microcontroller,
  NeuromorphicProfile,
  Priced,
  Profile,
} from "../../firmware-sim/index.js";
import { formatPlural, formatShortQuantity } from "../../src/numbers.js";

/** One way to run the network on a device. */
export interface Way {
  /** Absent where there is only one. */
  readonly engine?: "compiled" | "interpreted";
  readonly latency: Estimate;
  readonly energy: Estimate;
}

/** What one device is said to take for a picture. */
export interface DeviceRow {
  readonly name: string;
  /** Whether the network fits, in words. */
  readonly fit: string;
  readonly fits: boolean;
  readonly ways: readonly Way[];
}

const ENGINES = { wasm2c: "compiled", wasm3: "interpreted" } as const;

export function isPriced(estimate: Estimate): estimate is Priced {
  return "value" in estimate;
}

/** Microcontrollers, then neuromorphic chips, each as far as anything is known. */
export function deviceRows({ microcontrollers, neuromorphic }: Profile): DeviceRow[] {
  return [
    ...microcontrollers.map(({ device, engines }): DeviceRow => {
      const [first] = engines;
      return {
        name: device.name,
        fit: first ? memoryFit(device, first) : "not measured on its processor",
        fits: first?.shortages.length === 0,
        ways: engines.map(({ engine, seconds, joules }) => ({
          engine: ENGINES[engine],
          latency: seconds,
          energy: joules,
        })),
      };
    }),
    ...neuromorphic.map(({ device, placement, price }): DeviceRow => {
      return {
        name: device.name,
        fit: coreFit(placement),
        fits: placement.outcome === "placed",
        ways: [{ latency: price.time, energy: price.total }],
      };
    }),
  ];
}

function memoryFit(device: Microcontroller, { flashBytes, ramBytes, shortages }: EngineProfile): string {
  if (shortages.length) {
    const short = shortages.map(({ of, unit, missing }) =>
      unit === "bytes" ? `${formatShortQuantity(missing, "B")} of ${of}` : `${missing} ${of}`,
    );
    return `does not fit: lacks ${short.join(" and ")}`;
  }
  const parts = [
    [flashBytes, device.flash.value, "flash"],
    [ramBytes, device.ram.value, "RAM"],
  ] as const;
  return `fits: ${parts.map(([used, of, what]) => `${formatShortQuantity(used, "B")} of ${formatShortQuantity(of, "B")} ${what}`).join(", ")}`;
}

function coreFit(placement: NeuromorphicProfile["placement"]): string {
  switch (placement.outcome) {
    case "placed":
      return `fits on ${formatPlural(placement.cores, "core")}`;
    case "impossible":
      return "does not fit; what its events alone would take";
    case "unknown":
      return "nobody published how much it holds";
  }
}

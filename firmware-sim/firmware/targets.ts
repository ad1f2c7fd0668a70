import { SpikeletError } from "../../src/errors.js";
import { nearestHint } from "../../src/nearest.js";

/** A processor that firmware is compiled for, and the QEMU board that it runs on. */
export interface FirmwareTarget {
  readonly name: string;
  /** What stands before `gcc`, `size` and the like in the cross compiler's names. */
  readonly prefix: string;
  readonly flags: string;
  readonly qemu: string;
  /** First function; on Arm the vector table says the same. */
  readonly entry: string;
  /** Where flash and RAM of the QEMU board lie, and how large they are. */
  readonly flash: { readonly start: number; readonly bytes: number };
  readonly ram: { readonly start: number; readonly bytes: number };
  /** The board's timer, and how many instructions pass in one of its ticks; RISC-V counts instructions itself. */
  readonly timer?: number;
  readonly tick: number;
  /** Said where the QEMU board is not quite that processor. */
  readonly note?: string;
}

const MEBIBYTE = 2 ** 20;

/** Arm's MPS2 boards: 4 MiB for code at 0, 4 MiB for data, a timer of 25 MHz. */
const MPS2 = {
  prefix: "arm-none-eabi-",
  entry: "start",
  flash: { start: 0, bytes: 4 * MEBIBYTE },
  ram: { start: 0x20000000, bytes: 4 * MEBIBYTE },
  timer: 0x40000000,
  tick: 40,
} as const;

export const FIRMWARE_TARGETS: readonly FirmwareTarget[] = [
  {
    ...MPS2,
    name: "cortex-m0plus",
    flags: "-mcpu=cortex-m0plus -mthumb",
    qemu: "qemu-system-arm -M mps2-an385",
    note: "QEMU has no Cortex-M0+ board with enough RAM: its code, a subset of the Cortex-M3's, runs on a Cortex-M3 in the same number of instructions.",
  },
  {
    ...MPS2,
    name: "cortex-m3",
    flags: "-mcpu=cortex-m3 -mthumb",
    qemu: "qemu-system-arm -M mps2-an385",
  },
  {
    ...MPS2,
    name: "cortex-m4",
    flags: "-mcpu=cortex-m4 -mthumb",
    qemu: "qemu-system-arm -M mps2-an386",
  },
  {
    ...MPS2,
    name: "cortex-m7",
    flags: "-mcpu=cortex-m7 -mthumb",
    qemu: "qemu-system-arm -M mps2-an500",
  },
  {
    ...MPS2,
    name: "cortex-m33",
    flags: "-mcpu=cortex-m33 -mthumb",
    qemu: "qemu-system-arm -M mps2-an505",
    // Where the secure state, in which the processor starts, sees them; the timer runs at 20 MHz.
    flash: { start: 0x10000000, bytes: 4 * MEBIBYTE },
    ram: { start: 0x38000000, bytes: 2 * MEBIBYTE },
    timer: 0x50000000,
    tick: 50,
  },
  {
    name: "rv32",
    prefix: "riscv64-unknown-elf-",
    flags: "-march=rv32imac -mabi=ilp32",
    qemu: "qemu-system-riscv32 -M virt -bios none",
    entry: "reset",
    flash: { start: 0x80000000, bytes: 16 * MEBIBYTE },
    ram: { start: 0x81000000, bytes: 16 * MEBIBYTE },
    tick: 1,
  },
];

/**
 * A target by its name.
 * @throws SpikeletError "bad-option", which names the nearest
 * @example
 * ```ts
 * import { firmwareTarget } from "spikelet/simulator";
 *
 * console.log(firmwareTarget("rv32").prefix);
 * ```
 */
export function firmwareTarget(name: string): FirmwareTarget {
  const target = FIRMWARE_TARGETS.find((t) => t.name === name.toLowerCase());
  if (target) return target;
  const names = FIRMWARE_TARGETS.map((t) => t.name);
  throw new SpikeletError(
    "bad-option",
    `no firmware target is named "${name}"${nearestHint(name, names)}; expected one of ${names.join(", ")}`,
  );
}

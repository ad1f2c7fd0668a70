import { PAGE_BYTES } from "../../assembly/core/memory";
import { STREAM_BOARD } from "../../assembly/core/streams";
import { SpikeletError } from "../../src/errors.js";
import { drawBlock } from "../../src/math/random.js";
import { placeInModel } from "../../src/model/flash-map.js";
import { latency, type MemoryNeed, type Shortage, shortages } from "../cost/microcontroller.js";
import type { Microcontroller } from "../devices/device.js";
import { type KindCounts, sumOfKinds } from "../wasm/instruction-kinds.js";
import { Counters, instrument } from "../wasm/instrument.js";
import { memoryPages, withMemoryLimit, withoutCustomSections } from "../wasm/module-size.js";
import { functionNames, sectionsOf } from "../wasm/wasm-binary.js";
import { type Frame, FrameReader } from "./frames.js";
import { type Board, FirmwareExit, wasiFunctions } from "./wasi.js";

const START_SECTION = 8;

/** What is kept of what a firmware sends, so that one that never ends does not fill the host's memory. */
const MOST_DISPLAY_BYTES = 2 ** 28;
const MOST_UART_BYTES = 2 ** 20;

/** When power is lost: when this many instructions have been executed, or when the display has this many whole frames. */
export type PowerLoss = { readonly instructions: number } | { readonly frames: number };

/** What goes wrong around the firmware; nothing does unless it is said here. */
export interface Faults {
  readonly powerLoss?: PowerLoss;
  /** Whole frames that the display takes before it is closed. */
  readonly displayFrames?: number;
  /** Bytes of the model that flash really holds: the rest cannot be read, though the file is as long as before. */
  readonly flashBytes?: number;
}

export interface SimulateOptions {
  readonly device: Microcontroller;
  /** What lies in flash: a .spk file, as a rule. */
  readonly model: Uint8Array;
  /** Its name there; "model.spk" if not given. */
  readonly modelName?: string;
  /** The firmware's arguments. */
  readonly args?: readonly string[];
  /** Cycles of the device that executed Wasm instructions take: what its clock, and so its time, is made of. */
  readonly cycles: (executed: KindCounts) => number;
  /** Bytes that an engine takes in flash besides the firmware's module; none if not given. */
  readonly engineCodeBytes?: number;
  /** Bytes of RAM besides the firmware's memory: stack, and what an engine takes; 4096 if not given. */
  readonly otherRamBytes?: number;
  /** Instructions after which a firmware that still runs is stopped; 2e9 if not given. */
  readonly fuel?: number;
  /** Fills with random bytes; a generator that gives the same in every simulation if not given. */
  readonly random?: (bytes: Uint8Array) => void;
  readonly faults?: Faults;
}

/** Where a firmware was stopped. */
export interface Place {
  /** Index of the function in the module. */
  readonly functionIndex: number;
  /** Its name, where the module has names. */
  readonly functionName?: string;
  /** What was read from flash last. */
  readonly lastRead?: FlashRead;
}

export interface FlashRead {
  readonly offset: number;
  readonly length: number;
  /** What lies there in the model, such as "weights of decoder.1". */
  readonly section?: string;
}

/** How a run ended. */
export type Outcome =
  | { readonly kind: "finished"; readonly exitCode: number }
  | { readonly kind: "power lost" }
  | { readonly kind: "trapped"; readonly reason: string; readonly place: Place }
  | { readonly kind: "out of fuel"; readonly fuel: number; readonly place: Place };

export interface Simulation {
  readonly outcome: Outcome;
  /** Whole frames that the display got. */
  readonly frames: readonly Frame[];
  /** All bytes that the display got, up to 256 MiB. */
  readonly display: Uint8Array;
  /** Lines that the UART sent, of the first MiB. */
  readonly uart: readonly string[];
  /** Executed Wasm instructions. */
  readonly instructions: KindCounts;
  readonly cycles: number;
  /** Device time. */
  readonly seconds: number;
  readonly flash: {
    readonly reads: number;
    readonly bytes: number;
    /** The first read that wanted more than flash holds. */
    readonly pastEnd?: FlashRead;
  };
  readonly need: MemoryNeed;
}

/** Thrown through the firmware when power is lost between two frames. */
class PowerLost extends Error {}

/**
 * Runs a firmware, a WASI preview 1 command, on a simulated device. What the device has is enforced; its time is that of the
 * instructions that were executed.
 * @param firmware - a Wasm module that exports `_start` and `memory`
 * @throws SpikeletError "bad-option" if firmware and model do not fit the device, or firmware is no such module
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { cycles, deviceModel, findDevice, isPriced, simulate } from "spikelet/simulator";
 *
 * const device = findDevice("nrf52840");
 * if (device.family !== "microcontroller") throw new Error("Wasm runs on microcontrollers");
 * const firmware = await readFile("node_modules/spikelet/dist/firmware.wasm");
 * const { frames, seconds, outcome } = await simulate(firmware, {
 *   device,
 *   model: deviceModel(await readFile("mine.spk")),
 *   args: ["1", "2"], // seed, images
 *   cycles: (executed) => {
 *     const estimate = cycles("wasm2c", device, executed);
 *     return isPriced(estimate) ? estimate.value : 0;
 *   },
 * });
 * ```
 */
export async function simulate(firmware: Uint8Array, options: SimulateOptions): Promise<Simulation> {
  const { device, model, modelName = "model.spk", otherRamBytes = 4096, fuel = 2e9, faults = {} } = options;
  checkCommand(firmware);
  const need = {
    flashBytes: withoutCustomSections(firmware).length + (options.engineCodeBytes ?? 0) + model.length,
    ramBytes: memoryPages(firmware) * PAGE_BYTES + otherRamBytes,
    wasmPages: memoryPages(firmware),
  };
  const missing = shortages(device, need);
  if (missing.length) throw new SpikeletError("bad-option", tooLarge(device, missing));

  const flash = new Flash(model, faults.flashBytes ?? model.length);
  const screen = new Screen(faults);
  const uart = new Uart();
  let linear: WebAssembly.Memory | undefined;
  let counters: Counters | undefined;
  const secondsSoFar = () => latency(device, counters ? options.cycles(counters.byKind()) : 0).value;
  const board: Board = {
    args: options.args ?? [],
    file: { name: modelName, bytes: model.length, read: (offset, length) => flash.read(offset, length) },
    display: (bytes) => screen.write(bytes),
    uart: (bytes) => uart.write(bytes),
    now: () => BigInt(Math.floor(secondsSoFar() * 1e9)),
    random: options.random ?? repeatableRandom(),
  };
  const { exports } = await start(firmware, {
    functions: wasiFunctions(board, () => linear!),
    mostPages: Math.floor((device.ram.value - otherRamBytes) / PAGE_BYTES),
  });
  linear = exports.memory as WebAssembly.Memory;
  counters = new Counters(exports);
  const powerOff =
    faults.powerLoss && "instructions" in faults.powerLoss
      ? faults.powerLoss.instructions
      : Number.POSITIVE_INFINITY;
  counters.setFuel(Math.min(fuel, powerOff));

  let outcome: Outcome = { kind: "finished", exitCode: 0 };
  try {
    (exports._start as () => void)();
  } catch (error) {
    if (error instanceof FirmwareExit) outcome = { kind: "finished", exitCode: error.code };
    else if (error instanceof PowerLost || (counters.isOutOfFuel && powerOff <= fuel)) {
      outcome = { kind: "power lost" };
    } else if (isTrap(error)) {
      const place = placeOf(error, counters, firmware, flash);
      outcome = counters.isOutOfFuel
        ? { kind: "out of fuel", fuel, place }
        : { kind: "trapped", reason: error.message, place };
    } else throw error;
  }
  const instructions = counters.byKind();
  return {
    outcome,
    frames: screen.frames,
    display: screen.bytes,
    uart: uart.lines,
    instructions,
    cycles: options.cycles(instructions),
    seconds: secondsSoFar(),
    flash: { reads: flash.reads, bytes: flash.bytes, ...(flash.pastEnd && { pastEnd: flash.pastEnd }) },
    need,
  };
}

/** A sentence that says where a firmware was stopped, and after how many instructions. */
export function describePlace(
  { functionIndex, functionName, lastRead }: Place,
  executed: KindCounts,
): string {
  const name = functionName === undefined ? "" : ` (${functionName})`;
  const count = sumOfKinds(executed).toLocaleString("en-US");
  const read = lastRead ? `it last read ${describeRead(lastRead)}` : "it read nothing from flash";
  return `in function ${functionIndex}${name} after ${count} instructions; ${read}`;
}

export function describeRead({ offset, length, section }: FlashRead): string {
  return `${length} bytes of flash at ${offset}${section === undefined ? "" : ` (${section})`}`;
}

/** The display, and what goes wrong with it. */
class Screen {
  readonly #reader = new FrameReader();
  readonly #written: Uint8Array[] = [];
  #length = 0;
  readonly #closesAfter: number;
  readonly #losesPowerAfter: number;

  constructor({ displayFrames, powerLoss }: Faults) {
    this.#closesAfter = displayFrames ?? Number.POSITIVE_INFINITY;
    this.#losesPowerAfter = powerLoss && "frames" in powerLoss ? powerLoss.frames : Number.POSITIVE_INFINITY;
  }

  get frames(): readonly Frame[] {
    return this.#reader.frames;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#written));
  }

  /** Whether the display took the bytes. */
  write(bytes: Uint8Array): boolean {
    this.#length += bytes.length;
    if (this.frames.length >= this.#closesAfter || this.#length > MOST_DISPLAY_BYTES) return false;
    this.#written.push(bytes);
    this.#reader.write(bytes);
    if (this.frames.length >= this.#losesPowerAfter) throw new PowerLost();
    return true;
  }
}

/** The serial line; of very much that is sent, only the beginning is kept. */
class Uart {
  readonly #written: Uint8Array[] = [];
  #length = 0;

  write(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length <= MOST_UART_BYTES) this.#written.push(bytes);
  }

  get lines(): string[] {
    const text = new TextDecoder().decode(Buffer.concat(this.#written));
    return text.split("\n").filter((line) => line !== "");
  }
}

/** A model in flash, and what was read of it. */
class Flash {
  reads = 0;
  bytes = 0;
  #last: { offset: number; length: number } | undefined;
  #pastEnd: { offset: number; length: number } | undefined;

  /** @param held - bytes that can be read */
  constructor(
    readonly model: Uint8Array,
    readonly held: number,
  ) {}

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(this.held, this.model.length);
    this.#last = { offset, length };
    if (offset + length > end) this.#pastEnd ??= this.#last;
    const bytes = this.model.subarray(Math.min(offset, end), Math.min(offset + length, end));
    this.reads++;
    this.bytes += bytes.length;
    return bytes;
  }

  #described(read: { offset: number; length: number } | undefined): FlashRead | undefined {
    if (!read) return undefined;
    const section = placeInModel(this.model, read.offset);
    return { ...read, ...(section !== undefined && { section }) };
  }

  get last(): FlashRead | undefined {
    return this.#described(this.#last);
  }

  get pastEnd(): FlashRead | undefined {
    return this.#described(this.#pastEnd);
  }
}

function tooLarge({ name }: Microcontroller, missing: readonly Shortage[]): string {
  const parts = missing.map(({ of, unit, needed, available, missing }) => {
    const [lacking, wanted, there] = [missing, needed, available].map((n) => n.toLocaleString("en-US"));
    return `${of}: ${lacking}${unit === "bytes" ? " bytes" : ""} missing (${wanted} needed, ${there} there)`;
  });
  return `firmware and model do not fit the ${name}; ${parts.join("; ")}`;
}

function refuse(problem: string): SpikeletError {
  return new SpikeletError("bad-option", `the firmware ${problem}; expected a WASI preview 1 command`);
}

function checkCommand(firmware: Uint8Array): void {
  if (!WebAssembly.validate(new Uint8Array(firmware))) throw refuse("is no valid Wasm module");
  const exported = WebAssembly.Module.exports(new WebAssembly.Module(new Uint8Array(firmware)));
  const lacking = [
    { name: "_start", kind: "function" },
    { name: "memory", kind: "memory" },
  ].filter((wanted) => !exported.some(({ name, kind }) => name === wanted.name && kind === wanted.kind));
  if (lacking.length) throw refuse(`does not export ${lacking.map(({ name }) => name).join(" and ")}`);
  if (sectionsOf(firmware).some(({ id }) => id === START_SECTION)) {
    throw refuse("has a start function, which would run before its memory is known");
  }
}

interface Surroundings {
  readonly functions: Readonly<Record<string, unknown>>;
  /** Pages of RAM: growing memory beyond them fails. */
  readonly mostPages: number;
}

/** An instance of the firmware that counts its instructions and stops when its fuel is spent. */
async function start(
  firmware: Uint8Array,
  { functions, mostPages }: Surroundings,
): Promise<WebAssembly.Instance> {
  const module = await WebAssembly.compile(count(withMemoryLimit(firmware, mostPages)));
  const unknown = WebAssembly.Module.imports(module).filter(
    ({ module, name }) => module !== "wasi_snapshot_preview1" || !(name in functions),
  );
  if (unknown.length) {
    const names = unknown.map(({ module, name }) => `${module}.${name}`).join(", ");
    throw refuse(`imports ${names}, which the simulated device does not have`);
  }
  try {
    return await WebAssembly.instantiate(module, {
      wasi_snapshot_preview1: functions as WebAssembly.ModuleImports,
    });
  } catch (error) {
    // Data outside of memory, or an import of another type.
    if (error instanceof WebAssembly.RuntimeError || error instanceof WebAssembly.LinkError) {
      throw refuse(`cannot be started (${error.message})`);
    }
    throw error;
  }
}

function count(firmware: Uint8Array): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(instrument(firmware, { fuel: true }));
  } catch (error) {
    // An instruction of a proposal that the instrumenter does not know.
    throw refuse(`cannot be counted (${error instanceof Error ? error.message : error})`);
  }
}

/** Whether the engine stopped the firmware: a trap, or a call stack that is used up. */
function isTrap(error: unknown): error is Error {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
}

/** V8 names the functions on the stack by their indices; where it does not, the counters know the function that ran last. */
function placeOf(error: Error, counters: Counters, firmware: Uint8Array, flash: Flash): Place {
  const onStack = /wasm-function\[(\d+)\]/.exec(error.stack ?? "");
  const functionIndex = onStack ? Number(onStack[1]) : (counters.lastFunction ?? -1);
  const functionName = functionNames(firmware).get(functionIndex);
  const lastRead = flash.last;
  return {
    functionIndex,
    ...(functionName !== undefined && { functionName }),
    ...(lastRead && { lastRead }),
  };
}

/** A stream of Philox blocks, the same in every simulation. */
function repeatableRandom(): (bytes: Uint8Array) => void {
  const words = new Uint32Array(4);
  let block = 0;
  return (bytes) => {
    for (let at = 0; at < bytes.length; at += 16) {
      drawBlock(words, block++, STREAM_BOARD, 0, 0);
      bytes.set(new Uint8Array(words.buffer).subarray(0, bytes.length - at), at);
    }
  };
}

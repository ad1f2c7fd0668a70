// Counts the instructions that a Wasm binary executes, exactly: an i64 counter for each kind of instruction, to which every
// straight run of instructions adds its own where it begins. Nothing else of the binary changes, so what is counted is what
// is shipped.
//
// The rule: every executed instruction counts one, constants and locals included, `if`, branches and calls too;
// `block`, `loop`, `else` and `end` do nothing when they are reached and count nothing. A run ends where control can leave it or
// enter the next: after if, else, end, loop, br, br_if, br_table, return and unreachable. A trap inside a run makes the count
// too large by the rest of the run.

import { KINDS, type Kind, type KindCounts, kindCounts, kindOf, sumOfKinds } from "./instruction-kinds.js";
import {
  bodiesOf,
  Cursor,
  EXPORTED_GLOBAL,
  importCounts,
  leb,
  OP,
  SECTION,
  SECTION_ORDER,
  type Section,
  sectionsOf,
  sized,
  skipInstruction,
  TYPE,
} from "./wasm-binary.js";

const UNCOUNTED: readonly number[] = [OP.block, OP.loop, OP.else, OP.end];
const ENDS_RUN: readonly number[] = [
  OP.unreachable,
  OP.loop,
  OP.if,
  OP.else,
  OP.end,
  OP.br,
  OP.brIf,
  OP.brTable,
  OP.return,
];

/** Names of the exports that instrumenting adds. */
const PREFIX = "executed:";
const FUEL = "fuel:left";
const PLACE = "fuel:function";

export interface InstrumentOptions {
  /** Whether a run stops, with `unreachable`, once it has spent the fuel that `Counters.setFuel` gave it. */
  readonly fuel?: boolean;
}

/** Indices of the globals that instrumented code uses. */
interface Globals {
  readonly counterOf: (kind: Kind) => number;
  readonly fuel: number | undefined;
  readonly place: number;
}

/** Adds to a global, an i64. */
function addTo(global: number, n: number): number[] {
  const g = leb(global);
  return [OP.globalGet, ...g, OP.i64Const, ...leb(n, true), OP.i64Add, OP.globalSet, ...g];
}

/** What is put before a straight run: its fuel, then its counts. */
function prologue(counts: ReadonlyMap<Kind, number>, functionIndex: number, globals: Globals): number[] {
  const code: number[] = [];
  if (globals.fuel !== undefined) {
    const fuel = leb(globals.fuel);
    const length = [...counts.values()].reduce((sum, n) => sum + n, 0);
    code.push(
      ...[OP.i32Const, ...leb(functionIndex, true), OP.globalSet, ...leb(globals.place)],
      ...addTo(globals.fuel, -length),
      ...[OP.globalGet, ...fuel, OP.i64Const, 0, OP.i64LessSigned],
      ...[OP.if, TYPE.empty, OP.unreachable, OP.end],
    );
  }
  for (const [kind, n] of counts) code.push(...addTo(globals.counterOf(kind), n));
  return code;
}

/** A function's body with what counts it. */
function countIn(body: Uint8Array, functionIndex: number, globals: Globals): number[] {
  const c = new Cursor(body);
  for (let groups = c.leb(); groups; groups--) {
    c.leb();
    c.byte();
  }
  const out: number[] = Array.from(body.subarray(0, c.at));
  let start = c.at;
  let counts = new Map<Kind, number>();
  while (!c.ended) {
    const opcode = skipInstruction(c);
    if (!UNCOUNTED.includes(opcode)) counts.set(kindOf(opcode), (counts.get(kindOf(opcode)) ?? 0) + 1);
    if (!ENDS_RUN.includes(opcode) && !c.ended) continue;
    if (counts.size) {
      out.push(...prologue(counts, functionIndex, globals));
      counts = new Map();
    }
    for (let k = start; k < c.at; k++) out.push(body[k]);
    start = c.at;
  }
  return out;
}

/** A vector section with more entries at its end. */
function extended(section: Section | undefined, entries: readonly (readonly number[])[]): number[] {
  const c = new Cursor(section?.bytes ?? Uint8Array.of(0));
  const count = c.leb();
  return [...leb(count + entries.length), ...c.bytes.subarray(c.at), ...entries.flat()];
}

/**
 * The binary with counters, which `Counters` reads. Custom sections are left out.
 * @param binary - a valid module; only instructions of the WebAssembly 2.0 specification are known
 */
export function instrument(binary: Uint8Array, { fuel = false }: InstrumentOptions = {}): Uint8Array {
  const sections = sectionsOf(binary);
  const find = (id: number) => sections.find((section) => section.id === id);
  const imported = importCounts(sections);
  const ownGlobals = find(SECTION.global);
  const first = imported.globals + (ownGlobals ? new Cursor(ownGlobals.bytes).leb() : 0);
  const code = find(SECTION.code);
  const bodies = code ? bodiesOf(code) : [];

  const exports: string[] = [];
  const definitions: number[][] = [];
  const define = (name: string, type: number, zero: number) => {
    exports.push(name);
    definitions.push([type, 1, zero, 0, OP.end]);
    return first + exports.length - 1;
  };
  const counters = new Map<Kind, number>();
  const globals: Globals = {
    counterOf: (kind) => {
      const counter = counters.get(kind) ?? define(`${PREFIX}${kind}`, TYPE.i64, OP.i64Const);
      counters.set(kind, counter);
      return counter;
    },
    fuel: fuel ? define(FUEL, TYPE.i64, OP.i64Const) : undefined,
    place: fuel ? define(PLACE, TYPE.i32, OP.i32Const) : 0,
  };
  const counted = bodies.map((body, i) => sized(countIn(body, imported.functions + i, globals)));
  const exported = exports.map((name, i) => [
    ...sized(new TextEncoder().encode(name)),
    EXPORTED_GLOBAL,
    ...leb(first + i),
  ]);
  const changed: Record<number, readonly number[]> = {
    [SECTION.global]: extended(ownGlobals, definitions),
    [SECTION.export]: extended(find(SECTION.export), exported),
    [SECTION.code]: [...leb(bodies.length), ...counted.flat()],
  };
  const out: number[] = Array.from(binary.subarray(0, 8));
  for (const id of SECTION_ORDER) {
    const bytes = changed[id] ?? find(id)?.bytes;
    if (!bytes) continue;
    out.push(id, ...leb(bytes.length));
    for (const byte of bytes) out.push(byte);
  }
  return Uint8Array.from(out);
}

/** The counters of an instance of an instrumented module. */
export class Counters {
  readonly #counters: readonly (readonly [kind: Kind, global: WebAssembly.Global])[];
  readonly #fuel: WebAssembly.Global | undefined;
  readonly #place: WebAssembly.Global | undefined;

  constructor(exports: WebAssembly.Exports) {
    this.#counters = KINDS.flatMap((kind) => {
      const global = exports[PREFIX + kind] as WebAssembly.Global | undefined;
      return global ? [[kind, global] as const] : [];
    });
    this.#fuel = exports[FUEL] as WebAssembly.Global | undefined;
    this.#place = exports[PLACE] as WebAssembly.Global | undefined;
  }

  reset(): void {
    for (const [, global] of this.#counters) global.value = 0n;
  }

  /** Executed instructions by kind since the last reset. */
  byKind(): KindCounts {
    const counts = new Map(this.#counters.map(([kind, global]) => [kind, Number(global.value)]));
    return kindCounts((kind) => counts.get(kind) ?? 0);
  }

  /** Executed instructions since the last reset. */
  total(): number {
    return sumOfKinds(this.byKind());
  }

  /** Instructions that may still be executed; only of a module that was instrumented with `fuel`. */
  setFuel(instructions: number): void {
    if (this.#fuel) this.#fuel.value = BigInt(instructions);
  }

  /** Whether the run was stopped because it had spent its fuel. */
  get isOutOfFuel(): boolean {
    return this.#fuel !== undefined && this.#fuel.value < 0n;
  }

  /** Index of the function that ran last; undefined without `fuel`. */
  get lastFunction(): number | undefined {
    return this.#place?.value;
  }
}

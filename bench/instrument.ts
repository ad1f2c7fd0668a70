// Counts the instructions that a Wasm binary executes, exactly: an i64 counter for each function, to which every
// straight run of instructions adds its length where it begins. Nothing else of the binary changes, so what is counted is what
// is shipped.
//
// The rule: every executed instruction counts one, constants and locals included, `if`, branches and calls too;
// `block`, `loop`, `else` and `end` do nothing when they are reached and count nothing. A run ends where control can leave it or
// enter the next: after if, else, end, loop, br, br_if, br_table, return and unreachable. A trap inside a run would make the
// count too large; the core does not trap.

const OP = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  globalGet: 0x23,
  globalSet: 0x24,
  i64Const: 0x42,
  i64Add: 0x7c,
} as const;

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

const SECTION = { import: 2, global: 6, export: 7, code: 10 } as const;
const I64 = 0x7e;
const GLOBAL = 3;

export const COUNTER_PREFIX = "executed:";

function leb(value: number, signed = false): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 127;
    value >>= 7;
    const done = signed ? value === 0 && !(low & 64) : value === 0;
    bytes.push(done ? low : low | 128);
    if (done) return bytes;
  }
}

class Cursor {
  at = 0;

  constructor(readonly bytes: Uint8Array) {}

  get ended(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    return this.bytes[this.at++];
  }

  /** Also steps over a signed number, of any size. */
  leb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  lebs(count: number): void {
    for (; count; count--) this.leb();
  }

  take(length: number): Uint8Array {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** Steps over the immediates of a vector instruction (opcode 0xfd). */
function skipVectorImmediates(c: Cursor): void {
  const code = c.leb();
  if (code <= 11 || code === 92 || code === 93) c.lebs(2);
  else if (code === 12 || code === 13) c.take(16);
  else if (code >= 21 && code <= 34) c.take(1);
  else if (code >= 84 && code <= 91) {
    c.lebs(2);
    c.take(1);
  }
}

/** Steps over one instruction; gives its opcode, without the second part where there is one. */
function skipInstruction(c: Cursor): number {
  const opcode = c.byte();
  const isMemoryAccess = opcode >= 0x28 && opcode <= 0x3e;
  if (isMemoryAccess || opcode === 0x11) c.lebs(2);
  else if (opcode === OP.brTable) c.lebs(c.leb() + 1);
  else if (opcode === 0xfd) skipVectorImmediates(c);
  else if (opcode === 0xfc)
    c.lebs([2, 1, 2, 1][Math.max(0, c.leb() - 8)]); // memory.init, data.drop, memory.copy, memory.fill
  else if (opcode === 0x43) c.take(4);
  else if (opcode === 0x44) c.take(8);
  else if (
    (opcode >= OP.block && opcode <= OP.if) ||
    opcode === OP.br ||
    opcode === OP.brIf ||
    opcode === 0x10 || // call
    (opcode >= 0x20 && opcode <= OP.globalSet) ||
    (opcode >= 0x3f && opcode <= OP.i64Const) // memory.size, memory.grow, i32.const
  ) {
    c.leb();
  } else if (opcode > 0xc4) throw new Error(`Unknown opcode 0x${opcode.toString(16)}.`);
  return opcode;
}

/** A function's body with its counter in global `counter`. */
function countIn(body: Uint8Array, counter: number): number[] {
  const c = new Cursor(body);
  for (let groups = c.leb(); groups; groups--) {
    c.leb();
    c.byte();
  }
  const out: number[] = [...body.subarray(0, c.at)];
  let start = c.at;
  let length = 0;
  while (!c.ended) {
    const opcode = skipInstruction(c);
    if (!UNCOUNTED.includes(opcode)) length++;
    if (!ENDS_RUN.includes(opcode) && !c.ended) continue;
    if (length) {
      const add = [OP.i64Const, ...leb(length, true), OP.i64Add];
      out.push(OP.globalGet, ...leb(counter), ...add, OP.globalSet, ...leb(counter));
    }
    for (let k = start; k < c.at; k++) out.push(body[k]);
    start = c.at;
    length = 0;
  }
  return out;
}

function sized(bytes: readonly number[]): number[] {
  return [...leb(bytes.length), ...bytes];
}

interface Section {
  readonly id: number;
  readonly bytes: Uint8Array;
}

function sectionsOf(binary: Uint8Array): Section[] {
  const c = new Cursor(binary);
  c.take(8);
  const sections: Section[] = [];
  while (!c.ended) {
    const id = c.byte();
    sections.push({ id, bytes: c.take(c.leb()) });
  }
  return sections;
}

/** Functions that a module imports. */
function importedFunctions(sections: readonly Section[]): number {
  const section = sections.find(({ id }) => id === SECTION.import);
  if (!section) return 0;
  const c = new Cursor(section.bytes);
  const count = c.leb();
  for (let i = 0; i < count; i++) {
    c.take(c.leb());
    c.take(c.leb());
    if (c.byte() !== 0) throw new Error("Only functions may be imported.");
    c.leb();
  }
  return count;
}

/** The bodies in a code section. */
function bodiesOf(section: Section): Uint8Array[] {
  const c = new Cursor(section.bytes);
  return Array.from({ length: c.leb() }, () => c.take(c.leb()));
}

/** A vector section with more entries at its end. */
function extended(section: Section | undefined, entries: readonly (readonly number[])[]): number[] {
  const c = new Cursor(section?.bytes ?? Uint8Array.of(0));
  const count = c.leb();
  return [...leb(count + entries.length), ...c.bytes.subarray(c.at), ...entries.flat()];
}

/** The binary with a counter for each function, exported as `executed:` and the function's index. */
export function instrument(binary: Uint8Array): Uint8Array {
  const sections = sectionsOf(binary);
  const find = (id: number) => sections.find((section) => section.id === id);
  const globals = find(SECTION.global);
  const firstCounter = globals ? new Cursor(globals.bytes).leb() : 0;
  const firstFunction = importedFunctions(sections);
  const bodies = bodiesOf(find(SECTION.code)!);

  const counter = [I64, 1, OP.i64Const, 0, OP.end];
  const names = bodies.map((_, i) => [...new TextEncoder().encode(`${COUNTER_PREFIX}${firstFunction + i}`)]);
  const changed: Record<number, number[]> = {
    [SECTION.global]: extended(
      globals,
      bodies.map(() => counter),
    ),
    [SECTION.export]: extended(
      find(SECTION.export),
      names.map((name, i) => [...sized(name), GLOBAL, ...leb(firstCounter + i)]),
    ),
    [SECTION.code]: [...leb(bodies.length), ...bodies.flatMap((b, i) => sized(countIn(b, firstCounter + i)))],
  };
  const out: number[] = [...binary.subarray(0, 8)];
  for (const id of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11]) {
    if (changed[id]) out.push(id, ...sized(changed[id]));
    else
      for (const section of sections) if (section.id === id && id) out.push(id, ...sized([...section.bytes]));
  }
  return Uint8Array.from(out);
}

/** Executed instructions of each function since the last reset, by index. */
export function readCounters(exports: WebAssembly.Exports): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [name, global] of Object.entries(exports)) {
    if (!name.startsWith(COUNTER_PREFIX)) continue;
    counts.set(Number(name.slice(COUNTER_PREFIX.length)), Number((global as WebAssembly.Global).value));
  }
  return counts;
}

export function resetCounters(exports: WebAssembly.Exports): void {
  for (const [name, global] of Object.entries(exports)) {
    if (name.startsWith(COUNTER_PREFIX)) (global as WebAssembly.Global).value = 0n;
  }
}

/** Names of functions from a binary's name section. */
export function functionNames(binary: Uint8Array): Map<number, string> {
  const names = new Map<number, string>();
  const text = (c: Cursor) => new TextDecoder().decode(c.take(c.leb()));
  for (const { id, bytes } of sectionsOf(binary)) {
    const c = new Cursor(bytes);
    if (id !== 0 || text(c) !== "name") continue;
    while (!c.ended) {
      const kind = c.byte();
      const part = new Cursor(c.take(c.leb()));
      if (kind !== 1) continue;
      for (let count = part.leb(); count; count--) names.set(part.leb(), text(part));
    }
  }
  return names;
}

/** Whether two binaries have the same code. */
export function haveSameCode(a: Uint8Array, b: Uint8Array): boolean {
  const code = (binary: Uint8Array) => sectionsOf(binary).find(({ id }) => id === SECTION.code)!.bytes;
  return Buffer.from(code(a)).equals(code(b));
}

/** Instruments a function whose count is known, runs it and throws if the counter disagrees. */
export function checkInstrument(): void {
  // sum(n): adds n, n − 1 … 1, but only the odd ones; 0 for n = 0.
  const body = [
    ...[1, 1, 0x7f], // one local i32
    ...[OP.block, 0x40],
    ...[0x20, 0, 0x45, OP.brIf, 0], // local.get n, i32.eqz, br_if: 3
    ...[OP.loop, 0x40],
    ...[0x20, 0, 0x41, 1, 0x71, OP.if, 0x40], // local.get n, i32.const 1, i32.and, if: 4 a turn
    ...[0x20, 1, 0x20, 0, 0x6a, 0x21, 1], // local.get s, local.get n, i32.add, local.set s: 4 if odd
    OP.else,
    0x01, // nop: 1 if even
    OP.end,
    ...[0x20, 0, 0x41, 1, 0x6b, 0x22, 0, OP.brIf, 0], // local.get n, i32.const 1, i32.sub, local.tee n, br_if: 5 a turn
    OP.end,
    OP.end,
    ...[0x20, 1], // local.get s: 1
    OP.end,
  ];
  const module = Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, ...sized([1, 0x60, 1, 0x7f, 1, 0x7f])], // i32 to i32
    ...[3, ...sized([1, 0])],
    ...[7, ...sized([1, 3, 0x73, 0x75, 0x6d, 0, 0])], // export "sum"
    ...[10, ...sized([1, ...sized(body)])],
  ]);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(instrument(module))));
  for (const [n, sum, count] of [
    [0, 0, 4],
    [1, 1, 3 + 4 + 4 + 5 + 1],
    [7, 16, 3 + 7 * (4 + 5) + 4 * 4 + 3 + 1],
    [300, 22500, 3 + 300 * (4 + 5) + 150 * 4 + 150 + 1],
  ]) {
    resetCounters(exports);
    const found = (exports.sum as (n: number) => number)(n);
    const counted = readCounters(exports).get(0);
    if (found !== sum || counted !== count) {
      throw new Error(
        `Instrumented sum(${n}) gave ${found} in ${counted} instructions; expected ${sum} in ${count}.`,
      );
    }
  }
}

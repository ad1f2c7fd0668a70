// Just enough of the WebAssembly binary format to find every instruction of a module, and to put new ones between them.

export const OP = {
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
  call: 0x10,
  callIndirect: 0x11,
  selectTyped: 0x1c,
  globalGet: 0x23,
  globalSet: 0x24,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i64LessSigned: 0x53,
  i64Add: 0x7c,
  i64Sub: 0x7d,
} as const;

export const SECTION = { custom: 0, import: 2, global: 6, export: 7, code: 10 } as const;
/** The order in which a module's sections follow each other. */
export const SECTION_ORDER: readonly number[] = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

export const TYPE = { i32: 0x7f, i64: 0x7e, empty: 0x40 } as const;
export const EXPORTED_GLOBAL = 3;

/** A 32-bit number as LEB128. */
export function leb(value: number, signed = false): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = value & 127;
    value = signed ? value >> 7 : value >>> 7;
    const isDone = signed ? value === -(low >> 6) : value === 0;
    bytes.push(isDone ? low : low | 128);
    if (isDone) return bytes;
  }
}

/** Bytes with their length before them. */
export function sized(bytes: ArrayLike<number>): number[] {
  return [...leb(bytes.length), ...Array.from(bytes)];
}

export class Cursor {
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

  text(): string {
    return new TextDecoder().decode(this.take(this.leb()));
  }
}

export interface Section {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export function sectionsOf(binary: Uint8Array): Section[] {
  const c = new Cursor(binary);
  c.take(8);
  const sections: Section[] = [];
  while (!c.ended) {
    const id = c.byte();
    sections.push({ id, bytes: c.take(c.leb()) });
  }
  return sections;
}

/** How many functions and globals a module imports: they come first in their index spaces. */
export function importCounts(sections: readonly Section[]): { functions: number; globals: number } {
  const counts = { functions: 0, globals: 0 };
  const section = sections.find(({ id }) => id === SECTION.import);
  if (!section) return counts;
  const c = new Cursor(section.bytes);
  for (let left = c.leb(); left; left--) {
    c.take(c.leb());
    c.take(c.leb());
    const kind = c.byte();
    if (kind === 0) {
      counts.functions++;
      c.leb();
    } else if (kind === EXPORTED_GLOBAL) {
      counts.globals++;
      c.take(2);
    } else {
      if (kind === 1) c.byte(); // a table's element type
      const hasMaximum = c.byte() & 1;
      c.lebs(1 + hasMaximum);
    }
  }
  return counts;
}

/** The bodies in a code section. */
export function bodiesOf(section: Section): Uint8Array[] {
  const c = new Cursor(section.bytes);
  return Array.from({ length: c.leb() }, () => c.take(c.leb()));
}

/** Names of functions from a binary's name section. */
export function functionNames(binary: Uint8Array): Map<number, string> {
  const names = new Map<number, string>();
  for (const { id, bytes } of sectionsOf(binary)) {
    const c = new Cursor(bytes);
    if (id !== SECTION.custom || c.text() !== "name") continue;
    while (!c.ended) {
      const kind = c.byte();
      const part = new Cursor(c.take(c.leb()));
      if (kind !== 1) continue;
      for (let count = part.leb(); count; count--) names.set(part.leb(), part.text());
    }
  }
  return names;
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

/** Immediate numbers of the instructions that begin with 0xfc: saturating conversions, bulk memory and tables. */
const BULK_IMMEDIATES: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

/**
 * Steps over one instruction; gives its opcode, without the second part where there is one.
 * @throws Error for an opcode of a proposal that this reader does not know (exceptions, tail calls, atomics, collected types)
 */
export function skipInstruction(c: Cursor): number {
  const opcode = c.byte();
  const isMemoryAccess = opcode >= 0x28 && opcode <= 0x3e;
  if (isMemoryAccess || opcode === OP.callIndirect) c.lebs(2);
  else if (opcode === OP.brTable) c.lebs(c.leb() + 1);
  else if (opcode === OP.selectTyped) c.lebs(c.leb());
  else if (opcode === 0xfd) skipVectorImmediates(c);
  else if (opcode === 0xfc) c.lebs(BULK_IMMEDIATES[c.leb()]);
  else if (opcode === OP.f32Const) c.take(4);
  else if (opcode === OP.f64Const) c.take(8);
  else if (
    (opcode >= OP.block && opcode <= OP.if) ||
    opcode === OP.br ||
    opcode === OP.brIf ||
    opcode === OP.call ||
    (opcode >= 0x20 && opcode <= 0x26) || // locals, globals, tables
    (opcode >= 0x3f && opcode <= OP.i64Const) || // memory.size, memory.grow, i32.const
    opcode === 0xd0 || // ref.null
    opcode === 0xd2 // ref.func
  ) {
    c.leb();
  } else if (
    opcode > 0xd2 ||
    (opcode > OP.else && opcode < OP.end) ||
    (opcode > OP.callIndirect && opcode < 0x1a)
  ) {
    throw new Error(`Unknown opcode 0x${opcode.toString(16)}.`);
  }
  return opcode;
}

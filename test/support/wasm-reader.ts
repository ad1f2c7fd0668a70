// Reads a Wasm module down to every instruction, so that tests can say what is in it. Unknown bytes are errors: what this
// reader does not know cannot slip through a test.

export interface Instruction {
  /** Opcode; for the prefixes 0xfc and 0xfd, prefix · 2^16 + what follows. */
  readonly opcode: number;
  /** Immediate numbers, those of constants included (i64 as bigint). */
  readonly immediates: readonly (number | bigint)[];
  /** Blocks, loops and ifs that it stands in, from the outermost: index of the instruction that opens each. */
  readonly nest: readonly number[];
}

export interface WasmFunction {
  /** In the module's index space, imports included. */
  readonly index: number;
  readonly instructions: readonly Instruction[];
}

export interface FunctionType {
  readonly parameters: readonly string[];
  readonly results: readonly string[];
}

export interface DataSegment {
  readonly offset: number;
  readonly length: number;
}

export interface WasmModule {
  readonly imports: readonly { module: string; name: string; kind: number; type: FunctionType | null }[];
  readonly exports: readonly { name: string; kind: number; index: number }[];
  readonly memories: readonly { initial: number; maximum: number | null }[];
  readonly globals: number;
  readonly hasStart: boolean;
  readonly hasTable: boolean;
  readonly functions: readonly WasmFunction[];
  readonly data: readonly DataSegment[];
  /** Of custom sections. */
  readonly customNames: readonly string[];
}

export const OPCODE = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  callIndirect: 0x11,
  memoryGrow: 0x40,
  i32Ctz: 0x68,
  i64Ctz: 0x7a,
  i32Mul: 0x6c,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64Const: 0x42,
} as const;

const SATURATING = 0xfc0000;
const VECTOR = 0xfd0000;

/** An opcode that starts with 0xfd. */
export function vector(code: number): number {
  return VECTOR + code;
}

/** memory.init, memory.copy and so on, and the float conversions that saturate. */
export function hasMiscPrefix({ opcode }: Instruction): boolean {
  return opcode >> 16 === 0xfc;
}

export function isVector({ opcode }: Instruction): boolean {
  return opcode >> 16 === 0xfd;
}

/** i32.extend8_s … i64.extend32_s. */
export function isSignExtension({ opcode }: Instruction): boolean {
  return opcode >= 0xc0 && opcode <= 0xc4;
}

const between = (code: number, ranges: readonly (readonly [number, number])[]) =>
  ranges.some(([from, to]) => code >= from && code <= to);

/** Whether it takes or gives an f32, f64, f32x4 or f64x2. */
export function isFloat({ opcode }: Instruction): boolean {
  const code = opcode & 0xffff;
  switch (opcode >> 16) {
    case 0xfc:
      return code <= 7; // trunc_sat
    case 0xfd:
      return between(code, [
        [0x13, 0x14], // f32x4.splat, f64x2.splat
        [0x1f, 0x22], // f32x4 and f64x2 lanes
        [0x41, 0x4c], // f32x4 and f64x2 comparisons
        [0x5e, 0x5f], // demote, promote
        [0x67, 0x6a], // f32x4 rounding
        [0x74, 0x75],
        [0x7a, 0x7a],
        [0x94, 0x94], // f64x2 rounding
        [0xe0, 0xef], // f32x4 arithmetic, but for gaps
        [0xf0, 0xff], // f64x2 arithmetic, conversions
        [0x101, 0x11f], // relaxed SIMD: nearly all of it float, none of it in use
      ]);
    default:
      return between(code, [
        [0x2a, 0x2b], // loads
        [0x38, 0x39], // stores
        [0x43, 0x44], // constants
        [0x5b, 0x66], // comparisons
        [0x8b, 0xa6], // arithmetic
        [0xa8, 0xab], // conversions to and from integers, and reinterpretations
        [0xae, 0xbf],
      ]);
  }
}

/** Whether it multiplies, lane by lane or not. */
export function isMultiplication({ opcode }: Instruction): boolean {
  const code = opcode & 0xffff;
  switch (opcode >> 16) {
    case 0xfc:
      return false;
    case 0xfd:
      return between(code, [
        [0x82, 0x82], // i16x8.q15mulr_sat_s
        [0x95, 0x95], // i16x8.mul
        [0x9c, 0x9f], // i16x8.extmul
        [0xb5, 0xb5], // i32x4.mul
        [0xba, 0xba], // i32x4.dot_i16x8_s
        [0xbc, 0xbf], // i32x4.extmul
        [0xd5, 0xd5], // i64x2.mul
        [0xdc, 0xdf], // i64x2.extmul
        [0xe6, 0xe6], // f32x4.mul
        [0xf2, 0xf2], // f64x2.mul
        [0x100, 0x11f], // relaxed SIMD
      ]);
    default:
      return [OPCODE.i32Mul, OPCODE.i64Mul, 0x94, 0xa2].includes(code as 0x6c);
  }
}

/** The instructions in the loop that instruction `loop` opens, nested ones included. */
export function loopBody(f: WasmFunction, loop: number): Instruction[] {
  return f.instructions.filter((instruction) => instruction.nest.includes(loop));
}

export interface Loop {
  readonly function: WasmFunction;
  /** Index of its `loop` instruction. */
  readonly start: number;
  readonly body: readonly Instruction[];
  readonly isInnermost: boolean;
  /** The loops that it stands in, from the innermost: indices of their `loop` instructions. */
  readonly outer: readonly number[];
}

/** All loops of a module. */
export function loopsOf(module: WasmModule): Loop[] {
  return module.functions.flatMap((f) =>
    f.instructions.flatMap(({ opcode, nest }, start): Loop[] => {
      if (opcode !== OPCODE.loop) return [];
      const body = loopBody(f, start);
      const outer = nest.filter((i) => f.instructions[i].opcode === OPCODE.loop).reverse();
      const isInnermost = !body.some((inner) => inner.opcode === OPCODE.loop);
      return [{ function: f, start, body, isInnermost, outer }];
    }),
  );
}

const TYPE_NAMES: Record<number, string> = { 127: "i32", 126: "i64", 125: "f32", 124: "f64", 123: "v128" };

class Reader {
  position: number;

  constructor(
    private readonly bytes: Uint8Array,
    start = 0,
    readonly end = bytes.length,
  ) {
    this.position = start;
  }

  get atEnd(): boolean {
    return this.position >= this.end;
  }

  fail(what: string): never {
    throw new Error(`${what} at byte ${this.position}`);
  }

  byte(): number {
    if (this.atEnd) this.fail("the module ends too early");
    return this.bytes[this.position++];
  }

  unsigned(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  signed(bits: number): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(bits, (byte & 64) !== 0 ? value - (128n << shift) : value);
    }
  }

  skip(count: number): void {
    this.position += count;
    if (this.position > this.end) this.fail("the module ends too early");
  }

  part(): Reader {
    const length = this.unsigned();
    const start = this.position;
    this.skip(length);
    return new Reader(this.bytes, start, start + length);
  }

  name(): string {
    const { position, end } = this.part();
    return new TextDecoder().decode(this.bytes.subarray(position, end));
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.unsigned() }, item);
  }

  type(): string {
    const byte = this.byte();
    return TYPE_NAMES[byte] ?? this.fail(`type 0x${byte.toString(16)}`);
  }

  limits() {
    const flags = this.byte();
    if (flags > 1) this.fail(`limits with flags ${flags}`);
    return { initial: this.unsigned(), maximum: flags & 1 ? this.unsigned() : null };
  }
}

/** Immediates of an instruction after its opcode. */
function readImmediates(reader: Reader, opcode: number): (number | bigint)[] {
  const memoryArgument = () => [reader.unsigned(), reader.unsigned()];
  const code = opcode & 0xffff;
  if (opcode >= VECTOR) {
    if (code <= 0x0b || code === 0x5c || code === 0x5d) return memoryArgument();
    if (code === 0x0c || code === 0x0d) return Array.from({ length: 16 }, () => reader.byte());
    if (code >= 0x15 && code <= 0x22) return [reader.byte()];
    if (code >= 0x54 && code <= 0x5b) return [...memoryArgument(), reader.byte()];
    if (code <= 0xff) return [];
    return reader.fail(`vector opcode 0x${code.toString(16)}`);
  }
  if (opcode >= SATURATING) {
    if (code <= 7) return [];
    if (code === 8 || code === 10) return [reader.unsigned(), reader.unsigned()];
    if (code === 9 || code === 11) return [reader.unsigned()];
    return reader.fail(`opcode 0xfc 0x${code.toString(16)}`);
  }
  switch (opcode) {
    case OPCODE.block:
    case OPCODE.loop:
    case OPCODE.if:
      return [reader.signed(33)]; // block type
    case 0x0c: // br
    case 0x0d: // br_if
    case 0x10: // call
    case 0x3f: // memory.size
    case OPCODE.memoryGrow:
      return [reader.unsigned()];
    case 0x0e: // br_table
      return [...reader.list(() => reader.unsigned()), reader.unsigned()];
    case OPCODE.callIndirect:
      return [reader.unsigned(), reader.unsigned()];
    case 0x41: // i32.const
      return [Number(reader.signed(32))];
    case OPCODE.i64Const:
      return [reader.signed(64)];
    case 0x43: // f32.const
      reader.skip(4);
      return [];
    case 0x44: // f64.const
      reader.skip(8);
      return [];
  }
  if (opcode >= 0x20 && opcode <= 0x24) return [reader.unsigned()]; // locals and globals
  if (opcode >= 0x28 && opcode <= 0x3e) return memoryArgument();
  const isPlain =
    opcode === 0x00 || // unreachable
    opcode === 0x01 || // nop
    opcode === OPCODE.else ||
    opcode === OPCODE.end ||
    opcode === 0x0f || // return
    opcode === 0x1a || // drop
    opcode === 0x1b || // select
    (opcode >= 0x45 && opcode <= 0xc4); // arithmetic
  return isPlain ? [] : reader.fail(`opcode 0x${opcode.toString(16)}`);
}

/** Instructions up to the `end` that closes the body or expression. */
function readExpression(reader: Reader): Instruction[] {
  const instructions: Instruction[] = [];
  const open: number[] = [];
  for (;;) {
    let opcode = reader.byte();
    if (opcode === 0xfc || opcode === 0xfd) opcode = opcode * 65536 + reader.unsigned();
    const immediates = readImmediates(reader, opcode);
    if (opcode === OPCODE.end) {
      if (open.length === 0) return instructions;
      open.pop();
    }
    instructions.push({ opcode, immediates, nest: [...open] });
    if (opcode === OPCODE.block || opcode === OPCODE.loop || opcode === OPCODE.if)
      open.push(instructions.length - 1);
  }
}

/** @throws Error for anything that is not a Wasm module of integers, floats, vectors and bulk memory */
export function readWasm(bytes: Uint8Array): WasmModule {
  const file = new Reader(bytes);
  for (const expected of [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) {
    if (file.byte() !== expected) file.fail("not a Wasm module of version 1");
  }
  let types: FunctionType[] = [];
  let imports: WasmModule["imports"] = [];
  let exports: WasmModule["exports"] = [];
  let memories: WasmModule["memories"] = [];
  let globals = 0;
  let hasStart = false;
  let hasTable = false;
  let functions: WasmFunction[] = [];
  let data: DataSegment[] = [];
  const customNames: string[] = [];
  while (!file.atEnd) {
    const id = file.byte();
    const section = file.part();
    switch (id) {
      case 0:
        customNames.push(section.name());
        continue;
      case 1:
        types = section.list(() => {
          if (section.byte() !== 0x60) section.fail("not a function type");
          return {
            parameters: section.list(() => section.type()),
            results: section.list(() => section.type()),
          };
        });
        break;
      case 2:
        imports = section.list(() => {
          const module = section.name();
          const name = section.name();
          const kind = section.byte();
          if (kind === 0) return { module, name, kind, type: types[section.unsigned()] };
          if (kind === 2) section.limits();
          else section.fail(`import of kind ${kind}`);
          return { module, name, kind, type: null };
        });
        break;
      case 3:
        section.list(() => section.unsigned());
        break;
      case 4:
        hasTable = true;
        continue;
      case 5:
        memories = section.list(() => section.limits());
        break;
      case 6:
        globals = section.list(() => {
          section.type();
          section.byte();
          readExpression(section);
        }).length;
        break;
      case 7:
        exports = section.list(() => ({
          name: section.name(),
          kind: section.byte(),
          index: section.unsigned(),
        }));
        break;
      case 8:
        hasStart = true;
        continue;
      case 10: {
        const imported = imports.filter(({ kind }) => kind === 0).length;
        let index = imported;
        functions = section.list(() => {
          const body = section.part();
          body.list(() => [body.unsigned(), body.type()]);
          const instructions = readExpression(body);
          if (!body.atEnd) body.fail("bytes after the end of a function");
          return { index: index++, instructions };
        });
        break;
      }
      case 11:
        data = section.list(() => {
          if (section.unsigned() !== 0) section.fail("a data segment that is not active");
          const expression = readExpression(section);
          if (expression.length !== 1) section.fail("an offset that is not a constant");
          const { position, end } = section.part();
          return { offset: Number(expression[0].immediates[0]), length: end - position };
        });
        break;
      default:
        section.fail(`section ${id}`);
    }
    if (!section.atEnd) section.fail(`bytes after the end of section ${id}`);
  }
  return { imports, exports, memories, globals, hasStart, hasTable, functions, data, customNames };
}

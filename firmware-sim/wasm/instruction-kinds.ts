/** Kinds of Wasm instruction: those that cost about the same on a 32-bit processor count together. */
export const KINDS = [
  "local", // local.get, local.set, local.tee
  "constant",
  "global",
  "branch", // br, br_if, br_table, if, return
  "call",
  "load", // of up to 32 bits, also into an i64
  "load64",
  "store",
  "store64",
  "integer", // one-cycle i32 arithmetic, comparisons, shifts
  "select", // a branch on processors without conditional moves
  "integer64", // i64 addition, logic and comparisons
  "shift64",
  "multiply",
  "multiply64",
  "divide", // and remainder
  "divide64",
  "convert", // between i32 and i64
  "vector",
  "float",
  "other", // drop, nop, unreachable, memory.size, bulk memory, tables
] as const;

export type Kind = (typeof KINDS)[number];

/** Executed instructions, or a cost, of each kind. */
export type KindCounts = Readonly<Record<Kind, number>>;

export function kindCounts(of: (kind: Kind) => number): KindCounts {
  return Object.fromEntries(KINDS.map((kind) => [kind, of(kind)])) as Record<Kind, number>;
}

export function sumOfKinds(counts: KindCounts): number {
  return KINDS.reduce((sum, kind) => sum + counts[kind], 0);
}

export function addKinds(a: KindCounts, b: KindCounts): KindCounts {
  return kindCounts((kind) => a[kind] + b[kind]);
}

/** First opcode of each range of opcodes that are of one kind, in order (WebAssembly specification, "Index of Instructions"). */
const RANGES: readonly (readonly [opcode: number, kind: Kind])[] = [
  [0x00, "other"],
  [0x04, "branch"], // if
  [0x05, "other"],
  [0x0c, "branch"], // br, br_if, br_table, return
  [0x10, "call"],
  [0x1a, "other"], // drop
  [0x1b, "select"],
  [0x20, "local"],
  [0x23, "global"],
  [0x25, "other"], // table.get, table.set
  [0x28, "load"],
  [0x29, "load64"],
  [0x2a, "float"],
  [0x2c, "load"],
  [0x36, "store"],
  [0x37, "store64"],
  [0x38, "float"],
  [0x3a, "store"],
  [0x3f, "other"], // memory.size, memory.grow
  [0x41, "constant"],
  [0x45, "integer"],
  [0x50, "integer64"],
  [0x5b, "float"],
  [0x67, "integer"],
  [0x6c, "multiply"],
  [0x6d, "divide"],
  [0x71, "integer"],
  [0x79, "integer64"],
  [0x7e, "multiply64"],
  [0x7f, "divide64"],
  [0x83, "integer64"],
  [0x86, "shift64"],
  [0x8b, "float"],
  [0xa7, "convert"], // i32.wrap_i64
  [0xa8, "float"],
  [0xac, "convert"], // i64.extend_i32
  [0xae, "float"],
  [0xc0, "integer"], // sign extensions
  [0xc5, "other"],
  [0xfd, "vector"],
];

const KIND_OF_OPCODE: readonly Kind[] = Array.from(
  { length: 256 },
  (_, opcode) => RANGES.findLast(([first]) => first <= opcode)![1],
);

/** Kind of the instruction whose first byte this is. */
export function kindOf(opcode: number): Kind {
  return KIND_OF_OPCODE[opcode];
}

// What Parquet uses of Thrift's compact protocol (thrift-compact-protocol.md): structs, lists, integers and strings.

/** A value with its type. */
export interface Field {
  readonly type: number;
  readonly bytes: Uint8Array;
}

const TYPE_I32 = 5;
const TYPE_I64 = 6;
const TYPE_BINARY = 8;
const TYPE_LIST = 9;
const TYPE_STRUCT = 12;
/** A list this long has its length after its head. */
const LONG_LIST = 15;

/** Seven bits to a byte, the lowest first. */
export function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.of(...bytes, Number(rest));
}

/** Zigzag of a number that is not negative. */
function integer(value: number): Uint8Array {
  return varint(BigInt(value) * 2n);
}

export function i32(value: number): Field {
  return { type: TYPE_I32, bytes: integer(value) };
}

export function i64(value: number): Field {
  return { type: TYPE_I64, bytes: integer(value) };
}

export function string(text: string): Field {
  const bytes = Buffer.from(text);
  return { type: TYPE_BINARY, bytes: Buffer.concat([varint(BigInt(bytes.length)), bytes]) };
}

/** Values of one type, at least one. */
export function list(values: readonly Field[]): Field {
  const [{ type }] = values;
  const head =
    values.length < LONG_LIST
      ? Uint8Array.of((values.length << 4) | type)
      : Buffer.concat([Uint8Array.of((LONG_LIST << 4) | type), varint(BigInt(values.length))]);
  return { type: TYPE_LIST, bytes: Buffer.concat([head, ...values.map(({ bytes }) => bytes)]) };
}

export function struct(fields: readonly (readonly [id: number, value: Field])[]): Field {
  return { type: TYPE_STRUCT, bytes: encodeStruct(fields) };
}

/** Fields in the order of their numbers, which are at most 15 apart. */
export function encodeStruct(fields: readonly (readonly [id: number, value: Field])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let last = 0;
  for (const [id, { type, bytes }] of fields) {
    parts.push(Uint8Array.of(((id - last) << 4) | type), bytes);
    last = id;
  }
  return Buffer.concat([...parts, Uint8Array.of(0)]);
}

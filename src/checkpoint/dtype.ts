/** How one element of a stored tensor becomes a number. */
export interface Dtype {
  readonly name: string;
  /** Bytes of one element. */
  readonly size: number;
  readonly read: (view: DataView, byteOffset: number, littleEndian: boolean) => number;
}

/** Sign 1, exponent 5, fraction 10 bits; DataView reads this type only in newer browsers. */
function readFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const bfloat16Scratch = new DataView(new ArrayBuffer(4));

/** The upper half of a float32. */
function readBfloat16(bits: number): number {
  bfloat16Scratch.setUint32(0, bits << 16);
  return bfloat16Scratch.getFloat32(0);
}

export const FLOAT64: Dtype = { name: "float64", size: 8, read: (v, at, le) => v.getFloat64(at, le) };
export const FLOAT32: Dtype = { name: "float32", size: 4, read: (v, at, le) => v.getFloat32(at, le) };
export const FLOAT16: Dtype = {
  name: "float16",
  size: 2,
  read: (v, at, le) => readFloat16(v.getUint16(at, le)),
};
export const BFLOAT16: Dtype = {
  name: "bfloat16",
  size: 2,
  read: (v, at, le) => readBfloat16(v.getUint16(at, le)),
};
export const INT64: Dtype = { name: "int64", size: 8, read: (v, at, le) => Number(v.getBigInt64(at, le)) };
export const INT32: Dtype = { name: "int32", size: 4, read: (v, at, le) => v.getInt32(at, le) };
export const INT16: Dtype = { name: "int16", size: 2, read: (v, at, le) => v.getInt16(at, le) };
export const INT8: Dtype = { name: "int8", size: 1, read: (v, at) => v.getInt8(at) };
export const UINT64: Dtype = { name: "uint64", size: 8, read: (v, at, le) => Number(v.getBigUint64(at, le)) };
export const UINT32: Dtype = { name: "uint32", size: 4, read: (v, at, le) => v.getUint32(at, le) };
export const UINT16: Dtype = { name: "uint16", size: 2, read: (v, at, le) => v.getUint16(at, le) };
export const UINT8: Dtype = { name: "uint8", size: 1, read: (v, at) => v.getUint8(at) };
export const BOOL: Dtype = { name: "bool", size: 1, read: (v, at) => (v.getUint8(at) === 0 ? 0 : 1) };

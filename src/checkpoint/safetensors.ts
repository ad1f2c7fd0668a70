import { SpikeletError } from "../errors.js";
import type { Tensor } from "../network.js";
import {
  BFLOAT16,
  BOOL,
  type Dtype,
  FLOAT16,
  FLOAT32,
  FLOAT64,
  INT8,
  INT16,
  INT32,
  INT64,
  UINT8,
  UINT16,
  UINT32,
  UINT64,
} from "./dtype.js";

// A file is a u64 header length, a JSON header {name: {dtype, shape, data_offsets: [begin, end]}}, and the data, which
// the tensors cover without holes or overlaps.

/** Bytes of the header; the format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

const DTYPES: ReadonlyMap<unknown, Dtype> = new Map([
  ["F64", FLOAT64],
  ["F32", FLOAT32],
  ["F16", FLOAT16],
  ["BF16", BFLOAT16],
  ["I64", INT64],
  ["I32", INT32],
  ["I16", INT16],
  ["I8", INT8],
  ["U64", UINT64],
  ["U32", UINT32],
  ["U16", UINT16],
  ["U8", UINT8],
  ["BOOL", BOOL],
]);

interface Entry {
  readonly name: string;
  /** Absent for a type that is not read. */
  readonly dtype: Dtype | undefined;
  /** As the file has it. */
  readonly code: string;
  readonly shape: readonly number[];
  /** Bytes from the start of the data. */
  readonly begin: number;
  readonly end: number;
}

function damaged(message: string, cause?: unknown): SpikeletError {
  return new SpikeletError(
    "bad-checkpoint",
    `${message}. The safetensors file is cut short or damaged: get it again.`,
    cause === undefined ? undefined : { cause },
  );
}

/** True if `bytes` can be a safetensors file: its header, JSON of less than 4 GiB, must begin with a brace. */
export function isSafetensors(bytes: Uint8Array): boolean {
  return bytes[LENGTH_BYTES] === 0x7b && bytes.subarray(4, LENGTH_BYTES).every((byte) => byte === 0);
}

/**
 * A tensor that cannot be read. It says so when its data are asked for, for most that a file has are not needed; and so
 * does its shape where that is not known.
 */
export function unreadTensor(name: string, what: string, shape?: readonly number[]): Tensor {
  const refuse = (): never => {
    throw new SpikeletError(
      "bad-checkpoint",
      `Tensor '${name}' is ${what}, which is not read; expected numbers such as float32. ` +
        "Convert it to float32 and save again.",
    );
  };
  return {
    get shape() {
      return shape ?? refuse();
    },
    get data() {
      return refuse();
    },
  };
}

/**
 * Reads every tensor of a safetensors file as float32; integers beyond 2^24 are rounded. A tensor of a type that is not
 * read throws when its `data` are asked for.
 * @throws SpikeletError "bad-checkpoint" if the header or the data is not as the format demands.
 */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const { header, data } = splitFile(bytes);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const entries = readHeader(header);
  checkTiling(entries, data.length);

  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, code, shape, begin, end } of entries) {
    if (dtype === undefined) {
      tensors.set(name, unreadTensor(name, `of the type ${code}`, shape));
      continue;
    }
    const values = new Float32Array((end - begin) / dtype.size);
    for (let i = 0; i < values.length; i++) values[i] = dtype.read(view, begin + i * dtype.size, true);
    tensors.set(name, { shape, data: values });
  }
  return tensors;
}

/**
 * The texts in a file's `__metadata__`.
 * @throws SpikeletError "bad-checkpoint" if the header is not as the format demands.
 */
export function readMetadata(bytes: Uint8Array): Map<string, string> {
  const { __metadata__: metadata } = parseHeader(splitFile(bytes).header);
  const entries = isObject(metadata) ? Object.entries(metadata) : [];
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** Header and data of a file. */
function splitFile(bytes: Uint8Array): { header: Uint8Array; data: Uint8Array } {
  if (bytes.length < LENGTH_BYTES)
    throw damaged(`The file has ${bytes.length} bytes; expected 8 for its length`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  const room = bytes.length - LENGTH_BYTES;
  if (headerLength > room) {
    throw damaged(`The header is declared as ${headerLength} bytes; ${room} are left in the file`);
  }
  if (headerLength > MAX_HEADER_BYTES) {
    throw damaged(`The header is declared as ${headerLength} bytes; the format allows ${MAX_HEADER_BYTES}`);
  }
  const dataStart = LENGTH_BYTES + headerLength;
  return { header: bytes.subarray(LENGTH_BYTES, dataStart), data: bytes.subarray(dataStart) };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    const isPadded = bytes.at(-1) === 0;
    throw damaged(
      isPadded
        ? "The header is filled up with NUL bytes; expected spaces, which JSON allows"
        : "The header is not JSON",
      cause,
    );
  }
  if (!isObject(header)) throw damaged("The header is JSON but not an object");
  checkNamesOnce(text);
  return header;
}

/** Of a name that occurs twice, JSON.parse keeps the second without a word. */
function checkNamesOnce(json: string): void {
  const names = new Set<string>();
  let depth = 0;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth === 1 && token.endsWith(":")) {
      const name = JSON.parse(token.replace(/\s*:$/, "")) as string;
      if (names.has(name)) throw damaged(`The header has the name '${name}' twice`);
      names.add(name);
    }
  }
}

function readHeader(bytes: Uint8Array): Entry[] {
  return Object.entries(parseHeader(bytes))
    .filter(([name]) => name !== "__metadata__")
    .map(([name, description]) => readEntry(name, description));
}

function readEntry(name: string, description: unknown): Entry {
  if (!isObject(description)) throw damaged(`Tensor '${name}' is not described by an object`);
  const { dtype: code, shape, data_offsets: offsets } = description;
  if (typeof code !== "string") {
    throw damaged(`Tensor '${name}' has dtype ${JSON.stringify(code)}; expected a text such as "F32"`);
  }
  const dtype = DTYPES.get(code);
  if (!isIndices(shape))
    throw damaged(`Tensor '${name}' has shape ${JSON.stringify(shape)}; expected integers`);
  if (!isIndices(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw damaged(`Tensor '${name}' has data_offsets ${JSON.stringify(offsets)}; expected [begin, end]`);
  }
  const [begin, end] = offsets;
  const expected = shape.reduce((product, size) => product * size, dtype?.size ?? 0);
  if (dtype !== undefined && end - begin !== expected) {
    throw damaged(
      `Tensor '${name}' has ${end - begin} bytes; shape (${shape.join(", ")}) of ${dtype.name} needs ${expected}`,
    );
  }
  return { name, dtype, code, shape, begin, end };
}

/** Checks that the entries cover the data exactly: no overlap, no hole, nothing beyond its end. */
function checkTiling(entries: readonly Entry[], dataLength: number): void {
  let covered = 0;
  for (const { name, begin, end } of entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const flaw = begin < covered ? "overlaps the tensor before it" : "leaves a hole before it";
      throw damaged(
        `Tensor '${name}' begins at byte ${begin} of the data and ${flaw}; expected byte ${covered}`,
      );
    }
    if (end > dataLength)
      throw damaged(`Tensor '${name}' ends at byte ${end} of the data, which has ${dataLength}`);
    covered = end;
  }
  if (covered !== dataLength) {
    throw damaged(`The tensors cover ${covered} bytes of the data, which has ${dataLength}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isIndices(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

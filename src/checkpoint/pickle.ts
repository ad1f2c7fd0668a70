import { SpikeletError } from "../errors.js";
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

// A pickle is a program for a stack machine. This one builds data only: a class is looked up in a fixed list, never
// imported, and nothing is ever called. What a class that is not in the list would make is kept as its name alone.

/** Bytes of one pickle. An ESVAE with its optimizer's state and its training's options takes 20,000. */
export const MAX_PICKLE_BYTES = 2 ** 26;
/** Instructions in one pickle. An ESVAE state dict takes 5,000, one with an optimizer's state 20,000. */
const MAX_OPCODES = 2_000_000;
/** Values on the stack. Python's pickler empties it every 1,000 dictionary entries (2 values each) per level. */
const MAX_STACK = 100_000;
/** Containers open at once. A tensor inside `{'net': state_dict}` opens 5. */
const MAX_DEPTH = 100;
/** Remembered values. An ESVAE state dict has 1,056. */
const MAX_MEMO = 1_000_000;
/** Bytes of a text that is read; a longer one is no tensor's name, and is passed over. */
const MAX_TEXT_BYTES = 65_536;
/** Bytes of an integer that is read; torch's magic number, the longest that is needed, has 10. */
const MAX_INTEGER_BYTES = 16;
/** Bytes of a class's module or name, each, and of other lines. */
const MAX_LINE_BYTES = 1024;
/** Axes of a tensor, as torch has it; ESVAE stops at 5. */
const MAX_AXES = 64;

/** A run of elements that the checkpoint stores apart from the pickle. */
export class StorageReference {
  constructor(
    readonly key: string,
    readonly dtype: Dtype,
    /** Elements of the whole storage. */
    readonly elements: number,
    /** The part that tensors see, in elements; the whole storage but for files of torch before 1.0. */
    readonly view: { readonly offset: number; readonly elements: number },
  ) {}
}

/** A tensor as torch saves it: a strided window on a storage. Not yet checked against the storage's bounds. */
export class TensorView {
  constructor(
    readonly storage: StorageReference,
    /** Elements before the first. */
    readonly offset: number,
    readonly shape: readonly number[],
    /** Elements from one index to the next, per axis. */
    readonly strides: readonly number[],
  ) {}
}

/** What is not needed for tensors, by what it is: nothing was made of it. */
export class Inert {
  constructor(
    readonly what: string,
    /** What a class makes. */
    readonly made: Inert | undefined = undefined,
  ) {}
}

/** Bytes, or what is too long or not UTF-8 to be a text. */
export class InertBytes extends Inert {
  constructor(
    what: string,
    readonly bytes: Uint8Array,
  ) {
    super(what);
  }
}

/** A numpy array: what it would be made of, unchecked. */
export class NumpyArray extends Inert {
  /** @param state - (version, shape, dtype, whether the first axis is the fastest, elements) once it has them */
  constructor(public state: readonly PickleValue[] = []) {
    super("a numpy array");
  }
}

/** A class that makes, or marks, what tensors need. */
class KnownClass {
  constructor(
    readonly fullName: string,
    /** What the class makes of its arguments; absent if it only marks a dtype. */
    readonly build: ((this: void, args: readonly PickleValue[]) => PickleValue) | undefined,
    readonly storageDtype?: Dtype,
  ) {}
}

/** Dictionaries are Maps, so that no key can reach a prototype; lists and tuples are arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | Inert
  | KnownClass
  | StorageReference
  | TensorView;

export interface Unpickled {
  readonly value: PickleValue;
  /** Every storage that the pickle mentions, by key. */
  readonly storages: ReadonlyMap<string, StorageReference>;
  /** Index of the byte after the pickle. */
  readonly end: number;
}

const STORAGE_CLASSES: readonly (readonly [string, Dtype])[] = [
  ["torch DoubleStorage", FLOAT64],
  ["torch FloatStorage", FLOAT32],
  ["torch HalfStorage", FLOAT16],
  ["torch BFloat16Storage", BFLOAT16],
  ["torch LongStorage", INT64],
  ["torch IntStorage", INT32],
  ["torch ShortStorage", INT16],
  ["torch CharStorage", INT8],
  ["torch ByteStorage", UINT8],
  ["torch BoolStorage", BOOL],
  ["torch.storage UntypedStorage", UINT8],
];

/** Types that have no storage of their own: such a tensor lies on untyped bytes, and is told its type. */
const DTYPES: readonly (readonly [string, Dtype])[] = [
  ["torch float64", FLOAT64],
  ["torch float32", FLOAT32],
  ["torch float16", FLOAT16],
  ["torch bfloat16", BFLOAT16],
  ["torch int64", INT64],
  ["torch int32", INT32],
  ["torch int16", INT16],
  ["torch int8", INT8],
  ["torch uint64", UINT64],
  ["torch uint32", UINT32],
  ["torch uint16", UINT16],
  ["torch uint8", UINT8],
  ["torch bool", BOOL],
];

const KNOWN_CLASSES: ReadonlyMap<string, KnownClass> = new Map(
  [
    new KnownClass("collections OrderedDict", buildDictionary),
    new KnownClass("collections defaultdict", () => new Map()),
    new KnownClass("torch._utils _rebuild_tensor", buildTensor),
    new KnownClass("torch._utils _rebuild_tensor_v2", buildTensor),
    new KnownClass("torch._utils _rebuild_tensor_v3", buildTypedTensor),
    new KnownClass("torch._utils _rebuild_parameter", ([tensor]) => tensor ?? null),
    new KnownClass("torch._utils _rebuild_parameter_with_state", ([tensor]) => tensor ?? null),
    new KnownClass("torch._tensor _rebuild_from_type_v2", buildSubclass),
    new KnownClass("numpy.core.multiarray _reconstruct", () => new NumpyArray()),
    new KnownClass("numpy._core.multiarray _reconstruct", () => new NumpyArray()),
    new KnownClass("numpy.core.numeric _frombuffer", buildNumpyArray),
    new KnownClass("numpy._core.numeric _frombuffer", buildNumpyArray),
    ...[...STORAGE_CLASSES, ...DTYPES].map(([name, dtype]) => new KnownClass(name, undefined, dtype)),
  ].map((known) => [known.fullName, known]),
);

const OPCODE = {
  MARK: 0x28, // (
  EMPTY_TUPLE: 0x29, // )
  STOP: 0x2e, // .
  POP: 0x30, // 0
  POP_MARK: 0x31, // 1
  BINBYTES: 0x42, // B
  SHORT_BINBYTES: 0x43, // C
  BINFLOAT: 0x47, // G
  INT: 0x49, // I
  BININT: 0x4a, // J
  BININT1: 0x4b, // K
  LONG: 0x4c, // L
  BININT2: 0x4d, // M
  NONE: 0x4e, // N
  BINPERSID: 0x51, // Q
  REDUCE: 0x52, // R
  BINSTRING: 0x54, // T
  SHORT_BINSTRING: 0x55, // U
  BINUNICODE: 0x58, // X
  EMPTY_LIST: 0x5d, // ]
  APPEND: 0x61, // a
  BUILD: 0x62, // b
  GLOBAL: 0x63, // c
  APPENDS: 0x65, // e
  BINGET: 0x68, // h
  LONG_BINGET: 0x6a, // j
  BINPUT: 0x71, // q
  LONG_BINPUT: 0x72, // r
  SETITEM: 0x73, // s
  TUPLE: 0x74, // t
  SETITEMS: 0x75, // u
  EMPTY_DICT: 0x7d, // }
  PROTO: 0x80,
  NEWOBJ: 0x81,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  NEWOBJ_EX: 0x92,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
} as const;

const RESAVE = "Save the weights alone, torch.save(model.state_dict(), path), and import that file";

const INTEGER = new DataView(new ArrayBuffer(MAX_INTEGER_BYTES));
const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TEXT_AS_IT_IS = new TextDecoder();

function refuse(found: string, toDo = "The file is damaged: get it again"): never {
  throw new SpikeletError("bad-checkpoint", `${found}. ${toDo}.`);
}

/**
 * Reads one pickle (protocols 2 to 5) that starts at byte `start` of `bytes`, executing nothing.
 * @throws SpikeletError "bad-checkpoint" for an instruction that torch.save never writes, for damaged data, and for
 *   anything beyond this file's limits.
 */
export function unpickle(bytes: Uint8Array, start = 0): Unpickled {
  return new Unpickler(bytes, start).run();
}

class Unpickler {
  private readonly data: DataView;
  private position: number;
  private readonly stack: PickleValue[] = [];
  /** Stack heights at the open marks. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private readonly storages = new Map<string, StorageReference>();

  constructor(
    private readonly bytes: Uint8Array,
    private readonly start: number,
  ) {
    this.data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = start;
  }

  run(): Unpickled {
    for (let opcodes = 0; opcodes < MAX_OPCODES; opcodes++) {
      if (this.position - this.start > MAX_PICKLE_BYTES) {
        refuse(`The pickle has more than ${MAX_PICKLE_BYTES} bytes besides its tensors`, RESAVE);
      }
      const opcode = this.byte();
      if (opcode === OPCODE.STOP) {
        return { value: this.pop(), storages: this.storages, end: this.position };
      }
      const value = this.literal(opcode);
      if (value === undefined) this.act(opcode);
      else this.stack.push(value);
      if (this.stack.length > MAX_STACK) {
        refuse(`The pickle puts more than ${MAX_STACK} values on its stack`, RESAVE);
      }
    }
    refuse(`The pickle has more than ${MAX_OPCODES} instructions`, RESAVE);
  }

  /** The value that an instruction pushes, or undefined if it does something else. */
  private literal(opcode: number): PickleValue | undefined {
    switch (opcode) {
      case OPCODE.NONE:
        return null;
      case OPCODE.NEWTRUE:
        return true;
      case OPCODE.NEWFALSE:
        return false;
      case OPCODE.BININT:
        return this.data.getInt32(this.advance(4), true);
      case OPCODE.BININT1:
        return this.byte();
      case OPCODE.BININT2:
        return this.data.getUint16(this.advance(2), true);
      case OPCODE.INT:
      case OPCODE.LONG:
        return this.decimal();
      case OPCODE.LONG1:
        return this.long(this.byte());
      case OPCODE.LONG4:
        return this.long(this.word());
      case OPCODE.BINFLOAT:
        return this.data.getFloat64(this.advance(8));
      case OPCODE.SHORT_BINUNICODE:
        return this.text(this.byte());
      case OPCODE.BINUNICODE:
        return this.text(this.word());
      case OPCODE.BINUNICODE8:
        return this.text(this.longWord());
      // Python 2's text, which a state dict of that time is named by.
      case OPCODE.SHORT_BINSTRING:
        return this.text(this.byte());
      case OPCODE.BINSTRING:
        return this.text(this.word());
      case OPCODE.SHORT_BINBYTES:
        return this.inertBytes(this.byte());
      case OPCODE.BINBYTES:
        return this.inertBytes(this.word());
      case OPCODE.BINBYTES8:
      case OPCODE.BYTEARRAY8:
        return this.inertBytes(this.longWord());
      case OPCODE.EMPTY_SET:
        return new Inert("a set");
      case OPCODE.FROZENSET:
        this.popToMark();
        return new Inert("a frozenset");
      case OPCODE.EMPTY_TUPLE:
      case OPCODE.EMPTY_LIST:
        return [];
      case OPCODE.TUPLE1:
        return this.popMany(1);
      case OPCODE.TUPLE2:
        return this.popMany(2);
      case OPCODE.TUPLE3:
        return this.popMany(3);
      case OPCODE.TUPLE:
        return this.popToMark();
      case OPCODE.EMPTY_DICT:
        return new Map();
      case OPCODE.BINGET:
        return this.recall(this.byte());
      case OPCODE.LONG_BINGET:
        return this.recall(this.word());
      case OPCODE.GLOBAL:
        return findClass(`${this.line()} ${this.line()}`);
      case OPCODE.STACK_GLOBAL:
        return this.stackGlobal();
      case OPCODE.REDUCE:
      case OPCODE.NEWOBJ:
        return this.reduce(this.popArray("a class's arguments"));
      case OPCODE.NEWOBJ_EX:
        this.pop();
        return this.reduce(this.popArray("a class's arguments"));
      case OPCODE.BINPERSID:
        return this.storage(this.popArray("a persistent id"));
      default:
        return undefined;
    }
  }

  private act(opcode: number): void {
    switch (opcode) {
      case OPCODE.PROTO:
        this.checkProtocol();
        break;
      case OPCODE.FRAME:
        this.checkFrame();
        break;
      case OPCODE.MARK:
        this.mark();
        break;
      case OPCODE.POP:
        this.pop();
        break;
      case OPCODE.POP_MARK:
        this.popToMark();
        break;
      case OPCODE.BINPUT:
        this.remember(this.byte());
        break;
      case OPCODE.LONG_BINPUT:
        this.remember(this.word());
        break;
      case OPCODE.MEMOIZE:
        this.remember(this.memo.size);
        break;
      case OPCODE.APPEND:
        this.append(this.popMany(1));
        break;
      case OPCODE.APPENDS:
      case OPCODE.ADDITEMS:
        this.append(this.popToMark());
        break;
      case OPCODE.SETITEM:
        this.setItems(this.popMany(2));
        break;
      case OPCODE.SETITEMS:
        this.setItems(this.popToMark());
        break;
      case OPCODE.BUILD:
        this.build();
        break;
      default:
        refuse(
          `The pickle has the instruction 0x${opcode.toString(16).padStart(2, "0")} at byte ${this.position - 1}, ` +
            "which torch.save never writes; nothing was executed",
          RESAVE,
        );
    }
  }

  // Bytes

  /** Moves over `count` bytes and gives the index of the first. */
  private advance(count: number): number {
    const at = this.position;
    if (count > this.bytes.length - at) {
      refuse(`The pickle that starts at byte ${this.start} is cut short: byte ${at + count - 1} is missing`);
    }
    this.position = at + count;
    return at;
  }

  private byte(): number {
    return this.data.getUint8(this.advance(1));
  }

  private word(): number {
    return this.data.getUint32(this.advance(4), true);
  }

  private checkProtocol(): void {
    const protocol = this.byte();
    if (protocol < 2 || protocol > 5) {
      refuse(`The pickle has protocol ${protocol}; expected 2 to 5`, RESAVE);
    }
  }

  private checkFrame(): void {
    const length = Number(this.data.getBigUint64(this.advance(8), true));
    // A frame only groups reads, so its bytes are then read one instruction at a time.
    if (length > this.bytes.length - this.position) {
      refuse(`The pickle has a frame of ${length} bytes; ${this.bytes.length - this.position} are left`);
    }
  }

  /** A length of 8 bytes; those beyond 2^53 are beyond any file too. */
  private longWord(): number {
    return Number(this.data.getBigUint64(this.advance(8), true));
  }

  private text(length: number): PickleValue {
    const at = this.advance(length);
    const bytes = this.bytes.subarray(at, at + length);
    if (length > MAX_TEXT_BYTES) return new InertBytes(`a text of ${length} bytes`, bytes);
    try {
      return TEXT.decode(bytes);
    } catch {
      return new InertBytes(`a text of ${length} bytes that is not UTF-8`, bytes);
    }
  }

  private inertBytes(length: number): InertBytes {
    const at = this.advance(length);
    return new InertBytes(`${length} bytes`, this.bytes.subarray(at, at + length));
  }

  /** Text up to a newline, which is dropped. */
  private line(): string {
    const at = this.position;
    const length = this.bytes.subarray(at, at + MAX_LINE_BYTES + 1).indexOf(0x0a);
    if (length < 0) refuse(`The pickle's line at byte ${at} has no end`);
    this.advance(length + 1);
    return TEXT_AS_IT_IS.decode(this.bytes.subarray(at, at + length));
  }

  /** Protocol 1's integers, of which 00 and 01 are False and True, and long ones end in L. */
  private decimal(): PickleValue {
    const line = this.line();
    if (line === "00" || line === "01") return line === "01";
    if (!/^-?\d{1,30}L?$/.test(line)) return new Inert("an integer");
    return exact(BigInt(line.replace("L", "")));
  }

  /** A two's complement integer of `length` bytes; a bigint only where a number would round. */
  private long(length: number): PickleValue {
    const at = this.advance(length);
    if (length > MAX_INTEGER_BYTES) return new Inert(`an integer of ${length} bytes`);
    if (length === 0) return 0;
    const isNegative = this.bytes[at + length - 1] >= 0x80;
    for (let i = 0; i < MAX_INTEGER_BYTES; i++) {
      INTEGER.setUint8(i, i < length ? this.bytes[at + i] : isNegative ? 0xff : 0);
    }
    const low = INTEGER.getBigUint64(0, true);
    const high = INTEGER.getBigInt64(8, true);
    return exact(high === 0n ? low : (high << 64n) | low);
  }

  // Stack and memo

  private pop(): PickleValue {
    this.checkHeight(1);
    return this.stack.pop()!;
  }

  private popMany(count: number): PickleValue[] {
    this.checkHeight(count);
    return this.stack.splice(this.stack.length - count);
  }

  /** Throws unless the newest container has so many values; what lies below its mark belongs to an outer one. */
  private checkHeight(count: number): void {
    const floor = this.marks.at(-1) ?? 0;
    if (this.stack.length - count < floor) {
      refuse(`The pickle takes a value from an empty stack before byte ${this.position}`);
    }
  }

  private popArray(what: string): PickleValue[] {
    const value = this.pop();
    if (!Array.isArray(value)) refuse(`The pickle has ${describe(value)} as ${what}; expected a tuple`);
    return value;
  }

  private mark(): void {
    if (this.marks.length === MAX_DEPTH) {
      refuse(`The pickle nests deeper than ${MAX_DEPTH} containers`, RESAVE);
    }
    this.marks.push(this.stack.length);
  }

  private popToMark(): PickleValue[] {
    const height = this.marks.pop();
    if (height === undefined)
      refuse(`The pickle closes a container that it never opened before byte ${this.position}`);
    return this.stack.splice(height);
  }

  private top(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  private remember(index: number): void {
    if (this.memo.size === MAX_MEMO) refuse(`The pickle remembers more than ${MAX_MEMO} values`, RESAVE);
    this.memo.set(index, this.top());
  }

  private recall(index: number): PickleValue {
    const value = this.memo.get(index);
    if (value === undefined) refuse(`The pickle recalls value ${index}, which it never stored`);
    return value;
  }

  // Containers and classes

  private append(values: readonly PickleValue[]): void {
    const list = this.top();
    if (list instanceof Inert) return;
    if (!Array.isArray(list)) refuse(`The pickle appends to ${describe(list)}; expected a list`);
    for (const value of values) list.push(value);
  }

  private setItems(items: readonly PickleValue[]): void {
    const dictionary = this.top();
    if (dictionary instanceof Inert) return;
    if (!(dictionary instanceof Map)) {
      refuse(`The pickle sets an entry of ${describe(dictionary)}; expected a dictionary`);
    }
    if (items.length % 2 !== 0) refuse("The pickle has a dictionary key without a value");
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
  }

  private stackGlobal(): KnownClass | Inert {
    const [module, name] = this.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") {
      refuse("The pickle names a class by something that is not text");
    }
    return findClass(`${module} ${name}`);
  }

  private reduce(args: readonly PickleValue[]): PickleValue {
    return make(this.pop(), args);
  }

  /** Attributes, such as an OrderedDict's `_metadata` (versions of the modules), say nothing about the weights. */
  private build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof NumpyArray && Array.isArray(state)) target.state = state;
    if (!(target instanceof Map || target instanceof Inert || target instanceof TensorView)) {
      refuse(`The pickle sets attributes of ${describe(target)}; nothing was executed`, RESAVE);
    }
  }

  /** ("storage", class, key, location, elements), and in the legacy format a view: null or (key, offset, elements). */
  private storage([kind, storageClass, key, , elements, view]: readonly PickleValue[]):
    | StorageReference
    | Inert {
    if (kind === "module") return new Inert("a module's source");
    if (kind !== "storage") refuse(`The pickle refers to ${describe(kind)}; expected 'storage'`, RESAVE);
    if (storageClass instanceof Inert) return new Inert(`a storage of ${storageClass.what}`);
    if (!(storageClass instanceof KnownClass) || storageClass.storageDtype === undefined) {
      refuse(`The pickle has ${describe(storageClass)} as a storage's type`);
    }
    if (typeof key !== "string") refuse(`The pickle has ${describe(key)} as a storage's key; expected text`);
    const total = index(elements, `the length of storage ${key}`);
    const seen = this.storages.get(key);
    if (seen !== undefined && (seen.dtype !== storageClass.storageDtype || seen.elements !== total)) {
      refuse(`The pickle gives storage ${key} two types or lengths`);
    }
    let part = { offset: 0, elements: total };
    if (Array.isArray(view)) {
      part = {
        offset: index(view[1], `the offset of a view on storage ${key}`),
        elements: index(view[2], `the length of a view on storage ${key}`),
      };
      if (part.offset + part.elements > total) {
        refuse(
          `The pickle has a view on elements ${part.offset} to ${part.offset + part.elements} of storage ${key}, ` +
            `which has ${total}`,
        );
      }
    }
    const reference = new StorageReference(key, storageClass.storageDtype, total, part);
    this.storages.set(key, reference);
    return reference;
  }
}

function findClass(fullName: string): KnownClass | Inert {
  return (
    KNOWN_CLASSES.get(fullName) ??
    new Inert(`the class '${fullName}'`, new Inert(`an object of the class '${fullName}'`))
  );
}

/** What a class makes of its arguments, if it is one that tensors need. */
function make(callee: PickleValue | undefined, args: readonly PickleValue[]): PickleValue {
  if (callee instanceof Inert) return callee.made ?? callee;
  if (!(callee instanceof KnownClass) || callee.build === undefined) {
    refuse(`The pickle calls ${describe(callee)}; nothing was executed`, RESAVE);
  }
  return callee.build(args);
}

/** Python 2 gave the entries as a list of pairs; Python 3 sets them afterwards. */
function buildDictionary([entries]: readonly PickleValue[]): PickleValue {
  const pairs = Array.isArray(entries) ? entries.filter((pair) => Array.isArray(pair)) : [];
  return new Map(pairs.map(([key, value]) => [key, value]));
}

/** (storage, offset, shape, strides, …); what follows concerns gradients. */
function buildTensor([storage, offset, shape, strides]: readonly PickleValue[]): PickleValue {
  if (storage instanceof Inert) return new Inert(`a tensor on ${storage.what}`);
  if (!(storage instanceof StorageReference)) {
    refuse(`The pickle has a tensor on ${describe(storage)}; expected a storage`);
  }
  const sizes = indices(shape, "a tensor's shape");
  const steps = indices(strides, "a tensor's strides");
  if (sizes.length !== steps.length) {
    refuse(`The pickle has a tensor of shape (${sizes}) with strides (${steps})`);
  }
  return new TensorView(storage, index(offset, "a tensor's offset"), sizes, steps);
}

/** (untyped storage, offset, shape, strides, requires_grad, backward_hooks, dtype, …); the offset is in elements. */
function buildTypedTensor(args: readonly PickleValue[]): PickleValue {
  const [storage, , , , , , dtype] = args;
  if (dtype instanceof Inert) return new Inert(`a tensor of ${dtype.what}`);
  if (!(storage instanceof StorageReference && dtype instanceof KnownClass && dtype.storageDtype)) {
    return new Inert(`a tensor on ${describe(storage)}`);
  }
  const { key, elements } = storage;
  const { storageDtype } = dtype;
  const whole = Math.floor((elements * storage.dtype.size) / storageDtype.size);
  const typed = new StorageReference(key, storageDtype, whole, { offset: 0, elements: whole });
  return buildTensor([typed, ...args.slice(1)]);
}

/** (function, type, its arguments, attributes): a tensor with attributes, or of a class made from torch's. */
function buildSubclass([callee, , args]: readonly PickleValue[]): PickleValue {
  return make(callee, Array.isArray(args) ? args : []);
}

/** (elements, dtype, shape, order): what protocol 5 makes an array of. */
function buildNumpyArray([elements, dtype, shape, order]: readonly PickleValue[]): PickleValue {
  return new NumpyArray([1, shape ?? null, dtype ?? null, order !== "C", elements ?? null]);
}

/** As a number if that is exact. */
function exact(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function index(value: PickleValue, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    refuse(`The pickle has ${describe(value)} as ${what}; expected an integer of 0 or more`);
  }
  return value;
}

function indices(value: PickleValue, what: string): number[] {
  if (!Array.isArray(value) || value.length > MAX_AXES) {
    refuse(`The pickle has ${describe(value)} as ${what}; expected up to ${MAX_AXES} integers`);
  }
  return value.map((size) => index(size, what));
}

/** A pickled value, in a few words for a message. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "string") return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" || typeof value === "bigint") return `the number ${value}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Map) return `a dictionary of ${value.size}`;
  if (value instanceof Inert) return value.what;
  if (value instanceof KnownClass) return `the class '${value.fullName}'`;
  return value instanceof StorageReference
    ? `storage ${value.key}`
    : `a tensor of shape (${value.shape.join(", ")})`;
}

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
} from "./dtype.js";

// A pickle is a program for a stack machine. This one runs the instructions that a dictionary of tensors needs and
// builds inert data only: a class is looked up in a fixed list, never imported, and nothing is ever called.

/** Instructions in one pickle. An ESVAE state dict takes 5,000, one with an optimizer's state 20,000. */
const MAX_OPCODES = 4_000_000;
/** Values on the stack. Python's pickler empties it every 1,000 dictionary entries (2 values each) per level. */
const MAX_STACK = 100_000;
/** Containers open at once. A tensor inside `{'net': state_dict}` opens 5. */
const MAX_DEPTH = 100;
/** Remembered values. An ESVAE state dict has 1,056. */
const MAX_MEMO = 1_000_000;
/** Bytes of one string. Tensor names, the longest that are needed, take under 100. */
const MAX_STRING_BYTES = 65_536;
/** Bytes of a class's module or name, each. */
const MAX_CLASS_NAME_BYTES = 256;
/** Axes of a tensor; torch itself stops at 64, ESVAE at 5. */
const MAX_AXES = 8;

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

/** A class that the pickle may name. */
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

const KNOWN_CLASSES: ReadonlyMap<string, KnownClass> = new Map(
  [
    new KnownClass("collections OrderedDict", buildOrderedDict),
    new KnownClass("torch._utils _rebuild_tensor", buildTensor),
    new KnownClass("torch._utils _rebuild_tensor_v2", buildTensor),
    new KnownClass("torch._utils _rebuild_parameter", buildParameter),
    ...STORAGE_CLASSES.map(([name, dtype]) => new KnownClass(name, undefined, dtype)),
  ].map((known) => [known.fullName, known]),
);

const OPCODE = {
  MARK: 0x28, // (
  EMPTY_TUPLE: 0x29, // )
  STOP: 0x2e, // .
  POP: 0x30, // 0
  BINFLOAT: 0x47, // G
  BININT: 0x4a, // J
  BININT1: 0x4b, // K
  BININT2: 0x4d, // M
  NONE: 0x4e, // N
  BINPERSID: 0x51, // Q
  REDUCE: 0x52, // R
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
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  SHORT_BINUNICODE: 0x8c,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
} as const;

const RESAVE = "Save the weights alone, torch.save(model.state_dict(), path), and import that file";

function refuse(found: string, toDo = "The file is damaged: get it again"): never {
  throw new SpikeletError("bad-checkpoint", `${found}. ${toDo}.`);
}

/**
 * Reads one pickle (protocols 2 to 5) that starts at byte `start` of `bytes`, executing nothing.
 * @throws SpikeletError "bad-checkpoint" for a class or instruction that a dictionary of tensors does not need, for
 *   damaged data, and for anything beyond this file's limits.
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
      case OPCODE.LONG1:
        return this.long(this.byte());
      case OPCODE.BINFLOAT:
        return this.data.getFloat64(this.advance(8));
      case OPCODE.SHORT_BINUNICODE:
        return this.text(this.byte());
      case OPCODE.BINUNICODE:
        return this.text(this.word());
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
        return knownClass(`${this.line()} ${this.line()}`);
      case OPCODE.STACK_GLOBAL:
        return this.stackGlobal();
      case OPCODE.REDUCE:
        return this.reduce();
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
            "which a state dict does not need; nothing was executed",
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

  private text(length: number): string {
    if (length > MAX_STRING_BYTES) {
      refuse(`The pickle has a string of ${length} bytes; at most ${MAX_STRING_BYTES} are accepted`, RESAVE);
    }
    const at = this.advance(length);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.bytes.subarray(at, at + length));
    } catch (cause) {
      throw new SpikeletError(
        "bad-checkpoint",
        `The pickle's string at byte ${at} is not UTF-8. The file is damaged: get it again.`,
        { cause },
      );
    }
  }

  /** Text up to a newline, which is dropped. */
  private line(): string {
    const at = this.position;
    const length = this.bytes.subarray(at, at + MAX_CLASS_NAME_BYTES + 1).indexOf(0x0a);
    if (length < 0) refuse(`The pickle's class name at byte ${at} has no end`);
    const text = this.text(length);
    this.advance(1);
    return text;
  }

  /** A two's complement integer of `length` bytes; a bigint only where a number would round. */
  private long(length: number): number | bigint {
    const at = this.advance(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  // Stack and memo

  private pop(): PickleValue {
    return this.popMany(1)[0];
  }

  private popMany(count: number): PickleValue[] {
    // What lies below the newest mark belongs to an outer container.
    const floor = this.marks.at(-1) ?? 0;
    if (this.stack.length - count < floor) {
      refuse(`The pickle takes a value from an empty stack before byte ${this.position}`);
    }
    return this.stack.splice(this.stack.length - count);
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
    if (!Array.isArray(list)) refuse(`The pickle appends to ${describe(list)}; expected a list`);
    for (const value of values) list.push(value);
  }

  private setItems(items: readonly PickleValue[]): void {
    const dictionary = this.top();
    if (!(dictionary instanceof Map)) {
      refuse(`The pickle sets an entry of ${describe(dictionary)}; expected a dictionary`);
    }
    if (items.length % 2 !== 0) refuse("The pickle has a dictionary key without a value");
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1]);
  }

  private stackGlobal(): KnownClass {
    const [module, name] = this.popMany(2);
    if (typeof module !== "string" || typeof name !== "string") {
      refuse("The pickle names a class by something that is not text");
    }
    return knownClass(`${module} ${name}`);
  }

  private reduce(): PickleValue {
    const args = this.popArray("a class's arguments");
    const callee = this.pop();
    if (!(callee instanceof KnownClass) || callee.build === undefined) {
      refuse(`The pickle calls ${describe(callee)}; nothing was executed`, RESAVE);
    }
    return callee.build(args);
  }

  /** Attributes of an OrderedDict (`_metadata`: versions of the modules) say nothing about the weights. */
  private build(): void {
    this.pop();
    const target = this.top();
    if (!(target instanceof Map)) {
      refuse(`The pickle sets attributes of ${describe(target)}; nothing was executed`, RESAVE);
    }
  }

  /** ("storage", class, key, location, elements), and in the legacy format a view: null or (key, offset, elements). */
  private storage([kind, storageClass, key, , elements, view]: readonly PickleValue[]): StorageReference {
    if (kind !== "storage") refuse(`The pickle refers to ${describe(kind)}; expected 'storage'`, RESAVE);
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

function knownClass(fullName: string): KnownClass {
  const known = KNOWN_CLASSES.get(fullName);
  if (known === undefined) {
    refuse(
      `The pickle asks for the class '${fullName}', which a state dict does not need; nothing was executed`,
      RESAVE,
    );
  }
  return known;
}

function buildOrderedDict(args: readonly PickleValue[]): PickleValue {
  if (args.length !== 0) refuse("The pickle fills an OrderedDict in a way that Python 3 does not", RESAVE);
  return new Map();
}

/** (storage, offset, shape, strides, …); what follows concerns gradients. */
function buildTensor([storage, offset, shape, strides]: readonly PickleValue[]): PickleValue {
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

/** (tensor, requires_grad, backward_hooks) */
function buildParameter([tensor]: readonly PickleValue[]): PickleValue {
  if (!(tensor instanceof TensorView)) {
    refuse(`The pickle has a parameter of ${describe(tensor)}; expected a tensor`);
  }
  return tensor;
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
  if (value instanceof KnownClass) return `the class '${value.fullName}'`;
  return value instanceof StorageReference
    ? `storage ${value.key}`
    : `a tensor of shape (${value.shape.join(", ")})`;
}

/** A Python class or function, by name. */
export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** What Python makes by calling `callee(*args)`. */
export class Call {
  constructor(
    readonly callee: Global,
    readonly args: Tuple,
  ) {}
}

/** An object that is stored apart from the pickle. */
export class PersistentId {
  constructor(readonly id: Tuple) {}
}

export class Tuple {
  readonly items: readonly Picklable[];

  constructor(...items: readonly Picklable[]) {
    this.items = items;
  }
}

/** An OrderedDict with attributes, as a module's state dict is. */
export class OrderedDict {
  constructor(
    readonly entries: ReadonlyMap<string, Picklable>,
    readonly attributes: ReadonlyMap<string, Picklable> = new Map(),
  ) {}
}

export type Picklable =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Picklable[]
  | ReadonlyMap<Picklable, Picklable>
  | Tuple
  | Global
  | Call
  | PersistentId
  | OrderedDict;

/** What Python's pickle.dumps writes with that protocol, but for what it chooses to remember. */
export function pickle(value: Picklable, protocol: 2 | 4 = 2): Uint8Array {
  const writer = new PickleWriter(protocol);
  writer.write(value);
  return writer.finish();
}

const ORDERED_DICT = new Global("collections", "OrderedDict");

class PickleWriter {
  private readonly body: number[] = [];
  /** Index in the memo of each text and class written so far. */
  private readonly memo = new Map<string, number>();

  constructor(private readonly protocol: 2 | 4) {}

  finish(): Uint8Array {
    const body = [...this.body, ...ascii(".")];
    const frame = this.protocol === 4 ? [0x95, ...littleEndian(BigInt(body.length), 8)] : [];
    return Uint8Array.from([0x80, this.protocol, ...frame, ...body]);
  }

  write(value: Picklable): void {
    if (value === null) this.put("N");
    else if (typeof value === "boolean") this.body.push(value ? 0x88 : 0x89);
    else if (typeof value === "number") this.writeNumber(value);
    else if (typeof value === "bigint") this.writeLong(value);
    else if (typeof value === "string") this.remembered(`text ${value}`, () => this.writeText(value));
    else if (value instanceof Tuple) this.writeTuple(value);
    else if (value instanceof Global) this.writeGlobal(value);
    else if (value instanceof OrderedDict) this.writeOrderedDict(value);
    else if (value instanceof Map) this.writeDictionary(value);
    else if (value instanceof Call) {
      this.write(value.callee);
      this.write(value.args);
      this.put("R");
    } else if (value instanceof PersistentId) {
      this.write(value.id);
      this.put("Q");
    } else {
      this.put("](");
      for (const item of value as readonly Picklable[]) this.write(item);
      this.put("e");
    }
  }

  private put(opcodes: string): void {
    this.body.push(...ascii(opcodes));
  }

  /** Writes a value once and recalls it after that. */
  private remembered(key: string, write: () => void): void {
    const index = this.memo.get(key);
    if (index !== undefined) {
      if (index < 256) this.body.push(...ascii("h"), index);
      else this.body.push(...ascii("j"), ...littleEndian(BigInt(index), 4));
      return;
    }
    write();
    const next = this.memo.size;
    if (this.protocol === 4) this.body.push(0x94);
    else if (next < 256) this.body.push(...ascii("q"), next);
    else this.body.push(...ascii("r"), ...littleEndian(BigInt(next), 4));
    this.memo.set(key, next);
  }

  private writeNumber(value: number): void {
    if (!Number.isInteger(value)) {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setFloat64(0, value);
      this.body.push(...ascii("G"), ...bytes);
    } else if (value >= 0 && value < 256) this.body.push(...ascii("K"), value);
    else if (value >= 0 && value < 65536) this.body.push(...ascii("M"), ...littleEndian(BigInt(value), 2));
    else if (value === (value | 0)) this.body.push(...ascii("J"), ...littleEndian(BigInt(value), 4));
    else this.writeLong(BigInt(value));
  }

  private writeLong(value: bigint): void {
    let length = 1;
    while (BigInt.asIntN(8 * length, value) !== value) length++;
    this.body.push(0x8a, length, ...littleEndian(value, length));
  }

  private writeText(value: string): void {
    const bytes = new TextEncoder().encode(value);
    if (this.protocol === 4 && bytes.length < 256) this.body.push(0x8c, bytes.length, ...bytes);
    else this.body.push(...ascii("X"), ...littleEndian(BigInt(bytes.length), 4), ...bytes);
  }

  private writeTuple({ items }: Tuple): void {
    if (items.length > 3) this.put("(");
    for (const item of items) this.write(item);
    if (items.length === 0) this.put(")");
    else if (items.length > 3) this.put("t");
    else this.body.push(0x84 + items.length);
  }

  private writeGlobal({ module, name }: Global): void {
    this.remembered(`class ${module} ${name}`, () => {
      if (this.protocol === 2) return this.put(`c${module}\n${name}\n`);
      this.write(module);
      this.write(name);
      this.body.push(0x93);
    });
  }

  private writeOrderedDict({ entries, attributes }: OrderedDict): void {
    this.write(new Call(ORDERED_DICT, new Tuple()));
    this.writeEntries(entries);
    if (attributes.size > 0) {
      this.writeDictionary(attributes);
      this.put("b");
    }
  }

  private writeDictionary(entries: ReadonlyMap<Picklable, Picklable>): void {
    this.put("}");
    this.writeEntries(entries);
  }

  private writeEntries(entries: ReadonlyMap<Picklable, Picklable>): void {
    if (entries.size > 1) this.put("(");
    for (const [key, value] of entries) {
      this.write(key);
      this.write(value);
    }
    if (entries.size > 0) this.put(entries.size > 1 ? "u" : "s");
  }
}

function ascii(text: string): number[] {
  return [...text].map((character) => character.charCodeAt(0));
}

/** The low `length` bytes of a two's complement integer. */
export function littleEndian(value: bigint, length: number): number[] {
  return Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

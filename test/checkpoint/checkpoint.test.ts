import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { zipSync } from "fflate";
import { hasPrior, readNetwork } from "../../src/checkpoint/architecture.js";
import { readCheckpoint } from "../../src/checkpoint/checkpoint.js";
import { describe as describeValue, unpickle } from "../../src/checkpoint/pickle.js";
import { readSafetensors } from "../../src/checkpoint/safetensors.js";
import { SpikeletError } from "../../src/errors.js";
import { outputSize, type Tensor } from "../../src/network.js";
import {
  concat,
  legacyPth,
  type Storage,
  type StridedTensor,
  safetensorsFile,
  stateDict,
  syntheticTensors,
  writeLegacyPth,
  writePth,
  writeSafetensors,
  zipPth,
} from "../support/network.js";
import {
  Call,
  Global,
  OrderedDict,
  PersistentId,
  type Picklable,
  pickle,
  Tuple,
} from "../support/pickle-writer.js";

const REAL_CHECKPOINT = "../shared/data/esvae-mnist/checkpoint.pth";
const withRealCheckpoint = existsSync(REAL_CHECKPOINT) ? {} : { skip: `${REAL_CHECKPOINT} is not here` };

/**
 * torch 1.13.1's torch.save(…, _use_new_zipfile_serialization=False) of the state dict of a Linear(2, 1), and a
 * tensor `transposed` = arange(6).reshape(2, 3).t()[1:].
 */
const LEGACY_BY_TORCH = `
gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2NvbF92ZXJzaW9ucQFN6QNYDQAAAGxpdHRsZV9lbmRpYW5xAohYCgAAAHR5
cGVfc2l6ZXNxA31xBChYBQAAAHNob3J0cQVLAlgDAAAAaW50cQZLBFgEAAAAbG9uZ3EHSwR1dS6AAmNjb2xsZWN0aW9ucwpPcmRlcmVkRGlj
dApxAClScQEoWAYAAAB3ZWlnaHRxAmN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnEDKChYBwAAAHN0b3JhZ2VxBGN0b3JjaApG
bG9hdFN0b3JhZ2UKcQVYDgAAADk0MzUzMDMyMzQzNDQwcQZYAwAAAGNwdXEHSwJOdHEIUUsASwFLAoZxCUsCSwGGcQqJaAApUnELdHEMUnEN
WAQAAABiaWFzcQ5oAygoaARoBVgOAAAAOTQzNTMwMzIzMTg3NTJxD2gHSwFOdHEQUUsASwGFcRFLAYVxEoloAClScRN0cRRScRVYCgAAAHRy
YW5zcG9zZWRxFmgDKChoBGgFWA4AAAA5NDM1MzAzMjMxNjE5MnEXaAdLBk50cRhRSwFLAksChnEZSwFLA4ZxGoloAClScRt0cRxScR11fXEe
WAkAAABfbWV0YWRhdGFxH2gAKVJxIFgAAAAAcSF9cSJYBwAAAHZlcnNpb25xI0sBc3NzYi6AAl1xAChYDgAAADk0MzUzMDMyMzE2MTkycQFY
DgAAADk0MzUzMDMyMzE4NzUycQJYDgAAADk0MzUzMDMyMzQzNDQwcQNlLgYAAAAAAAAAAAAAAAAAgD8AAABAAABAQAAAgEAAAKBAAQAAAAAA
AAAAAMA/AgAAAAAAAAAAAAA/AACAvg==`;

/** Asserts that `run` throws a SpikeletError "bad-checkpoint" whose message matches all of `patterns`. */
function refuses(run: () => unknown, ...patterns: RegExp[]): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof SpikeletError, String(error));
    assert.equal(error.code, "bad-checkpoint");
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });
}

function assertSameTensors(found: ReadonlyMap<string, Tensor>, expected: ReadonlyMap<string, Tensor>): void {
  assert.deepEqual([...found.keys()], [...expected.keys()]);
  for (const [name, tensor] of expected) assert.deepEqual(found.get(name), tensor, name);
}

function floatStorage(...values: number[]): Storage {
  return {
    type: "FloatStorage",
    elements: values.length,
    bytes: new Uint8Array(Float32Array.from(values).buffer),
  };
}

/** A zip checkpoint of one tensor 'x' on the storage '0'. */
function oneTensor(storage: Storage, offset: number, shape: number[], strides: number[]): Uint8Array {
  const storages = new Map([["0", storage]]);
  return zipPth(storages, stateDict(storages, new Map([["x", { key: "0", offset, shape, strides }]]), "zip"));
}

function changed(
  tensors: ReadonlyMap<string, Tensor>,
  name: string,
  change: (tensor: Tensor) => Tensor | undefined,
): Map<string, Tensor> {
  const copy = new Map(tensors);
  const tensor = change(tensors.get(name)!);
  if (tensor === undefined) copy.delete(name);
  else copy.set(name, tensor);
  return copy;
}

describe("checkpoint formats", () => {
  const tensors = syntheticTensors();

  for (const protocol of [2, 4] as const) {
    for (const net of [false, true]) {
      const what = `protocol ${protocol}${net ? ", wrapped as {'net': …}" : ""}`;
      test(`reads the zip format, ${what}`, () => {
        assertSameTensors(readCheckpoint(writePth(tensors, { net, protocol })), tensors);
      });
      test(`reads the legacy format, ${what}`, () => {
        assertSameTensors(readCheckpoint(writeLegacyPth(tensors, { net, protocol })), tensors);
      });
    }
  }

  test("reads safetensors", () => {
    assertSameTensors(readCheckpoint(writeSafetensors(tensors)), tensors);
  });

  test("reads bytes that lie at an odd place in their buffer", () => {
    for (const bytes of [writePth(tensors), writeLegacyPth(tensors), writeSafetensors(tensors)]) {
      assertSameTensors(
        readCheckpoint(concat([Uint8Array.of(9, 9, 9), bytes, Uint8Array.of(9)]).subarray(3, -1)),
        tensors,
      );
    }
  });

  test("reads a legacy file that torch itself wrote", () => {
    const found = readCheckpoint(new Uint8Array(Buffer.from(LEGACY_BY_TORCH, "base64")));
    assertSameTensors(
      found,
      new Map([
        ["weight", { shape: [1, 2], data: Float32Array.of(0.5, -0.25) }],
        ["bias", { shape: [1], data: Float32Array.of(1.5) }],
        ["transposed", { shape: [2, 2], data: Float32Array.of(1, 4, 2, 5) }],
      ]),
    );
  });

  test("gathers views in row-major order, storages shared", () => {
    const storages = new Map([["0", floatStorage(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)]]);
    const views = new Map([
      ["transposed", { key: "0", offset: 0, shape: [3, 2], strides: [1, 3] }],
      ["window", { key: "0", offset: 4, shape: [2, 2], strides: [3, 2] }],
      ["expanded", { key: "0", offset: 9, shape: [2, 3], strides: [0, 0] }],
      ["scalar", { key: "0", offset: 7, shape: [], strides: [] }],
      ["empty", { key: "0", offset: 10, shape: [0, 4], strides: [4, 1] }],
    ]);
    const expected = new Map<string, Tensor>([
      ["transposed", { shape: [3, 2], data: Float32Array.of(0, 3, 1, 4, 2, 5) }],
      ["window", { shape: [2, 2], data: Float32Array.of(4, 6, 7, 9) }],
      ["expanded", { shape: [2, 3], data: Float32Array.of(9, 9, 9, 9, 9, 9) }],
      ["scalar", { shape: [], data: Float32Array.of(7) }],
      ["empty", { shape: [0, 4], data: new Float32Array(0) }],
    ]);
    assertSameTensors(readCheckpoint(zipPth(storages, stateDict(storages, views, "zip"))), expected);
    assertSameTensors(readCheckpoint(legacyPth(storages, stateDict(storages, views, "legacy"))), expected);
  });

  test("converts every dtype to float32", () => {
    const cases: [string, string, ArrayBuffer, number[]][] = [
      ["DoubleStorage", "F64", Float64Array.of(0.1, -3).buffer, [Math.fround(0.1), -3]],
      ["FloatStorage", "F32", Float32Array.of(1.5, -3).buffer, [1.5, -3]],
      [
        "HalfStorage",
        "F16",
        Uint16Array.of(0x3e00, 0xc000, 0x0001, 0xfc00).buffer,
        [1.5, -2, 2 ** -24, -Infinity],
      ],
      ["BFloat16Storage", "BF16", Uint16Array.of(0x3fc0, 0xc000).buffer, [1.5, -2]],
      ["LongStorage", "I64", BigInt64Array.of(4650n, -1n).buffer, [4650, -1]],
      ["IntStorage", "I32", Int32Array.of(70000, -1).buffer, [70000, -1]],
      ["ShortStorage", "I16", Int16Array.of(700, -1).buffer, [700, -1]],
      ["CharStorage", "I8", Int8Array.of(7, -1).buffer, [7, -1]],
      ["ByteStorage", "U8", Uint8Array.of(7, 255).buffer, [7, 255]],
      ["BoolStorage", "BOOL", Uint8Array.of(1, 0).buffer, [1, 0]],
    ];
    for (const [type, dtype, buffer, values] of cases) {
      const bytes = new Uint8Array(buffer);
      const shape = [values.length];
      const expected = new Map([["x", { shape, data: Float32Array.from(values) }]]);
      assertSameTensors(
        readCheckpoint(oneTensor({ type, elements: values.length, bytes }, 0, shape, [1])),
        expected,
      );
      const header = { x: { dtype, shape, data_offsets: [0, bytes.length] } };
      assertSameTensors(readSafetensors(safetensorsFile(header, bytes)), expected);
    }
  });

  test("honours a big-endian mark", () => {
    const file = (byteorder: string) => {
      const storages = new Map([["0", { type: "ShortStorage", elements: 1, bytes: Uint8Array.of(1, 2) }]]);
      const value = stateDict(
        storages,
        new Map([["x", { key: "0", offset: 0, shape: [1], strides: [1] }]]),
        "zip",
      );
      return zipSync({
        "net/data.pkl": pickle(value),
        "net/data/0": storages.get("0")!.bytes,
        "net/byteorder": new TextEncoder().encode(byteorder),
      });
    };
    assert.equal(readCheckpoint(file("big")).get("x")!.data[0], 0x0102);
    assert.equal(readCheckpoint(file("little")).get("x")!.data[0], 0x0201);
    refuses(() => readCheckpoint(file("middle")), /byteorder is 'middle'; expected 'little' or 'big'/);
  });

  test("keeps a key '__proto__' away from prototypes", () => {
    const value = new Map([["__proto__", new Map([["polluted", 1]])]]);
    const { value: found } = unpickle(pickle(value));
    assert.ok(found instanceof Map && found.get("__proto__") instanceof Map);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });
});

describe("files that are no checkpoint", () => {
  const tensors = new Map([["x", { shape: [2], data: Float32Array.of(1, 2) }]]);

  test("an unknown format", () => {
    refuses(
      () => readCheckpoint(new TextEncoder().encode("<!DOCTYPE html>")),
      /found an HTML page/,
      /expected a \.pth file of torch\.save or a \.safetensors file/,
      /Check that/,
    );
    refuses(() => readCheckpoint(new Uint8Array(0)), /found an empty file/);
    const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
    for (const [content, kind] of [
      [
        "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
        /a Git LFS pointer.*git lfs pull/,
      ],
      ["\x89HDF\r\n\x1a\n", /an HDF5 file \(NIR, Keras\)/],
      ["\n <html><title>404", /an HTML page/],
      ['{"weight_map": {}}', /a JSON text/],
      ["\x1f\x8b\x08", /a gzip file/],
      ["GGUF\x03\0\0\0", /a GGUF file/],
      ["abcdefghij", /10 bytes that begin with 61 62 63 64 65 66 67 68 \("abcdefgh"\)/],
    ] as const) {
      refuses(() => readCheckpoint(bytes(content)), kind);
    }
  });

  test("a truncated zip", () => {
    const bytes = writePth(tensors);
    refuses(
      () => readCheckpoint(bytes.subarray(0, bytes.length - 30)),
      /zip archive of \d+ bytes cannot be read/,
      /expected a directory at its end/,
      /get it again/,
    );
  });

  test("a zip of something else", () => {
    refuses(
      () => readCheckpoint(zipSync({ "mu.npy": Uint8Array.of(1) })),
      /0 entries of the form ROOT\/data\.pkl among its 1 \(mu\.npy…\); expected one/,
    );
  });

  test("a zip that lacks a storage, or has one of another size", () => {
    const value = stateDict(
      new Map([["0", floatStorage(1, 2)]]),
      new Map([["x", { key: "0", offset: 0, shape: [2], strides: [1] }]]),
      "zip",
    );
    refuses(() => readCheckpoint(zipPth(new Map(), value)), /no entry 'archive\/data\/0'/);
    refuses(
      () => readCheckpoint(zipPth(new Map([["0", floatStorage(1)]]), value)),
      /'archive\/data\/0' has 4 bytes; its 2 elements of float32 need 8/,
    );
  });

  test("a zip that would inflate beyond the limit", () => {
    const bytes = zipSync({ "archive/data.pkl": new Uint8Array(1000) });
    const entry = findDirectoryEntry(bytes);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(entry + 24, 2 ** 30, true);
    refuses(
      () => readCheckpoint(bytes),
      /would inflate to 1073741824 or more; at most 536870912 are accepted, and nothing was inflated/,
    );
  });

  test("a zip whose entry inflates to another size than declared", () => {
    const bytes = zipSync({ "archive/data.pkl": new Uint8Array(1000) });
    const entry = findDirectoryEntry(bytes);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(entry + 24, 2000, true);
    refuses(() => readCheckpoint(bytes), /'archive\/data\.pkl' has 1000 bytes; its directory says 2000/);
  });

  test("a zip whose entries add up to more than the file", () => {
    const bytes = writePth(tensors);
    const entry = findDirectoryEntry(bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(entry + 20, 1e6, true);
    view.setUint32(entry + 24, 1e6, true);
    refuses(() => readCheckpoint(bytes), /entries take \d+ bytes; the file has \d+/);
  });

  test("a dictionary without tensors", () => {
    refuses(
      () => readCheckpoint(zipPth(new Map(), new Map([["epoch", 3]]))),
      /is a dictionary of 1 \('epoch': the number 3\) and has no tensors.*Expected a state dict/,
    );
    refuses(() => readCheckpoint(zipPth(new Map(), "hello")), /is 'hello' and has no tensors/);
  });
});

/** Index of an archive's last central directory entry; its sizes are at 20 (compressed) and 24 (inflated). */
function findDirectoryEntry(bytes: Uint8Array): number {
  for (let at = bytes.length - 4; at >= 0; at--) {
    if (bytes[at] === 0x50 && bytes[at + 1] === 0x4b && bytes[at + 2] === 1 && bytes[at + 3] === 2) return at;
  }
  throw new Error("no directory entry");
}

describe("pickles", () => {
  /** Protocol 2 and these opcodes. */
  const program = (...parts: (string | number[])[]) =>
    Uint8Array.from([
      0x80,
      2,
      ...parts.flatMap((part) =>
        typeof part === "string" ? [...part].map((character) => character.charCodeAt(0)) : part,
      ),
    ]);

  test("a class that is not a tensor's is kept as its name, and nothing is executed", () => {
    const attack = (module: string, name: string) => new Call(new Global(module, name), new Tuple("touch x"));
    for (const [module, name] of [
      ["posix", "system"],
      ["os", "system"],
      ["builtins", "eval"],
      ["torch", "__proto__"],
      ["torch.nn.modules.linear", "Linear"],
    ]) {
      for (const protocol of [2, 4] as const) {
        const value = new Map([["net", attack(module, name)]]);
        const message = new RegExp(
          `'net': an object of the class '${module} ${name}'\\) and has no tensors.*nothing was executed`,
        );
        refuses(() => readCheckpoint(zipPth(new Map(), value, { protocol })), message);
        refuses(() => readCheckpoint(legacyPth(new Map(), value, { protocol })), message);
      }
    }
  });

  test("only known classes are called, and only dictionaries take attributes", () => {
    refuses(
      () => unpickle(pickle(new Call(new Global("torch", "FloatStorage"), new Tuple(1)))),
      /calls the class 'torch FloatStorage'; nothing was executed/,
    );
    refuses(() => unpickle(program("K", [1], ")R.")), /calls the number 1; nothing was executed/);
    // An unknown class takes anything, calls of what it made and attributes and entries too, and stays a name.
    for (const rest of [")R.", ")\x81.", ")}\x92.", ")R)R.", ")RNb.", ")RNa.", ")RNNs.", ")R(NNu."]) {
      const { value } = unpickle(program("cos\nsystem\n", rest));
      assert.equal(describeValue(value), "an object of the class 'os system'", rest);
    }
    refuses(() => unpickle(program("]Nb.")), /sets attributes of a list of 0; nothing was executed/);
  });

  test("an instruction that state dicts do not need", () => {
    refuses(
      () => unpickle(program("(i")),
      /the instruction 0x69 at byte 3, which torch.save never writes; nothing was executed/,
    );
  });

  test("deep recursion and endless stacks", () => {
    refuses(() => unpickle(program("(".repeat(101))), /nests deeper than 100 containers/);
    refuses(() => unpickle(program("]".repeat(100_001))), /more than 100000 values on its stack/);
    let nested: Tuple = new Tuple();
    for (let depth = 0; depth < 500; depth++) nested = new Tuple(nested, 1, 2, 3);
    refuses(() => readCheckpoint(zipPth(new Map(), nested)), /nests deeper than 100 containers/);
  });

  test("too many instructions", () => {
    refuses(() => unpickle(program("N0".repeat(1_000_001))), /more than 2000000 instructions/);
  });

  test("damage", () => {
    const whole = pickle(new OrderedDict(new Map([["x", 1]])));
    for (let length = 0; length < whole.length; length++) {
      refuses(() => unpickle(whole.subarray(0, length)), /cut short|has no end/);
    }
    refuses(() => unpickle(Uint8Array.of(0x80, 1, 0x2e)), /protocol 1; expected 2 to 5/);
    refuses(() => unpickle(program(".")), /takes a value from an empty stack/);
    refuses(() => unpickle(program("K", [1], "(0.")), /takes a value from an empty stack/);
    refuses(() => unpickle(program("t.")), /closes a container that it never opened/);
    refuses(() => unpickle(program("h", [7], ".")), /recalls value 7, which it never stored/);
    refuses(() => unpickle(program("X", [0, 0, 0, 0x7f], ".")), /cut short: byte 2130706438 is missing/);
    refuses(() => unpickle(program("}(Nu.")), /a dictionary key without a value/);
    refuses(() => unpickle(program("NNa.")), /appends to None; expected a list/);
    refuses(
      () => unpickle(program([0x95, 255, 0, 0, 0, 0, 0, 0, 0], ".")),
      /a frame of 255 bytes; 1 are left/,
    );
  });

  test("what no tensor needs is passed over: long texts, bytes, sets, long integers", () => {
    const text = (length: number) =>
      program("X", [length & 0xff, length >> 8, length >> 16, 0], "a".repeat(length), ".");
    assert.equal(unpickle(text(65_536)).value, "a".repeat(65_536));
    assert.equal(describeValue(unpickle(text(65_537)).value), "a text of 65537 bytes");
    for (const [parts, what] of [
      [["X", [1, 0, 0, 0, 0xff]], "a text of 1 bytes that is not UTF-8"],
      [["C", [2, 7, 7]], "2 bytes"],
      [["B", [2, 0, 0, 0, 7, 7]], "2 bytes"],
      [[[0x8e, 2, 0, 0, 0, 0, 0, 0, 0, 7, 7]], "2 bytes"],
      [[[0x8f], "(K", [1], "K", [2, 0x90]], "a set"],
      [["(K", [1, 0x91]], "a frozenset"],
      [[[0x8a, 17], "a".repeat(17)], "an integer of 17 bytes"],
      [[[0x8b, 17, 0, 0, 0], "a".repeat(17)], "an integer of 17 bytes"],
    ] as [(string | number[])[], string][]) {
      assert.equal(describeValue(unpickle(program(...parts, ".")).value), what);
    }
    for (const [parts, value] of [
      [[[0x8a, 0]], 0],
      [[[0x8a, 1, 0xff]], -1],
      [[[0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x80]], -(2n ** 63n)],
      [[[0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0x80, 0]], 2n ** 63n],
      [[[0x8a, 16], "\0".repeat(15), [0x40]], 2n ** 126n],
      [["I01\n"], true],
      [["L-12L\n"], -12],
      [["U", [2], "ab"], "ab"],
      [["T", [2, 0, 0, 0], "ab"], "ab"],
      [["(NN1K", [5]], 5],
    ] as [(string | number[])[], unknown][]) {
      assert.equal(unpickle(program(...parts, ".")).value, value);
    }
  });

  test("a pickle larger than any honest one is not even inflated", () => {
    const bytes = zipSync({ "archive/data.pkl": new Uint8Array(2 ** 26 + 1) }, { level: 1 });
    refuses(
      () => readCheckpoint(bytes),
      /'archive\/data\.pkl' has 67108865 bytes; at most 67108864 are accepted/,
    );
  });

  test("a tensor beyond its storage", () => {
    const storage = floatStorage(1, 2, 3, 4);
    for (const [offset, shape, strides, last] of [
      [1, [4], [1], 4],
      [0, [2, 2], [3, 2], 5],
      [4, [], [], 4],
    ] as [number, number[], number[], number][]) {
      refuses(
        () => readCheckpoint(oneTensor(storage, offset, shape, strides)),
        new RegExp(`Tensor 'x' of shape .* reaches element ${last} of a storage of 4.*get it again`),
      );
    }
    refuses(
      () => readCheckpoint(oneTensor(storage, 0, [-1], [1])),
      /the number -1 as a tensor's shape; expected an integer of 0 or more/,
    );
    refuses(() => readCheckpoint(oneTensor(storage, 0, [1, 1], [1])), /shape \(1,1\) with strides \(1\)/);
  });

  test("views that repeat one element without bound", () => {
    refuses(
      () => readCheckpoint(oneTensor(floatStorage(1), 0, [1e6, 1e6], [0, 0])),
      /up to 'x' have 1000000000000 elements; at most 33554432 are accepted/,
    );
  });

  test("a legacy file that is no checkpoint, or cut short", () => {
    refuses(
      () => readCheckpoint(pickle(new Map([["a", 1]]))),
      /Python pickle that begins with a dictionary of 1; expected torch's magic number/,
    );
    const whole = writeLegacyPth(new Map([["x", { shape: [2], data: Float32Array.of(1, 2) }]]));
    refuses(() => readCheckpoint(whole.subarray(0, -1)), /Storage 0 needs 8 bytes; 7 are left/);
    refuses(() => readCheckpoint(whole.subarray(0, -9)), /ends before storage 0/);
    const wrongCount = whole.slice();
    wrongCount[whole.length - 16] = 3;
    refuses(() => readCheckpoint(wrongCount), /Storage 0 has 3 elements; its pickle says 2/);
    refuses(
      () => readCheckpoint(legacyPth(new Map([["9", floatStorage(1)]]), new OrderedDict(new Map()))),
      /lists storage '9', which its pickle does not refer to/,
    );
  });
});

describe("safetensors that are damaged", () => {
  const entry = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype = "F32") => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });
  const cases: [string, Uint8Array, RegExp][] = [
    [
      "a header longer than the file",
      concat([Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0), new TextEncoder().encode("{}")]),
      /header is declared as 256 bytes; 2 are left in the file.*get it again/,
    ],
    ["a header that is not JSON", safetensorsFile("{x", new Uint8Array(0)), /header is not JSON/],
    [
      "an entry that is no object",
      safetensorsFile({ a: 1 }, new Uint8Array(0)),
      /'a' is not described by an object/,
    ],
    [
      "a dtype that is no text",
      safetensorsFile({ a: { ...entry(0, 4, [1]), dtype: 4 } }, new Uint8Array(4)),
      /'a' has dtype 4; expected a text such as "F32"/,
    ],
    [
      "a name that occurs twice",
      safetensorsFile(
        `{"a": ${JSON.stringify(entry(0, 4))}, "\\u0061": ${JSON.stringify(entry(4, 8))}}`,
        new Uint8Array(8),
      ),
      /the name 'a' twice/,
    ],
    [
      "a header with NUL bytes behind it",
      safetensorsFile("{}\0\0", new Uint8Array(0)),
      /filled up with NUL bytes/,
    ],
    [
      "a shape of no integers",
      safetensorsFile({ a: entry(0, 4, [1.5]) }, new Uint8Array(4)),
      /'a' has shape \[1\.5\]; expected integers/,
    ],
    [
      "offsets in the wrong order",
      safetensorsFile({ a: entry(4, 0, [1]) }, new Uint8Array(4)),
      /'a' has data_offsets \[4,0\]; expected \[begin, end\]/,
    ],
    [
      "a shape of another size",
      safetensorsFile({ a: entry(0, 8, [3]) }, new Uint8Array(8)),
      /'a' has 8 bytes; shape \(3\) of float32 needs 12/,
    ],
    [
      "an overlap",
      safetensorsFile({ a: entry(0, 8), b: entry(4, 12) }, new Uint8Array(12)),
      /'b' begins at byte 4 of the data and overlaps the tensor before it; expected byte 8/,
    ],
    [
      "a hole",
      safetensorsFile({ a: entry(0, 4), b: entry(8, 12) }, new Uint8Array(12)),
      /'b' begins at byte 8 of the data and leaves a hole before it; expected byte 4/,
    ],
    [
      "data cut short",
      safetensorsFile({ a: entry(0, 8) }, new Uint8Array(7)),
      /'a' ends at byte 8 of the data, which has 7/,
    ],
    [
      "data left over",
      safetensorsFile({ a: entry(0, 8) }, new Uint8Array(9)),
      /tensors cover 8 bytes of the data, which has 9/,
    ],
  ];
  for (const [what, bytes, message] of cases) {
    test(what, () => refuses(() => readCheckpoint(bytes), message));
  }
});

/** An object's entries as a dictionary. */
const dictionary = (entries: Record<string, Picklable>) =>
  new Map<Picklable, Picklable>(Object.entries(entries));

describe("where the weights are in a checkpoint", () => {
  const tensors = syntheticTensors();
  const renamed = (rename: (name: string) => string) =>
    new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]));
  const { storages, value: state } = pickledState(tensors);
  const beside = (entries: Record<string, Picklable>, protocol: 2 | 4 = 2) =>
    zipPth(storages, dictionary(entries), { protocol });
  const optimizer = dictionary({ state: new Map(), param_groups: [dictionary({ lr: 0.1 })] });

  test("prefixes come off in any order and number", () => {
    for (const prefix of [
      "module.",
      "_orig_mod.module.",
      "module._orig_mod.",
      "model.",
      "net.module.",
      "a.b.c.",
    ]) {
      const found = renamed((name) => prefix + name);
      for (const write of [writePth, writeLegacyPth, writeSafetensors]) {
        assertSameTensors(readCheckpoint(write(found)), tensors);
      }
    }
    const inside = renamed((name) => name.replace(/^(decoder|final_layer)\./, "$1._orig_mod."));
    assertSameTensors(readCheckpoint(writePth(inside)), tensors);
  });

  test("what does not belong to the network is left out: averaging's count, a loss's weights", () => {
    const averaged = new Map<string, Tensor>([
      ["n_averaged", { shape: [], data: Float32Array.of(3) }],
      ...renamed((name) => `module.${name}`),
      ["loss.net.weight", { shape: [1], data: Float32Array.of(3) }],
    ]);
    assertSameTensors(readCheckpoint(writePth(averaged)), tensors);
    assertSameTensors(readCheckpoint(writeSafetensors(averaged)), tensors);
  });

  test("of two networks in one file, one is chosen by its key", () => {
    const other = syntheticTensors({ seed: 2 });
    const both = new Map([
      ...renamed((name) => `model.${name}`),
      ...[...other].map(([name, tensor]): [string, Tensor] => [`ema.module.${name}`, tensor]),
    ]);
    for (const bytes of [writePth(both), writeSafetensors(both)]) {
      refuses(
        () => readCheckpoint(bytes),
        /has 2 networks: 'model', 'ema\.module'; expected one.*--key model/,
      );
      assertSameTensors(readCheckpoint(bytes, { key: "ema.module." }), other);
      assertSameTensors(readCheckpoint(bytes, { key: "model" }), tensors);
    }
    const mixed = new Map([...tensors, ...renamed((name) => `module.${name}`)]);
    refuses(() => readCheckpoint(writePth(mixed)), /two tensors 'encoder\.0\.weight'/);
  });

  test("a state dict is found under any key, beside whatever else", () => {
    for (const key of ["net", "state_dict", "model", "model_state_dict", "ema", "weights"]) {
      const bytes = beside({ epoch: 3, [key]: state, optimizer_state_dict: optimizer });
      assertSameTensors(readCheckpoint(bytes), tensors);
    }
    const nested = beside({ a: dictionary({ b: [state] }) });
    assertSameTensors(readCheckpoint(nested), tensors);
    assertSameTensors(readCheckpoint(nested, { key: "a.b.0" }), tensors);
  });

  test("of several state dicts, one is chosen by its key", () => {
    const { storages: all, value: ema } = pickledState(syntheticTensors({ seed: 2 }), storages.size);
    for (const [key, storage] of storages) all.set(key, storage);
    const bytes = zipPth(all, dictionary({ net: state, ema, epoch: 3 }));
    refuses(() => readCheckpoint(bytes), /has 2 networks: 'net', 'ema'; expected one.*by its key: --key net/);
    assertSameTensors(readCheckpoint(bytes, { key: "ema" }), syntheticTensors({ seed: 2 }));
    assert.throws(
      () => readCheckpoint(bytes, { key: "emma" }),
      (error) =>
        error instanceof SpikeletError &&
        error.code === "bad-option" &&
        /no tensors under the key "emma" \(did you mean ema\?\); expected one of 'net', 'ema'/.test(
          error.message,
        ),
    );
  });

  test("objects beside the weights are passed over, in every protocol", () => {
    const object = (module: string, name: string, ...args: Picklable[]) =>
      new Call(new Global(module, name), new Tuple(...args));
    const dtype = object("numpy", "dtype", "f8", false, true);
    for (const protocol of [2, 4] as const) {
      const bytes = beside(
        {
          args: object("argparse", "Namespace", dictionary({ lr: 0.1 })),
          loss: object(
            "numpy._core.multiarray",
            "scalar",
            dtype,
            object("_codecs", "encode", "abc", "latin1"),
          ),
          history: object("collections", "defaultdict", new Global("__builtin__", "list")),
          device: object("torch", "device", "cuda", 0),
          dtype: new Global("torch", "float32"),
          layout: new Global("torch", "strided"),
          size: object("torch", "Size", new Tuple(1, 2)),
          seen: object("builtins", "set", [1, 2]),
          at: object("datetime", "datetime", object("_codecs", "encode", "abc", "latin1")),
          path: object("pathlib", "PosixPath", "/", "tmp"),
          source: "x".repeat(100_000),
          random: new Tuple(3, new Tuple(2 ** 31, 2n ** 127n), null),
          net: state,
        },
        protocol,
      );
      assertSameTensors(readCheckpoint(bytes), tensors);
    }
  });

  test("a parameter with attributes, a tensor with attributes and one of a new type are read", () => {
    const storages = new Map([
      ["0", floatStorage(1, 2)],
      ["1", { type: "UntypedStorage", elements: 4, bytes: Uint8Array.of(1, 0, 0xff, 0xff) }],
    ]);
    const on = (key: string, module: string, elements: number) =>
      new PersistentId(
        new Tuple("storage", new Global(module, storages.get(key)!.type), key, "cpu", elements),
      );
    const plain = [on("0", "torch", 2), 0, new Tuple(2), new Tuple(1), false, new OrderedDict(new Map())];
    const rebuild = new Global("torch._utils", "_rebuild_tensor_v2");
    const tensor = new Call(rebuild, new Tuple(...plain));
    const attributes = dictionary({ tag: "x" });
    const utils = (name: string, ...args: Picklable[]) =>
      new Call(new Global("torch._utils", name), new Tuple(...args));
    const bytes = zipPth(
      storages,
      dictionary({
        "a.weight": utils("_rebuild_parameter", tensor, true, new OrderedDict(new Map())),
        "b.weight": utils(
          "_rebuild_parameter_with_state",
          tensor,
          true,
          new OrderedDict(new Map()),
          attributes,
        ),
        "c.weight": new Call(
          new Global("torch._tensor", "_rebuild_from_type_v2"),
          new Tuple(rebuild, new Global("torch", "Tensor"), new Tuple(...plain), attributes),
        ),
        "d.weight": utils(
          "_rebuild_tensor_v3",
          on("1", "torch.storage", 4),
          0,
          new Tuple(2),
          new Tuple(1),
          false,
          new OrderedDict(new Map()),
          new Global("torch", "uint16"),
        ),
      }),
    );
    const found = readCheckpoint(bytes);
    const expected = { shape: [2], data: Float32Array.of(1, 2) };
    for (const name of ["a.weight", "b.weight", "c.weight"])
      assert.deepEqual(found.get(name), expected, name);
    assert.deepEqual(found.get("d.weight"), { shape: [2], data: Float32Array.of(1, 65535) });
  });

  test("a tensor that cannot be read is refused only where it is needed", () => {
    const sparse = new Call(new Global("torch._utils", "_rebuild_sparse_tensor"), new Tuple(1));
    const { value } = pickledState(tensors);
    const with_ = (name: string) => new OrderedDict(new Map([...value.entries, [name, sparse]]));
    assert.ok(readNetwork(readCheckpoint(zipPth(storages, with_("other.weight")))));
    refuses(
      () => readNetwork(readCheckpoint(zipPth(storages, with_("decoder_input.weight")))),
      /'decoder_input\.weight' is an object of the class 'torch\._utils _rebuild_sparse_tensor', which is not read/,
    );

    const plain = writeSafetensors(tensors);
    const length = Number(new DataView(plain.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(plain.subarray(8, 8 + length)));
    const data = plain.subarray(8 + length);
    const extra = { dtype: "F8_E4M3", shape: [4], data_offsets: [data.length, data.length + 4] };
    const longer = concat([data, new Uint8Array(4)]);
    assert.ok(readNetwork(readCheckpoint(safetensorsFile({ ...header, extra }, longer))));
    header["decoder_input.bias"].dtype = "F8_E4M3";
    refuses(
      () => readNetwork(readCheckpoint(safetensorsFile(header, data))),
      /'decoder_input\.bias' is of the type F8_E4M3, which is not read; expected numbers such as float32/,
    );
  });

  test("safetensors are told from a pickle by their header, whatever its length", () => {
    for (const length of [0x280, 0x380, 0x480, 0x580]) {
      const header = JSON.stringify({ x: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }).padEnd(length);
      const found = readCheckpoint(safetensorsFile(header, new Uint8Array(4)));
      assert.deepEqual(found.get("x"), { shape: [1], data: new Float32Array(1) });
    }
  });

  test("a flipped bit is found by the archive's checksum, and a checksum of 0 is none", () => {
    const bytes = writePth(tensors);
    const place = findLast(bytes, new Uint8Array(tensors.get("membrane_output_layer.coef")!.data.buffer));
    assert.ok(place > 0);
    bytes[place] ^= 4;
    refuses(() => readCheckpoint(bytes), /zip entry 'archive\/data\/\d+' does not have the checksum/);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = 0; at < bytes.length - 4; at++) {
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 16, 0, true);
    }
    assert.notDeepEqual(
      readCheckpoint(bytes).get("membrane_output_layer.coef"),
      tensors.get("membrane_output_layer.coef"),
    );
  });
});

/** A state dict as torch pickles it, its storages numbered from `first`. */
function pickledState(tensors: ReadonlyMap<string, Tensor>, first = 0) {
  const storages = new Map<string, Storage>();
  const strided = new Map<string, StridedTensor>();
  for (const [name, { shape, data }] of tensors) {
    const key = String(first + storages.size);
    storages.set(key, floatStorage(...data));
    const strides = shape.map((_, axis) =>
      shape.slice(axis + 1).reduce((product, size) => product * size, 1),
    );
    strided.set(name, { key, offset: 0, shape, strides });
  }
  return { storages, value: stateDict(storages, strided, "zip") };
}

/** Where `part` last begins in `bytes`, or -1. */
function findLast(bytes: Uint8Array, part: Uint8Array): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf(part);
}

describe("relatives of an ESVAE", () => {
  const tensors = syntheticTensors();
  const without = (pattern: RegExp) => new Map([...tensors].filter(([name]) => !pattern.test(name)));

  test("an FSVAE and an autoencoder lack the prior, and are read without one where that is asked for", () => {
    const autoencoder = without(/^sample_layer/);
    const fsvae = new Map(autoencoder).set("posterior.initial_input", {
      shape: [0],
      data: new Float32Array(0),
    });
    refuses(() => readNetwork(autoencoder), /is a spiking autoencoder.*no sample_layer.*spikelet fit/);
    refuses(() => readNetwork(fsvae), /is an FSVAE/);
    const { prior, ...rest } = readNetwork(fsvae, { withoutPrior: true });
    const { prior: learned, ...expected } = readNetwork(tensors);
    assert.deepEqual(rest, expected);
    assert.deepEqual(prior, { weights: new Float32Array(64), bias: new Float32Array(8) });
    assert.deepEqual(readNetwork(tensors, { withoutPrior: true }).prior, learned);
    assert.deepEqual([hasPrior(fsvae), hasPrior(tensors)], [false, true]);
  });

  test("kernels without the last axis of 1", () => {
    const flat = new Map(
      [...tensors].map(([name, { shape, data }]) => [
        name,
        { shape: shape.length === 5 && shape[4] === 1 ? shape.slice(0, 4) : shape, data },
      ]),
    );
    assert.deepEqual(readNetwork(flat), readNetwork(tensors));
  });

  test("the number of time steps, where the checkpoint has it not", () => {
    const bare = without(/coef$/);
    refuses(
      () => readNetwork(bare),
      /'membrane_output_layer\.coef' is missing, which tells the number of time steps/,
    );
    assert.deepEqual(readNetwork(bare, { timeSteps: 16 }), readNetwork(tensors));
    assert.equal(readNetwork(bare, { timeSteps: 4 }).timeSteps, 4);
    for (const timeSteps of [0, 17, 1.5, Number.NaN]) {
      assert.throws(() => readNetwork(bare, { timeSteps }), {
        code: "bad-option",
        message: /an integer from 1 to 16/,
      });
    }
    assert.throws(() => readNetwork(tensors, { timeSteps: 4 }), {
      code: "bad-option",
      message: /Found 4 time steps, but 'membrane_output_layer\.coef' has 16/,
    });
  });

  test("a network of another kind is named by its parts", () => {
    const names = ["fc1.weight", "lif1.beta", "fc2.weight", "lif2.beta", "a.b", "c.d", "e.f"];
    const other = new Map(names.map((name) => [name, { shape: [1], data: new Float32Array(1) }]));
    refuses(
      () => readNetwork(other),
      /^Not an ESVAE: it has fc1, lif1, fc2, lif2, a, c and 1 more; expected decoder_input/,
    );
  });
});

describe("architecture", () => {
  test("finds channels, sizes and steps by the tensors alone", () => {
    const network = readNetwork(
      syntheticTensors({ channels: [96, 64, 32], latentSize: 20, imageChannels: 3, timeSteps: 4 }),
    );
    assert.equal(network.imageSize, 16);
    assert.equal(network.imageChannels, 3);
    assert.equal(network.latentSize, 20);
    assert.equal(network.timeSteps, 4);
    const summary = network.decoder.map((layer) => [
      layer.name,
      layer.kind,
      layer.inputSize,
      layer.inChannels,
      layer.outChannels,
      layer.weights.length,
    ]);
    assert.deepEqual(summary, [
      ["decoder_input", "linear", 1, 20, 384, 20 * 384],
      ["decoder.0", "transposedConv", 2, 96, 64, 9 * 96 * 64],
      ["decoder.1", "transposedConv", 4, 64, 32, 9 * 64 * 32],
      ["final_layer.0", "transposedConv", 8, 32, 32, 9 * 32 * 32],
    ]);
    assert.equal(outputSize(network.decoder.at(-1)!), 16);
    assert.deepEqual(
      network.encoder.map((layer) => [
        layer.name,
        layer.kind,
        layer.inputSize,
        layer.inChannels,
        layer.outChannels,
      ]),
      [
        ["encoder.0", "imageConv", 16, 3, 32],
        ["encoder.1", "conv", 8, 32, 64],
        ["encoder.2", "conv", 4, 64, 96],
        ["before_latent_layer", "linear", 1, 384, 20],
      ],
    );
  });

  test("takes a network of one transposed conv, and one without an encoder", () => {
    const network = readNetwork(syntheticTensors({ channels: [32], encoder: false }));
    assert.deepEqual(
      network.decoder.map((layer) => layer.name),
      ["decoder_input", "final_layer.0"],
    );
    assert.equal(network.imageSize, 4);
    assert.deepEqual(network.encoder, []);
  });

  test("lays every weight out as network.ts says", () => {
    const tensors = syntheticTensors({ channels: [64, 32], latentSize: 5, imageChannels: 3 });
    const network = readNetwork(tensors);
    const at = (name: string, ...index: number[]) => {
      const { shape, data } = tensors.get(name)!;
      return data[index.reduce((flat, i, axis) => flat * shape[axis] + i, 0)];
    };
    const [input, transposed] = network.decoder;
    const [conv] = network.encoder;
    const latent = network.encoder.at(-1)!;
    // A map's neuron (row 1, column 0, channel 7) is 39 there and (7 · 2 + 1) · 2 + 0 = 30 in the checkpoint.
    const neuron = (1 * 2 + 0) * 64 + 7;
    const original = (7 * 2 + 1) * 2 + 0;
    assert.equal(input.weights[3 * 256 + neuron], at("decoder_input.weight", original, 3));
    assert.equal(input.bias[neuron], at("decoder_input.bias", original));
    assert.equal(input.batchNorm.weight[neuron], at("decoder_input.bn.weight", original));
    assert.equal(input.batchNorm.bias[neuron], at("decoder_input.bn.bias", original));
    assert.equal(input.batchNorm.mean[neuron], at("decoder_input.bn.running_mean", original));
    assert.equal(input.batchNorm.variance[neuron], at("decoder_input.bn.running_var", original));
    assert.equal(latent.weights[neuron * 5 + 4], at("before_latent_layer.weight", 4, original));
    assert.equal(latent.bias[4], at("before_latent_layer.bias", 4));

    const tap = 3 * 2 + 1;
    assert.equal(transposed.weights[(tap * 64 + 50) * 32 + 9], at("decoder.0.weight", 50, 9, 2, 1, 0));
    assert.equal(conv.weights[(tap * 3 + 2) * 32 + 9], at("encoder.0.weight", 9, 2, 2, 1, 0));
    assert.equal(conv.batchNorm.variance[9], at("encoder.0.bn.running_var", 9));
    assert.equal(network.readout.weights[(tap * 3 + 2) * 32 + 9], at("final_layer.1.weight", 9, 2, 2, 1, 0));
    assert.equal(network.readout.bias[2], at("final_layer.1.bias", 2));
    assert.equal(network.prior.weights[3 * 5 + 1], at("sample_layer.0.weight", 3, 1));
    assert.equal(network.prior.bias[3], at("sample_layer.0.bias", 3));
  });

  test("ignores tensors of FSVAE and batch counts, whatever they hold", () => {
    const tensors = syntheticTensors();
    const expected = readNetwork(tensors);
    tensors.set("prior.layers.0.weight", { shape: [1], data: Float32Array.of(Number.NaN) });
    tensors.set("posterior.initial_input", { shape: [0], data: new Float32Array(0) });
    tensors.delete("decoder.0.bn.num_batches_tracked");
    assert.deepEqual(readNetwork(tensors), expected);
  });

  test("every tensor is needed", () => {
    const tensors = syntheticTensors({ channels: [32, 32, 32] });
    const needed = [...tensors.keys()].filter((name) => !name.endsWith("num_batches_tracked"));
    for (const name of needed) {
      refuses(() => readNetwork(changed(tensors, name, () => undefined)), new RegExp(`'${name}' is missing`));
    }
  });

  test("a missing tensor", () => {
    refuses(
      () => readNetwork(changed(syntheticTensors(), "decoder.0.bn.running_var", () => undefined)),
      /^Tensor 'decoder\.0\.bn\.running_var' is missing; expected one of shape \(32\)/,
      /the checkpoint has \d+ tensors, the first is 'encoder\.0\.weight'/,
      /Import the state dict of a trained ESVAE/,
    );
  });

  test("every shape is checked", () => {
    const tensors = syntheticTensors();
    for (const name of tensors.keys()) {
      if (name.endsWith("num_batches_tracked")) continue;
      const reshaped = changed(tensors, name, ({ shape, data }) => ({ shape: [...shape, 1], data }));
      refuses(() => readNetwork(reshaped), new RegExp(`^Tensor '${name}' has shape .*; expected \\(`));
    }
  });

  test("a misshapen tensor", () => {
    refuses(
      () =>
        readNetwork(
          changed(syntheticTensors(), "final_layer.0.weight", () => ({
            shape: [64, 32, 3, 3, 1],
            data: new Float32Array(64 * 32 * 9),
          })),
        ),
      /'final_layer\.0\.weight' has shape \(64, 32, 3, 3, 1\); expected \(32, out, 3, 3, 1\)/,
    );
  });

  test("NaN and infinity", () => {
    for (const [value, name] of [
      [Number.NaN, "decoder.0.weight"],
      [Number.POSITIVE_INFINITY, "encoder.0.bn.bias"],
    ] as [number, string][]) {
      const broken = changed(syntheticTensors(), name, ({ shape, data }) => {
        const copy = data.slice();
        copy[0] = value;
        copy[5] = value;
        return { shape, data: copy };
      });
      refuses(
        () => readNetwork(broken),
        new RegExp(`Tensor '${name}' has 2 of \\d+ values that are NaN or infinite; expected none`),
        /use an earlier checkpoint/,
      );
    }
  });

  test("a negative variance", () => {
    const negative = changed(syntheticTensors(), "decoder_input.bn.running_var", ({ shape, data }) => ({
      shape,
      data: data.map((value) => -value),
    }));
    refuses(
      () => readNetwork(negative),
      /'decoder_input\.bn\.running_var' has the value -.*expected variances/,
    );
  });

  test("a readout that decays otherwise", () => {
    const flat = changed(syntheticTensors(), "membrane_output_layer.coef", ({ shape, data }) => ({
      shape,
      data: data.map(() => 1),
    }));
    refuses(() => readNetwork(flat), /'membrane_output_layer\.coef' has 1 at step 0; expected 0\.8\^15/);
  });

  test("limits", () => {
    const cases: [Parameters<typeof syntheticTensors>[0], RegExp][] = [
      [
        { latentSize: 257, encoder: false },
        /'sample_layer\.0\.weight' makes 257 latent neurons; at most 256/,
      ],
      [{ timeSteps: 17, encoder: false }, /'membrane_output_layer\.coef' makes 17 time steps; at most 16/],
      [
        { channels: new Array(8).fill(32), encoder: false },
        /'decoder\.6\.weight' makes 9 decoder layers; at most 8/,
      ],
      [
        { channels: [48, 32], encoder: false },
        /'decoder\.0\.weight' has 48 spiking channels; expected a multiple/,
      ],
      [
        { channels: [1056, 32], encoder: false },
        /'decoder_input\.weight' makes 4224 output channels; at most 4096/,
      ],
      [
        { imageChannels: 2 as 1, encoder: false },
        /'final_layer\.1\.weight' makes 2 image channels; expected 1 or 3/,
      ],
    ];
    for (const [options, message] of cases) refuses(() => readNetwork(syntheticTensors(options)), message);
  });

  test("a bottom map that is not square", () => {
    const odd = changed(syntheticTensors({ channels: [64, 32] }), "decoder_input.weight", () => ({
      shape: [192, 8],
      data: new Float32Array(192 * 8),
    }));
    refuses(
      () => readNetwork(odd),
      /'decoder_input\.weight' makes 192 neurons, which is no square map of the 64/,
    );
  });
});

describe("the trained MNIST checkpoint", withRealCheckpoint, () => {
  test("reads as the config ESVAE, alike through every format", () => {
    const tensors = readCheckpoint(new Uint8Array(readFileSync(REAL_CHECKPOINT)));
    assert.equal(tensors.size, 119);
    const network = readNetwork(tensors);
    assert.deepEqual(
      [network.imageSize, network.imageChannels, network.latentSize, network.timeSteps],
      [32, 1, 32, 16],
    );
    assert.deepEqual(
      network.decoder.map(({ inChannels, outChannels }) => [inChannels, outChannels]),
      [
        [32, 1024],
        [256, 128],
        [128, 64],
        [64, 32],
        [32, 32],
      ],
    );
    assert.equal(network.encoder.length, 5);
    const weights = [...network.decoder, network.readout].reduce(
      (sum, layer) => sum + layer.weights.length,
      0,
    );
    assert.equal(weights, 429_344);
    assertSameTensors(readCheckpoint(writeLegacyPth(tensors)), tensors);
    assertSameTensors(readCheckpoint(writeSafetensors(tensors)), tensors);
  });
});

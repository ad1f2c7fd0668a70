import assert from "node:assert/strict";
import { test } from "node:test";
import { SpikeletError } from "../../src/errors.js";
import { crc32, decodeModel, encodeModel } from "../../src/model/file.js";
import type { IntegerLayer, Model, WeightBits } from "../../src/model/model.js";
import type { LayerKind } from "../../src/network.js";
import { randomSource } from "../support/models.js";

const ALL_BITS: readonly WeightBits[] = [8, 6, 5, 4];

interface Shape {
  readonly kind: LayerKind;
  readonly bits: WeightBits | 16;
  readonly inputSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
}

/** A layer of random numbers over the whole range of each field. */
function randomLayer(shape: Shape, random: () => number): IntegerLayer {
  const { kind, bits, inChannels, outChannels } = shape;
  const between = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const zero = 2 ** (bits - 1);
  const rows = (kind === "linear" ? 1 : 9) * inChannels;
  const weights = Array.from({ length: rows * outChannels }, () => between(-zero, zero - 1));
  return {
    ...shape,
    weights: bits === 16 ? Int16Array.from(weights) : Int8Array.from(weights),
    shift: kind === "imageConv" ? between(0, 24) : 0,
    bias: Int16Array.from({ length: outChannels }, () => between(-24578, 32765)),
    threshold: Uint16Array.from({ length: outChannels }, () => between(1, 32765)),
    scale: Float32Array.from({ length: outChannels }, () => random()),
    lowest: between(-32768, 0),
    highest: between(0, 32767),
  };
}

interface RandomModelOptions {
  bits?: WeightBits;
  latentSize?: number;
  imageChannels?: 1 | 3;
  priors?: number;
  encoder?: boolean;
}

/** 4×4 images by way of 2×2 maps of 32 channels: the smallest decoder that has every part. */
function randomModel({
  bits = 4,
  latentSize = 1,
  imageChannels = 1,
  priors = 1,
  encoder = false,
}: RandomModelOptions = {}): Model {
  const random = randomSource(bits + latentSize);
  const integer = (limit: number) => Math.floor((2 * random() - 1) * limit);
  const layer = (kind: LayerKind, inputSize: number, inChannels: number, outChannels: number) =>
    randomLayer({ kind, bits: kind === "imageConv" ? 16 : bits, inputSize, inChannels, outChannels }, random);
  const latentOutputs = 32 * Math.ceil(latentSize / 32);
  return {
    name: "tiny",
    imageSize: 4,
    imageChannels,
    timeSteps: 7,
    latentSize,
    decoder: [layer("linear", 1, latentSize, 128), layer("transposedConv", 2, 32, 32)],
    encoder: encoder
      ? [
          layer("imageConv", 4, imageChannels, 32),
          layer("conv", 2, 32, 64),
          layer("linear", 1, 64, latentOutputs),
        ]
      : [],
    priors: Array.from({ length: priors }, (_, i) => ({
      kind: "gaussian" as const,
      name: `prior ${i}`,
      share: 65536,
      shift: 9 + i,
      weights: Int16Array.from({ length: latentSize ** 2 }, () => integer(32767)),
      bias: Int32Array.from({ length: latentSize }, () => integer(2 ** 31 - 1)),
    })),
    readout: {
      shift: 12,
      weights: Int16Array.from({ length: 9 * imageChannels * 32 }, () => integer(32767)),
      bias: Int32Array.from({ length: imageChannels }, () => integer(2 ** 31 - 1)),
    },
  };
}

for (const bits of ALL_BITS) {
  test(`models come back as they were, ${bits} bits`, () => {
    for (const latentSize of [1, 2, 7, 33]) {
      for (const encoder of [false, true]) {
        const model = randomModel({ bits, latentSize, imageChannels: 3, priors: 3, encoder });
        assert.deepEqual(decodeModel(encodeModel(model)), model);
      }
    }
  });
}

test("a file is read from the middle of a larger buffer", () => {
  const model = randomModel({ latentSize: 3 });
  const bytes = encodeModel(model);
  const larger = new Uint8Array(bytes.length + 8).fill(255);
  larger.set(bytes, 3);
  assert.deepEqual(decodeModel(larger.subarray(3, 3 + bytes.length)), model);
});

test("crc32 gives the check value of CRC-32/ISO-HDLC", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});

// Offsets of randomModel() by docs/format.md, added up by hand.
const LAYER_0 = 64;
const LAYER_1 = 96;
const PRIORS = 128;
const PRIOR_DATA = PRIORS + 40;
const READOUT = PRIOR_DATA + 4 + 4; // a bias and a weight of 2 bytes, rounded up
const PARAMETERS_0 = READOUT + 4 + 9 * 32 * 2;
const PARAMETERS_1 = PARAMETERS_0 + 4 * 128;
const SCALES_0 = PARAMETERS_1 + 128;
const SCALES_1 = SCALES_0 + 4 * 128;
const SCALES_END = SCALES_1 + 4 * 32;
const WEIGHTS_0 = 2040; // SCALES_END is 2036; u64 from here on
const WEIGHTS_1 = WEIGHTS_0 + (2 * 128) / 2; // two rows, one of them padding, of 4-bit weights
const LENGTH = WEIGHTS_1 + (9 * 32 * 32) / 2;

test("every field of header and layer table is where docs/format.md says", () => {
  const model = randomModel();
  const bytes = encodeModel(model);
  const view = new DataView(bytes.buffer);
  const u8 = (at: number) => view.getUint8(at);
  const u16 = (at: number) => view.getUint16(at, true);
  const u32 = (at: number) => view.getUint32(at, true);
  assert.equal(SCALES_END, 2036);
  assert.equal(bytes.length, LENGTH);
  assert.equal(Buffer.from(bytes.subarray(0, 4)).toString(), "SPKL");
  assert.deepEqual([u32(4), u32(8), u32(12)], [3, LENGTH, crc32(bytes.subarray(16))]);
  assert.deepEqual([u16(16), u8(18), u8(19), u16(20)], [4, 1, 7, 1]);
  assert.deepEqual([u8(22), u8(23), u8(24), u8(25), u16(26)], [2, 1, 0, 12, 0]);
  assert.deepEqual([u32(28), u32(32), u32(36)], [PRIORS, READOUT, WEIGHTS_0]);
  assert.deepEqual([...bytes.subarray(40, 64)], [...Buffer.from("tiny"), ...Array(20).fill(0)]);

  const entries = [
    [LAYER_0, 0, 1, 1, 128, PARAMETERS_0, SCALES_0, WEIGHTS_0, 128],
    [LAYER_1, 1, 2, 32, 32, PARAMETERS_1, SCALES_1, WEIGHTS_1, 4608],
  ];
  for (const [i, [at, kind, size, inChannels, outChannels, ...offsets]] of entries.entries()) {
    assert.deepEqual([u8(at), u8(at + 1), u16(at + 2)], [kind, 4, size]);
    assert.deepEqual([u16(at + 4), u16(at + 6)], [inChannels, outChannels]);
    assert.deepEqual([u32(at + 8), u32(at + 12), u32(at + 16), u32(at + 20)], offsets);
    const { lowest, highest } = model.decoder[i];
    assert.deepEqual([view.getInt16(at + 24, true), view.getInt16(at + 26, true)], [lowest, highest]);
    assert.equal(u32(at + 28), 0);
  }

  const [prior] = model.priors;
  assert.deepEqual(
    [...bytes.subarray(PRIORS, PRIORS + 24)],
    [...Buffer.from("prior 0"), ...Array(17).fill(0)],
  );
  assert.ok(prior.kind === "gaussian");
  assert.deepEqual(
    [24, 28, 32, 36].map((at) => u32(PRIORS + at)),
    [65536, PRIOR_DATA, 0, 9],
  );
  assert.equal(view.getInt32(PRIOR_DATA, true), prior.bias[0]);
  assert.equal(view.getInt16(PRIOR_DATA + 4, true), prior.weights[0]);
  assert.equal(u16(PRIOR_DATA + 6), 0);
  assert.equal(view.getInt32(READOUT, true), model.readout.bias[0]);
  for (let k = 0; k < 288; k++) {
    // Place 4n + j holds channel 8j + n.
    const place = k - (k % 32) + (k % 8) * 4 + ((k % 32) >> 3);
    assert.equal(view.getInt16(READOUT + 4 + 2 * place, true), model.readout.weights[k]);
  }
  assert.equal(u32(SCALES_END), 0);
});

test("parameters and scales are where docs/format.md says", () => {
  const model = randomModel();
  const view = new DataView(encodeModel(model).buffer);
  for (const [i, parameters, scales] of [
    [0, PARAMETERS_0, SCALES_0],
    [1, PARAMETERS_1, SCALES_1],
  ]) {
    const { bias, threshold, scale, outChannels } = model.decoder[i];
    for (let block = 0; block < outChannels / 32; block++) {
      // Place 4n + j holds channel 8j + n.
      for (let n = 0; n < 8; n++) {
        for (let j = 0; j < 4; j++) {
          const channel = 32 * block + 8 * j + n;
          const place = parameters + 128 * block + 2 * (4 * n + j);
          assert.equal(view.getUint16(place, true), bias[channel] + 24578);
          assert.equal(view.getUint16(place + 64, true), threshold[channel] + 2);
          assert.equal(view.getFloat32(scales + 4 * channel, true), scale[channel]);
        }
      }
    }
  }
});

/** Taps (ky, kx) of each kind, in the order of docs/format.md. */
const TAPS: Record<LayerKind, readonly string[]> = {
  linear: ["00"],
  transposedConv: ["11", "12", "10", "21", "01", "22", "20", "02", "00"],
  conv: ["00", "01", "02", "10", "11", "12", "20", "21", "22"],
  imageConv: ["00", "01", "02", "10", "11", "12", "20", "21", "22"],
};

/** A weight as docs/format.md says where it lies; `row` may be that of the padding. */
function readWeight(
  words: DataView,
  { kind, bits, inChannels }: IntegerLayer,
  tap: string,
  row: number,
  channel: number,
): number {
  const block = Math.floor(channel / 32);
  const j = (channel % 32) >> 3;
  const h = (channel >> 2) & 1;
  const n = channel & 3;
  const rows = inChannels + (inChannels % 2); // only a linear layer's can be odd
  const halfRow = 2 * ((block * TAPS[kind].length + TAPS[kind].indexOf(tap)) * rows + row) + h;
  const field = (word: number, bit: number, width: number) =>
    Number((words.getBigUint64(8 * word, true) >> BigInt(bit)) & BigInt(2 ** width - 1));
  if (kind === "imageConv") {
    // i16[32] in lane order for each block, tap and image channel.
    const line = (block * 9 + TAPS.imageConv.indexOf(tap)) * inChannels + row;
    return words.getInt16(64 * line + 2 * (4 * (channel & 7) + j), true);
  }
  const e = bits - 4;
  if (e === 0) return field(halfRow, 16 * j + 4 * n, 4) - 8;
  const together = 4 / e;
  const first = Math.floor(halfRow / together) * (together + 1);
  const rho = halfRow % together;
  const low = field(first + rho, 16 * j + 4 * n, 4);
  const high = field(first + together, 16 * j + e * (4 * rho + n), e);
  return 16 * high + low - 2 ** (bits - 1);
}

for (const bits of ALL_BITS) {
  test(`weights are where docs/format.md says, ${bits} bits`, () => {
    const model = randomModel({ bits, latentSize: 3, imageChannels: 3, encoder: true });
    const bytes = encodeModel(model);
    [...model.decoder, ...model.encoder].forEach((layer, i) => {
      const entry = new DataView(bytes.buffer, 64 + 32 * i, 32);
      const offset = entry.getUint32(16, true);
      assert.equal(offset % 8, 0, "weights lie at a multiple of their words' size");
      const words = new DataView(bytes.buffer, offset, entry.getUint32(20, true));
      const { kind, inChannels, outChannels, weights } = layer;
      for (const tap of TAPS[kind]) {
        const position = kind === "linear" ? 0 : 3 * Number(tap[0]) + Number(tap[1]);
        for (let channel = 0; channel < outChannels; channel++) {
          for (let row = 0; row < inChannels; row++) {
            const expected = weights[(position * inChannels + row) * outChannels + channel];
            assert.equal(
              readWeight(words, layer, tap, row, channel),
              expected,
              `${kind} ${tap} ${row} ${channel}`,
            );
          }
          if (kind === "linear" && inChannels % 2)
            assert.equal(readWeight(words, layer, tap, inChannels, channel), 0, "padding");
        }
      }
    });
  });
}

/** The file with one byte changed and its checksum set right again. */
function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  return withChange(bytes, (view) => view.setUint8(at, value));
}

function withChange(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  change(view);
  view.setUint32(12, crc32(copy.subarray(16)), true);
  return copy;
}

function refuses(bytes: Uint8Array, message: RegExp, code = "bad-model"): void {
  assert.throws(
    () => decodeModel(bytes),
    (error) => {
      assert.ok(error instanceof SpikeletError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.match(error.message, /spikelet import/, "the message says what to do");
      return true;
    },
  );
}

test("a flipped bit anywhere is found", () => {
  const bytes = encodeModel(randomModel());
  for (let at = 0; at < bytes.length; at++) {
    const copy = bytes.slice();
    copy[at] ^= 1 << (at % 8);
    const [message, code] =
      at < 4
        ? [/Found .* at the start; a model file starts with 53 50 4b 4c/, "bad-model"]
        : at < 8
          ? [/Got a model file of version \d+; this Spikelet reads version 3/, "unsupported-version"]
          : at < 12
            ? [/The header says \d+ bytes, and the file has 6776/, "bad-model"]
            : [
                /The checksum is [\da-f]+; the header says [\da-f]+: at least one byte has changed/,
                "bad-model",
              ];
    refuses(copy, message as RegExp, code as string);
  }
});

test("truncated, too short and too long files are refused", () => {
  const bytes = encodeModel(randomModel());
  for (let length = 0; length < bytes.length; length += length < 80 ? 1 : 97) {
    const message = length < 64 ? /Found \d+ bytes; a model file has at least 64/ : /was cut short/;
    refuses(bytes.subarray(0, length), message);
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  refuses(longer, /The header says 6776 bytes, and the file has 6777/);
});

test("another version is told apart from a damaged file", () => {
  const bytes = encodeModel(randomModel());
  for (const version of [2, 4]) {
    const other = withChange(bytes, (view) => view.setUint32(4, version, true));
    refuses(
      other,
      new RegExp(`Got a model file of version ${version}; .* reads version 3`),
      "unsupported-version",
    );
  }
});

/** A model of three books of 40 neurons: two of them one after the other make a mixture, and the third has the first one's codes. */
function bookModel(): Model {
  const random = randomSource(3);
  const codes = (count: number) =>
    Uint32Array.from({ length: 2 * count }, (_, k) => Math.floor(random() * 2 ** (k % 2 ? 8 : 32)));
  const [first, second] = [codes(5), codes(3)];
  const model = randomModel({ latentSize: 40, priors: 1 });
  const book = (name: string, share: number, shared: Uint32Array) =>
    ({ kind: "book", name, share, codes: shared }) as const;
  return {
    ...model,
    priors: [
      book("all", 40000, first),
      book("all", 25536, second),
      ...model.priors,
      book("one", 65536, first),
    ],
  };
}

test("books lie where docs/format.md says, and share codes", () => {
  const model = bookModel();
  const bytes = encodeModel(model);
  const view = new DataView(bytes.buffer);
  const entry = (i: number) => [24, 28, 32, 36].map((at) => view.getUint32(PRIORS + 40 * i + at, true));
  const data = PRIORS + 4 * 40;
  const gaussian = data + (5 + 3) * 8;
  assert.deepEqual(entry(0), [40000, data, 4, 0]);
  assert.deepEqual(entry(1), [25536, data + 5 * 8, 2, 0]);
  assert.deepEqual(entry(2), [65536, gaussian, 0, 9]);
  assert.deepEqual(entry(3), [65536, data, 4, 0]);
  assert.equal(view.getUint32(32, true), gaussian + 40 * 4 + 40 * 80, "the readout follows");
  const [book] = model.priors;
  assert.ok(book.kind === "book");
  assert.equal(view.getUint32(data + 8, true), book.codes[2]);

  const read = decodeModel(bytes);
  assert.deepEqual(read, model);
  const [a, , , b] = read.priors;
  assert.ok(a.kind === "book" && b.kind === "book" && a.codes === b.codes, "one array");
  assert.deepEqual(encodeModel(read), bytes);
});

test("books that break the rules are refused", () => {
  const bytes = encodeModel(bookModel());
  const data = PRIORS + 4 * 40;
  for (const [at, value, message] of [
    [data + 4, 0x100, /Code 0 of prior 0 has bits beyond its 40 neurons/],
    [PRIORS + 36, 1, /shift of prior 0 is 1; expected 0\./],
    [PRIORS + 3 * 40 + 32, 3, /data of prior 3 at 288; expected \d+/],
    [PRIORS + 3 * 40 + 28, 288 + 40, /data of prior 3 at 328; expected \d+/],
    [PRIORS + 2 * 40 + 28, 288, /data of prior 2 at 288; expected 352/],
    [PRIORS + 40 + 32, 65535, /data of prior 2 at 352; expected \d+/],
    [PRIORS + 40 + 32, 2 ** 32 - 1, /number of codes of prior 1 is 4294967296/],
  ] as const) {
    refuses(
      withChange(bytes, (view) => view.setUint32(at, value, true)),
      message,
    );
  }
});

/** Changes to a field, in the order of the file, with the message that each must give. */
const BAD_FIELDS: readonly [what: string, at: number, size: 1 | 2 | 4, value: number, message: RegExp][] = [
  ["image size", 16, 2, 8, /The last decoder layer gives 32 channels of 4×4; expected 32 of 8×8/],
  ["image channels", 18, 1, 2, /Found 2 image channels; expected 1 or 3/],
  ["time steps", 19, 1, 0, /number of time steps is 0; expected 1 to 16/],
  ["time steps", 19, 1, 17, /number of time steps is 17; expected 1 to 16/],
  ["latent size", 20, 2, 0, /latent size is 0; expected 1 to 256/],
  ["latent size", 20, 2, 257, /latent size is 257; expected 1 to 256/],
  ["latent size", 20, 2, 2, /Decoder layer 0 \(linear, 1 channels of 1×1\) does not follow/],
  ["decoder layers", 22, 1, 1, /number of decoder layers is 1; expected 2 to 8/],
  ["decoder layers", 22, 1, 9, /number of decoder layers is 9; expected 2 to 8/],
  ["encoder layers", 24, 1, 255, /number of encoder layers is 255; expected 0 to 8/],
  ["priors", 23, 1, 0, /number of priors is 0; expected 1 to 255/],
  ["priors", 23, 1, 2, /data of prior 0 at 168; expected 208/],
  ["priors", 23, 1, 255, /table of the priors reaches past the end/],
  ["readout shift", 25, 1, 0, /shift of the readout is 0; expected 1 to 30/],
  ["readout shift", 25, 1, 31, /shift of the readout is 31; expected 1 to 30/],
  ["offset of the priors", 28, 4, PRIORS + 4, /puts the priors at 132; expected 128/],
  ["offset of the readout", 32, 4, 99999, /puts the readout at 99999, past the end at 6776; expected 176/],
  ["end of the front matter", 36, 4, 8, /puts the end of the front matter at 8; expected 2040/],
  ["name", 45, 1, 65, /A name has bytes after its end/],
  ["name", 40, 1, 255, /A name is not UTF-8/],
  ["kind", LAYER_1, 1, 4, /Layer 1 is of an unknown kind/],
  ["kind", LAYER_1, 1, 2, /Decoder layer 1 \(conv, .*\) does not follow/],
  ["bits of a layer on the image", LAYER_1, 1, 3, /Layer 1 has 4 bits a weight; expected 16/],
  ["bits", LAYER_0 + 1, 1, 7, /Layer 0 has 7 bits a weight; expected 8 or 6 or 5 or 4/],
  ["input size", LAYER_1 + 2, 2, 3, /Decoder layer 1 \(transposedConv, 32 channels of 3×3\) does not follow/],
  ["input channels", LAYER_1 + 4, 2, 64, /Decoder layer 1 .* does not follow/],
  ["output channels", LAYER_0 + 6, 2, 130, /Layer 0 has 130 output channels; expected a multiple of 32/],
  ["output channels", LAYER_0 + 6, 2, 0, /Layer 0 has 0 output channels/],
  ["output channels", LAYER_0 + 6, 2, 4128, /Layer 0 has 4128 output channels; .* up to 4096/],
  ["shift", LAYER_1 + 28, 4, 1, /shift of layer 1 is 1; expected 0/],
  ["parameters", LAYER_0 + 8, 4, 0, /puts the parameters of layer 0 at 0; expected 756/],
  ["scales", LAYER_1 + 12, 4, 2 ** 32 - 1, /puts the scales of layer 1 at 4294967295, past the end at 6776/],
  [
    "weights",
    LAYER_1 + 16,
    4,
    6777,
    /puts the weights of layer 1 at 6777, past the end at 6776; expected 2168/,
  ],
  ["weights' length", LAYER_0 + 20, 4, 64, /length of the weights of layer 0 is 64; expected 128/],
  ["prior's share", PRIORS + 24, 4, 0, /share of prior 0 is 0; expected 1 to 65536/],
  ["prior's share", PRIORS + 24, 4, 65535, /shares of prior "prior 0" add up to 65535; expected 65536/],
  ["prior's shift", PRIORS + 36, 4, 25, /shift of prior 0 is 25; expected 0 to 24/],
  ["prior's data", PRIORS + 28, 4, 172, /data of prior 0 at 172; expected 168/],
  ["prior's codes", PRIORS + 32, 4, 65536, /number of codes of prior 0 is 65537; expected 1 to 65536/],
  ["prior's kind", PRIORS + 32, 4, 1, /shift of prior 0 is 9; expected 0\./],
  ["threshold", PARAMETERS_0 + 64, 2, 2, /threshold of layer 0, channel 0 is 0; expected 1 to 32765/],
  ["threshold", PARAMETERS_1 + 64, 2, 32768, /threshold of layer 1, channel 0 is 32766/],
  ["bias", PARAMETERS_1, 2, 57344, /bias of layer 1, channel 0 is 32766; expected -24578 to 32765/],
];

for (const [what, at, size, value, message] of BAD_FIELDS) {
  test(`refused, though the checksum is right: ${what} ${value}`, () => {
    const bytes = withChange(encodeModel(randomModel()), (view) => {
      if (size === 1) view.setUint8(at, value);
      else if (size === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
    });
    refuses(bytes, message);
  });
}

test("encoder layers must follow from one another", () => {
  const bytes = encodeModel(randomModel({ encoder: true }));
  const entry = (i: number, field: number) => 64 + 32 * (2 + i) + field;
  for (const [i, kind, bits] of [
    [0, 2, 4],
    [1, 1, 4],
    [2, 2, 4],
  ]) {
    const changed = withChange(bytes, (view) => {
      view.setUint8(entry(i, 0), kind);
      view.setUint8(entry(i, 1), bits);
      view.setUint32(entry(i, 28), 0, true);
    });
    refuses(changed, new RegExp(`Encoder layer ${i} .* does not follow from what is before it`));
  }
  const shifted = withChange(bytes, (view) => view.setUint32(entry(0, 28), 25, true));
  refuses(shifted, /shift of layer 2 is 25; expected 0 to 24/);
});

test("every unused byte must be zero", () => {
  const bytes = encodeModel(randomModel());
  const unused = [...[26, 27], ...[READOUT - 2, READOUT - 1], ...[0, 1, 2, 3].map((k) => SCALES_END + k)];
  for (const at of unused) {
    assert.equal(bytes[at], 0);
    refuses(
      withByte(bytes, at, 1),
      new RegExp(`Byte ${at}, unused in .*, is 1; expected 0|Byte ${at}, unused between`),
    );
  }
});

test("the row of weights that makes their number even must be zero", () => {
  const bytes = encodeModel(randomModel());
  // One latent neuron: of each block, 16 bytes of weights and 16 of padding.
  assert.equal(bytes[WEIGHTS_0 + 16], 0x88);
  refuses(
    withByte(bytes, WEIGHTS_0 + 16, 0x89),
    /The row of weights that makes their number even is not zero/,
  );
});

test("no byte is without meaning: any change gives another model, or none", () => {
  const model = randomModel({ latentSize: 3 });
  const bytes = encodeModel(model);
  for (let at = 16; at < bytes.length; at += at < 600 ? 1 : 7) {
    const changed = withByte(bytes, at, bytes[at] ^ 1);
    let decoded: Model;
    try {
      decoded = decodeModel(changed);
    } catch (error) {
      assert.ok(error instanceof SpikeletError, String(error));
      continue;
    }
    assert.notDeepEqual(decoded, model, `byte ${at}`);
    assert.deepEqual(encodeModel(decoded), changed, `byte ${at}`);
  }
});

test("names of up to 24 bytes of UTF-8 are kept, longer ones refused", () => {
  const model = randomModel();
  for (const name of ["", "a".repeat(24), "é".repeat(12), "数字", "🦔🦔🦔🦔🦔🦔"]) {
    assert.equal(decodeModel(encodeModel({ ...model, name })).name, name);
  }
  for (const name of ["a".repeat(25), "é".repeat(13), "a\0b"]) {
    assert.throws(
      () => encodeModel({ ...model, name }),
      (error) =>
        error instanceof SpikeletError && error.code === "bad-option" && /at most 24/.test(error.message),
    );
  }
});

// Corrupt and hostile encoders: the core answers with a status, never with a trap, a hang or a read outside of the model.
// Each case runs in a process of its own, which can be ended if the core hangs.
import assert from "node:assert/strict";
import * as format from "../../assembly/core/format.js";
import * as memory from "../../assembly/core/memory.js";
import { encodeModel } from "../../src/model/file.js";
import { encodeImage, generate } from "../../src/reference/integer-network.js";
import { wasmBytes } from "../../src/runtime/core.js";
import { type EncoderExports, HostileHost } from "../support/hostile-host.js";
import { runIsolated } from "../support/isolated-cases.js";
import { randomSource, sameBytes, syntheticModel, tableEnd } from "../support/models.js";

const TIME_LIMIT_MS = 60_000;
const PAGE = 65536;

const { STATUS_OK, STATUS_BAD_MODEL, STATUS_MEMORY, STATUS_FLASH, STATUS_BAD_ARGUMENT } = memory;

const FLAGS = [0, memory.FLAG_RESIDENT, memory.FLAG_TRACE, memory.FLAG_RESIDENT | memory.FLAG_TRACE];
const OPEN_STATUSES = [STATUS_OK, STATUS_BAD_MODEL, STATUS_MEMORY, STATUS_FLASH];
const RUN_STATUSES = [STATUS_OK, STATUS_FLASH, STATUS_BAD_ARGUMENT];

type Host = HostileHost<EncoderExports>;
type Hosts = readonly { readonly host: Host; readonly name: string }[];

function hosts(pages: readonly number[] = [1, 40]): Hosts {
  return (["plain", "simd"] as const).flatMap((build) =>
    pages.map((count) => ({
      host: new HostileHost<EncoderExports>(wasmBytes(build, true), count),
      name: `${build}, ${count} pages`,
    })),
  );
}

function among(status: number, statuses: readonly number[], what: string): void {
  assert.ok(statuses.includes(status), `${what}: status ${status}`);
}

/** Whoever opens an encoder uses it, and the decoder beside it. */
function useAll({ core }: Host): void {
  for (const steps of [16, 4, 1]) {
    among(core.encode(steps, 1), RUN_STATUSES, `encode(${steps})`);
    among(core.decode(steps, 0, 1), RUN_STATUSES, `decode(${steps}), sampled`);
    among(core.decode(steps, 0, 0), RUN_STATUSES, `decode(${steps})`);
    among(core.encode(steps, 0), RUN_STATUSES, `encode(${steps}) after decode`);
  }
  among(core.generate(0, 1, 1), RUN_STATUSES, "generate");
}

/** Opens model and encoder in every way, and uses them where they open. Gives the statuses of `openEncoder`. */
function tryModel(all: Hosts, flash: Uint8Array, what: string, flagsToTry = FLAGS): Set<number> {
  const statuses = new Set<number>();
  for (const { host, name } of all) {
    for (const flags of flagsToTry) {
      try {
        const opened = host.open(flash, flags);
        among(opened, OPEN_STATUSES, "open");
        const status = host.core.openEncoder(flags);
        statuses.add(status);
        if (opened !== STATUS_OK) {
          assert.equal(status, STATUS_BAD_ARGUMENT, "openEncoder after a failed open");
        } else {
          among(status, OPEN_STATUSES, "openEncoder");
        }
        if (status === STATUS_OK) {
          assert.ok(host.word(memory.PLAN_BYTES) <= host.size, "a plan that exceeds the memory");
          useAll(host);
        } else {
          assert.equal(host.core.encode(1, 1), STATUS_BAD_ARGUMENT, "encode without an encoder");
          among(host.core.generate(0, 1, 0), RUN_STATUSES, "generate without an encoder");
        }
      } catch (error) {
        throw new Error(`${what} (${name}, flags ${flags}): ${(error as Error).message}`, { cause: error });
      }
    }
  }
  return statuses;
}

type Patch = readonly [offset: number, size: 1 | 2 | 4, value: number];

function patched(bytes: Uint8Array, ...patches: readonly Patch[]): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (const [offset, size, value] of patches) {
    if (size === 1) view.setUint8(offset, value);
    else if (size === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
  }
  return copy;
}

/** The file with bytes added at its end, and the length in the header set to match. */
function extended(bytes: Uint8Array, more: number): Uint8Array {
  const random = randomSource(77);
  const longer = new Uint8Array(bytes.length + more);
  for (let i = bytes.length; i < longer.length; i++) longer[i] = random() * 256;
  longer.set(bytes);
  return patched(longer, [format.HEADER_LENGTH, 4, longer.length]);
}

/** The smallest model that has every kind of layer: 8×8, image convolution, convolution, linear. */
const model = syntheticModel({ channels: [32, 32], latentSize: 5, timeSteps: 4, bits: 5, encoder: true });
const bytes = encodeModel(model);
const tableStart = tableEnd(model);
const encoderEnd = tableStart + model.encoder.length * format.LAYER_BYTES;
const entry = (i: number, field: number) => tableStart + i * format.LAYER_BYTES + field;
const weightsOffset = new DataView(bytes.buffer).getUint32(format.HEADER_WEIGHTS_OFFSET, true);
const random = randomSource(5);
const pixels = Uint8Array.from({ length: 64 }, () => Math.floor(random() * 256));
const expectedRates = encodeImage(model, pixels, 4).rates.join();
const expectedPixels = generate(model, { timeSteps: 4 }).pixels;

function encodes(host: Host, what: string): void {
  host.setPixels(pixels);
  assert.equal(host.core.encode(4, 0), STATUS_OK, `${what}: encode`);
  assert.equal(host.rates(model.latentSize), expectedRates, `${what}: rates`);
}

function generates(host: Host, what: string): void {
  assert.equal(host.core.generate(0, 4, 0), STATUS_OK, `${what}: generate`);
  const at = host.word(memory.PLAN_IMAGE);
  const made = new Uint8Array(host.core.memory.buffer.slice(at, at + 64));
  assert.ok(sameBytes(made, expectedPixels), `${what}: pixels`);
}

const cases: Record<string, () => void> = {
  "the model itself opens everywhere it fits"() {
    assert.deepEqual(tryModel(hosts([40]), bytes, "unchanged"), new Set([STATUS_OK]));
    assert.deepEqual(tryModel(hosts([1]), bytes, "unchanged", [0, memory.FLAG_TRACE]), new Set([STATUS_OK]));
  },

  "every byte of the encoder's layer table, one at a time"() {
    const all = hosts();
    const seen = new Set<number>();
    for (let at = tableStart; at < encoderEnd; at++) {
      const old = bytes[at];
      const values = [
        0,
        1,
        2,
        3,
        4,
        5,
        7,
        8,
        16,
        31,
        32,
        33,
        64,
        0x7f,
        0x80,
        0xe0,
        0xff,
        old + 1,
        old - 1,
        old ^ 0x80,
      ];
      for (const value of new Set(values.map((v) => v & 255))) {
        for (const status of tryModel(all, patched(bytes, [at, 1, value]), `byte ${at} = ${value}`))
          seen.add(status);
      }
    }
    assert.ok(seen.has(STATUS_BAD_MODEL) && seen.has(STATUS_OK), `statuses ${[...seen]}`);
  },

  "every value of the number of encoder layers"() {
    const all = hosts();
    for (let count = 0; count < 256; count++) {
      const statuses = tryModel(
        all,
        patched(bytes, [format.HEADER_ENCODER_LAYERS, 1, count]),
        `${count} layers`,
      );
      if (count !== model.encoder.length) assert.ok(!statuses.has(STATUS_OK), `${count} layers: opened`);
    }
  },

  "every 16- and 32-bit field of the encoder's layer table at its limits"() {
    const all = hosts();
    for (let at = tableStart; at < encoderEnd; at += 2) {
      for (const value of [0, 1, 31, 32, 33, 64, 4096, 4128, 0x7fff, 0x8000, 0xffe0, 0xffff]) {
        tryModel(all, patched(bytes, [at, 2, value]), `u16 at ${at} = ${value}`);
      }
      if (at % 4) continue;
      const { length } = bytes;
      for (const value of [
        length - 32,
        length - 1,
        length,
        length + 1,
        24,
        25,
        31,
        32,
        2 ** 31,
        2 ** 32 - 1,
        2 ** 32 - 64,
      ]) {
        tryModel(all, patched(bytes, [at, 4, value]), `u32 at ${at} = ${value}`);
      }
    }
  },

  "random corruptions of the encoder's table, of the header and of the front matter"() {
    const all = hosts();
    const random = randomSource(1);
    const below = (n: number) => Math.floor(random() * n);
    const ranges = [
      [tableStart, encoderEnd],
      [tableStart, encoderEnd],
      [0, encoderEnd],
      [0, weightsOffset],
    ];
    for (let k = 0; k < 1500; k++) {
      const copy = bytes.slice();
      const [from, to] = ranges[k % ranges.length];
      for (let n = 1 + below(6); n; n--)
        copy[from + below(to - from)] = below(4) ? below(256) : [0, 1, 2, 32, 128, 255][below(6)];
      tryModel(all, copy, `corruption ${k}`);
    }
  },

  "random weights, biases and thresholds"() {
    const all = hosts([40]);
    const random = randomSource(2);
    for (let k = 0; k < 30; k++) {
      const copy = bytes.slice();
      // Parameters and scales lie between the readout and the weights.
      const from =
        k % 2 ? new DataView(bytes.buffer).getUint32(entry(0, format.LAYER_PARAMETERS), true) : weightsOffset;
      for (let i = from; i < copy.length; i++) copy[i] = random() * 256;
      assert.deepEqual(tryModel(all, copy, `weights ${k}`), new Set([STATUS_OK]), `weights ${k}`);
    }
  },

  "shapes that follow from each other, of any width, with weights anywhere in a long file"() {
    const long = extended(bytes, 3 * 1024 * 1024);
    const random = randomSource(3);
    const below = (n: number) => Math.floor(random() * n);
    const all = hosts([1, 60]);
    const seen = new Set<number>();
    for (let k = 0; k < 60; k++) {
      const widths = [1 + below(4), 1 + below(k % 3 ? 6 : 24)].map((blocks) => 32 * blocks);
      const bits = () => [4, 5, 6, 8][below(4)];
      const latent = 1 + below(256);
      const patches: Patch[] = [
        [entry(0, format.LAYER_OUT_CHANNELS), 2, widths[0]],
        [entry(1, format.LAYER_IN_CHANNELS), 2, widths[0]],
        [entry(1, format.LAYER_OUT_CHANNELS), 2, widths[1]],
        [entry(1, format.LAYER_BITS), 1, bits()],
        [entry(2, format.LAYER_IN_CHANNELS), 2, 4 * widths[1]],
        [entry(2, format.LAYER_BITS), 1, bits()],
      ];
      if (k % 2) {
        // The decoder's first layer needs as many inputs.
        patches.push(
          [format.HEADER_LATENT_SIZE, 2, latent],
          [format.HEADER_BYTES + format.LAYER_IN_CHANNELS, 2, latent],
          [format.HEADER_BYTES + format.LAYER_WEIGHTS, 4, bytes.length],
          [format.HEADER_PRIORS_OFFSET, 4, bytes.length],
          [entry(2, format.LAYER_OUT_CHANNELS), 2, 32 * Math.ceil(latent / 32)],
        );
      }
      for (let i = 0; i < 3; i++)
        patches.push([entry(i, format.LAYER_WEIGHTS), 4, bytes.length + below(100_000)]);
      if (k % 5 === 0)
        patches.push([entry(below(3), format.LAYER_WEIGHTS), 4, long.length - 1 - below(40_000)]);
      if (k % 7 === 0) patches.push([entry(below(3), format.LAYER_PARAMETERS), 4, long.length - below(300)]);
      patches.push([entry(0, format.LAYER_SHIFT), 4, [0, 1, 24, 31, 32, 2 ** 32 - 1][below(6)]]);
      const flags = [FLAGS[k % 4], FLAGS[(k + 1) % 4]];
      for (const status of tryModel(all, patched(long, ...patches), `shape ${k}: ${widths}`, flags))
        seen.add(status);
    }
    assert.ok(seen.has(STATUS_OK) && seen.has(STATUS_MEMORY), `statuses ${[...seen]}`);
  },

  "shapes whose products are large"() {
    const all = hosts();
    for (const [first, second] of [
      [4096, 4096],
      [4096, 32],
      [32, 4096],
      [32, 16384],
      [65504, 65504],
    ]) {
      for (const bits of [4, 8]) {
        for (const at of [0, weightsOffset, bytes.length - 1, 2 ** 32 - 1]) {
          const hostile = patched(
            bytes,
            [entry(0, format.LAYER_OUT_CHANNELS), 2, first],
            [entry(1, format.LAYER_IN_CHANNELS), 2, first],
            [entry(1, format.LAYER_OUT_CHANNELS), 2, second],
            [entry(1, format.LAYER_BITS), 1, bits],
            [entry(2, format.LAYER_IN_CHANNELS), 2, (4 * second) & 0xffff],
            [entry(0, format.LAYER_WEIGHTS), 4, at],
            [entry(1, format.LAYER_WEIGHTS), 4, at],
            [entry(2, format.LAYER_WEIGHTS), 4, at],
          );
          const statuses = tryModel(all, hostile, `${first}, ${second}`);
          assert.ok(!statuses.has(STATUS_OK), `${first}, ${second}, weights at ${at}: opened`);
        }
      }
    }
  },

  "shapes that do not follow from each other, or exceed the format's limits, are refused"() {
    const all = hosts();
    const long = extended(bytes, 1024 * 1024);
    const { LAYER_KIND, LAYER_BITS, LAYER_INPUT_SIZE, LAYER_IN_CHANNELS, LAYER_OUT_CHANNELS } = format;
    const fields: readonly (readonly [
      layer: number,
      field: number,
      size: 1 | 2,
      values: readonly number[],
    ])[] = [
      [0, LAYER_KIND, 1, [0, 1, 2, 4, 255]],
      [1, LAYER_KIND, 1, [0, 1, 3, 4, 255]],
      [2, LAYER_KIND, 1, [1, 2, 3, 4, 255]],
      [0, LAYER_BITS, 1, [0, 4, 5, 8, 15, 17, 255]],
      [1, LAYER_BITS, 1, [0, 1, 3, 7, 9, 16, 255]],
      [2, LAYER_BITS, 1, [0, 1, 3, 7, 9, 16, 255]],
      [0, LAYER_INPUT_SIZE, 2, [0, 1, 2, 4, 7, 9, 16, 264]],
      [1, LAYER_INPUT_SIZE, 2, [0, 1, 2, 3, 5, 8, 260]],
      [2, LAYER_INPUT_SIZE, 2, [0, 2, 4, 257]],
      [0, LAYER_IN_CHANNELS, 2, [0, 2, 3, 32, 257]],
      [1, LAYER_IN_CHANNELS, 2, [0, 1, 31, 33, 64, 288]],
      [2, LAYER_IN_CHANNELS, 2, [0, 32, 64, 127, 129, 256, 384]],
      [0, LAYER_OUT_CHANNELS, 2, [0, 1, 31, 33, 64, 288]],
      [1, LAYER_OUT_CHANNELS, 2, [0, 1, 31, 33, 64, 288]],
      [2, LAYER_OUT_CHANNELS, 2, [0, 1, 5, 31, 33, 64, 288]],
    ];
    for (const [i, field, size, values] of fields) {
      for (const value of values) {
        const what = `layer ${i}, field ${field} = ${value}`;
        // Wherever the weights lie, there are enough bytes behind them.
        const elsewhere = [entry(i, format.LAYER_WEIGHTS), 4, bytes.length] as const;
        const statuses = tryModel(all, patched(long, [entry(i, field), size, value], elsewhere), what);
        assert.deepEqual(statuses, new Set([STATUS_BAD_MODEL]), what);
      }
    }
    const large = hosts([80]);
    for (const channels of [4096, 4128]) {
      const wide = patched(
        long,
        [entry(0, LAYER_OUT_CHANNELS), 2, channels],
        [entry(1, LAYER_IN_CHANNELS), 2, channels],
        ...[0, 1].map((i): Patch => [entry(i, format.LAYER_WEIGHTS), 4, bytes.length]),
      );
      const expected = channels === 4096 ? STATUS_OK : STATUS_BAD_MODEL;
      const statuses = tryModel(large, wide, `${channels} channels`, [0]);
      assert.deepEqual(statuses, new Set([expected]), `${channels} channels`);
    }
  },

  "more convolutions than the image can be halved"() {
    const all = hosts();
    // As many entries of 32 channels as there may be; the decoder's table and front matter are overwritten by none of them.
    const long = extended(bytes, 4096);
    const decoderTable = (i: number, field: number) => format.HEADER_BYTES + i * format.LAYER_BYTES + field;
    for (const layers of [4, 5, 6, 7, 8]) {
      const patches: Patch[] = [[format.HEADER_ENCODER_LAYERS, 1, layers]];
      for (let i = 1; i < layers; i++) {
        const isLast = i === layers - 1;
        patches.push(
          [entry(i, format.LAYER_KIND), 1, isLast ? format.KIND_LINEAR : format.KIND_CONV],
          [entry(i, format.LAYER_BITS), 1, 4],
          [entry(i, format.LAYER_INPUT_SIZE), 2, isLast ? 1 : 8 >> i],
          [entry(i, format.LAYER_IN_CHANNELS), 2, isLast ? (8 >> i) ** 2 * 32 : 32],
          [entry(i, format.LAYER_OUT_CHANNELS), 2, 32],
          [entry(i, format.LAYER_WEIGHTS), 4, weightsOffset],
        );
      }
      const statuses = tryModel(all, patched(long, ...patches), `${layers} layers`);
      // 8 → 4 → 2 → 1 takes three convolutions and the linear layer.
      assert.equal(statuses.has(STATUS_OK), layers === 4, `${layers} layers: statuses ${[...statuses]}`);
    }
    // Image sizes that are odd at some level: the decoder refuses what it cannot double to.
    for (const size of [2, 3, 6, 7, 10, 12, 14]) {
      tryModel(
        all,
        patched(
          long,
          [format.HEADER_IMAGE_SIZE, 2, size],
          [decoderTable(2, format.LAYER_INPUT_SIZE), 2, size >> 1],
          [entry(0, format.LAYER_INPUT_SIZE), 2, size],
        ),
        `${size} rows`,
      );
    }
  },

  "truncated files"() {
    const all = hosts();
    for (
      let length = format.HEADER_BYTES;
      length < bytes.length;
      length += length < weightsOffset + 80 ? 7 : 61
    ) {
      const short = patched(bytes.slice(0, length), [format.HEADER_LENGTH, 4, length]);
      const statuses = tryModel(all, short, `${length} bytes`);
      assert.ok(!statuses.has(STATUS_OK), `${length} bytes: opened`);
    }
  },

  "memory of any size: too little is refused, and enough is enough"() {
    for (const build of ["plain", "simd"] as const) {
      for (const flags of FLAGS) {
        const what = `${build}, flags ${flags}`;
        const host = new HostileHost<EncoderExports>(wasmBytes(build, true));
        const openAll = () => host.open(bytes, flags) || host.core.openEncoder(flags);
        let status = openAll();
        for (let tries = 0; status === STATUS_MEMORY && tries < 3; tries++) {
          const needed = host.word(memory.PLAN_BYTES);
          assert.ok(needed > host.size, `${what}: refused, but ${needed} bytes are there`);
          host.core.memory.grow(Math.ceil(needed / PAGE) - host.size / PAGE);
          status = openAll();
        }
        assert.equal(status, STATUS_OK, what);
        encodes(host, what);
      }
    }
  },

  "flash that fails at one read"() {
    for (const { host, name } of hosts([3])) {
      for (const flags of FLAGS) {
        for (let failing = 1, last = false; !last; failing++) {
          const what = `${name}, flags ${flags}, read ${failing}`;
          host.failingRead = failing;
          const opened = host.open(bytes, flags);
          const status = host.core.openEncoder(flags);
          if (opened !== STATUS_OK) {
            among(opened, [STATUS_FLASH, STATUS_BAD_MODEL], `${what}: open`);
            assert.equal(status, STATUS_BAD_ARGUMENT, `${what}: openEncoder`);
          }
          if (status === STATUS_OK) {
            host.setPixels(pixels);
            const encoded = host.core.encode(4, 0);
            last = host.reads < failing;
            assert.equal(encoded, last ? STATUS_OK : STATUS_FLASH, `${what}: encode`);
          } else {
            if (opened === STATUS_OK) assert.equal(status, STATUS_FLASH, `${what}: openEncoder`);
            assert.equal(host.core.encode(4, 0), STATUS_BAD_ARGUMENT, `${what}: encode`);
          }
          host.failingRead = 0;
          assert.equal(host.open(bytes, flags), STATUS_OK, `${what}: opened again`);
          assert.equal(host.core.openEncoder(flags), STATUS_OK, `${what}: encoder opened again`);
          encodes(host, `${what}, opened again`);
          generates(host, `${what}, opened again`);
        }
      }
    }
  },

  "resident encoders read no flash once they are open"() {
    for (const { host, name } of hosts([40])) {
      assert.equal(host.open(bytes, memory.FLAG_RESIDENT), STATUS_OK, name);
      assert.equal(host.core.openEncoder(memory.FLAG_RESIDENT), STATUS_OK, name);
      const { reads } = host;
      useAll(host);
      encodes(host, name);
      assert.equal(host.reads, reads, name);
    }
  },

  "calls in the wrong order"() {
    for (const { host, name } of hosts([40])) {
      const { core } = host;
      const none = (when: string) => {
        for (const steps of [0, 1, 4, 16])
          assert.equal(core.encode(steps, 1), STATUS_BAD_ARGUMENT, `${name}, ${when}`);
      };
      const closed = (when: string) => {
        none(when);
        for (const flags of FLAGS)
          assert.equal(core.openEncoder(flags), STATUS_BAD_ARGUMENT, `${name}, ${when}`);
        none(when);
      };
      closed("before open");
      assert.equal(host.open(new Uint8Array(), 0), STATUS_BAD_MODEL, name);
      closed("after a file of no bytes");
      for (const flags of FLAGS) {
        assert.equal(host.open(bytes, flags), STATUS_OK, name);
        none("before openEncoder");
        generates(host, `${name}, without openEncoder`);
        assert.equal(core.openEncoder(flags), STATUS_OK, name);
        encodes(host, name);
        generates(host, name);
        assert.equal(host.open(bytes, flags), STATUS_OK, name);
        none("after the model was opened again");
        assert.equal(core.openEncoder(flags), STATUS_OK, name);
        assert.equal(host.open(patched(bytes, [0, 1, 0]), flags), STATUS_BAD_MODEL, name);
        closed("after a bad file took the place of a good one");
        const bare = encodeModel({ ...model, encoder: [] });
        assert.equal(host.open(bare, flags), STATUS_OK, name);
        assert.equal(core.openEncoder(flags), STATUS_BAD_MODEL, `${name}: a model without an encoder`);
        none("a model without an encoder");
        generates(host, `${name}, without an encoder`);
        const bad = patched(bytes, [entry(1, format.LAYER_KIND), 1, 1]);
        assert.equal(host.open(bad, flags), STATUS_OK, name);
        assert.equal(core.openEncoder(flags), STATUS_BAD_MODEL, `${name}: a bad encoder`);
        none("a bad encoder");
        generates(host, `${name}, beside a bad encoder`);
      }
    }
  },

  "an encoder opened twice"() {
    for (const { host, name } of hosts([40])) {
      for (const flags of FLAGS) {
        assert.equal(host.open(bytes, flags), STATUS_OK, name);
        for (let k = 0; k < 3; k++) {
          assert.equal(host.core.openEncoder(flags), STATUS_OK, `${name}, flags ${flags}, ${k}`);
          encodes(host, `${name}, flags ${flags}, ${k}`);
          generates(host, `${name}, flags ${flags}, ${k}`);
        }
      }
    }
  },

  "an encoder opened with other flags than the model"() {
    // The wide one has more weights than the memory that a streamed encoder needs.
    const wide = patched(
      extended(bytes, 1024 * 1024),
      [entry(0, format.LAYER_OUT_CHANNELS), 2, 96],
      [entry(1, format.LAYER_IN_CHANNELS), 2, 96],
      [entry(1, format.LAYER_OUT_CHANNELS), 2, 192],
      [entry(2, format.LAYER_IN_CHANNELS), 2, 768],
      ...[0, 1, 2].map((i): Patch => [entry(i, format.LAYER_WEIGHTS), 4, bytes.length]),
    );
    for (const [size, flash] of [
      ["small", bytes],
      ["wide", wide],
    ] as const) {
      for (const { host, name } of hosts([1, 2, 40])) {
        for (const modelFlags of [...FLAGS, 0xfffffffc]) {
          for (const flags of [...FLAGS, 0xfffffffc, 0xffffffff]) {
            const what = `${size}, ${name}, open(${modelFlags}), openEncoder(${flags})`;
            try {
              if (host.open(flash, modelFlags) !== STATUS_OK) continue;
              const status = host.core.openEncoder(flags);
              among(status, OPEN_STATUSES, "openEncoder");
              if (status === STATUS_OK) useAll(host);
            } catch (error) {
              throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
            }
          }
        }
      }
    }
  },

  "arguments out of range"() {
    for (const { host, name } of hosts([40])) {
      for (const flags of FLAGS) {
        assert.equal(host.open(bytes, flags), STATUS_OK, name);
        assert.equal(host.core.openEncoder(flags), STATUS_OK, name);
        for (const steps of [0, 5, 16, 17, 256, 2 ** 31, 2 ** 32 - 1]) {
          assert.equal(host.core.encode(steps, 1), STATUS_BAD_ARGUMENT, `${name}: encode(${steps})`);
        }
        for (const steps of [1, 2, 3, 4]) {
          assert.equal(host.core.encode(steps, 2 ** 32 - 1), STATUS_OK, `${name}: encode(${steps})`);
        }
        encodes(host, name);
      }
    }
  },
};

runIsolated(import.meta.url, cases, TIME_LIMIT_MS);

// Corrupt and hostile models: the core answers with a status, never with a trap, a hang or a read outside of the model. Each
// case runs in a process of its own, which can be ended if the core hangs.
import assert from "node:assert/strict";
import * as format from "../../assembly/core/format.js";
import * as memory from "../../assembly/core/memory.js";
import { encodeModel } from "../../src/model/file.js";
import type { Model } from "../../src/model/model.js";
import { quantizeNetwork } from "../../src/quantize/quantize.js";
import { generate } from "../../src/reference/integer-network.js";
import { wasmBytes } from "../../src/runtime/core.js";
import { HostileHost } from "../support/hostile-host.js";
import { runIsolated } from "../support/isolated-cases.js";
import {
  networkOf,
  plainLayer,
  randomBook,
  randomSource,
  sameBytes,
  syntheticModel,
  TINY,
  tableEnd,
} from "../support/models.js";

const TIME_LIMIT_MS = 120_000;
const PAGE = 65536;

const { STATUS_OK, STATUS_BAD_MODEL, STATUS_MEMORY, STATUS_FLASH, STATUS_BAD_ARGUMENT } = memory;

const FLAGS = [0, memory.FLAG_RESIDENT, memory.FLAG_TRACE, memory.FLAG_RESIDENT | memory.FLAG_TRACE];
const OPEN_STATUSES = [STATUS_OK, STATUS_BAD_MODEL, STATUS_MEMORY, STATUS_FLASH];

function hosts(): { host: HostileHost; name: string }[] {
  return (["plain", "simd"] as const).flatMap((build) =>
    [1, 40].map((pages) => ({
      host: new HostileHost(wasmBytes(build), pages),
      name: `${build}, ${pages} pages`,
    })),
  );
}

/** Whoever opens it makes images of it: all ways and step counts. */
function makeImages({ core }: HostileHost): void {
  for (const steps of [1, 4, 16]) {
    assert.ok(
      [STATUS_OK, STATUS_FLASH, STATUS_BAD_ARGUMENT].includes(core.generate(0, steps, 1)),
      "generate",
    );
    for (const sampled of [0, 1]) {
      const status = core.decode(steps, 0, sampled);
      assert.ok(
        [STATUS_OK, STATUS_FLASH, STATUS_BAD_ARGUMENT].includes(status),
        `decode, sampled ${sampled}`,
      );
    }
  }
}

/** Opens the model in every way, and uses it where it opens. Gives the statuses of `open`. */
function tryModel(
  all: ReturnType<typeof hosts>,
  flash: Uint8Array,
  what: string,
  length = flash.length,
): Set<number> {
  const statuses = new Set<number>();
  for (const { host, name } of all) {
    for (const flags of FLAGS) {
      try {
        const status = host.open(flash, flags, length);
        assert.ok(OPEN_STATUSES.includes(status), `status ${status}`);
        statuses.add(status);
        if (status === STATUS_OK) makeImages(host);
        else assert.equal(host.core.generate(0, 1, 0), STATUS_BAD_ARGUMENT);
      } catch (error) {
        throw new Error(`${what} (${name}, flags ${flags}): ${(error as Error).message}`, { cause: error });
      }
    }
  }
  return statuses;
}

function patched(
  bytes: Uint8Array,
  ...patches: (readonly [offset: number, size: 1 | 2 | 4, value: number])[]
) {
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
  const longer = new Uint8Array(bytes.length + more);
  longer.set(bytes);
  return patched(longer, [format.HEADER_LENGTH, 4, longer.length]);
}

/** A valid model of many layers of 32 channels: images of bottom · 2^(layers − 1) rows. */
function tower(bottom: number, layers: number): Model {
  const convolutions = Array.from({ length: layers - 1 }, (_, i) =>
    plainLayer(
      { kind: "transposedConv", inputSize: bottom * 2 ** i, inChannels: 32, outChannels: 32 },
      (row, channel) => (row % 32 === channel ? 1 : 0),
      () => 0,
    ),
  );
  const linear = plainLayer(
    { kind: "linear", inputSize: 1, inChannels: 1, outChannels: bottom ** 2 * 32 },
    () => 1,
    () => 0,
  );
  return quantizeNetwork(networkOf([linear, ...convolutions], 1, 1), {
    bits: 4,
    rounding: "nearest",
    calibrationImages: 1,
  }).model;
}

const model = syntheticModel({ ...TINY, bits: 5, priors: 2 });
const bytes = encodeModel(model);
/** The same with a book as its default prior. */
const withBook = { ...model, priors: [randomBook(model.latentSize, 40), ...model.priors] };
const bookBytes = encodeModel(withBook);
const layer = (i: number, field: number) => format.HEADER_BYTES + i * format.LAYER_BYTES + field;
const weightsOffset = new DataView(bytes.buffer).getUint32(format.HEADER_WEIGHTS_OFFSET, true);

const cases: Record<string, () => void> = {
  "the model itself opens everywhere"() {
    assert.deepEqual(tryModel(hosts(), bytes, "unchanged"), new Set([STATUS_OK]));
  },

  "every byte of header and layer table, one at a time"() {
    const all = hosts();
    const seen = new Set<number>();
    for (let at = 0; at < tableEnd(model); at++) {
      const values = [0, 1, 0x7f, 0x80, 0xff, bytes[at] + 1, bytes[at] - 1];
      for (const value of new Set(values.map((v) => v & 255))) {
        for (const status of tryModel(all, patched(bytes, [at, 1, value]), `byte ${at} = ${value}`))
          seen.add(status);
      }
    }
    assert.ok(seen.has(STATUS_BAD_MODEL) && seen.has(STATUS_OK));
  },

  "every 16- and 32-bit field of header and layer table at its limits"() {
    const all = hosts();
    for (let at = 0; at < tableEnd(model); at += 2) {
      for (const value of [0, 1, 31, 32, 33, 4096, 4128, 0x7fff, 0x8000, 0xffe0, 0xffff]) {
        tryModel(all, patched(bytes, [at, 2, value]), `u16 at ${at} = ${value}`);
      }
      if (at % 4) continue;
      for (const value of [
        bytes.length,
        bytes.length - 1,
        bytes.length + 1,
        2 ** 31,
        2 ** 32 - 1,
        2 ** 32 - 64,
      ]) {
        tryModel(all, patched(bytes, [at, 4, value]), `u32 at ${at} = ${value}`);
      }
    }
  },

  "random corruptions of the front matter"() {
    const all = hosts();
    const random = randomSource(1);
    const below = (n: number) => Math.floor(random() * n);
    for (let k = 0; k < 1500; k++) {
      const copy = bytes.slice();
      // Half of them in header and table, where they matter most.
      const end = k % 2 ? tableEnd(model) : weightsOffset;
      for (let n = 1 + below(8); n; n--)
        copy[below(end)] = below(4) ? below(256) : [0, 1, 2, 32, 128, 255][below(6)];
      tryModel(all, copy, `corruption ${k}`);
    }
  },

  "every field of a book at its limits"() {
    const all = hosts();
    const entry = new DataView(bookBytes.buffer).getUint32(format.HEADER_PRIORS_OFFSET, true);
    for (const field of [format.PRIOR_OFFSET, format.PRIOR_PAIRS, format.PRIOR_SHIFT]) {
      for (const value of [
        0,
        1,
        3,
        39,
        40,
        65535,
        65536,
        bookBytes.length,
        2 ** 31,
        2 ** 32 - 4,
        2 ** 32 - 1,
      ]) {
        tryModel(all, patched(bookBytes, [entry + field, 4, value]), `field ${field} = ${value}`);
      }
    }
    for (const latentSize of [1, 31, 32, 33, 255, 256]) {
      tryModel(all, patched(bookBytes, [format.HEADER_LATENT_SIZE, 2, latentSize]), `${latentSize} neurons`);
    }
    // At any length that the layers follow from, with the book's pairs anywhere.
    const wide = syntheticModel({ ...TINY, latentSize: 256 });
    const wideBytes = encodeModel({ ...wide, priors: [randomBook(256, 3)] });
    const wideEntry = new DataView(wideBytes.buffer).getUint32(format.HEADER_PRIORS_OFFSET, true);
    for (const value of [1, 2, 65535, 2 ** 31, 2 ** 32 - 1]) {
      const broken = patched(wideBytes, [wideEntry + format.PRIOR_PAIRS, 4, value]);
      assert.ok(tryModel(all, broken, `${value} pairs`).has(STATUS_OK), "opened");
    }
  },

  "random corruptions of a book's entry and codes"() {
    const all = hosts();
    const random = randomSource(2);
    const below = (n: number) => Math.floor(random() * n);
    const start = new DataView(bookBytes.buffer).getUint32(format.HEADER_PRIORS_OFFSET, true);
    for (let k = 0; k < 500; k++) {
      const copy = bookBytes.slice();
      for (let n = 1 + below(4); n; n--) {
        copy[start + format.NAME_BYTES + below(k % 2 ? 16 : 3 * format.PRIOR_ENTRY_BYTES)] = below(256);
      }
      tryModel(all, copy, `corruption ${k}`);
    }
  },

  "truncation at every length"() {
    const all = hosts();
    for (let length = 0; length < bytes.length; length += length < weightsOffset + 80 ? 1 : 61) {
      const short = bytes.slice(0, length);
      assert.deepEqual(tryModel(all, short, `${length} bytes`), new Set([STATUS_BAD_MODEL]));
      // As if the file had been meant to be so short.
      if (length >= format.HEADER_BYTES) {
        const statuses = tryModel(
          all,
          patched(short, [format.HEADER_LENGTH, 4, length]),
          `${length} bytes, said so`,
        );
        assert.ok(!statuses.has(STATUS_OK), `${length} bytes, said so: opened`);
      }
    }
  },

  "lengths that lie"() {
    const all = hosts();
    for (const length of [0, 1, 63, 64, bytes.length - 1, bytes.length + 1, 2 ** 31, 2 ** 32 - 1]) {
      assert.deepEqual(tryModel(all, bytes, `open(${length})`, length), new Set([STATUS_BAD_MODEL]));
      tryModel(all, patched(bytes, [format.HEADER_LENGTH, 4, length]), `open(${length}), said so`, length);
      const farEnd = [format.HEADER_WEIGHTS_OFFSET, 4, Math.max(0, length - 16)] as const;
      const copy = patched(bytes, [format.HEADER_LENGTH, 4, length], farEnd);
      tryModel(all, copy, `open(${length}), weights at its end`, length);
    }
  },

  "offsets that point into a long tail of the file"() {
    const all = hosts();
    const long = extended(bytes, 4 * 1024 * 1024);
    const far = long.length - 65536;
    for (const [what, place] of [
      ["parameters of layer 0", layer(0, format.LAYER_PARAMETERS)],
      ["parameters of layer 1", layer(1, format.LAYER_PARAMETERS)],
      ["weights of layer 1", layer(1, format.LAYER_WEIGHTS)],
      ["priors", format.HEADER_PRIORS_OFFSET],
      ["readout", format.HEADER_READOUT_OFFSET],
      ["end of the front matter", format.HEADER_WEIGHTS_OFFSET],
    ] as const) {
      tryModel(all, patched(long, [place, 4, far]), what);
    }
    // A front matter of no bytes, so that nothing of it is kept in memory.
    tryModel(all, patched(bytes, [format.HEADER_WEIGHTS_OFFSET, 4, 0]), "no front matter");
  },

  "shapes whose products exceed 32 bits"() {
    const all = hosts();
    // inputSize² · inChannels is outChannels of the layer before, modulo 2^32.
    for (const [inputSize, inChannels, before] of [
      [385, 57952, 608],
      [770, 57952, 2432],
      [901, 15872, 3584],
      [991, 13120, 832],
      [1982, 6560, 1664],
      [3604, 992, 3584],
    ]) {
      const linearBytes = (2 * before * 4) / 8;
      const convBytes = (9 * inChannels * 32 * 4) / 8;
      const end = bytes.length + linearBytes + convBytes;
      const hostile = patched(
        extended(bytes, linearBytes + convBytes),
        [format.HEADER_LATENT_SIZE, 2, 1],
        [format.HEADER_IMAGE_SIZE, 2, 2 * inputSize],
        [layer(0, format.LAYER_BITS), 1, 4],
        [layer(0, format.LAYER_IN_CHANNELS), 2, 1],
        [layer(0, format.LAYER_OUT_CHANNELS), 2, before],
        [layer(0, format.LAYER_WEIGHTS), 4, bytes.length],
        [layer(0, format.LAYER_WEIGHTS_LENGTH), 4, linearBytes],
        [layer(1, format.LAYER_BITS), 1, 4],
        [layer(1, format.LAYER_INPUT_SIZE), 2, inputSize],
        [layer(1, format.LAYER_IN_CHANNELS), 2, inChannels],
        [layer(1, format.LAYER_WEIGHTS), 4, end - convBytes],
        [layer(1, format.LAYER_WEIGHTS_LENGTH), 4, convBytes],
      );
      const statuses = tryModel(all, hostile, `${inputSize}² · ${inChannels} ≡ ${before}`);
      assert.ok(!statuses.has(STATUS_OK), `${inputSize}² · ${inChannels} ≡ ${before}: opened`);
    }
  },

  "images too large for 16-bit products run in the memory that the plan asks for, or are refused"() {
    for (const [bottom, layers] of [
      [2, 8], // 256×256
      [4, 8], // 512×512
    ]) {
      const large = tower(bottom, layers);
      const file = encodeModel(large);
      for (const build of ["plain", "simd"] as const) {
        for (const flags of FLAGS) {
          const what = `${large.imageSize} rows, ${build}, flags ${flags}`;
          const host = new HostileHost(wasmBytes(build));
          let status = host.open(file, flags);
          if (status === STATUS_MEMORY) {
            const [needed] = new Uint32Array(host.core.memory.buffer, memory.PLAN_BYTES, 1);
            // Every map of a step is at least an eighth of a byte a neuron.
            host.core.memory.grow(Math.ceil(needed / PAGE) - 1);
            status = host.open(file, flags);
          }
          assert.ok(status === STATUS_OK || status === STATUS_BAD_MODEL, `${what}: status ${status}`);
          if (status !== STATUS_OK) continue;
          try {
            assert.equal(host.core.generate(0, 1, 1), STATUS_OK);
          } catch (error) {
            throw new Error(`${what}: ${(error as Error).message}`, { cause: error });
          }
        }
      }
    }
  },

  "flash that fails at one read"() {
    const expected = generate(model, { timeSteps: 4 }).pixels;
    for (const { host, name } of hosts()) {
      for (const flags of FLAGS) {
        for (let failing = 1, last = false; !last; failing++) {
          const what = `${name}, flags ${flags}, read ${failing}`;
          host.failingRead = failing;
          const opened = host.open(bytes, flags);
          if (opened === STATUS_OK) {
            const generated = host.core.generate(0, 4, 0);
            last = host.reads < failing;
            assert.equal(generated, last ? STATUS_OK : STATUS_FLASH, what);
          } else {
            assert.ok(opened === STATUS_FLASH || opened === STATUS_BAD_MODEL, `${what}: status ${opened}`);
            assert.equal(host.core.generate(0, 4, 0), STATUS_BAD_ARGUMENT, what);
          }
          host.failingRead = 0;
          assert.equal(host.open(bytes, flags), STATUS_OK, `${what}: opened again`);
          assert.equal(host.core.generate(0, 4, 0), STATUS_OK, `${what}: opened again`);
          assert.ok(sameBytes(host.pixels(expected.length), expected), `${what}: pixels afterwards`);
        }
      }
    }
  },

  "resident models read no flash once they are open"() {
    for (const { host, name } of hosts()) {
      assert.equal(host.open(bytes, memory.FLAG_RESIDENT), STATUS_OK, name);
      const { reads } = host;
      makeImages(host);
      assert.equal(host.core.generate(1, 4, 0), STATUS_OK, name);
      assert.equal(host.reads, reads, name);
    }
  },

  "calls without a model"() {
    for (const { host, name } of hosts()) {
      const check = (when: string) => {
        const { core } = host;
        assert.equal(core.decode(1, 1, 1), STATUS_BAD_ARGUMENT, `${name}, ${when}`);
        assert.equal(core.decode(1, 1, 0), STATUS_BAD_ARGUMENT, `${name}, ${when}`);
        assert.equal(core.generate(0, 1, 1), STATUS_BAD_ARGUMENT, `${name}, ${when}`);
      };
      check("before open");
      assert.equal(host.open(new Uint8Array(), 0), STATUS_BAD_MODEL);
      check("after a file of no bytes");
      assert.equal(host.open(bytes, 0), STATUS_OK);
      assert.equal(host.open(patched(bytes, [0, 1, 0]), 0), STATUS_BAD_MODEL);
      check("after a bad file took the place of a good one");
    }
  },

  "arguments out of range"() {
    for (const { host, name } of hosts()) {
      const { core } = host;
      assert.equal(host.open(bytes, memory.FLAG_RESIDENT), STATUS_OK);
      for (const prior of [2, 3, 255, 256, 2 ** 31, 2 ** 32 - 1]) {
        assert.equal(core.generate(prior, 4, 0), STATUS_BAD_ARGUMENT, `${name}: generate(${prior})`);
      }
      for (const steps of [0, 5, 16, 17, 256, 2 ** 31, 2 ** 32 - 1]) {
        assert.equal(core.decode(steps, 1, 1), STATUS_BAD_ARGUMENT, `${name}: decode(${steps}), sampled`);
        assert.equal(core.decode(steps, 1, 0), STATUS_BAD_ARGUMENT, `${name}: decode(${steps})`);
        assert.equal(core.generate(0, steps, 0), STATUS_BAD_ARGUMENT, `${name}: generate(0, ${steps})`);
      }
      // Any rates that a host might write, and every flag that is not used.
      for (const rate of [-1, -(2 ** 31), 65537, 2 ** 31 - 1]) {
        new Int32Array(core.memory.buffer, memory.RATES, format.MAX_LATENT_SIZE).fill(rate);
        assert.equal(core.decode(4, 2 ** 32 - 1, 2 ** 32 - 1), STATUS_OK, `${name}: rates of ${rate}`);
      }
      assert.equal(host.open(bytes, 0xfffffffc), STATUS_OK);
      makeImages(host);
    }
  },
};

runIsolated(import.meta.url, cases, TIME_LIMIT_MS);

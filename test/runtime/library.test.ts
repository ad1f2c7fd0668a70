import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Generator, memoryPlan, SpikeletError } from "../../src/index.js";

const MODEL = "models/esvae-mnist.spk";

function code(expected: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof SpikeletError, String(error));
    assert.equal(error.code, expected);
    assert.match(error.message, message);
    return true;
  };
}

test("loads from a path, a file URL and bytes, with the same result", async () => {
  const bytes = readFileSync(MODEL);
  const sources = [MODEL, pathToFileURL(MODEL), bytes];
  const images = await Promise.all(
    sources.map(async (s) => (await Generator.load(s)).generate({ seed: 3 }).pixels),
  );
  assert.deepEqual(images[1], images[0]);
  assert.deepEqual(images[2], images[0]);
});

test("generateInto gives what generate gives", async () => {
  const generator = await Generator.load(MODEL);
  const pixels = new Uint8Array(generator.imageBytes);
  generator.generateInto(pixels, { seed: 5, index: 7 });
  assert.deepEqual(pixels, generator.generate({ seed: 5, index: 7 }).pixels);
});

test("generateInto allocates nothing", async () => {
  const generator = await Generator.load(MODEL);
  const pixels = new Uint8Array(generator.imageBytes);
  const options = { seed: 1, index: 0 };
  const run = (images: number) => {
    for (options.index = 0; options.index < images; options.index++) generator.generateInto(pixels, options);
  };
  run(200);
  const before = process.memoryUsage();
  run(400);
  const after = process.memoryUsage();
  // The measurement itself allocates a few KB; an image's pixels alone would be 400 KB.
  assert.ok(after.heapUsed - before.heapUsed < 200_000, `${after.heapUsed - before.heapUsed} bytes of heap`);
  assert.equal(after.arrayBuffers, before.arrayBuffers);
});

test("seeds and indices of 64 bits are told apart, and number and bigint agree", async () => {
  const generator = await Generator.load(MODEL);
  const image = (seed: number | bigint, index: number | bigint) => generator.generate({ seed, index }).pixels;
  assert.deepEqual(image(2 ** 40 + 1, 2 ** 35), image(2n ** 40n + 1n, 2n ** 35n));
  assert.notDeepEqual(image(2 ** 40 + 1, 0), image(1, 0));
  assert.notDeepEqual(image(1, 2n ** 63n), image(1, 0));
});

test("images() yields what generate gives at once", async () => {
  const generator = await Generator.load(MODEL);
  const whole = generator.generate({ seed: 2, index: 2n ** 53n - 2n, count: 4 }).pixels;
  let i = 0;
  for (const { pixels } of generator.images({ seed: 2, index: 2n ** 53n - 2n, count: 4 })) {
    assert.deepEqual(pixels, whole.subarray(i * 1024, ++i * 1024));
  }
  assert.equal(i, 4);
  const [first] = generator.images({ seed: 5, count: 1 });
  assert.deepEqual(first.pixels, generator.generate({ seed: 5 }).pixels);
});

test("decode of firing rates 0 and 1 is decode of no spikes and of all", async () => {
  const generator = await Generator.load(MODEL);
  for (const value of [0, 1]) {
    const fromRates = generator.decode({ firingRates: new Array(32).fill(value), ledger: true });
    const fromSpikes = generator.decode({ spikeTrains: new Uint8Array(16 * 32).fill(value), ledger: true });
    assert.deepEqual(fromRates.pixels, fromSpikes.pixels);
    assert.equal(fromSpikes.ledgers[0].layers[0].spikes, value * 16 * 32);
  }
});

test("the ledger adds up, and asking for it does not change the image", async () => {
  const generator = await Generator.load(MODEL, { weights: "streamed" });
  const { pixels, ledgers } = generator.generate({ seed: 1, ledger: true });
  assert.deepEqual(pixels, generator.generate({ seed: 1 }).pixels);
  const [ledger] = ledgers;
  assert.equal(ledger.layers.length, 6);
  assert.equal(
    ledger.synapticOperations,
    ledger.layers.slice(0, -1).reduce((sum, l) => sum + l.synapticOperations, 0),
  );
  // 94² taps of a 3×3 kernel lie inside a map of 32×32, for each of 32 channels.
  const products = 94 ** 2 * 32;
  assert.deepEqual(ledger.readout, {
    additions: ledger.layers[5].spikes + products,
    multiplications: products,
  });
  assert.equal(
    ledger.layers.reduce((sum, l) => sum + l.neuronUpdates, 0),
    48128 * 16,
  );
  assert.equal(ledger.randomWords, 4 + 32 * 4 + 32 * 2 * 4);
  assert.ok(ledger.bytesFetched > 429_344, "every weight is fetched once");
  assert.deepEqual(generator.generate({ seed: 1, ledger: true }).ledgers[0], ledger);
});

test("the shipped model runs in one page of memory when its weights are streamed", async () => {
  const plan = await memoryPlan(readFileSync(MODEL), { weights: "streamed", build: "plain" });
  assert.equal(plan.pages, 1);
  assert.ok(plan.totalBytes <= 65536);
  const [work, readout, image, ...rest] = plan.regions;
  assert.equal(readout.offset, work.offset + work.bytes);
  assert.equal(image.offset, readout.offset + readout.bytes);
  assert.ok(rest[0].offset - (image.offset + image.bytes) < 32, "only the alignment lies behind the image");
  assert.ok(plan.regions.every((r) => r.offset + r.bytes <= plan.totalBytes));
});

test("a build or a placement of weights that does not exist is refused", async () => {
  const model = readFileSync(MODEL);
  for (const open of [
    (options: object) => Generator.load(model, options),
    (options: object) => memoryPlan(model, options),
  ]) {
    await assert.rejects(open({ build: "fast" }), {
      name: "SpikeletError",
      code: "bad-option",
      message: 'build is "fast"; expected "plain" or "simd".',
    });
    await assert.rejects(open({ weights: "none" }), /weights is "none"; expected "resident" or "streamed"/);
  }
});

test("bad options are refused with what was found and expected", async () => {
  const generator = await Generator.load(MODEL);
  const bad: [object, RegExp][] = [
    [{ count: -1 }, /count is -1; expected a positive integer/],
    [{ count: 1.5 }, /count is 1.5/],
    [{ timeSteps: 17 }, /timeSteps is 17; expected an integer from 1 to 16/],
    [{ seed: -1 }, /seed is -1; expected an integer from 0/],
    [{ seed: 2n ** 64n }, /seed is 18446744073709551616/],
    [{ index: 2n ** 64n - 1n, count: 2 }, /index \+ count is 18446744073709551616/],
    [{ prior: "seven" }, /prior is seven; expected one of "book", "learned", "0", "1"/],
  ];
  for (const [options, message] of bad)
    assert.throws(() => generator.generate(options), code("bad-option", message));
  assert.throws(
    () => generator.generateInto(new Uint8Array(3)),
    code("bad-option", /pixels.length is 3; expected 1024/),
  );
  assert.throws(() => generator.decode({}), code("bad-input", /either firingRates or spikeTrains/));
  assert.throws(() => generator.decode({ firingRates: [1] }), code("bad-input", /1 values; expected 32/));
  assert.throws(
    () => generator.decode({ firingRates: new Array(32).fill(Number.NaN) }),
    code("bad-input", /firingRates\[0\] is NaN/),
  );
  assert.throws(
    () => generator.decode({ spikeTrains: new Uint8Array(512).fill(2) }),
    code("bad-input", /is 2; expected 0 or 1/),
  );
});

test("sources that are no model are refused", async () => {
  await assert.rejects(
    Generator.load("models/none.spk"),
    code("no-such-file", /models\/none.spk could not be read/),
  );
  await assert.rejects(Generator.load(new Uint8Array(10)), code("bad-model", /Found 10 bytes/));
  await assert.rejects(Generator.load(new Uint8Array(100)), code("bad-model", /53 50 4b 4c/));
});

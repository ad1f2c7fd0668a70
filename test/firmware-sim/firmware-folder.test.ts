import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { machineInstructions } from "../../firmware-sim/cost/engines.js";
import { isPriced } from "../../firmware-sim/cost/estimate.js";
import { deviceModel } from "../../firmware-sim/firmware/device-model.js";
import { firmwareFiles } from "../../firmware-sim/firmware/files.js";
import { writeFolder } from "../../firmware-sim/firmware/folder.js";
import { type FirmwareRun, missingTools, runFirmware, runFolder } from "../../firmware-sim/firmware/qemu.js";
import { FIRMWARE_TARGETS, firmwareTarget } from "../../firmware-sim/firmware/targets.js";
import { CountedCore } from "../../firmware-sim/wasm/counted-core.js";
import { addKinds } from "../../firmware-sim/wasm/instruction-kinds.js";
import { decodeModel, encodeModel, Generator, SpikeletError } from "../../src/index.js";
import { syntheticModel } from "../support/models.js";

const MNIST = new URL("../../models/esvae-mnist.spk", import.meta.url);

/** The pixels of the frames that a firmware sent, without their headers. */
function framesOf({ display }: FirmwareRun, size: number, channels: number): Uint8Array[] {
  const header = `${channels === 1 ? "P5" : "P6"} ${size} ${size} 255\n`;
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at < display.length) {
    assert.equal(Buffer.from(display.subarray(at, at + header.length)).toString(), header);
    at += header.length;
    frames.push(new Uint8Array(display.subarray(at, at + size * size * channels)));
    at += size * size * channels;
  }
  return frames;
}

function refusal(code: SpikeletError["code"], message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof SpikeletError, `${error} is a SpikeletError`);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

describe("the firmware folder", () => {
  const model = encodeModel(syntheticModel());

  test("is complete: no placeholder is left, and what the Makefile names is there", () => {
    for (const target of FIRMWARE_TARGETS) {
      const files = firmwareFiles(model, target);
      for (const [path, bytes] of files) {
        if (path === "model.spk") continue;
        const text = Buffer.from(bytes).toString();
        assert.doesNotMatch(text, /@[A-Z_]+@/, `${path} for ${target.name}`);
      }
      const makefile = Buffer.from(files.get("Makefile")!).toString();
      const objects = /^OBJECTS = (.*)$/m.exec(makefile)![1].split(" ");
      for (const object of objects) {
        const source = [object.replace(/\.o$/, ".c"), object.replace(/\.o$/, ".S")].filter((f) =>
          files.has(f),
        );
        assert.equal(source.length, 1, `${object} has one source`);
      }
      assert.deepEqual(files.get("model.spk"), model);
    }
  });

  test("an unknown target names the nearest", () => {
    assert.throws(() => firmwareTarget("cortex-m44"), refusal("bad-option", /did you mean cortex-m4\?/));
  });

  test("a model larger than the board's flash is refused with both sizes", () => {
    const large = new Uint8Array(model.length);
    large.set(model);
    const target = { ...firmwareTarget("cortex-m4"), flash: { start: 0, bytes: 65536 + 1000 } };
    assert.throws(
      () => firmwareFiles(large, target),
      refusal("bad-option", new RegExp(`${model.length} bytes.*room for 1000`)),
    );
  });
});

describe("the part of a model that a device needs", () => {
  test("has no encoder and only the priors that were asked for, and draws the same bits", async () => {
    const spk = new Uint8Array(await readFile(MNIST));
    const slim = deviceModel(spk, ["3", "learned"]);
    const model = decodeModel(slim);
    assert.deepEqual(
      model.priors.map(({ name }) => name),
      ["3", "learned"],
    );
    assert.equal(model.encoder.length, 0);
    const [whole, part] = await Promise.all([Generator.load(spk), Generator.load(slim)]);
    assert.deepEqual(
      part.generate({ seed: 5, count: 3 }).pixels,
      whole.generate({ seed: 5, count: 3, prior: "3" }).pixels,
    );
  });

  test("an unknown prior names the nearest", async () => {
    const spk = new Uint8Array(await readFile(MNIST));
    assert.throws(() => deviceModel(spk, ["learnt"]), refusal("bad-option", /did you mean learned\?/));
  });
});

for (const target of FIRMWARE_TARGETS) {
  const lacking = await missingTools(target);
  const skip = lacking.length > 0 && `needs ${lacking.join(", ")}`;

  describe(`firmware for ${target.name} in QEMU`, { skip }, () => {
    test("draws the bits of the library: grey and coloured, mixtures, 64-bit seeds, checked accesses", async () => {
      for (const options of [{ priors: 2 }, { imageChannels: 3, bits: 5, timeSteps: 9 }] as const) {
        const base = syntheticModel(options);
        const mixture = base.priors.map((prior) => ({
          ...prior,
          name: "mixed",
          share: 65536 / base.priors.length,
        }));
        const spk = encodeModel({ ...base, priors: mixture });
        const generator = await Generator.load(spk);
        const seed = 2 ** 40 + 5;
        const { pixels } = generator.generate({ seed, index: 7, count: 4 });
        const run = await runFirmware(spk, target, { seed, first: 7, count: 4, checks: true });
        const frames = framesOf(run, base.imageSize, base.imageChannels);
        assert.deepEqual(Buffer.concat(frames), Buffer.from(pixels));
        assert.deepEqual(
          run.images.map(({ index }) => index),
          [7, 8, 9, 10],
        );
      }
    });

    test("the full-size image: bits, memory, and the simulator's estimate within 15 %", async () => {
      const spk = deviceModel(new Uint8Array(await readFile(MNIST)));
      const counted = new CountedCore(spk).draw(3, 0);
      const run = await runFirmware(spk, target, { seed: 3 });
      const [image] = run.images;
      assert.deepEqual(framesOf(run, 32, 1), [counted.pixels]);
      assert.equal(
        image.bytesFetched,
        counted.stages.reduce((sum, stage) => sum + stage.bytesFetched, 0),
      );
      assert.ok(run.size.code <= 16384, `${run.size.code} bytes of code are at most 16 KB`);
      const ram = run.size.data + run.size.stack;
      assert.ok(ram <= 73728, `${ram} bytes of RAM are at most 72 KB`);
      assert.ok(
        2 * image.stackUsed <= run.size.stack,
        `${image.stackUsed} of ${run.size.stack} bytes of stack`,
      );
      const whole = counted.stages.map((stage) => stage.instructions).reduce(addKinds);
      const estimate = machineInstructions("wasm2c", target.name, whole);
      assert.ok(isPriced(estimate), "wasm2c was measured on this target");
      const error = estimate.value / image.instructions - 1;
      assert.ok(Math.abs(error) < 0.15, `the estimate is off by ${(100 * error).toFixed(1)} %`);
      if (target.name === "cortex-m4") {
        assert.ok(image.instructions <= 60e6, `${image.instructions} instructions are at most 60 million`);
      }
    });

    test("what lies in flash and is no model gives a status, not a fault", async () => {
      const folder = await mkdtemp(join(tmpdir(), "spikelet-broken-"));
      try {
        const files = firmwareFiles(encodeModel(syntheticModel()), target);
        const broken = files.get("model.spk")!.slice();
        broken[4] = 99;
        await writeFolder(folder, files.set("model.spk", broken));
        await assert.rejects(
          runFolder(folder, target, { checks: true }),
          refusal("firmware-failed", /The generator gave status 1/),
        );
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });
}

describe("without the tools", () => {
  let path: string | undefined;
  let folder: string;
  before(async () => {
    path = process.env.PATH;
    folder = await mkdtemp(join(tmpdir(), "spikelet-no-tools-"));
    process.env.PATH = folder;
  });
  after(async () => {
    process.env.PATH = path;
    await rm(folder, { recursive: true });
  });

  test("it is said what to install", async () => {
    const target = firmwareTarget("cortex-m4");
    await writeFile(join(folder, "make"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    await assert.rejects(
      runFirmware(encodeModel(syntheticModel()), target),
      refusal("missing-tool", /arm-none-eabi-gcc is not installed; install .*apt install gcc-arm-none-eabi/),
    );
    assert.ok((await stat(folder)).isDirectory(), "the folder is left alone");
  });
});

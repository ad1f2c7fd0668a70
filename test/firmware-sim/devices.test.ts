import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { arithmeticTable } from "../../firmware-sim/cost/arithmetic.js";
import { cycles, machineInstructions } from "../../firmware-sim/cost/engines.js";
import { isPriced, onPriced } from "../../firmware-sim/cost/estimate.js";
import { energy, latency, shortages } from "../../firmware-sim/cost/microcontroller.js";
import { findDevice, listDevices, readDevice } from "../../firmware-sim/devices/catalog.js";
import type { Microcontroller, Neuromorphic } from "../../firmware-sim/devices/device.js";
import coremark from "../../firmware-sim/engines/coremark.json" with { type: "json" };
import { kindCounts } from "../../firmware-sim/wasm/instruction-kinds.js";

const folder = new URL("../../firmware-sim/devices/", import.meta.url);
const text = (file: string) => readFileSync(new URL(file, folder), "utf8");

function microcontroller(id: string): Microcontroller {
  const device = findDevice(id);
  assert.equal(device.family, "microcontroller");
  return device as Microcontroller;
}

function refuses(message: RegExp, code = "bad-input") {
  return { name: "SpikeletError", code, message };
}

// biome-ignore lint/suspicious/noExplicitAny: files are damaged in ways that no type allows
type Json = any;

/** A shipped file with something changed. */
function changed(file: string, change: (device: Json) => void): string {
  const device = JSON.parse(text(file));
  change(device);
  return JSON.stringify(device);
}

/** Every object with a value in it, however deep. */
function figures(value: unknown): Record<string, unknown>[] {
  if (typeof value !== "object" || value === null) return [];
  const inner = Object.values(value).flatMap(figures);
  return "value" in value ? [{ ...value }, ...inner] : inner;
}

describe("shipped devices", () => {
  test("every file of the folder is listed, valid, and named after its id", () => {
    const files = readdirSync(folder)
      .filter((file) => file.endsWith(".json"))
      .sort();
    assert.deepEqual(
      listDevices()
        .map((device) => `${device.id}.json`)
        .sort(),
      files,
    );
    for (const file of files) assert.equal(`${readDevice(text(file), file).id}.json`, file);
    assert.equal(listDevices().filter((d) => d.family === "microcontroller").length, 15);
    assert.equal(listDevices().filter((d) => d.family === "neuromorphic").length, 12);
  });

  test("every figure has a source and a grade", () => {
    for (const device of [...listDevices(), arithmeticTable()]) {
      const all = figures(device);
      assert.ok(all.length > 0, `${device.id} has figures`);
      for (const { source, grade } of all) {
        assert.ok(typeof source === "string" && source.length > 5, `${device.id}: ${source}`);
        assert.match(String(grade), /^(printed|derived|weak)$/);
      }
    }
  });

  test("are found by name, in letters of any case", () => {
    assert.equal(findDevice("nrf52840").name, "Nordic nRF52840");
    assert.equal(findDevice("nRF52840"), findDevice("nrf52840"));
    assert.throws(
      () => findDevice("nrf52480"),
      refuses(/No device is called "nrf52480" \(did you mean nrf52840\?\)/, "bad-option"),
    );
    assert.throws(
      () => findDevice("x".repeat(5000)),
      (error: Error) => error.message.length < 600 && /expected one of nrf52840, /.test(error.message),
    );
  });
});

describe("a user's device file", () => {
  test("is read", () => {
    const mine = readDevice(
      changed("loihi.json", (d) => {
        d.id = "mine";
        delete d.prices;
      }),
      "mine.json",
    );
    assert.equal(mine.id, "mine");
  });

  const bad: [string, string, (device: Json) => void, RegExp][] = [
    [
      "a negative figure",
      "loihi.json",
      (d) => {
        d.prices.synapticOperation.value = -1;
      },
      /^The device file my\.json: `prices\.synapticOperation\.value` is -1; expected a number above 0\. Correct it; leave out a figure that nobody published\.$/,
    ],
    [
      "zero, which is no price",
      "loihi.json",
      (d) => {
        d.prices.message.value = 0;
      },
      /`prices\.message\.value` is 0; expected a number above 0/,
    ],
    [
      "an unsourced figure",
      "nrf52840.json",
      (d) => {
        delete d.clock.source;
      },
      /`clock\.source` is missing; .*Say where the figure stands/,
    ],
    [
      "an empty source",
      "nrf52840.json",
      (d) => {
        d.clock.source = "  ";
      },
      /`clock\.source` is "".*expected some text/,
    ],
    [
      "a price without a scope",
      "loihi.json",
      (d) => {
        delete d.prices.message.scope;
      },
      /`prices\.message\.scope` is missing/,
    ],
    [
      "an unknown grade",
      "nrf52840.json",
      (d) => {
        d.ram.grade = "sure";
      },
      /`ram\.grade` is "sure"; expected "printed" or "derived" or "weak"/,
    ],
    [
      "a wrong unit",
      "loihi.json",
      (d) => {
        d.prices.message.unit = "nJ";
      },
      /`prices\.message\.unit` is "nJ"; expected "pJ"/,
    ],
    [
      "a unit of another quantity",
      "nrf52840.json",
      (d) => {
        d.activeCurrent.unit = "A";
      },
      /`activeCurrent\.unit` is "A"; expected "µA\/MHz" or "mA"/,
    ],
    [
      "an unknown key",
      "loihi.json",
      (d) => {
        d.prices.synaptic = {};
      },
      /`prices\.synaptic` is no key of a device file.*Remove it/,
    ],
    [
      "a bare number",
      "nrf52840.json",
      (d) => {
        d.clock = 64;
      },
      /`clock` is 64; expected an object/,
    ],
    [
      "a missing key",
      "nrf52840.json",
      (d) => {
        delete d.ram;
      },
      /`ram` is missing; a device file of this family needs it/,
    ],
    [
      "half a core",
      "rp2040.json",
      (d) => {
        d.cores.value = 1.5;
      },
      /`cores\.value` is 1\.5; expected a whole number/,
    ],
    [
      "an unknown family",
      "loihi.json",
      (d) => {
        d.family = "fpga";
      },
      /`family` is "fpga"; expected "microcontroller" or "neuromorphic"/,
    ],
  ];
  for (const [what, file, change, message] of bad) {
    test(`with ${what} is refused`, () => {
      assert.throws(() => readDevice(changed(file, change), "my.json"), refuses(message));
    });
  }

  test("with an infinite figure is refused", () => {
    const infinite = text("stm32l4r5.json").replace('"value": 120', '"value": 1e999');
    assert.throws(() => readDevice(infinite, "my.json"), refuses(/`clock\.value` is Infinity; expected/));
  });

  test("that is not JSON, or no object, is refused", () => {
    assert.throws(() => readDevice("{", "my.json"), refuses(/my\.json is not JSON/));
    assert.throws(() => readDevice("null", "my.json"), refuses(/is null; expected an object/));
    assert.throws(() => readDevice("[".repeat(60_000), "my.json"), refuses(/is not JSON/));
    const deep = `${"[".repeat(30_000)}${"]".repeat(30_000)}`;
    assert.throws(() => readDevice(deep, "my.json"), refuses(/`family` is missing/));
    assert.throws(() => readDevice(`{"family":${deep}}`, "my.json"), refuses(/`family` is a list; expected/));
  });

  test("that is huge is refused unread", () => {
    const huge = " ".repeat(65_536) + text("loihi.json");
    assert.throws(() => readDevice(huge, "my.json"), refuses(/has \d+ bytes; expected at most 65536/));
  });
});

describe("microcontrollers", () => {
  const nrf = microcontroller("nrf52840");

  test("a firmware that fits lacks nothing", () => {
    assert.deepEqual(shortages(nrf, { flashBytes: 2 ** 20, ramBytes: 72 * 1024, wasmPages: 1 }), []);
  });

  test("what is missing is told in bytes and pages", () => {
    assert.deepEqual(shortages(nrf, { flashBytes: 2 ** 20 + 7, ramBytes: 5 * 65536, wasmPages: 5 }), [
      { of: "flash", unit: "bytes", needed: 1_048_583, available: 1_048_576, missing: 7 },
      { of: "RAM", unit: "bytes", needed: 327_680, available: 262_144, missing: 65_536 },
      { of: "Wasm pages", unit: "pages", needed: 5, available: 4, missing: 1 },
    ]);
    // 4 KiB beside the pages leave room for three of them in 256 KiB.
    const [, pages] = shortages(nrf, { flashBytes: 1, ramBytes: 4 * 65536 + 4096, wasmPages: 4 });
    assert.deepEqual(pages, { of: "Wasm pages", unit: "pages", needed: 4, available: 3, missing: 1 });
  });

  test("latency is cycles over the clock", () => {
    const result = latency(nrf, 32e6);
    assert.equal(result.value, 0.5);
    assert.deepEqual([result.unit, result.grade, result.basis], ["s", "derived", "simulated"]);
    assert.equal(latency(nrf, 1, "measured").basis, "specified");
  });

  test("energy is current × supply × cycles, weak where a figure is", () => {
    const l4 = energy(microcontroller("stm32l4r5"), 1e6);
    assert.ok(isPriced(l4), "stm32l4r5 has current and supply");
    // 100 µA/MHz at 3.3 V: 330 pJ a cycle.
    assert.ok(Math.abs(l4.value - 330e-6) < 1e-15, `${l4.value} J`);
    assert.equal(l4.grade, "derived");
    const weak = energy(microcontroller("stm32h743"), 1e6);
    assert.ok(isPriced(weak), "stm32h743 has current and supply");
    assert.equal(weak.grade, "weak");
    const chip = energy(microcontroller("esp32-c3"), 160e6);
    assert.ok(isPriced(chip), "esp32-c3 has a current at its clock");
    // One second of 23 mA at 3.3 V.
    assert.ok(Math.abs(chip.value - 0.0759) < 1e-12, `${chip.value} J`);
  });

  test("energy without a published current, or voltage, is not priced", () => {
    assert.match(JSON.stringify(energy(microcontroller("rp2040"), 1)), /notPriced.*no run current/);
    const { supply: _, ...unsupplied } = nrf;
    assert.match(JSON.stringify(energy(unsupplied, 1)), /notPriced.*no supply voltage/);
  });

  test("cycles follow from CoreMark: those of its score over its instructions in QEMU", () => {
    const counts = kindCounts((kind) => (kind === "integer64" ? 1e6 : 0));
    const onNrf = cycles("wasm2c", nrf, counts);
    const instructions = machineInstructions("wasm2c", "cortex-m4", counts);
    assert.ok(isPriced(onNrf) && isPriced(instructions), "wasm2c was measured on a Cortex-M4");
    const perInstruction = 1e6 / 3.42 / coremark.instructionsPerIteration["cortex-m4"];
    assert.ok(
      Math.abs(onNrf.value / (instructions.value * perInstruction) - 1) < 1e-12,
      `${onNrf.value} cycles`,
    );
    const { coremarkPerMhz: _, ...unknown } = nrf;
    assert.match(JSON.stringify(cycles("wasm2c", unknown, counts)), /no CoreMark figure/);
    const onLx7 = cycles("wasm2c", microcontroller("esp32-s3"), counts);
    assert.ok(isPriced(onLx7), "the ESP32-S3 has a CoreMark figure");
    assert.match(onLx7.note ?? "", /carried over from cortex-m4 to lx7/);
    const time = onPriced(cycles("wasm2c", microcontroller("rp2350"), counts), (n) => latency(nrf, n));
    assert.ok(isPriced(time) && time.grade === "weak", "a weak CoreMark figure marks the result");
    assert.ok(
      "notPriced" in cycles("wasm3", microcontroller("esp32-c3"), counts),
      "wasm3 was not measured on RV32",
    );
  });
});

test("ODIN's three terms come to what is quoted of it: 12.7 pJ an operation at 75 MHz, an operation in two cycles", () => {
  const { clock, prices = {} } = findDevice("odin") as Neuromorphic;
  const { synapticOperationAllIn: operation, staticPower, clockPower } = prices;
  assert.ok(clock && operation && staticPower && clockPower);
  const microwatts = staticPower.value * 1e3 + clockPower.value * clock.value;
  const all = operation.value + microwatts / (clock.value / 2);
  assert.ok(Math.abs(all - 12.7) < 0.05, `${all} pJ`);
});

test("neuromorphic devices say what they do not know by leaving it out", () => {
  const prices = (id: string) => Object.keys((findDevice(id) as Neuromorphic).prices ?? {});
  assert.deepEqual(prices("akida"), []);
  assert.deepEqual(prices("speck"), ["staticPower"]);
  assert.deepEqual(prices("odin"), ["synapticOperationAllIn", "staticPower", "clockPower"]);
  assert.deepEqual(prices("seneca"), ["synapticOperation", "message"]);
});

// `spikelet profile`: what is counted adds up, what is not priced stays so, and the report stands alone.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { PRIOR_ENTRY_BYTES } from "../../assembly/core/format.js";
import { formatProfile } from "../../cli/report/profile-report.js";
import { isPriced } from "../../firmware-sim/cost/estimate.js";
import { meanLedger } from "../../firmware-sim/cost/mean-ledger.js";
import { profile, type StageProfile } from "../../firmware-sim/cost/profile.js";
import { whatIf } from "../../firmware-sim/cost/what-if.js";
import { findDevice, listDevices, readDevice } from "../../firmware-sim/devices/catalog.js";
import type { Device } from "../../firmware-sim/devices/device.js";
import { deviceModel } from "../../firmware-sim/firmware/device-model.js";
import { reportPage } from "../../firmware-sim/report/page.js";
import { runsOf } from "../../firmware-sim/report/table.js";
import { CountedCore } from "../../firmware-sim/wasm/counted-core.js";
import { sumOfKinds } from "../../firmware-sim/wasm/instruction-kinds.js";
import { encodeModel, Generator } from "../../src/index.js";
import { formatQuantity, formatShortQuantity } from "../../src/numbers.js";
import { syntheticModel } from "../support/models.js";

const work = mkdtempSync(join(tmpdir(), "spikelet-profile-"));
after(() => rmSync(work, { recursive: true }));

const model = encodeModel(syntheticModel({ bits: 6, timeSteps: 8, priors: 2 }));
const modelPath = join(work, "small.spk");
writeFileSync(modelPath, model);

/** A shipped device file with changes, as a user would make it. */
function deviceFile(id: string, change: (device: Record<string, unknown>) => void): string {
  const device = JSON.parse(readFileSync(`firmware-sim/devices/${id}.json`, "utf8"));
  device.id = "mine";
  change(device);
  return JSON.stringify(device);
}

function withFigure(key: string, value: number) {
  return (device: Record<string, unknown>) => {
    device[key] = { ...(device[key] as object), value };
  };
}

function read(text: string): Device {
  return readDevice(text, "mine.json");
}

function total(stages: readonly StageProfile[], of: (stage: StageProfile) => number): number {
  return stages.reduce((sum, stage) => sum + of(stage), 0);
}

function assertNear(actual: number, expected: number, name: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.abs(expected), `${name}: ${actual} and ${expected}`);
}

describe("a profile", () => {
  test("counts what the ledger and the counted core say, and its stages add up", async () => {
    const options = { seed: 5, count: 3 };
    const { stages, microcontrollers, images } = await profile(model, { ...options, devices: listDevices() });
    assert.deepEqual(images, { count: 3, seed: 5, prior: "learned" });

    const slim = deviceModel(model);
    const generator = await Generator.load(slim, { weights: "streamed" });
    const { ledgers } = generator.generate({ ...options, ledger: true });
    const ledger = meanLedger(ledgers);
    assertNear(
      total(stages, (stage) => stage.synapticOperations),
      ledger.synapticOperations,
      "synaptic operations",
    );
    assertNear(
      total(stages, (stage) => stage.bytesFetched),
      // A device chooses the component of a prior itself, for which it reads an entry of the table; here a host does.
      ledgers.reduce((sum, { bytesFetched }) => sum + bytesFetched, 0) / 3 + PRIOR_ENTRY_BYTES,
      "bytes fetched",
    );
    stages.slice(1).forEach(({ name, neuronUpdates }, i) => {
      assert.equal(neuronUpdates, ledger.layers[i].neuronUpdates, name);
    });

    const core = new CountedCore(slim);
    const drawn = [0, 1, 2].map((index) => core.draw(5, index).stages);
    stages.forEach((stage, i) => {
      const counted = drawn.reduce((sum, image) => sum + sumOfKinds(image[i].instructions), 0) / 3;
      assertNear(stage.instructions, counted, stage.name);
      assertNear(stage.instructions, sumOfKinds(stage.byKind), `${stage.name}, its kinds`);
    });

    for (const { device, engines } of microcontrollers) {
      for (const { engine, cycles, stages: parts } of engines) {
        if (!isPriced(cycles)) continue;
        const sum = parts.reduce(
          (all, part) => all + (isPriced(part.cycles) ? part.cycles.value : Number.NaN),
          0,
        );
        assertNear(sum, cycles.value, `${device.id} ${engine}`);
      }
    }
  });

  test("tells progress, and takes its prior by name", async () => {
    const calls: string[] = [];
    const { images } = await profile(model, {
      devices: [],
      count: 2,
      prior: "turned 1",
      onProgress: (done, all) => calls.push(`${done} of ${all}`),
    });
    assert.equal(images.prior, "turned 1");
    assert.deepEqual(calls, ["1 of 2", "2 of 2"]);
  });

  test("says what a device lacks", async () => {
    const device = read(deviceFile("nrf52840", withFigure("ram", 60_000)));
    const result = await profile(model, { devices: [device], count: 1 });
    const [compiled] = result.microcontrollers[0].engines;
    assert.deepEqual(
      compiled.shortages.map(({ of, missing }) => [of, missing]),
      [
        ["RAM", compiled.ramBytes - 60_000],
        ["Wasm pages", 1],
      ],
    );
    for (const notes of [false, true]) {
      const text = formatProfile(result, { notes }).replace(/\s+/g, " ");
      assert.match(text, /does not fit: RAM: needs [\d,]+ bytes, has 60,000; [\d,]+ missing/);
    }
  });

  test("leaves unpriced what has no price", async () => {
    const device = read(
      deviceFile("nrf52840", (figures) => {
        delete figures.activeCurrent;
        delete figures.coremarkPerMhz;
      }),
    );
    const chip = read(
      deviceFile("loihi", (figures) => {
        delete figures.prices;
        delete figures.times;
      }),
    );
    const result = await profile(model, { devices: [device, chip], count: 1 });
    for (const { engine, cycles, seconds, joules } of result.microcontrollers[0].engines) {
      for (const estimate of [cycles, seconds, joules]) {
        assert.ok(!isPriced(estimate), `${engine} has no CoreMark figure to price with`);
      }
    }
    const [{ price }] = result.neuromorphic;
    assert.ok(!isPriced(price.total) && !isPriced(price.time), "the chip has no prices");
    const text = formatProfile(result, { layers: true, notes: true });
    assert.match(text, /not priced: no CoreMark figure of Nordic nRF52840 was found/);
    assert.doesNotMatch(text, /NaN|undefined|null/);
  });

  test("marks weak figures, and no others", async () => {
    const devices = [findDevice("stm32h743"), findDevice("esp32-c3"), findDevice("loihi-sanafe")];
    const text = formatProfile(await profile(model, { devices, count: 1 }));
    assert.match(text, /^stm32h743 .*Jᵘʷ$/m);
    assert.match(text, /^esp32-c3 .*Jˢ$/m);
    assert.match(text, /^loihi-sanafe .*Jᶠʷ .*sᶠ$/m);
  });
});

describe("what-if", () => {
  test("costs more with more time steps, and flash with more bits", async () => {
    const { points, images } = await whatIf(model, { devices: [findDevice("nrf52840")], count: 2 });
    assert.equal(images, 2);
    assert.deepEqual(
      points.map(({ bits, timeSteps }) => [bits, timeSteps]),
      [4, 5, 6].flatMap((bits) => [2, 4, 6, 8].map((timeSteps) => [bits, timeSteps])),
    );
    points.slice(1).forEach((point, i) => {
      const before = points[i];
      const name = `${point.bits} bits, ${point.timeSteps} steps`;
      if (point.bits !== before.bits) {
        assert.ok(point.modelBytes > before.modelBytes, `${name}: bytes`);
        return;
      }
      assert.ok(point.instructions > before.instructions, `${name}: instructions`);
      assert.ok(point.synapticOperations > before.synapticOperations, `${name}: synaptic operations`);
      point.estimates.forEach(({ engine, seconds, joules }, k) => {
        const { seconds: less, joules: fewer } = before.estimates[k];
        assert.ok(
          isPriced(seconds) && isPriced(less) && seconds.value > less.value,
          `${name}, ${engine}: latency`,
        );
        assert.ok(
          isPriced(joules) && isPriced(fewer) && joules.value > fewer.value,
          `${name}, ${engine}: energy`,
        );
      });
    });
  });

  test("agrees with the profile where nothing is changed", async () => {
    const options = { devices: [findDevice("rp2350")], count: 2, seed: 3 };
    const { stages, microcontrollers } = await profile(model, options);
    const last = (await whatIf(model, options)).points.at(-1)!;
    assertNear(
      last.instructions,
      total(stages, (stage) => stage.instructions),
      "instructions",
    );
    assertNear(
      last.synapticOperations,
      total(stages, (stage) => stage.synapticOperations),
      "operations",
    );
    assert.deepEqual(
      last.estimates.map(({ seconds }) => isPriced(seconds) && seconds.value),
      microcontrollers[0].engines.map(({ seconds }) => isPriced(seconds) && seconds.value),
    );
  });
});

describe("numbers for people", () => {
  test("have three digits and an SI prefix", () => {
    const cases: [number, string, string, string][] = [
      [0.7868, "s", "787 ms", "787 ms"],
      [1, "s", "1.00 s", "1 s"],
      [0.9996, "s", "1.00 s", "1 s"],
      [2e7, "", "20.0 M", "20 M"],
      [2.3e-9, "J", "2.30 nJ", "2.3 nJ"],
      [0, "B", "0 B", "0 B"],
      [5e-14, "J", "0.0500 pJ", "0.05 pJ"],
    ];
    for (const [value, unit, quantity, tick] of cases) {
      assert.equal(formatQuantity(value, unit), quantity);
      assert.equal(formatShortQuantity(value, unit), tick);
    }
  });

  test("of footnotes are drawn together", () => {
    assert.deepEqual(runsOf([1, 2, 4, 5, 6, 9]), [[1], [2], [4, 6], [9]]);
    assert.deepEqual(runsOf([]), []);
  });
});

function spikelet(...args: string[]) {
  return spawnSync(process.execPath, ["--import", "tsx", "cli/main.ts", "profile", ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
}

describe("spikelet profile", () => {
  test("prints plain lines on a pipe, for every shipped device", () => {
    const { status, stdout, stderr } = spikelet(modelPath, "--count", "1", "--layers", "--notes");
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f]/);
    assert.doesNotMatch(stdout, /NaN|undefined/);
    for (const { id } of listDevices()) assert.match(stdout, new RegExp(`^${id} `, "m"));
    const widest = Math.max(...stdout.split("\n").map((line) => line.length));
    assert.ok(widest <= 120, `a line has ${widest} characters`);
  });

  test("prints all as JSON", () => {
    const args = [modelPath, "--count", "1", "--device", "nrf52840", "loihi", "--json"];
    const { status, stdout, stderr } = spikelet(...args, "--what-if");
    assert.equal(status, 0, stderr);
    const result = JSON.parse(stdout);
    assert.deepEqual(Object.keys(result), [
      "spikelet",
      "modelCrc32",
      "model",
      "images",
      "memory",
      "counts",
      "stages",
      "microcontrollers",
      "neuromorphic",
      "arithmetic",
      "whatIf",
    ]);
    assert.equal(result.microcontrollers[0].device.id, "nrf52840");
    assert.equal(result.whatIf.points.length, 12);
    assert.match(result.modelCrc32, /^[\da-f]{8}$/);
    const again = spikelet(...args).stdout;
    assert.equal("whatIf" in JSON.parse(again), false);
    assert.equal(spikelet(...args).stdout, again, "the same run gives the same bytes");
  });

  test("prints its tables as CSV, Markdown and LaTeX", () => {
    const print = (...options: string[]) => {
      const args = [modelPath, "--count", "2", "--device", "nrf52840", "odin", ...options];
      const { status, stdout, stderr } = spikelet(...args);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    const csv = print("--csv");
    assert.match(csv, /^stage,Wasm instructions,synaptic operations,/m);
    assert.match(csv, /^image,"[\d,]+ \(c\)","[\d,]+ \(c\)",/m);
    assert.match(csv, /^# \[1\] /m);
    const markdown = print("--markdown");
    assert.match(markdown, /^### Stages of an image\n\n\| stage \|.*\|\n\| --- \| --: \|/m);
    const latex = print("--latex");
    assert.equal(latex.match(/^\\begin\{tabular\}/gm)?.length, latex.match(/^\\end\{tabular\}/gm)?.length);
    assert.match(latex, /^decoder\\_input & /m);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: all that old engines take
    assert.doesNotMatch(latex.replace(/^%.*$/gm, ""), /[^\u0000-\u007f]/);
    const both = spikelet(modelPath, "--csv", "--latex");
    assert.equal(both.status, 2, both.stderr);
  });

  test("takes a device file", () => {
    const path = join(work, "mine.json");
    writeFileSync(path, deviceFile("rp2040", withFigure("clock", 200)));
    const { status, stdout, stderr } = spikelet(modelPath, "--count", "1", "--device", path);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^mine +wasm2c +yes /m);
  });

  const html = join(work, "report.html");
  const badDevice = join(work, "bad.json");
  writeFileSync(badDevice, deviceFile("nrf52840", withFigure("clock", -1)));
  const notJson = join(work, "not.json");
  writeFileSync(notJson, "{");
  const refused: [string, string[], number, RegExp][] = [
    ["an unknown device", ["--device", "nrf52480"], 2, /did you mean nrf52840\?/],
    ["a bad figure", ["--device", badDevice], 2, /`clock\.value` is -1; expected a number above 0/],
    ["a device file that is no JSON", ["--device", notJson], 2, /is not JSON/],
    ["a device file that is not there", ["--device", join(work, "none.json")], 2, /no such file/],
    ["an unknown prior", ["--prior", "turned 2"], 2, /did you mean turned 1\?/],
    ["a count of 0", ["--count", "0"], 2, /--count: found "0", expected a whole number from 1/],
    ["a report that would be a model", ["--html", "model.spk"], 2, /expected a name that ends in \.html/],
    ["a report that cannot be written", ["--html", "/proc/nowhere/report.html"], 1, /cannot write/],
  ];
  for (const [what, args, expected, message] of refused) {
    test(`refuses ${what}`, () => {
      const { status, stdout, stderr } = spikelet(
        modelPath,
        ...args,
        ...(args[0] === "--html" ? [] : ["--html", html]),
      );
      assert.match(stderr, message);
      assert.equal(status, expected, stderr);
      assert.equal(stdout, "");
      const left = readdirSync(work).filter((name) => name.includes(".html"));
      assert.deepEqual(left, [], "nothing is left of the report");
    });
  }
});

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

describe("the report", () => {
  const path = join(work, "stands-alone.html");

  test("is written whole, and refers to nothing outside", () => {
    const { status, stderr } = spikelet(modelPath, "--count", "2", "--html", path);
    assert.equal(status, 0, stderr);
    const page = readFileSync(path, "utf8");
    assert.match(page, /<\/html>\n$/);
    assert.equal(existsSync(`${path}.partial`), false);
    assert.doesNotMatch(page, /<script|@import|\son\w+=/i);
    assert.doesNotMatch(page, /(?:src|srcset|href|action|data|poster)="(?!data:|#)/i);
    assert.doesNotMatch(page, /url\((?!["']?data:)/i);
    assert.doesNotMatch(page, /NaN|undefined/);
  });

  test("shows a name as text, whatever is in it", async () => {
    const name = "<b>&\"'";
    const spk = encodeModel({ ...syntheticModel({ timeSteps: 4, channels: [32] }), name });
    const devices = [findDevice("rp2040"), findDevice("odin")];
    const generator = await Generator.load(spk, { trace: true });
    const report = reportPage({
      spikelet: "0",
      profile: await profile(spk, { devices, count: 1 }),
      whatIf: await whatIf(spk, { devices: [], count: 1 }),
      trace: generator.trace({ seed: 1 }),
      pictures: { png: new Uint8Array(8), count: 1 },
    });
    assert.ok(report.includes("Profile of &lt;b&gt;&amp;&quot;'"), "the name is escaped");
    assert.ok(!report.includes("<b>&"), "the name is no markup");
    // Nothing on these devices has an energy and a latency.
    assert.match(report, /No device here has both/);
  });

  test("is quiet, named and narrow enough in Chromium", {
    skip: existsSync(CHROMIUM)
      ? false
      : `${CHROMIUM} is not installed (set CHROMIUM to the path of a Chromium)`,
  }, async () => {
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
      ],
    });
    try {
      for (const [width, height] of [
        [1280, 900],
        [390, 844],
      ]) {
        const view = await browser.newPage({ viewport: { width, height } });
        const heard: string[] = [];
        view.on("console", (message) => heard.push(message.text()));
        view.on("pageerror", (error) => heard.push(String(error)));
        view.on("request", (request) => {
          if (!request.url().startsWith("data:")) heard.push(request.url());
        });
        const url = pathToFileURL(path).href;
        await view.goto(url);
        // What is folded away has to fit as well.
        await view.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
        assert.deepEqual(heard, [url], "the page itself is all that is asked for");
        const scrolled = await view.evaluate("document.documentElement.scrollWidth");
        assert.ok(Number(scrolled) <= width, `${scrolled} pixels of page in ${width}`);
        const plots = await view.getByRole("img").all();
        assert.ok(plots.length > 10, `${plots.length} plots and pictures`);
        const names = await view.evaluate(`[...document.querySelectorAll("svg")].map((svg) =>
          svg.getAttribute("aria-labelledby").split(" ").map((id) => document.getElementById(id)?.textContent ?? ""))`);
        for (const parts of names as string[][]) {
          assert.ok(parts.length === 2 && parts.every((part) => part.length > 5), `name and text: ${parts}`);
        }
        const ids = await view.evaluate(`[...document.querySelectorAll("[id]")].map(({ id }) => id)`);
        assert.equal(new Set(ids as string[]).size, (ids as string[]).length, "ids are unique");
        const dangling = await view.evaluate(
          `[...document.querySelectorAll("a")].filter((a) => !document.getElementById(a.hash.slice(1))).length`,
        );
        assert.equal(dangling, 0, "every link leads somewhere");
        await view.close();
      }
    } finally {
      await browser.close();
    }
  });
});

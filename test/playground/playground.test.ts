// The playground as a person uses it: served by the command line, in a real browser.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { decode, encode } from "fast-png";
import { unzipSync } from "fflate";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import {
  deviceModel,
  FIRMWARE_TARGETS,
  firmwareFiles,
  firmwareTarget,
  listDevices,
} from "../../firmware-sim/index.js";
import {
  decodeModel,
  dequantizeDecoder,
  encodeModel,
  fitImages,
  Generator,
  quantizeNetwork,
  readNetwork,
} from "../../src/index.js";
import { sameBytes, syntheticModel, TINY } from "../support/models.js";
import { syntheticTensors, writePth, writeSafetensors } from "../support/network.js";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const CLI = join(DIST, "cli.js");
const MODEL = fileURLToPath(new URL("../../models/esvae-mnist.spk", import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const skip = existsSync(CHROMIUM)
  ? false
  : `${CHROMIUM} is not installed (set CHROMIUM to the path of a Chromium)`;

const work = mkdtempSync(join(tmpdir(), "spikelet-playground-"));
after(() => rmSync(work, { recursive: true }));

function spikelet(...args: string[]) {
  return spawnSync(process.execPath, [CLI, "playground", ...args], {
    cwd: work,
    encoding: "utf8",
    timeout: 20_000,
  });
}

describe("spikelet playground", () => {
  test("says what is wrong with a model, a port and an address", async () => {
    const refuses = (args: string[], message: RegExp) => {
      const { status, stderr } = spikelet(...args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
    };
    refuses(["none.spk"], /^spikelet: none\.spk: no such file; expected a model file/);
    refuses(["esvae-mnits"], /no shipped model is named "esvae-mnits".*esvae-mnist/);
    writeFileSync(
      join(work, "text.spk"),
      "This is no model, though it is longer than a model's header is. ".repeat(4),
    );
    refuses(["text.spk"], /text\.spk: .*a model file starts with/);
    refuses(["--port", "65536"], /--port: found "65536", expected a whole number from 0 to 65535/);
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    refuses(["--port", String(port)], /the port is in use; choose another with --port/);
    server.close();
  });

  test("writes a folder that is whole by itself", () => {
    const { status, stdout, stderr } = spikelet("--out", "site");
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^site: \d+ files, [\d,]+ bytes/);
    assert.deepEqual(readFileSync(join(work, "site/model.spk")), readFileSync(MODEL));
    const texts = filesIn(join(work, "site"))
      .filter((path) => /\.(js|html|css)$/.test(path))
      .map((path) => readFileSync(path, "utf8"));
    // What is imported lies in the folder, at any depth of it, and nothing is named by an address.
    assert.doesNotMatch(texts.join("\n"), /from"\.\.\/\.\.|import\("\.\.|(src|href)="(\/|https?:)/);
  });
});

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile());
}

test("the page without the model weighs at most 120 KB, gzipped", (t) => {
  const sizes = filesIn(join(DIST, "playground")).map(
    (path) => gzipSync(readFileSync(path), { level: 9 }).length,
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  t.diagnostic(`${total} bytes gzipped`);
  assert.ok(total <= 120_000, `${total} bytes`);
});

test("the page asks for nothing of Node's", () => {
  const files = filesIn(join(DIST, "playground"));
  for (const path of files.filter((name) => extname(name) === ".js")) {
    assert.doesNotMatch(readFileSync(path, "utf8"), /from"node:|import\("node:|\brequire\(/, path);
  }
});

test("the page offers every firmware target", () => {
  const page = readFileSync(join(DIST, "playground/index.html"), "utf8");
  const offered = [...page.matchAll(/<option[^>]*>([^<]*)<\/option>/g)].map(([, name]) => name);
  assert.deepEqual(
    offered,
    FIRMWARE_TARGETS.map(({ name }) => name),
  );
});

describe("the playground's page", { skip }, () => {
  let server: ChildProcess;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let address: string;
  /** Requests to other origins, and errors of the page. */
  const strayed: string[] = [];
  const errors: string[] = [];

  before(async () => {
    server = spawn(process.execPath, [CLI, "playground", "--port", "0"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(server.stdout!.setEncoding("utf8"), "data", {
      signal: AbortSignal.timeout(20_000),
    });
    address = /http:\S+/.exec(line)![0];
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
      ],
    });
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true });
    context.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(address))
        strayed.push(request.url());
    });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await page.goto(address);
    await filled(page);
  });

  after(async () => {
    await browser?.close();
    server?.kill();
  });

  test("fills the wall with the very images of the command line", async () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [CLI, "generate", "--seed", "1", "--count", "240", "--out", "wall.idx"],
      { cwd: work, encoding: "utf8" },
    );
    assert.equal(status, 0, stderr);
    const expected = readFileSync(join(work, "wall.idx")).subarray(16);
    assert.ok(
      sameBytes(await wallPixels(page, { count: 240, columns: 20, size: 32 }), expected),
      "240 images differ",
    );
  });

  test("class, seed and time steps choose the images", async () => {
    const generator = await Generator.load(MODEL);
    await choose(page, "Class", "7");
    await page.getByLabel("Seed").fill("18446744073709551615");
    await page.getByLabel("Seed").press("Enter");
    await page.getByLabel(/^Time steps/).focus();
    for (let i = 0; i < 12; i++) await page.keyboard.press("ArrowLeft");
    assert.equal(await page.getByLabel(/^Time steps/).inputValue(), "4");
    await filled(page);
    const { pixels } = generator.generate({ prior: "7", seed: 2n ** 64n - 1n, timeSteps: 4, count: 240 });
    assert.ok(
      sameBytes(await wallPixels(page, { count: 240, columns: 20, size: 32 }), pixels),
      "images differ",
    );

    await page.getByLabel("Seed").fill("18446744073709551616");
    await page.getByLabel("Seed").press("Enter");
    assert.match(
      await alertText(page),
      /Seed: found "18446744073709551616", expected a whole number from 0 to/,
    );
    await page.getByRole("button", { name: "Another" }).click();
    assert.match(await page.getByLabel("Seed").inputValue(), /^\d{1,10}$/);
    await page.getByRole("button", { name: "Close the message" }).click();
    await page.getByLabel("Seed").fill("1");
    await page.getByLabel("Seed").press("Enter");
    await choose(page, "Class", "book");
    await page.getByLabel(/^Time steps/).focus();
    await page.keyboard.press("End");
    await filled(page);
  });

  test("it can be watched as it sharpens", async () => {
    await page.getByRole("button", { name: "Watch it sharpen" }).click();
    await page.getByRole("button", { name: "Watch it sharpen" }).waitFor();
    assert.equal(await page.getByLabel(/^Time steps/).inputValue(), "16");
    await filled(page);
  });

  test("pictures are held by click and by keyboard, and blended by their firing rates", async () => {
    const generator = await Generator.load(MODEL);
    const box = (await page.locator("#wall-canvas").boundingBox())!;
    // Row 1, column 2 of twenty.
    await page.mouse.click(box.x + (2.5 / 20) * box.width, box.y + (1.5 / 12) * box.height);
    await shows(page, "#held-picture", generator.generate({ seed: 1, index: 22 }).pixels);
    assert.equal(await page.locator("#wall-cursor").getAttribute("aria-label"), "Picture 23, held as A");

    await choose(page, "Where the next picture goes", "B");
    const wall = page.getByRole("listbox", { name: "Wall of pictures" });
    await wall.focus();
    for (const key of ["Home", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowRight"]) await wall.press(key);
    assert.equal(await page.locator("#wall-cursor").getAttribute("aria-label"), "Picture 42");
    await wall.press("Enter");
    await shows(page, "#held-picture", generator.generate({ seed: 1, index: 41 }).pixels);

    await page.getByLabel(/^From A to B/).fill("25");
    const [a, b] = [22, 41].map((index) => generator.firingRates({ seed: 1, index }));
    const firingRates = a.map((rate, i) => 0.75 * rate + 0.25 * b[i]);
    await shows(page, "#held-picture", generator.decode({ firingRates, seed: 1, index: 22 }).pixels);
    await choose(page, "Where the next picture goes", "A");
    await page.getByLabel(/^From A to B/).fill("0");
    await shows(page, "#held-picture", generator.generate({ seed: 1, index: 22 }).pixels);
  });

  test("a latent neuron's bar is a slider for keyboard and pointer, and the picture follows", async () => {
    const generator = await Generator.load(MODEL, { trace: true });
    const image = { seed: 1, index: 22 };
    const rates = generator.firingRates(image);
    const bars = page.getByRole("slider", { name: /^Firing rate of neuron/ });
    assert.equal(await bars.count(), 32);
    await bars.first().focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Home");
    await page.keyboard.press("PageUp");
    await page.keyboard.press("ArrowUp");
    const changed = rates.slice();
    changed[1] = 0.3;
    await shows(page, "#held-picture", generator.decode({ ...image, firingRates: changed }).pixels);
    const second = bars.nth(1);
    assert.equal(await second.getAttribute("aria-valuenow"), "30");
    const { latentSpikes } = generator.trace({ ...image, firingRates: changed });
    const spikes = latentSpikes.filter((_, i) => i % 32 === 1).reduce((sum, spike) => sum + spike, 0);
    assert.equal(await second.getAttribute("aria-valuetext"), `30\u00a0%, fired ${spikes} of 16 times`);

    await page.getByRole("button", { name: "Undo my changes" }).click();
    await shows(page, "#held-picture", generator.generate(image).pixels);
    const bar = (await bars.nth(4).boundingBox())!;
    await page.mouse.move(bar.x + bar.width / 2, bar.y + bar.height / 2);
    await page.mouse.down();
    await page.mouse.up();
    assert.equal(await bars.nth(4).getAttribute("aria-valuenow"), "50");
    await page.getByRole("button", { name: "Undo my changes" }).click();
  });

  test("layers are shown over all time steps, step by step, and neuron by neuron", async () => {
    const generator = await Generator.load(MODEL, { trace: true });
    const trace = generator.trace({ seed: 1, index: 22 });
    await shows(page, "#held-picture", trace.pixels);
    const captions = await page.locator("#layers figcaption").allInnerTexts();
    assert.equal(captions.length, trace.layers.length + 1);
    const last = trace.layers[trace.layers.length - 1];
    const share = last.spikes.reduce((sum, spike) => sum + spike, 0) / last.spikes.length;
    assert.match(
      captions[trace.layers.length - 1],
      new RegExp(`32×32, 32 channels\\s+${Math.round(100 * share)}.% fire`),
    );

    await page.getByLabel(/^Time step shown/).fill("3");
    const early = generator.decode({
      firingRates: generator.firingRates({ seed: 1, index: 22 }),
      seed: 1,
      index: 22,
      timeSteps: 3,
    });
    await shows(page, "#layers figure:last-child canvas", early.pixels);
    await choose(page, "What a layer shows", "Every neuron");
    // 256 maps of 2×2, 16 in a row, a pixel between them.
    assert.deepEqual(
      await page
        .locator("#layers canvas")
        .first()
        .evaluate((canvas: HTMLCanvasElement) => [canvas.width, canvas.height]),
      [47, 47],
    );
    const lit = await page
      .locator("#layers canvas")
      .first()
      .evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, i) => i % 4 === 0 && value > 200).length;
      });
    const first = trace.layers[0].spikes.subarray(2 * 1024, 3 * 1024);
    assert.equal(
      lit,
      first.reduce((sum, spike) => sum + spike, 0),
    );
    await page.getByRole("button", { name: "Play" }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByLabel(/^Time step shown/).fill("0");
    await choose(page, "What a layer shows", "Heat map");
  });

  test("a dropped picture is reconstructed as the library does it", async () => {
    const generator = await Generator.load(MODEL, { encoder: true });
    const [rows, columns] = [48, 40];
    const pixels = Uint8Array.from({ length: rows * columns * 3 }, (_, i) => (i * 31) % 251);
    const png = encode({ width: columns, height: rows, channels: 3, data: pixels });
    await drop(page, { name: "odd.png", type: "image/png", bytes: png });
    const original = fitImages({ count: 1, rows, columns, channels: 3, pixels }, generator.info);
    await shows(page, "#original", original);
    await shows(page, "#reconstruction", generator.reconstruct(original).pixels);

    await page.getByRole("button", { name: "Clear" }).click();
    await shows(page, "#original", new Uint8Array(1024));
    const pad = page.getByRole("application", { name: "Drawing pad" });
    await pad.focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press("Shift+ArrowDown");
    await page.waitForFunction(() => {
      const canvas = document.querySelector<HTMLCanvasElement>("#original")!;
      return canvas.getContext("2d")!.getImageData(16, 20, 1, 1).data[0] > 200;
    });
    await page.getByRole("button", { name: "Take the one you hold" }).click();
    await shows(page, "#original", generator.generate({ seed: 1, index: 22 }).pixels);
  });

  test("costs are measured here, and priced on every device", async () => {
    assert.match(await page.locator("#cost-milliseconds").innerText(), /^[\d.]+ (m|µ)?s$/);
    await page.locator("#devices").scrollIntoViewIfNeeded();
    await page.locator("#devices[aria-busy=false]").waitFor();
    const rows = await page.locator("#devices tbody th").allInnerTexts();
    assert.deepEqual(
      rows.map((text) => text.split("\n")[0]),
      listDevices().map(({ name }) => name),
    );
    const text = await page.locator("#devices").innerText();
    assert.match(text, /fits: [\d.]+ kB of [\d.]+ MB flash/);
    assert.match(text, /not priced/);
    assert.match((await page.locator("#devices").textContent())!, /compiled, simulated/);
    assert.ok((await page.locator("#devices .hollow").count()) > 0, "weak figures have a mark of their own");
    await page.getByText("Why some are not priced").click();
    assert.match(await page.locator("#not-priced").innerText(), /no run current of .* was found/);
  });

  test("fewer bits quantize the model again, and tell how", async () => {
    const bytes = readFileSync(MODEL);
    const model = decodeModel(bytes);
    const { name, encoder, priors } = model;
    await choose(page, "Bits a weight", "5");
    await page.getByRole("heading", { name: "To 5 bits" }).waitFor();
    await filled(page);
    const { model: decoder, report } = quantizeNetwork(dequantizeDecoder(model), { bits: 5, name });
    const spk = encodeModel({ ...decoder, encoder, priors });
    assert.ok(sameBytes(await download(page, "Model (.spk)"), spk), "the saved model differs");
    const generator = await Generator.load(spk);
    const { pixels } = generator.generate({ seed: 1, count: 240 });
    assert.ok(
      sameBytes(await wallPixels(page, { count: 240, columns: 20, size: 32 }), pixels),
      "images differ",
    );
    assert.equal(await page.locator("#rounding tbody tr").count(), report.layers.length);
    await choose(page, "Bits a weight", "8");
    await page.getByRole("heading", { name: "Not here" }).waitFor();
    await filled(page);
    assert.ok(sameBytes(await download(page, "Model (.spk)"), bytes), "at 8 bits it is the file that it was");
  });

  test("the wall and the firmware folder can be saved", async () => {
    const { width, height, data } = decode(await download(page, "Wall (.png)"));
    assert.deepEqual([width, height], [640, 384]);
    const corner = (await Generator.load(MODEL)).generate({ seed: 1 }).pixels;
    const channels = data.length / (width * height);
    const tile = corner.map((_, i) => data[((i >> 5) * width + (i & 31)) * channels]);
    assert.ok(sameBytes(tile, corner), "the first image of the wall");

    await page.getByLabel("for a", { exact: true }).selectOption("rv32");
    const zip = unzipSync(await download(page, "Firmware (.zip)"));
    const expected = firmwareFiles(deviceModel(readFileSync(MODEL)), firmwareTarget("rv32"));
    assert.deepEqual(Object.keys(zip).sort(), [...expected.keys()].map((path) => `firmware/${path}`).sort());
    for (const [path, content] of expected) assert.ok(sameBytes(zip[`firmware/${path}`], content), path);
  });

  test("the page answers while 10,000 images are made, and they can be stopped", async () => {
    await choose(page, "How many", "10,000");
    await page.getByRole("button", { name: "Stop" }).waitFor();
    const box = (await page.locator("#wall-canvas").boundingBox())!;
    await page.mouse.click(box.x + 1, box.y + 1);
    await shows(page, "#held-picture", (await Generator.load(MODEL)).generate({ seed: 1 }).pixels);
    assert.match(await page.locator("#making-text").innerText(), /^Making 10,000 pictures$/);
    await page.getByRole("button", { name: "Stop" }).click();
    assert.match(await page.locator("#making-text").innerText(), /^Stopped at [\d,]+\.$/);
    await choose(page, "How many", "1,000");
    await filled(page);
    const { pixels } = (await Generator.load(MODEL)).generate({ seed: 1, count: 1000 });
    assert.ok(
      sameBytes(await wallPixels(page, { count: 1000, columns: 40, size: 32 }), pixels),
      "images differ",
    );
    await choose(page, "How many", "240");
    await filled(page);
  });

  test("every control has a name, is reached by the tab key, and colours can be read", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await page.evaluate(unreadable), [], colorScheme);
    }
    await page.emulateMedia({ colorScheme: null });
    assert.deepEqual(await page.evaluate(nameless), []);
    assert.deepEqual(await page.evaluate(headingLevels), [1, 2, 3, 2, 3, 3, 2, 3, 2, 3, 2, 3, 2, 3]);
    const stops: string[] = await page.evaluate(tabStops);
    const reached: string[] = [];
    await page.locator("h1").click();
    for (let i = 0; i < stops.length + 10 && reached.length < stops.length; i++) {
      await page.keyboard.press("Tab");
      const stop = await page.evaluate("document.activeElement.dataset.stop");
      if (typeof stop === "string" && !reached.includes(stop)) reached.push(stop);
    }
    assert.deepEqual(reached, stops);
  });

  test("nothing moves while the page fills", async () => {
    const fresh = await context.newPage();
    // As text: a function would carry the test runner's helpers along.
    await fresh.addInitScript(
      "window.shift = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shift += entry.value; }).observe({ type: 'layout-shift', buffered: true });",
    );
    await fresh.goto(address);
    await filled(fresh);
    assert.ok(
      Number(await fresh.evaluate("window.shift")) < 0.02,
      `layout shift ${await fresh.evaluate("window.shift")}`,
    );
    await fresh.setViewportSize({ width: 390, height: 844 });
    await filled(fresh);
    assert.equal(
      await fresh.evaluate("document.documentElement.scrollWidth"),
      390,
      "a phone has to scroll sideways",
    );
    await fresh.close();
  });

  test("without Wasm SIMD the plain build makes the same images, and the page says so", async () => {
    const plain = await context.newPage();
    await plain.route("**/worker.js", async (route) => {
      const response = await route.fetch();
      // Ahead of everything that asks it.
      await route.fulfill({ response, body: `WebAssembly.validate=()=>false;${await response.text()}` });
    });
    await plain.goto(address);
    await filled(plain);
    assert.match(await plain.locator("#engine").innerText(), /no WebAssembly SIMD: the plain build runs/);
    const expected = (await Generator.load(MODEL)).generate({ seed: 1, count: 240 }).pixels;
    assert.ok(
      sameBytes(await wallPixels(plain, { count: 240, columns: 20, size: 32 }), expected),
      "images differ",
    );
    await plain.close();
  });

  test("dropped model files and checkpoints are opened; all others are refused, and nothing breaks", async () => {
    const model = syntheticModel({ ...TINY, channels: [64, 32], imageChannels: 3, priors: 3 });
    const spk = encodeModel(model);
    await drop(page, { name: "colours.spk", type: "", bytes: spk });
    await page.getByText("8×8 pixels in colour, 5 latent neurons").waitFor();
    await filled(page);
    const { pixels } = (await Generator.load(spk)).generate({ seed: 1, count: 240 });
    const shape = { count: 240, columns: 20, size: 8, channels: 3 };
    assert.ok(sameBytes(await wallPixels(page, shape), pixels), "images differ");
    assert.deepEqual(
      await page
        .locator("#priors")
        .innerText()
        .then((text) => text.split(/\s*\n\s*/)),
      ["learned", "turned 1", "turned 2"],
    );
    await page.getByText("This model has no encoder").waitFor();
    assert.equal(await page.getByLabel(/^Time steps/).getAttribute("max"), "4");

    const tensors = syntheticTensors({ ...TINY, channels: [64, 32], encoder: true });
    const quantized = quantizeNetwork(readNetwork(tensors), { name: "trained" });
    for (const [name, bytes] of [
      ["trained.pth", writePth(tensors)],
      ["trained.safetensors", writeSafetensors(tensors)],
    ] as const) {
      await drop(page, { name, type: "", bytes });
      await page.getByRole("heading", { name: "To 8 bits" }).waitFor();
      await filled(page);
      assert.equal(await page.locator("#rounding tbody tr").count(), quantized.report.layers.length);
      assert.ok(
        sameBytes(await download(page, "Model (.spk)"), encodeModel(quantized.model)),
        `${name}, saved`,
      );
      await drop(page, { name: "colours.spk", type: "", bytes: spk });
      await page.getByRole("heading", { name: "Not here" }).waitFor();
    }

    const newer = Uint8Array.from(spk);
    newer[4]++;
    const damaged = Uint8Array.from(spk);
    damaged[200] ^= 1;
    for (const [name, type, bytes, message] of [
      ["newer.spk", "", newer, /^Got a model file of version \d+; this Spikelet reads version/],
      ["damaged.spk", "", damaged, /The checksum is .*at least one byte has changed/],
      [
        "notes.txt",
        "text/plain",
        new TextEncoder().encode("Dear diary"),
        /^Not a checkpoint: found 10 bytes that begin with/,
      ],
      ["empty.pth", "", new Uint8Array(), /^Not a checkpoint: found an empty file/],
      [
        "broken.png",
        "image/png",
        new Uint8Array(50),
        /^broken\.png: found a file of image\/png, .*expected a PNG/,
      ],
    ] as const) {
      await drop(page, { name, type, bytes });
      await page.waitForFunction(
        (pattern) => new RegExp(pattern).test(document.querySelector("#alert-text")!.textContent!),
        message.source,
      );
      await page.getByRole("button", { name: "Close the message" }).click();
    }
    await page.getByText("8×8 pixels in colour, 5 latent neurons").waitFor();
    await page.getByRole("button", { name: "Another" }).click();
    await filled(page);
  });

  test("no request has left the page's origin, and nothing has failed unseen", () => {
    assert.deepEqual(strayed, []);
    assert.deepEqual(errors, []);
  });
});

/** Until all pictures are made. */
async function filled(page: Page): Promise<void> {
  await page.waitForFunction(() => /pictures in /.test(document.querySelector("#making-text")!.textContent!));
}

/** Chooses one of some radio buttons. */
async function choose(page: Page, group: string, name: string): Promise<void> {
  await page.getByRole("group", { name: group }).getByRole("radio", { name, exact: true }).check();
}

async function alertText(page: Page): Promise<string> {
  await page.getByRole("alert").waitFor();
  return page.getByRole("alert").innerText();
}

/** Pixels of the images on the wall, one after the other, as the model makes them. */
async function wallPixels(
  page: Page,
  { count, columns, size, channels = 1 }: { count: number; columns: number; size: number; channels?: number },
): Promise<Uint8Array> {
  const { width, data } = decode(
    Buffer.from(
      await page.evaluate(() => {
        const url = document.querySelector<HTMLCanvasElement>("#wall-canvas")!.toDataURL("image/png");
        return url.slice(url.indexOf(",") + 1);
      }),
      "base64",
    ),
  );
  assert.equal(width, columns * size);
  const pixels = new Uint8Array(count * size * size * channels);
  const stored = data.length / (width * (count / columns) * size);
  let at = 0;
  for (let image = 0; image < count; image++) {
    const corner = Math.floor(image / columns) * size * width + (image % columns) * size;
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        for (let c = 0; c < channels; c++) pixels[at++] = data[(corner + y * width + x) * stored + c];
      }
    }
  }
  return pixels;
}

/** Until a canvas shows this image, in grey. */
async function shows(page: Page, selector: string, pixels: Uint8Array): Promise<void> {
  await page.waitForFunction(
    ({ selector, pixels }) => {
      const canvas = document.querySelector<HTMLCanvasElement>(selector)!;
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
      return data.length === 4 * pixels.length && pixels.every((pixel, i) => data[4 * i] === pixel);
    },
    { selector, pixels: Array.from(pixels) },
    { timeout: 15_000 },
  );
}

/** Drops a file on the page. */
async function drop(
  page: Page,
  { name, type, bytes }: { name: string; type: string; bytes: Uint8Array },
): Promise<void> {
  await page.evaluate(
    ({ name, type, base64 }) => {
      const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([content], name, { type }));
      for (const event of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(event, { bubbles: true, cancelable: true, dataTransfer }));
      }
    },
    { name, type, base64: Buffer.from(bytes).toString("base64") },
  );
}

/** What a button saves. */
async function download(page: Page, button: string): Promise<Uint8Array> {
  // Chromium may put off for seconds what canvas.toBlob has to do.
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: button }).click();
  return readFileSync((await (await saving).path())!);
}

// These run in the page. As text, because functions would carry the test runner's helpers along.

/** Controls without an accessible name. */
const nameless = `[...document.querySelectorAll("button, input, select, summary, canvas, [role], [tabindex]")]
  .filter((element) => !element.closest("[aria-hidden=true]"))
  .filter((element) => !["alert", "status", "presentation"].includes(element.getAttribute("role")))
  .filter((element) => {
    const labelledBy = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent);
    const labels = [...(element.labels ?? [])].map((label) => label.textContent);
    const own = element.matches("button, summary") ? element.textContent : "";
    const inside = element.parentElement.matches("[role=application]");
    return !inside && ![element.getAttribute("aria-label"), own, ...labelledBy, ...labels].some((text) => text?.trim());
  })
  .map((element) => element.outerHTML.slice(0, 120))`;

const headingLevels = `[...document.querySelectorAll("h1, h2, h3")].map((heading) => Number(heading.tagName[1]))`;

/** What the tab key has to reach, in the order of the page; of a group of radio buttons only the one that is chosen. */
const tabStops = `[...document.querySelectorAll("button, input, select, summary, [tabindex]")]
  .filter((element) => element.tabIndex >= 0 && !element.disabled && !element.closest("[inert], [hidden]"))
  .filter((element) => element.type !== "radio" || element.checked)
  .map((element, i) => (element.dataset.stop = String(i)))`;

/** Texts whose contrast with what lies behind them is below 4.5, as WCAG 2 counts it. */
const unreadable = `(() => {
  const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!hasText || !element.checkVisibility() || element.closest("[inert], noscript, :disabled")) continue;
    const [high, low] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) found.push(contrast.toFixed(2) + " " + element.outerHTML.slice(0, 80));
  }
  return found;
})()`;

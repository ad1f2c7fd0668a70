import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { Generator } from "../../src/index.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

test("the library makes the same image in Chromium, in both builds", {
  skip: existsSync(CHROMIUM)
    ? false
    : `${CHROMIUM} is not installed (set CHROMIUM to the path of a Chromium)`,
}, async () => {
  const server = createServer(({ url = "" }, response) => {
    if (url.endsWith(".js"))
      response.setHeader("content-type", "text/javascript").end(readFileSync(`dist${url}`));
    else if (url === "/model.spk") response.end(readFileSync("models/esvae-mnist.spk"));
    else response.setHeader("content-type", "text/html").end("<!doctype html><title>Spikelet</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    // As text: a function would carry the test runner's helpers along.
    const images = await page.evaluate(`(async () => {
        const { Generator } = await import("/index.js");
        const images = [];
        for (const build of ["plain", "simd"]) {
          const generator = await Generator.load(new URL("/model.spk", location.href), { build });
          images.push(Array.from(generator.generate({ seed: 4, count: 2 }).pixels));
        }
        return images;
      })()`);
    const expected = Array.from(
      (await Generator.load("models/esvae-mnist.spk")).generate({ seed: 4, count: 2 }).pixels,
    );
    assert.deepEqual(images, [expected, expected]);
  } finally {
    await browser.close();
    server.close();
  }
});

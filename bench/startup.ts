import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { atMost, type Bar, barTable, table, withQuartiles } from "./report.js";
import { type Spread, spreadOf } from "./statistics.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const MOST_MS = { node: 30, chromium: 100 } as const;

export interface StartupResult {
  /** Milliseconds from import to first image. */
  readonly node: Spread;
  /** Absent where there is no Chromium. */
  readonly chromium?: Spread;
  readonly bars: readonly Bar[];
}

/** Each in a process of its own. */
function timeInNode(model: string, runs: number): number[] {
  const child = fileURLToPath(new URL("./startup-child.js", import.meta.url));
  return Array.from({ length: runs }, () => Number(execFileSync(process.execPath, [child, model])));
}

/** Each in a browser profile of its own, so without anything cached; the server is on this machine. */
async function timeInChromium(model: string, runs: number): Promise<number[]> {
  const files: Record<string, [type: string, bytes: Buffer]> = {
    "/model.spk": ["application/octet-stream", readFileSync(model)],
  };
  const page = Buffer.from("<!doctype html><title>Spikelet</title>");
  const server = createServer(({ url = "" }, response) => {
    // The library and the chunks that it is made of.
    const [type, bytes] = /^\/[\w./-]+\.js$/.test(url)
      ? ["text/javascript", readFileSync(`dist${url}`)]
      : (files[url] ?? ["text/html", page]);
    response.setHeader("content-type", type);
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
  ];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  try {
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      const context = await browser.newContext();
      const tab = await context.newPage();
      await tab.goto(`http://127.0.0.1:${port}/`);
      // As text: a function would carry the loader's helpers along.
      times.push(
        await tab.evaluate<number>(`(async () => {
          const start = performance.now();
          const { Generator } = await import("/index.js");
          const generator = await Generator.load(new URL("/model.spk", location.href));
          generator.generate({ seed: 1 });
          return performance.now() - start;
        })()`),
      );
      await context.close();
    }
    return times;
  } finally {
    await browser.close();
    server.close();
  }
}

export async function measureStartup(model: string, runs: number): Promise<StartupResult> {
  const node = spreadOf(timeInNode(model, runs));
  const bars = [atMost("ms from import to first image, Node", node.median, MOST_MS.node)];
  if (!existsSync(CHROMIUM)) return { node, bars };
  const inChromium = spreadOf(await timeInChromium(model, runs));
  bars.push(atMost("ms from import to first image, Chromium", inChromium.median, MOST_MS.chromium));
  return { node, chromium: inChromium, bars };
}

export function printStartup({ node, chromium: inChromium, bars }: StartupResult): string {
  const rows = [["Node", withQuartiles(node)]];
  if (inChromium) rows.push(["Chromium", withQuartiles(inChromium)]);
  const parts = [table(["from import to first image", "ms, median (quartiles)"], rows), barTable(bars)];
  if (!inChromium)
    parts.push(`Chromium was left out: ${CHROMIUM} is not installed (set CHROMIUM to its path).`);
  return parts.join("\n\n");
}

import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { writeFolder } from "../../firmware-sim/firmware/folder.js";
import { SpikeletError } from "../../src/errors.js";
import { outlineModel } from "../../src/model/file.js";
import { formatCount } from "../../src/numbers.js";
import { about } from "../input/input.js";
import { DEFAULT_MODEL, readModel } from "../input/model-file.js";
import { integerOption } from "../options/options.js";
import { prepareFolder, writing } from "../output/output.js";

interface PlaygroundArguments {
  readonly port: number;
  readonly host: string;
  readonly out?: string;
}

/** Where the build puts the page: beside the bundle. */
const FOLDER = fileURLToPath(new URL("./playground/", import.meta.url));

/** S, P, I, K on a telephone. */
const DEFAULT_PORT = 7745;

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
};

const EXAMPLES = `
Examples:
  spikelet playground                      the shipped model, at http://127.0.0.1:${DEFAULT_PORT}/
  spikelet playground mine.spk --port 8000
  spikelet playground --host 0.0.0.0       for a phone in the same network
  spikelet playground --out site           a folder for any web server or file host`;

export function addPlaygroundCommand(program: Command): void {
  program
    .command("playground")
    .summary("see a model run, in a browser")
    .description(
      "Serves a page that makes images with a model in the browser, and shows what its neurons do. Nothing leaves the browser.",
    )
    .argument("[model]", "a .spk file, or the name of a model that comes with Spikelet", DEFAULT_MODEL)
    .option(
      "--port <n>",
      "port to listen on; 0 takes a free one",
      integerOption("--port", { min: 0, max: 65535, example: 8000 }),
      DEFAULT_PORT,
    )
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--out <folder>", "write the page and the model to a folder, and serve nothing")
    .addHelpText("after", EXAMPLES)
    .action(playground);
}

async function playground(fileOrName: string, { port, host, out }: PlaygroundArguments): Promise<void> {
  const { path, bytes } = await readModel(fileOrName);
  await about(path, () => outlineModel(bytes));
  const files = await readPage();
  files.set("model.spk", bytes);
  if (out !== undefined) {
    await prepareFolder(out);
    await writing(out, () => writeFolder(out, files));
    const total = [...files.values()].reduce((sum, file) => sum + file.length, 0);
    console.log(
      `${out}: ${files.size} files, ${formatCount(total)} bytes. Any web server can give them out, under any path.`,
    );
    return;
  }
  const server = await listen(serve(files), port, host);
  const { port: taken } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  console.log(`Spikelet playground: http://${name}:${taken}/ (stop with Ctrl-C)`);
}

/** The files of the page by path, with / between folders. */
async function readPage(): Promise<Map<string, Uint8Array>> {
  const found = await readdir(FOLDER, { recursive: true });
  // Every file has an ending, and no folder has.
  const paths = found.filter((path) => extname(path) !== "").map((path) => path.replaceAll("\\", "/"));
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(FOLDER, path))] as const)),
  );
}

/** A server that gives out these files and nothing else. */
function serve(files: ReadonlyMap<string, Uint8Array>): Server {
  return createServer(({ method, url = "/" }, response) => {
    const path = url.replace(/[?#].*/s, "").slice(1) || "index.html";
    const file = files.get(path);
    response.setHeader("x-content-type-options", "nosniff");
    if (method !== "GET" && method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
    } else if (file) {
      response.writeHead(200, {
        "content-type": TYPES[extname(path)] ?? "application/octet-stream",
        "content-length": file.length,
        // The next model may come from the same address.
        "cache-control": "no-cache",
      });
      response.end(method === "GET" ? file : undefined);
    } else {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    }
  });
}

/** What an errno means for someone who wanted to listen, and what to do about it. */
const LISTEN_ERRORS: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use; choose another with --port, or --port 0 for any free one",
  EACCES: "the system does not permit this port; choose one above 1023 with --port",
  EADDRNOTAVAIL: "this machine does not have that address; choose another with --host",
  ENOTFOUND: "no address of that name is known; choose another with --host",
  EAI_AGAIN: "no address of that name is known; choose another with --host",
};

function listen(server: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const meaning = LISTEN_ERRORS[error.code ?? ""];
      if (meaning === undefined) reject(error);
      else {
        const message = `cannot listen on ${host}, port ${port}: ${meaning}`;
        reject(new SpikeletError("bad-option", message, { cause: error }));
      }
    });
    server.listen(port, host, () => resolve(server));
  });
}

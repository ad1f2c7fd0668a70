import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The wheel has the engine itself, the same as the `wasmtime` program. */
const VERSION = "50.0.1";
const HOST = fileURLToPath(new URL("wasmtime-host.py", import.meta.url));

/** A firmware or a command component to run. */
export interface WasiJob {
  readonly kind: "module" | "command";
  /** Path of the binary. */
  readonly wasm: string;
  /** Opened as /flash; nothing is if not given. */
  readonly folder?: string;
  readonly args: readonly string[];
  readonly fuel?: number;
  /** Path of what stands for the display; a file whose bytes are given back if not given. */
  readonly display?: string;
}

export interface WasiResult {
  readonly exitCode: number;
  /** What the engine says of a trap, with the functions on the stack. */
  readonly trap?: string;
  readonly display: Uint8Array;
  readonly uart: string;
  readonly fuelUsed: number;
}

export type EdgeCall = readonly [name: "open"] | readonly [name: "find-prior", prior: string] | EdgeDraw;
type EdgeDraw = readonly [name: "draw", seed: bigint, index: bigint, prior: number];

/** An edge component (spikelet-edge.wit) to run, with what it is asked to do. */
export interface EdgeJob {
  readonly wasm: string;
  /** Path of the model. */
  readonly model: string;
  readonly calls: readonly EdgeCall[];
  /** Bytes of the model that can be read; all if not given. */
  readonly flashBytes?: number;
  /** Images that the display takes; any number if not given. */
  readonly displayImages?: number;
}

export interface EdgeResult {
  /** For each call what it gave; of a result the value of either side, null for none. */
  readonly results: readonly unknown[];
  readonly images: readonly {
    readonly size: number;
    readonly channels: number;
    readonly pixels: Uint8Array;
  }[];
  readonly costs: readonly Readonly<Record<string, number>>[];
}

/** false, or what is missing to run wasmtime: for a test's `skip`. */
export function skipWithoutWasmtime(): false | string {
  const { status } = spawnSync("python3", ["-c", "import wasmtime.component"]);
  return status === 0
    ? false
    : `wasmtime is not installed: python3 -m pip install wasmtime==${VERSION} (Debian: with --break-system-packages)`;
}

/** JSON with integers of 64 bits, which Python reads as such. */
function toJson(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(toJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${toJson(item)}`).join(",")}}`;
}

function runHost(jobs: readonly object[]): unknown[] {
  const { status, stdout, stderr } = spawnSync("python3", [HOST], {
    input: toJson(jobs),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`wasmtime-host.py failed: ${stderr}`);
  return JSON.parse(stdout);
}

function bytesOf(base64: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(base64 ?? "", "base64"));
}

export function runInWasmtime(jobs: readonly WasiJob[]): WasiResult[] {
  const results = runHost(jobs) as (Omit<WasiResult, "display"> & { display?: string })[];
  return results.map((result) => ({ ...result, display: bytesOf(result.display) }));
}

export function runEdgeInWasmtime(jobs: readonly EdgeJob[]): EdgeResult[] {
  type Raw = Omit<EdgeResult, "images"> & { images: { size: number; channels: number; pixels: string }[] };
  const results = runHost(jobs.map((job) => ({ kind: "edge", ...job }))) as Raw[];
  return results.map((result) => ({
    ...result,
    images: result.images.map((image) => ({ ...image, pixels: bytesOf(image.pixels) })),
  }));
}

// Compiles a firmware folder and runs it in QEMU, where the number of executed instructions is exact. Node only.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpikeletError } from "../../src/errors.js";
import { firmwareFiles } from "./files.js";
import { writeFolder } from "./folder.js";
import type { FirmwareTarget } from "./targets.js";

/** Where the programs that are needed come from. */
const PACKAGES: Readonly<Record<string, string>> = {
  make: "make (Debian: apt install make)",
  "arm-none-eabi-gcc":
    "the Arm cross compiler (Debian: apt install gcc-arm-none-eabi; macOS: brew install --cask gcc-arm-embedded)",
  "riscv64-unknown-elf-gcc":
    "the RISC-V cross compiler (Debian: apt install gcc-riscv64-unknown-elf; macOS: brew install riscv64-elf-gcc)",
  "qemu-system-arm": "QEMU for Arm (Debian: apt install qemu-system-arm; macOS: brew install qemu)",
  "qemu-system-riscv32": "QEMU for RISC-V (Debian: apt install qemu-system-misc; macOS: brew install qemu)",
};

/** The longest that a compilation or one run may take; a full-size image takes less than a second. */
const TIMEOUT_MS = 120_000;
const MOST_OUTPUT_BYTES = 64 * 2 ** 20;

interface Output {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function execute(command: string, args: readonly string[]): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { timeout: TIMEOUT_MS, stdio: ["ignore", "pipe", "pipe"] });
    const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    let bytes = 0;
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MOST_OUTPUT_BYTES) child.kill("SIGKILL");
        else chunks[stream].push(chunk);
      });
    }
    child.on("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "ENOENT" ? missing(command) : error);
    });
    child.on("close", (status) =>
      resolve({
        status,
        stdout: Buffer.concat(chunks.stdout),
        stderr: Buffer.concat(chunks.stderr).toString(),
      }),
    );
  });
}

function missing(command: string): SpikeletError {
  return new SpikeletError(
    "missing-tool",
    `${command} is not installed; install ${PACKAGES[command] ?? command} and try again`,
  );
}

/** Programs that compiling for a target and running it takes. */
function toolsOf(target: FirmwareTarget): string[] {
  return ["make", `${target.prefix}gcc`, target.qemu.split(" ")[0]];
}

/** The programs that this machine lacks for a target. */
export async function missingTools(target: FirmwareTarget): Promise<string[]> {
  const found = await Promise.all(
    toolsOf(target).map((tool) =>
      execute(tool, ["--version"]).then(
        () => true,
        () => false,
      ),
    ),
  );
  return toolsOf(target).filter((_, i) => !found[i]);
}

/** Bytes of firmware in flash and RAM, from the ELF file. */
export interface FirmwareSize {
  /** Code and constants in flash, without the model. */
  readonly code: number;
  /** The model in flash. */
  readonly model: number;
  /** Static data in RAM: the page of Wasm memory and what little else there is. */
  readonly data: number;
  readonly stack: number;
}

/** What the firmware's UART says of one image. */
export interface FirmwareImage {
  readonly index: number;
  readonly instructions: number;
  readonly bytesFetched: number;
  /** Most bytes of stack in use so far. */
  readonly stackUsed: number;
  /** Instructions of prior and sampler, then of each layer; the last includes the readout. */
  readonly stages: readonly number[];
}

export interface FirmwareRun {
  readonly size: FirmwareSize;
  readonly images: readonly FirmwareImage[];
  /** Frames in PGM or PPM, one after the other. */
  readonly display: Uint8Array;
}

export interface FirmwareRunOptions {
  readonly seed?: number;
  readonly count?: number;
  readonly first?: number;
  /** Number of the first record of a prior; 0 if not given. */
  readonly prior?: number;
  /** Check every memory access. */
  readonly checks?: boolean;
}

function failed(what: string, { status, stderr }: Output): SpikeletError {
  const said = stderr.trim().split("\n").slice(-3).join(" / ") || "it said nothing";
  return new SpikeletError(
    "firmware-failed",
    `${what} failed (status ${status ?? "none: stopped"}): ${said}`,
  );
}

const SECTION = /^\.(\w+)\s+(\d+)/gm;
const IMAGE =
  /^image (\d+): (\d+) instructions, (\d+) bytes from flash, (\d+) bytes of stack, stages ([\d ]+)$/gm;

async function sizeOf(folder: string, { prefix }: FirmwareTarget): Promise<FirmwareSize> {
  const output = await execute(`${prefix}size`, ["-A", "-d", join(folder, "firmware.elf")]);
  const sections = new Map([...output.stdout.toString().matchAll(SECTION)].map((m) => [m[1], Number(m[2])]));
  const bytes = (name: string) => sections.get(name) ?? 0;
  return {
    code: bytes("text") + bytes("data"),
    model: bytes("model"),
    data: bytes("data") + bytes("bss"),
    stack: bytes("stack"),
  };
}

/**
 * Compiles a firmware folder and runs it in QEMU.
 * @throws SpikeletError "missing-tool" where a compiler, make or QEMU is not installed; "firmware-failed" if compiling or the run fails
 */
export async function runFolder(
  folder: string,
  target: FirmwareTarget,
  { seed = 1, count = 1, first = 0, prior = 0, checks = false }: FirmwareRunOptions = {},
): Promise<FirmwareRun> {
  const [lacking] = await missingTools(target);
  if (lacking) throw missing(lacking);
  const settings = [`SEED=${seed}`, `COUNT=${count}`, `FIRST=${first}`, `PRIOR=${prior}`, "PROFILE=1"];
  if (checks) settings.push("CHECKS=1");
  const built = await execute("make", ["-s", "-C", folder, ...settings, "firmware.elf"]);
  if (built.status !== 0) throw failed(`Compiling for ${target.name}`, built);
  const ran = await execute("make", ["-s", "-C", folder, ...settings, "run"]);
  if (ran.status !== 0) throw failed(`The firmware in QEMU (${target.name})`, ran);
  const images = [...ran.stderr.matchAll(IMAGE)].map(
    ([, index, instructions, bytesFetched, stackUsed, stages]): FirmwareImage => ({
      index: Number(index),
      instructions: Number(instructions),
      bytesFetched: Number(bytesFetched),
      stackUsed: Number(stackUsed),
      stages: stages.split(" ").map(Number),
    }),
  );
  return { size: await sizeOf(folder, target), images, display: ran.stdout };
}

/**
 * As `runFolder`, of a firmware in a folder that is made for this and removed again.
 * @param model - a .spk file
 */
export async function runFirmware(
  model: Uint8Array,
  target: FirmwareTarget,
  options?: FirmwareRunOptions,
): Promise<FirmwareRun> {
  const folder = await mkdtemp(join(tmpdir(), "spikelet-firmware-"));
  try {
    await writeFolder(folder, firmwareFiles(model, target));
    return await runFolder(folder, target, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

import * as v from "valibot";
import { SpikeletError } from "../../src/errors.js";
import { nearestHint } from "../../src/nearest.js";
import akida from "./akida.json" with { type: "json" };
import apollo4Plus from "./apollo4-plus.json" with { type: "json" };
import apollo510 from "./apollo510.json" with { type: "json" };
import darwin3 from "./darwin3.json" with { type: "json" };
import { type Device, DeviceSchema } from "./device.js";
import esp32C3 from "./esp32-c3.json" with { type: "json" };
import esp32C6 from "./esp32-c6.json" with { type: "json" };
import esp32S3 from "./esp32-s3.json" with { type: "json" };
import loihi from "./loihi.json" with { type: "json" };
import loihiSanafe from "./loihi-sanafe.json" with { type: "json" };
import nrf54l15 from "./nrf54l15.json" with { type: "json" };
import nrf52840 from "./nrf52840.json" with { type: "json" };
import odin from "./odin.json" with { type: "json" };
import reckon from "./reckon.json" with { type: "json" };
import rp2040 from "./rp2040.json" with { type: "json" };
import rp2350 from "./rp2350.json" with { type: "json" };
import rp2350Riscv from "./rp2350-riscv.json" with { type: "json" };
import seneca from "./seneca.json" with { type: "json" };
import speck from "./speck.json" with { type: "json" };
import spinnaker2 from "./spinnaker2.json" with { type: "json" };
import stm32f405 from "./stm32f405.json" with { type: "json" };
import stm32h743 from "./stm32h743.json" with { type: "json" };
import stm32l4r5 from "./stm32l4r5.json" with { type: "json" };
import stm32n6 from "./stm32n6.json" with { type: "json" };
import stm32u575 from "./stm32u575.json" with { type: "json" };
import tianjic from "./tianjic.json" with { type: "json" };
import truenorth from "./truenorth.json" with { type: "json" };
import ubrain from "./ubrain.json" with { type: "json" };

const FILES: readonly unknown[] = [
  nrf52840,
  nrf54l15,
  stm32l4r5,
  stm32u575,
  stm32f405,
  stm32h743,
  stm32n6,
  rp2040,
  rp2350,
  rp2350Riscv,
  esp32C3,
  esp32C6,
  esp32S3,
  apollo4Plus,
  apollo510,
  loihi,
  loihiSanafe,
  truenorth,
  spinnaker2,
  odin,
  speck,
  akida,
  seneca,
  reckon,
  tianjic,
  darwin3,
  ubrain,
];

/** Largest device file that is read; the shipped ones have at most 5 KB. */
const MOST_BYTES = 64 * 1024;

let shipped: readonly Device[] | undefined;

/**
 * The devices that come with Spikelet: microcontrollers, then neuromorphic chips.
 * @example
 * ```ts
 * import { listDevices } from "spikelet/simulator";
 *
 * for (const { id, name, family } of listDevices()) console.log(id, name, family);
 * ```
 */
export function listDevices(): readonly Device[] {
  shipped ??= FILES.map((file) => v.parse(DeviceSchema, file));
  return shipped;
}

/**
 * A shipped device.
 * @param id - such as "nrf52840", in letters of any case
 * @throws SpikeletError "bad-option", which names the nearest one
 * @example
 * ```ts
 * import { findDevice } from "spikelet/simulator";
 *
 * console.log(findDevice("nrf52840").name);
 * ```
 */
export function findDevice(id: string): Device {
  const devices = listDevices();
  const found = devices.find((device) => device.id === id.toLowerCase());
  if (found) return found;
  const ids = devices.map((device) => device.id);
  throw new SpikeletError(
    "bad-option",
    `No device is called "${shorten(id)}"${nearestHint(id, ids)}; expected one of ${ids.join(", ")}, or the path of a device file (docs/devices.md).`,
  );
}

/**
 * A user's own device.
 * @param text - JSON as in docs/devices.md, at most 64 KiB
 * @param path - where the text comes from, for messages
 * @throws SpikeletError "bad-input" that names file, key, what was found and what was expected
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { readDevice } from "spikelet/simulator";
 *
 * const device = readDevice(await readFile("my-board.json", "utf8"), "my-board.json");
 * ```
 */
export function readDevice(text: string, path: string): Device {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MOST_BYTES) {
    throw badDevice(path, ` has ${bytes} bytes; expected at most ${MOST_BYTES}`, "Is it a device file?");
  }
  const result = v.safeParse(DeviceSchema, parseJson(text, path), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const key = v.getDotPath(issue);
  throw badDevice(path, `${key ? `: \`${shorten(key)}\`` : ""} ${problem(issue)}`, advice(issue));
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = shorten(cause instanceof Error ? cause.message : String(cause));
    throw badDevice(path, ` is not JSON (${why})`, "Start from a file of firmware-sim/devices/.");
  }
}

function badDevice(path: string, problem: string, todo: string): SpikeletError {
  return new SpikeletError("bad-input", `The device file ${path}${problem}. ${todo}`);
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

type Issue = v.BaseIssue<unknown>;

/** Schema for keys that a file must not have expects this. */
const NO_KEY = "never";

function problem(issue: Issue): string {
  if (issue.expected === NO_KEY) return "is no key of a device file; expected none of that name";
  if (issue.type === "strict_object" && issue.received === "undefined") {
    return "is missing; a device file of this family needs it";
  }
  if (issue.received === "undefined") return `is missing; expected ${expected(issue)}`;
  return `is ${found(issue.input)}; expected ${expected(issue)}`;
}

/** Objects and lists are not spelled out: they can be large, and deep. */
function found(input: unknown): string {
  if (Array.isArray(input)) return "a list";
  if (typeof input === "object" && input !== null) return "an object";
  return shorten(typeof input === "string" ? JSON.stringify(input) : String(input));
}

function expected(issue: Issue): string {
  switch (issue.type) {
    case "min_value":
      return `a number of at least ${String(issue.requirement)}`;
    case "gt_value":
      return `a number above ${String(issue.requirement)}`;
    case "safe_integer":
      return "a whole number";
    case "finite":
      return "a finite number";
    case "non_empty":
      return "some text";
    case "max_length":
      return `a length of at most ${String(issue.requirement)}`;
    case "min_length":
      return `a length of at least ${String(issue.requirement)}`;
    case "regex":
      return "lower-case letters, digits and hyphens, at most 32";
    default:
      if (issue.expected === "Object") return "an object";
      return issue.expected?.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ") ?? issue.type;
  }
}

function advice(issue: Issue): string {
  if (issue.expected === NO_KEY) return "Remove it, or look its name up in docs/devices.md.";
  switch (issue.path?.at(-1)?.key) {
    case "source":
      return "Say where the figure stands: document and table, or URL.";
    case "grade":
      return "Say how sure the figure is; docs/devices.md explains the grades.";
    case "value":
      return "Correct it; leave out a figure that nobody published.";
    default:
      return "docs/devices.md describes the format.";
  }
}

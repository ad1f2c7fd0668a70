import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VERSION } from "../../assembly/core/format.js";
import { Generator } from "../../src/index.js";
import { encodeModel } from "../../src/model/file.js";
import { syntheticModel, TINY } from "./models.js";

export const FIRMWARE = "dist/firmware.wasm";

/** A model with a mixture of three components, and two priors of one: in colour, so that frames are PPM. */
export function colourModel(): Uint8Array {
  const model = syntheticModel({ ...TINY, imageChannels: 3, priors: 5 });
  const shares = [40000, 20000, 5536, 65536, 65536];
  const names = ["mixture", "mixture", "mixture", "alone", "a name of 24 characters!"];
  const priors = model.priors.map((prior, i) => ({ ...prior, name: names[i], share: shares[i] }));
  return encodeModel({ ...model, priors });
}

/** A file that is made when it is first wanted. */
function once(make: () => Uint8Array): () => Uint8Array {
  let made: Uint8Array | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Files that a firmware may find in its flash. */
export const FLASH_FILES: Readonly<Record<string, () => Uint8Array>> = {
  "model.spk": once(() => readFileSync("models/esvae-mnist.spk")),
  "colour.spk": once(colourModel),
  "text.spk": () => new TextEncoder().encode("This is no model, though it is longer than a header."),
  "empty.spk": () => new Uint8Array(),
  // The file goes on, but its header says that it ends here.
  "long.spk": () => Buffer.concat([colourModel(), new Uint8Array(4)]),
  "large.spk": once(largeModel),
};

/** A model whose maps take more than one page of memory. */
function largeModel(): Uint8Array {
  return encodeModel(syntheticModel({ channels: [64, 64, 64, 64, 32], imageChannels: 3 }));
}

/** A folder of these files, until `use` is done. */
export async function withFlash<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "spikelet-flash-"));
  try {
    for (const [name, bytes] of Object.entries(FLASH_FILES)) writeFileSync(join(folder, name), bytes());
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Images to draw. */
export interface Drawing {
  readonly file: string;
  readonly seed: bigint;
  readonly count: number;
  readonly first: bigint;
  readonly prior?: string;
}

const LAST = 2n ** 64n - 1n;

export const DRAWINGS: readonly Drawing[] = [
  { file: "model.spk", seed: 0n, count: 2, first: 0n },
  { file: "model.spk", seed: LAST, count: 2, first: LAST - 1n },
  { file: "model.spk", seed: 5n, count: 1, first: 2n ** 40n, prior: "8" },
  { file: "colour.spk", seed: 3n, count: 12, first: 0n },
  { file: "colour.spk", seed: 2n ** 33n, count: 2, first: 7n, prior: "alone" },
  { file: "colour.spk", seed: 1n, count: 1, first: 0n, prior: "a name of 24 characters!" },
];

export function nameOf({ file, seed, count, first, prior }: Drawing): string {
  return `${count} of ${file}, seed ${seed}, from ${first}${prior === undefined ? "" : `, prior ${prior}`}`;
}

/** The firmware's arguments. */
export function argumentsOf({ file, seed, count, first, prior }: Drawing): string[] {
  return [`--model=${file}`, ...[seed, count, first].map(String), ...(prior === undefined ? [] : [prior])];
}

/** What the library makes of it. */
export async function generated({ file, seed, count, first, prior }: Drawing) {
  const generator = await Generator.load(FLASH_FILES[file]());
  const options = { seed, count, index: first, ledger: true, ...(prior !== undefined && { prior }) };
  return { ...generator.generate(options), info: generator.info };
}

/** The frames of it as PGM or PPM files, one after the other. */
export async function expectedFrames(drawing: Drawing): Promise<Uint8Array> {
  const { pixels, info } = await generated(drawing);
  const { imageSize, imageChannels } = info;
  const head = Buffer.from(`P${imageChannels === 1 ? 5 : 6}\n${imageSize} ${imageSize}\n255\n`);
  const bytes = pixels.length / drawing.count;
  const frames = Array.from({ length: drawing.count }, (_, i) => pixels.subarray(i * bytes, (i + 1) * bytes));
  return new Uint8Array(Buffer.concat(frames.flatMap((frame) => [head, frame])));
}

/** The line about a file that is not a model; it tells the version that the firmware reads. */
function notAModel(name: string): RegExp {
  return new RegExp(`^spikelet: ${name}\\.spk: not a model of version ${VERSION}$`, "m");
}

/** What a firmware that cannot go on says, and its exit code. */
export const REFUSALS: readonly { args: string[]; exitCode: number; uart: RegExp }[] = [
  { args: ["--model=none.spk"], exitCode: 3, uart: /^spikelet: none\.spk: not in flash/ },
  { args: ["--model=text.spk"], exitCode: 4, uart: notAModel("text") },
  { args: ["--model=empty.spk"], exitCode: 4, uart: notAModel("empty") },
  { args: ["--model=long.spk"], exitCode: 4, uart: notAModel("long") },
  {
    args: ["--model=large.spk"],
    exitCode: 5,
    uart: /^spikelet: large\.spk: needs \d+ bytes of memory, .* pages too few: 2$/m,
  },
  { args: ["one"], exitCode: 2, uart: /^spikelet: found one, expected a whole number/ },
  { args: ["-1"], exitCode: 2, uart: /^spikelet: found -1, expected a whole number/ },
  { args: [""], exitCode: 2, uart: /^spikelet: found , expected a whole number/ },
  { args: ["18446744073709551616"], exitCode: 2, uart: /expected a whole number below 2\^64/ },
  { args: ["99999999999999999999999"], exitCode: 2, uart: /expected a whole number below 2\^64/ },
  {
    args: ["1", "2", "18446744073709551615"],
    exitCode: 2,
    uart: /the last image's index is not below 2\^64/,
  },
  { args: ["1", "1", "0", "nine"], exitCode: 2, uart: /^spikelet: model\.spk: has no prior named nine/ },
  { args: ["1", "1", "0", "mixture", "5"], exitCode: 2, uart: /^spikelet: found 5, expected SEED COUNT/ },
  { args: Array(20).fill("1"), exitCode: 2, uart: /too many arguments/ },
  { args: [`--model=${"x".repeat(300)}`], exitCode: 2, uart: /too many arguments/ },
];

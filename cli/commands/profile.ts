import { extname } from "node:path";
import { type Command, Option } from "commander";
import type { Routing } from "../../firmware-sim/cost/pricing.js";
import { profile } from "../../firmware-sim/cost/profile.js";
import { whatIf } from "../../firmware-sim/cost/what-if.js";
import { findDevice, listDevices, readDevice } from "../../firmware-sim/devices/catalog.js";
import type { Device } from "../../firmware-sim/devices/device.js";
import { type Report, reportPage } from "../../firmware-sim/report/page.js";
import { SpikeletError } from "../../src/errors.js";
import { outlineModel } from "../../src/model/file.js";
import { Generator } from "../../src/runtime/generator.js";
import { about, readInput } from "../input/input.js";
import { DEFAULT_MODEL, readModel } from "../input/model-file.js";
import { integerOption } from "../options/options.js";
import { checkPrior } from "../options/priors.js";
import { drawGrid, splitImages, stripLayout } from "../output/grid.js";
import { prepareFolderOf, replaceFile } from "../output/output.js";
import { modelCrc32 } from "../output/run-description.js";
import { exportProfile, formatProfile } from "../report/profile-report.js";
import { TABLE_FORMATS } from "../report/table-formats.js";
import { type Progress, startProgress } from "../run/progress.js";
import { version } from "../version.js";

interface ProfileArguments {
  readonly device?: readonly string[];
  readonly count: number;
  readonly seed: number;
  readonly prior?: string;
  readonly coresPerSpike?: number;
  readonly hopsEastWest?: number;
  readonly hopsNorthSouth?: number;
  readonly layers?: true;
  readonly notes?: true;
  readonly whatIf?: true;
  readonly html?: string;
  readonly json?: true;
  readonly csv?: true;
  readonly markdown?: true;
  readonly latex?: true;
}

const MOST_DEVICE_BYTES = 2 ** 20;
/** Of each what-if variant; there are 16 of them. */
const WHAT_IF_IMAGES = 4;
/** Shown on the page. */
const MOST_PICTURES = 10;

const EXAMPLES = `
Examples:
  spikelet profile                                       the shipped model on all devices
  spikelet profile digits.spk --device nrf52840 rp2350 --layers
  spikelet profile --device my-board.json --what-if      a device of your own (docs/devices.md)
  spikelet profile --html report.html                    with plots, as one file

Executed Wasm instructions and events are counted exactly; what they take on a device is an estimate, and each says
from which table. docs/profile.md tells what each column means.`;

export function addProfileCommand(program: Command): void {
  program
    .command("profile")
    .summary("count what an image takes, and price it on devices")
    .description(
      "Counts what making an image takes, stage by stage, and tells for microcontrollers and neuromorphic chips whether the " +
        "model fits, its latency and its energy.",
    )
    .argument("[model]", "a .spk file, or the name of a model that comes with Spikelet", DEFAULT_MODEL)
    .option("--device <name|file.json...>", "only these devices, or files that describe one (default: all)")
    .option(
      "--count <n>",
      "images to take the mean of",
      integerOption("--count", { min: 1, max: 100_000, example: 100 }),
      10,
    )
    .option(
      "--seed <n>",
      "seed of the images",
      integerOption("--seed", { min: 0, max: Number.MAX_SAFE_INTEGER, example: 42 }),
      1,
    )
    .option("--prior <name>", "prior of the images (default: the model's first)")
    .option(
      "--cores-per-spike <n>",
      "cores that a spike is sent to on a neuromorphic chip: prices messages",
      integerOption("--cores-per-spike", { min: 1, max: 4096, example: 3 }),
    )
    .option(
      "--hops-east-west <n>",
      "hops of each such message along a row (default: 0)",
      integerOption("--hops-east-west", { min: 0, max: 4096, example: 2 }),
    )
    .option(
      "--hops-north-south <n>",
      "and along a column (default: 0)",
      integerOption("--hops-north-south", { min: 0, max: 4096, example: 2 }),
    )
    .option("--layers", "also show each stage on each device")
    .option("--notes", "also give the source of every estimate, and why something is not priced or placed")
    .option("--what-if", "also show what other bits and time steps would cost")
    .option("--html <file.html>", "write a report with plots")
    .addOption(new Option("--json", "print all as JSON").conflicts(TABLE_FORMATS.slice()))
    .addOption(new Option("--csv", "print the tables as CSV").conflicts(["markdown", "latex"]))
    .addOption(new Option("--markdown", "print the tables as Markdown").conflicts("latex"))
    .option("--latex", "print the tables as LaTeX")
    .addHelpText("after", EXAMPLES)
    .action(run);
}

async function run(fileOrName: string, args: ProfileArguments): Promise<void> {
  const { count, seed, prior, html } = args;
  if (html !== undefined) checkHtml(html);
  const devices = args.device === undefined ? listDevices() : await chooseDevices(args.device);
  const { path, bytes } = await readModel(fileOrName);
  const { priors } = await about(path, () => outlineModel(bytes));
  if (prior !== undefined) {
    checkPrior(`--prior: found "${prior}"`, prior, [...new Set(priors.map(({ name }) => name))]);
  }
  if (html !== undefined) await prepareFolderOf(html);

  const routing = routingOf(args);
  const images = { seed, ...(prior !== undefined && { prior }) };
  const result = await about(path, () =>
    withProgress((onProgress) =>
      profile(bytes, { devices, count, ...images, ...(routing && { routing }), onProgress }),
    ),
  );
  const variants =
    args.whatIf || html !== undefined
      ? await withProgress((onProgress) =>
          whatIf(bytes, { devices, count: Math.min(count, WHAT_IF_IMAGES), ...images, onProgress }),
        )
      : undefined;
  if (html !== undefined && variants !== undefined) {
    const shown = await showImages(bytes, { ...images, count: Math.min(count, MOST_PICTURES) });
    await replaceFile(html, reportPage({ spikelet: version, profile: result, whatIf: variants, ...shown }));
  }
  const shown = args.whatIf ? variants : undefined;
  const format = TABLE_FORMATS.find((candidate) => args[candidate]);
  const options = {
    layers: args.layers ?? false,
    notes: args.notes ?? false,
    ...(shown && { whatIf: shown }),
  };
  if (format !== undefined) {
    console.log(exportProfile(result, format, options));
    return;
  }
  console.log(
    args.json
      ? JSON.stringify(
          { spikelet: version, modelCrc32: modelCrc32(bytes), ...result, ...(shown && { whatIf: shown }) },
          null,
          2,
        )
      : formatProfile(result, options),
  );
}

function routingOf({ coresPerSpike, hopsEastWest, hopsNorthSouth }: ProfileArguments): Routing | undefined {
  if (coresPerSpike !== undefined) {
    return { coresPerSpike, hopsEastWest: hopsEastWest ?? 0, hopsNorthSouth: hopsNorthSouth ?? 0 };
  }
  if (hopsEastWest === undefined && hopsNorthSouth === undefined) return undefined;
  throw new SpikeletError(
    "bad-option",
    "--hops-east-west and --hops-north-south: found no --cores-per-spike, expected the messages that hop; for example --cores-per-spike 3",
  );
}

/** Before the work: a slip of the hand must not overwrite a model. */
function checkHtml(path: string): void {
  if ([".html", ".htm"].includes(extname(path).toLowerCase())) return;
  throw new SpikeletError("bad-option", `--html: found "${path}", expected a name that ends in .html`);
}

async function chooseDevices(namesOrFiles: readonly string[]): Promise<Device[]> {
  const read = async (path: string) =>
    readDevice(new TextDecoder().decode(await readInput(path, "device file", MOST_DEVICE_BYTES)), path);
  return Promise.all(
    [...new Set(namesOrFiles)].map((name) => (name.endsWith(".json") ? read(name) : findDevice(name))),
  );
}

/** Shows on a terminal how far some work is. */
async function withProgress<T>(
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let progress: Progress | undefined;
  try {
    return await work((done, total) => {
      progress ??= startProgress(total, 0);
      progress.update(done);
    });
  } finally {
    progress?.stop();
  }
}

/** The first images side by side, and the spikes of the very first. */
async function showImages(
  spk: Uint8Array,
  images: { readonly seed: number; readonly prior?: string; readonly count: number },
): Promise<Pick<Report, "trace" | "pictures">> {
  const generator = await Generator.load(spk, { trace: true });
  const { pixels, count } = generator.generate(images);
  const { info } = generator;
  const png = drawGrid(splitImages(pixels, info), info, stripLayout(count));
  return { trace: generator.trace(images), pictures: { png, count } };
}

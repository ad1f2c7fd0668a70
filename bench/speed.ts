import { setTimeout as sleep } from "node:timers/promises";
import { type Build, Generator } from "../src/index.js";
import { dequantizeDecoder } from "../src/quantize/dequantize.js";
import { decodeFloat } from "../src/reference/float-network.js";
import { type Contender, openHere, openInWorkers } from "./contenders.js";
import type { DecoderSetup } from "./decoders.js";
import { drawLatents } from "./latents.js";
import { runtimeVersion } from "./onnx-runtime.js";
import { atLeast, type Bar, barTable, digits, table, withQuartiles } from "./report.js";
import type { Setting } from "./setting.js";
import { ratiosOf, type Spread, spreadOf } from "./statistics.js";

/**
 * Most that a dense float image may differ from a Spikelet image, in pixel values, on average over all. They are not the
 * same function: Spikelet rounds its leak to integers, and a spike that flips early changes those after it. Images of
 * different latents differ by about 40.
 */
const MOST_DIFFERENCE = 12;
/** The same between the network that the bench makes for ONNX Runtime and our own float evaluation of it: float32 against float64. */
const MOST_FLOAT_DIFFERENCE = 1;

/** Threads of onnxruntime spin for a while after their work; the next contender must not be timed meanwhile. */
const REST_MS = 60;
/** Long enough for the engine to compile the kernels with all optimizations. */
const WARM_UP_MS = 1500;

export interface SpeedOptions {
  readonly seed: number;
  readonly images: number;
  readonly rounds: number;
  readonly threads: number;
}

function meanDifference(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  let sum = 0;
  let count = 0;
  a.forEach((image, i) => {
    image.forEach((value, k) => {
      sum += Math.abs(value - b[i][k]);
    });
    count += image.length;
  });
  return sum / count;
}

function checksum(images: readonly Uint8Array[]): number {
  let sum = 0;
  for (const image of images) for (const value of image) sum = (Math.imul(sum, 31) + value) | 0;
  return sum >>> 0;
}

const NAMES = {
  simd: "spikelet, SIMD",
  plain: "spikelet, plain Wasm",
  node: "onnxruntime-node",
  web: "onnxruntime-web (SIMD Wasm)",
} as const;

const single = (name: string) => `${name}, 1 thread`;
const all = (name: string, threads: number) => `${name}, ${threads} threads`;
const workers = (name: string, threads: number) => `${name}, 1 thread in each of ${threads} workers`;

async function openAll(setting: Setting, latents: Uint8Array[], threads: number): Promise<Contender[]> {
  const { spk, model } = setting;
  const ours = (build: Build): DecoderSetup => ({ engine: "spikelet", build, spk, latents });
  const theirs = (engine: "onnxruntime-node" | "onnxruntime-web", n: number, batch = 1): DecoderSetup => {
    return { engine, onnx: setting.onnx(batch), batch, threads: n, latents, timeSteps: model.timeSteps };
  };
  const contenders = [
    await openHere(single(NAMES.simd), ours("simd"), 4),
    await openHere(single(NAMES.plain), ours("plain"), 4),
    await openHere(single(NAMES.node), theirs("onnxruntime-node", 1)),
    await openHere(single(NAMES.web), theirs("onnxruntime-web", 1)),
    await openHere(`${single(NAMES.node)}, batch 16`, theirs("onnxruntime-node", 1, 16)),
  ];
  if (threads > 1) {
    contenders.push(
      await openInWorkers(all(NAMES.simd, threads), ours("simd"), threads, 4),
      await openInWorkers(all(NAMES.plain, threads), ours("plain"), threads, 4),
      await openHere(all(NAMES.node, threads), theirs("onnxruntime-node", threads)),
      await openHere(`${all(NAMES.node, threads)}, batch 16`, theirs("onnxruntime-node", threads, 16)),
      await openInWorkers(workers(NAMES.node, threads), theirs("onnxruntime-node", 1), threads),
      // In a worker because the number of threads can be chosen once only.
      await openInWorkers(all(NAMES.web, threads), theirs("onnxruntime-web", threads), 1),
    );
  }
  return contenders;
}

async function decodedBy(contender: Contender): Promise<Uint8Array[]> {
  await contender.time();
  return contender.images();
}

/** Every contender decodes the same latents to the same images, before anything is timed. */
async function check(setting: Setting, latents: Uint8Array[], contenders: Contender[], seed: number) {
  const { model, spk } = setting;
  const generator = await Generator.load(spk);
  const expected = latents.map((spikeTrains) => generator.decode({ spikeTrains }).pixels);
  const generated = generator.generate({ seed, count: latents.length }).pixels;
  if (!Buffer.from(generated).equals(Buffer.concat(expected))) {
    throw new Error("generate and decode do not give the same images for the same latents.");
  }
  const float = dequantizeDecoder(model);
  const floatImages = latents.map((z) => {
    const { image } = decodeFloat(float, z, model.timeSteps);
    return Uint8Array.from(image, (v) => Math.round(((v + 1) / 2) * 255));
  });
  const differences: Record<string, number> = {};
  for (const contender of contenders) {
    const images = await decodedBy(contender);
    const difference = meanDifference(images, expected);
    const isOurs = contender.name.startsWith("spikelet");
    differences[contender.name] = difference;
    if (difference > (isOurs ? 0 : MOST_DIFFERENCE)) {
      throw new Error(`${contender.name}: images differ from Spikelet's by ${difference} on average.`);
    }
    if (isOurs || !setting.isBuilt) continue;
    const floatDifference = meanDifference(images, floatImages);
    if (floatDifference > MOST_FLOAT_DIFFERENCE) {
      throw new Error(`${contender.name}: images differ from the float network's by ${floatDifference}.`);
    }
  }
  return differences;
}

async function warmUp(contender: Contender): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  for (let runs = 0; runs < 2 || performance.now() < end; runs++) await contender.time();
}

/** A B C …, A B C …: each round times every contender once. */
async function timeRounds(contenders: Contender[], rounds: number): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(contenders.map((c) => [c.name, []]));
  for (const contender of contenders) await warmUp(contender);
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      await sleep(REST_MS);
      times.get(contender.name)!.push(await contender.time());
    }
    process.stderr.write(`\rround ${round + 1} of ${rounds}`);
  }
  process.stderr.write("\n");
  return times;
}

export interface SpeedResult {
  readonly onnx: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly options: SpeedOptions;
  /** Mean absolute difference of pixels, 0 … 255, from Spikelet's. */
  readonly differences: Readonly<Record<string, number>>;
  readonly checksum: number;
  /** Of each contender, milliseconds an image, round by round. */
  readonly rounds: Readonly<Record<string, readonly number[]>>;
  readonly milliseconds: Readonly<Record<string, Spread>>;
  readonly ratios: Readonly<Record<string, Spread>>;
  readonly bars: readonly Bar[];
}

/** Pairs whose times are divided: [slower, faster, bar]. */
function pairs(threads: number): [string, string, number?][] {
  const list: [string, string, number?][] = [
    [single(NAMES.node), single(NAMES.simd), 5],
    [single(NAMES.node), single(NAMES.plain)],
    [single(NAMES.web), single(NAMES.plain), 2],
    [single(NAMES.web), single(NAMES.simd)],
  ];
  if (threads > 1) {
    list.push(
      [single(NAMES.simd), all(NAMES.simd, threads), 0.9 * threads],
      [single(NAMES.plain), all(NAMES.plain, threads), 0.9 * threads],
      [all(NAMES.node, threads), all(NAMES.simd, threads)],
      [`${all(NAMES.node, threads)}, batch 16`, all(NAMES.simd, threads)],
      [workers(NAMES.node, threads), all(NAMES.simd, threads)],
      [all(NAMES.web, threads), all(NAMES.plain, threads)],
    );
  }
  return list;
}

export async function measureSpeed(setting: Setting, options: SpeedOptions): Promise<SpeedResult> {
  const latents = drawLatents(setting.model, options.seed, options.images);
  const contenders = await openAll(setting, latents, options.threads);
  const differences = await check(setting, latents, contenders, options.seed);
  const times = await timeRounds(contenders, options.rounds);
  // Still the same images after all the timing, and this time outside of it.
  const sums = new Set<number>();
  for (const c of contenders) if (c.name.startsWith("spikelet")) sums.add(checksum(await c.images()));
  if (sums.size !== 1) throw new Error("Spikelet's builds do not agree.");
  await Promise.all(contenders.map((c) => c.close()));

  const ratios: Record<string, Spread> = {};
  const bars: Bar[] = [];
  for (const [slow, fast, bar] of pairs(options.threads)) {
    const ratio = ratiosOf(times.get(slow)!, times.get(fast)!);
    ratios[`${slow} / ${fast}`] = ratio;
    if (bar) bars.push(atLeast(`${slow} / ${fast}`, ratio.median, bar));
  }
  return {
    onnx: setting.onnxName,
    versions: {
      "onnxruntime-node": runtimeVersion("onnxruntime-node"),
      "onnxruntime-web": runtimeVersion("onnxruntime-web"),
    },
    options,
    differences,
    checksum: [...sums][0],
    rounds: Object.fromEntries(times),
    milliseconds: Object.fromEntries([...times].map(([name, list]) => [name, spreadOf(list)])),
    ratios,
    bars,
  };
}

/** The README's table: images a second on this machine, and how many times as long the others take. */
export function speedTable(result: SpeedResult): string {
  const names = Object.keys(result.milliseconds);
  return table(
    ["decoder", "ms an image, median (quartiles)", "images a second"],
    names.map((name) => {
      const ms = result.milliseconds[name];
      return [name, withQuartiles(ms), digits(1000 / ms.median)];
    }),
  );
}

export function printSpeed(result: SpeedResult): string {
  const { options, differences } = result;
  const largest = Math.max(...Object.values(differences));
  return [
    `${options.images} latents of seed ${options.seed}, ${options.rounds} rounds; dense network: ${result.onnx}.`,
    `Spikelet's builds give the same images; the dense network's differ by ${digits(largest)} of 255 on average.`,
    speedTable(result),
    table(
      ["times as long", "median (quartiles)", "min"],
      Object.entries(result.ratios).map(([name, s]) => [name, withQuartiles(s), digits(s.min)]),
    ),
    barTable(result.bars),
  ].join("\n\n");
}

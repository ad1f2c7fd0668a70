import { zipSync } from "fflate";
import { READOUT_DECAY, type Tensor } from "../../src/network.js";
import {
  Call,
  Global,
  littleEndian,
  OrderedDict,
  PersistentId,
  type Picklable,
  pickle,
  Tuple,
} from "./pickle-writer.js";

export interface SyntheticOptions {
  /**
   * Channels of the decoder's maps from the bottom (2×2) up, each a multiple of 32, the last one 32; final_layer.0
   * adds one more map of 32. The image has 2 · 2^channels.length rows. [256, 128, 64, 32] is the config ESVAE.
   */
  channels?: readonly number[];
  latentSize?: number;
  imageChannels?: 1 | 3;
  timeSteps?: number;
  seed?: number;
  /** Add `encoder.*` and `before_latent_layer.*`, with the decoder's channels in reverse. */
  encoder?: boolean;
}

/** Rows of the map that decoder_input makes. */
const BOTTOM_SIZE = 2;
/** Spikes per neuron and step that the batch norms are set for. */
const ASSUMED_FIRING_RATE = 0.2;
/** Taps of a stride-2 transposed conv that an output position sees, on average. */
const TRANSPOSED_TAPS = 9 / 4;

/**
 * A complete ESVAE state dict with seeded random weights, named and shaped as torch has them. The batch norms are
 * roughly those of the layers' inputs, so that every layer fires at 20 to 40 % of the steps.
 */
export function syntheticTensors(options: SyntheticOptions = {}): Map<string, Tensor> {
  const {
    channels = [32, 32],
    latentSize = 8,
    imageChannels = 1,
    timeSteps = 16,
    seed = 1,
    encoder = true,
  } = options;
  const maker = new TensorMaker(seed);
  const bottom = channels[0] * BOTTOM_SIZE ** 2;
  const levels = channels.length;

  if (encoder) {
    const widths = [imageChannels, ...[...channels].reverse()];
    for (let level = 0; level < levels; level++) {
      const [inChannels, outChannels] = [widths[level], widths[level + 1]];
      // An image's mean square is some 0.5; spikes' is their rate.
      const inputPower = level === 0 ? 0.5 : ASSUMED_FIRING_RATE;
      maker.spikingLayer(`encoder.${level}`, {
        shape: [outChannels, inChannels, 3, 3, 1],
        outChannels,
        inputs: inChannels * 9 * inputPower,
      });
    }
    maker.spikingLayer("before_latent_layer", {
      shape: [latentSize, bottom],
      outChannels: latentSize,
      inputs: bottom * ASSUMED_FIRING_RATE,
    });
  }
  maker.normal("sample_layer.0.weight", [latentSize, latentSize], 1 / Math.sqrt(latentSize));
  maker.normal("sample_layer.0.bias", [latentSize], 0.5, -1);
  maker.spikingLayer("decoder_input", {
    shape: [bottom, latentSize],
    outChannels: bottom,
    inputs: latentSize * 2 * ASSUMED_FIRING_RATE,
  });
  [...channels.slice(1), 32].forEach((outChannels, level) => {
    const inChannels = channels[level];
    maker.spikingLayer(level === levels - 1 ? "final_layer.0" : `decoder.${level}`, {
      shape: [inChannels, outChannels, 3, 3, 1],
      outChannels,
      inputs: inChannels * TRANSPOSED_TAPS * ASSUMED_FIRING_RATE,
    });
  });
  maker.normal("final_layer.1.weight", [32, imageChannels, 3, 3, 1], 0.05);
  maker.normal("final_layer.1.bias", [imageChannels], 0.05);
  maker.add(
    "membrane_output_layer.coef",
    [1, 1, 1, 1, timeSteps],
    (t) => READOUT_DECAY ** (timeSteps - 1 - t),
  );
  return maker.tensors;
}

class TensorMaker {
  readonly tensors = new Map<string, Tensor>();
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = uniforms(seed);
  }

  add(name: string, shape: readonly number[], value: (index: number) => number): void {
    const count = shape.reduce((product, size) => product * size, 1);
    this.tensors.set(name, { shape, data: Float32Array.from({ length: count }, (_, index) => value(index)) });
  }

  normal(name: string, shape: readonly number[], deviation: number, mean = 0): void {
    this.add(name, shape, () => mean + deviation * normal(this.random));
  }

  /** `inputs`: the expected sum of the squared inputs of a neuron, which sets the variance of its batch norm. */
  spikingLayer(
    name: string,
    { shape, outChannels, inputs }: { shape: readonly number[]; outChannels: number; inputs: number },
  ): void {
    const deviation = 0.1;
    this.normal(`${name}.weight`, shape, deviation);
    this.normal(`${name}.bias`, [outChannels], 0.05);
    this.normal(`${name}.bn.weight`, [outChannels], 0.1, 1);
    this.normal(`${name}.bn.bias`, [outChannels], 0.02, 0.06);
    this.normal(`${name}.bn.running_mean`, [outChannels], 0.05);
    this.add(
      `${name}.bn.running_var`,
      [outChannels],
      () => deviation ** 2 * inputs * (0.75 + 0.5 * this.random()),
    );
    this.add(`${name}.bn.num_batches_tracked`, [], () => 1000);
  }
}

/** Seeded uniforms in [0, 1): Mulberry32, enough for weights that only have to look random. */
function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word = (word + Math.imul(word ^ (word >>> 7), word | 61)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box–Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** A safetensors file of float32 tensors. */
export function writeSafetensors(tensors: ReadonlyMap<string, Tensor>): Uint8Array {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let begin = 0;
  for (const [name, { shape, data }] of tensors) {
    const end = begin + data.byteLength;
    header[name] = { dtype: "F32", shape, data_offsets: [begin, end] };
    parts.push(float32Bytes(data));
    begin = end;
  }
  return safetensorsFile(header, concat(parts));
}

/** A safetensors file of any header and data, for the reader to judge. */
export function safetensorsFile(header: unknown, data: Uint8Array): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  return concat([Uint8Array.from(littleEndian(BigInt(json.length), 8)), json, data]);
}

/** One storage of a checkpoint, and its type's name in torch. */
export interface Storage {
  readonly type: string;
  readonly elements: number;
  readonly bytes: Uint8Array;
}

/** A tensor on a storage; offset and strides in elements. */
export interface StridedTensor {
  readonly key: string;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

export interface PthOptions {
  /** Save `{'net': state_dict, 'epoch': 3}`, as the authors' training script does. */
  net?: boolean;
  protocol?: 2 | 4;
}

/** What torch.save writes for a state dict of float32 tensors: a zip archive. */
export function writePth(tensors: ReadonlyMap<string, Tensor>, options: PthOptions = {}): Uint8Array {
  const { storages, strided } = contiguous(tensors);
  return zipPth(storages, stateDict(storages, strided, "zip"), options);
}

/** What torch.save(…, _use_new_zipfile_serialization=False) writes, and torch before 1.6 always did. */
export function writeLegacyPth(tensors: ReadonlyMap<string, Tensor>, options: PthOptions = {}): Uint8Array {
  const { storages, strided } = contiguous(tensors);
  return legacyPth(storages, stateDict(storages, strided, "legacy"), options);
}

function contiguous(tensors: ReadonlyMap<string, Tensor>) {
  const storages = new Map<string, Storage>();
  const strided = new Map<string, StridedTensor>();
  for (const [name, { shape, data }] of tensors) {
    const key = String(storages.size);
    storages.set(key, { type: "FloatStorage", elements: data.length, bytes: float32Bytes(data) });
    const strides = shape.map((_, axis) =>
      shape.slice(axis + 1).reduce((product, size) => product * size, 1),
    );
    strided.set(name, { key, offset: 0, shape, strides });
  }
  return { storages, strided };
}

/** The pickled form of a module's state dict. */
export function stateDict(
  storages: ReadonlyMap<string, Storage>,
  tensors: ReadonlyMap<string, StridedTensor>,
  format: "zip" | "legacy",
): OrderedDict {
  const rebuild = new Global("torch._utils", "_rebuild_tensor_v2");
  const entries = [...tensors].map(([name, { key, offset, shape, strides }]): [string, Picklable] => {
    const { type, elements } = storages.get(key)!;
    const id: Picklable[] = ["storage", new Global("torch", type), key, "cpu", elements];
    // The legacy format has a sixth item: the storage that this one is a view of.
    if (format === "legacy") id.push(null);
    const hooks = new OrderedDict(new Map());
    return [
      name,
      new Call(
        rebuild,
        new Tuple(
          new PersistentId(new Tuple(...id)),
          offset,
          new Tuple(...shape),
          new Tuple(...strides),
          false,
          hooks,
        ),
      ),
    ];
  });
  const metadata = new OrderedDict(new Map([["", new Map([["version", 1]])]]));
  return new OrderedDict(new Map(entries), new Map([["_metadata", metadata]]));
}

function wrap(value: Picklable, { net = false }: PthOptions): Picklable {
  return net
    ? new Map<Picklable, Picklable>([
        ["net", value],
        ["epoch", 3],
      ])
    : value;
}

/** A zip checkpoint of any value and storages. */
export function zipPth(
  storages: ReadonlyMap<string, Storage>,
  value: Picklable,
  options: PthOptions = {},
): Uint8Array {
  const files: Record<string, Uint8Array> = {
    "archive/data.pkl": pickle(wrap(value, options), options.protocol),
    "archive/version": new TextEncoder().encode("3\n"),
  };
  for (const [key, { bytes }] of storages) files[`archive/data/${key}`] = bytes;
  return zipSync(files, { level: 0 });
}

/** A legacy checkpoint of any value and storages, step by step as torch's `_legacy_save`. */
export function legacyPth(
  storages: ReadonlyMap<string, Storage>,
  value: Picklable,
  options: PthOptions = {},
): Uint8Array {
  const { protocol } = options;
  const machine = new Map<Picklable, Picklable>([
    ["protocol_version", 1001],
    ["little_endian", true],
    [
      "type_sizes",
      new Map([
        ["short", 2],
        ["int", 4],
        ["long", 4],
      ]),
    ],
  ]);
  const keys = [...storages.keys()].sort();
  const head: Picklable[] = [0x1950a86a20f9469cfc6cn, 1001, machine, wrap(value, options), keys];
  const data = keys.flatMap((key) => {
    const { elements, bytes } = storages.get(key)!;
    return [Uint8Array.from(littleEndian(BigInt(elements), 8)), bytes];
  });
  return concat([...head.map((item) => pickle(item, protocol)), ...data]);
}

function float32Bytes(data: Float32Array): Uint8Array {
  const bytes = new Uint8Array(data.byteLength);
  const view = new DataView(bytes.buffer);
  data.forEach((value, index) => {
    view.setFloat32(4 * index, value, true);
  });
  return bytes;
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}

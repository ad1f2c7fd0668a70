import { type Build, Generator } from "../src/index.js";
import { openSession, type Runtime } from "./onnx-runtime.js";

/** Decodes a fixed set of latents again and again; what it needs for that is made beforehand, as far as its API lets it. */
export interface Decoder {
  /** Decodes every latent once, and keeps what comes out. This is what is timed. */
  run(): Promise<void> | void;
  /** The images of the last run as pixels 0 … 255. */
  images(): Uint8Array[];
}

/** What a decoder is made from; it can be sent to a worker thread. */
export type DecoderSetup = {
  /** (timeSteps, latentSize) each */
  readonly latents: readonly Uint8Array[];
} & (
  | { readonly engine: "spikelet"; readonly build: Build; readonly spk: Uint8Array }
  | {
      readonly engine: Runtime;
      readonly onnx: Uint8Array;
      readonly batch: number;
      readonly threads: number;
      readonly timeSteps: number;
    }
);

/** `Generator.decode({ spikeTrains })`, the public entry point: it checks and packs the spikes and gives a new array of pixels. */
async function openSpikelet(setup: DecoderSetup & { engine: "spikelet" }): Promise<Decoder> {
  const { latents, spk, build } = setup;
  const generator = await Generator.load(spk, { build });
  const kept: Uint8Array[] = latents.map(() => new Uint8Array(0));
  return {
    run() {
      for (let i = 0; i < latents.length; i++) {
        kept[i] = generator.decode({ spikeTrains: latents[i] }).pixels;
      }
    },
    images: () => kept,
  };
}

/** (timeSteps, latentSize) of each latent of a batch to (timeSteps, batch, latentSize). */
function batchOf(latents: readonly Uint8Array[], timeSteps: number): Float32Array {
  const latentSize = latents[0].length / timeSteps;
  const values = new Float32Array(timeSteps * latents.length * latentSize);
  latents.forEach((latent, n) => {
    for (let t = 0; t < timeSteps; t++) {
      values.set(
        latent.subarray(t * latentSize, (t + 1) * latentSize),
        (t * latents.length + n) * latentSize,
      );
    }
  });
  return values;
}

/** `session.run` on tensors that are made beforehand. */
async function openOnnx(setup: DecoderSetup & { engine: Runtime }): Promise<Decoder> {
  const { latents, onnx, batch, threads, engine, timeSteps } = setup;
  const { session, Tensor } = await openSession(engine, onnx, threads);
  const latentSize = latents[0].length / timeSteps;
  const feeds = Array.from({ length: latents.length / batch }, (_, b) => {
    const values = batchOf(latents.slice(b * batch, (b + 1) * batch), timeSteps);
    return { z: new Tensor("float32", values, [timeSteps, batch, latentSize]) };
  });
  const kept: Float32Array[] = feeds.map(() => new Float32Array(0));
  return {
    async run() {
      for (let b = 0; b < feeds.length; b++) kept[b] = (await session.run(feeds[b])).image.data;
    },
    images: () =>
      kept.flatMap((values) => {
        const size = values.length / batch;
        return Array.from({ length: batch }, (_, n) =>
          Uint8Array.from(values.subarray(n * size, (n + 1) * size), (v) => Math.round(((v + 1) / 2) * 255)),
        );
      }),
  };
}

export function openDecoder(setup: DecoderSetup): Promise<Decoder> {
  return setup.engine === "spikelet" ? openSpikelet(setup) : openOnnx(setup);
}

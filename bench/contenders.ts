import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { type DecoderSetup, openDecoder } from "./decoders.js";
import type { Request, WorkerSetup } from "./worker.js";

/** One way to decode the latents. */
export interface Contender {
  readonly name: string;
  /** Milliseconds an image, of one run through all latents (as often as makes the clock's error small). */
  time(): Promise<number>;
  /** Of the last run, in the order of the latents. */
  images(): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

/** In the main thread. */
export async function openHere(name: string, setup: DecoderSetup, repeats = 1): Promise<Contender> {
  const decoder = await openDecoder(setup);
  return {
    name,
    async time() {
      const start = performance.now();
      for (let i = 0; i < repeats; i++) await decoder.run();
      return (performance.now() - start) / repeats / setup.latents.length;
    },
    images: async () => decoder.images(),
    async close() {},
  };
}

async function openWorker(setup: WorkerSetup): Promise<Worker> {
  const worker = new Worker(new URL("./start-worker.js", import.meta.url), { workerData: setup });
  await once(worker, "message");
  return worker;
}

async function ask(worker: Worker, request: Request): Promise<unknown> {
  worker.postMessage(request);
  return (await once(worker, "message"))[0];
}

/** In worker threads that each take an equal share of the latents. Timed from here, messages included. */
export async function openInWorkers(
  name: string,
  setup: DecoderSetup,
  workers: number,
  repeats = 1,
): Promise<Contender> {
  const share = Math.ceil(setup.latents.length / workers);
  const pool = await Promise.all(
    Array.from({ length: workers }, (_, w) => {
      const latents = setup.latents.slice(w * share, (w + 1) * share);
      return openWorker({ setup: { ...setup, latents }, repeats });
    }),
  );
  return {
    name,
    async time() {
      const start = performance.now();
      await Promise.all(pool.map((worker) => ask(worker, "run")));
      return (performance.now() - start) / repeats / setup.latents.length;
    },
    async images() {
      return (await Promise.all(pool.map((worker) => ask(worker, "images")))).flat() as Uint8Array[];
    },
    async close() {
      await Promise.all(pool.map((worker) => worker.terminate()));
    },
  };
}

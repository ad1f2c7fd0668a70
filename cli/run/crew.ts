import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { SpikeletError } from "../../src/errors.js";
import type { Job } from "../../src/evaluation/job.js";
import type { Generator } from "../../src/runtime/generator.js";
import type { Span } from "../output/batch.js";
import { type PreparedJob, Runner, type RunnerSetup } from "./runner.js";
import type { WorkerReply, WorkerRequest } from "./worker.js";

/** One thread of a pool. Spans asked for meanwhile wait their turn. */
export interface Crew {
  /** Gets ready for a job; it may be called again when all spans of the job before are made. */
  prepare(job: Job): Promise<unknown>;
  make(span: Span): Promise<Uint8Array>;
  close(): Promise<unknown>;
}

/** How long this thread works before it looks at what else there is: a Ctrl-C, the progress bar. */
const SLICE_MILLISECONDS = 20;

/** Works in this thread. */
export function localCrew(setup: RunnerSetup, generator: Generator): Crew {
  const runner = new Runner(setup, generator);
  let prepared: PreparedJob;
  let last: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  async function make({ first, count }: Span): Promise<Uint8Array> {
    const { rowBytes, make } = prepared;
    const bytes = new Uint8Array(count * rowBytes);
    let looked = 0;
    for (let i = 0; i < count && !isClosed; i++) {
      if (performance.now() - looked > SLICE_MILLISECONDS) {
        await setImmediate();
        looked = performance.now();
      }
      make(first + BigInt(i), bytes.subarray(i * rowBytes, (i + 1) * rowBytes));
    }
    return bytes;
  }
  return {
    async prepare(job) {
      prepared = await runner.prepare(job);
    },
    make(span) {
      const made = last.then(() => make(span));
      last = made.catch(() => {});
      return made;
    },
    async close() {
      isClosed = true;
    },
  };
}

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Starts a worker thread that has its own core and its own copy of the model. */
export function workerCrew(setup: RunnerSetup): Crew {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: setup });
  const waiting: Waiting[] = [];
  let failure: Error | undefined;

  function fail(error: Error): void {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  }
  function ask(request: WorkerRequest): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (failure !== undefined) return reject(failure);
      waiting.push({ resolve, reject });
      worker.postMessage(request);
    });
  }

  // A worker answers in the order it was asked, so the oldest promise is the one that a message settles.
  worker.on("message", (reply: WorkerReply) => {
    if ("failure" in reply) fail(new SpikeletError(reply.failure.code, reply.failure.message));
    else waiting.shift()?.resolve(reply.bytes);
  });
  worker.on("error", fail);
  worker.on("exit", (code) => {
    fail(
      new SpikeletError("core-failed", `a worker thread ended early (exit code ${code}); try --threads 1`),
    );
  });

  return {
    prepare: (job) => ask({ job }),
    make: ask,
    close: () => worker.terminate(),
  };
}

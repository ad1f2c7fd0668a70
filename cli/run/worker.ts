import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, SpikeletError } from "../../src/errors.js";
import type { Job } from "../../src/evaluation/job.js";
import type { Span } from "../output/batch.js";
import { type PreparedJob, Runner, type RunnerSetup } from "./runner.js";

/** A job to get ready for, or images of the last one to make. */
export type WorkerRequest = { readonly job: Job } | Span;

/** One for each request, in their order; no bytes for a job that is ready. An error's class does not survive the way. */
export type WorkerReply =
  | { readonly bytes: Uint8Array }
  | { readonly failure: { readonly code: ErrorCode; readonly message: string } };

const port = parentPort!;
const runner = new Runner(workerData as RunnerSetup);
let prepared: PreparedJob;

async function answer(request: WorkerRequest): Promise<Uint8Array> {
  if ("job" in request) {
    prepared = await runner.prepare(request.job);
    return new Uint8Array(0);
  }
  const { first, count } = request;
  const { rowBytes, make } = prepared;
  const bytes = new Uint8Array(count * rowBytes);
  for (let i = 0; i < count; i++) {
    make(first + BigInt(i), bytes.subarray(i * rowBytes, (i + 1) * rowBytes));
  }
  return bytes;
}

// A request may come while a job is being got ready, and waits for it.
let last: Promise<void> = Promise.resolve();
port.on("message", (request: WorkerRequest) => {
  last = last.then(async () => {
    try {
      const bytes = await answer(request);
      port.postMessage({ bytes } satisfies WorkerReply, [bytes.buffer as ArrayBuffer]);
    } catch (error) {
      if (!(error instanceof SpikeletError)) throw error;
      port.postMessage({ failure: { code: error.code, message: error.message } } satisfies WorkerReply);
    }
  });
});

import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, SpikeletError } from "../../../src/errors.js";
import { type Job, type JobFiles, JobRunner, measureSpan } from "../../../src/evaluation/job.js";

/** A job to get ready for, or images of the last one to measure. */
export type WorkerRequest = { readonly job: Job } | { readonly first: number; readonly count: number };

/** One for each request; without rows for a job that is ready. An error's class does not survive the way. */
export type WorkerReply =
  | { readonly rows?: Float64Array }
  | { readonly failure: { readonly code: ErrorCode; readonly message: string } };

const port = parentPort!;
const runner = new JobRunner(workerData as JobFiles);
let measure: Awaited<ReturnType<typeof runner.prepare>>;

async function answer(request: WorkerRequest): Promise<WorkerReply> {
  try {
    if ("job" in request) {
      measure = await runner.prepare(request.job);
      return {};
    }
    return { rows: measureSpan(measure, request.first, request.count) };
  } catch (error) {
    if (!(error instanceof SpikeletError)) throw error;
    return { failure: { code: error.code, message: error.message } };
  }
}

// The other side waits for each answer before it asks again.
port.on("message", async (request: WorkerRequest) => {
  port.postMessage(await answer(request));
});

import { parentPort, workerData } from "node:worker_threads";
import { type ErrorCode, SpikeletError } from "../../src/errors.js";
import type { LoadOptions } from "../../src/runtime/core.js";
import { Generator } from "../../src/runtime/generator.js";
import type { Span } from "../output/batch.js";
import { performTask, type Task } from "./task.js";

/** What a worker thread is started with. */
export interface WorkerSetup {
  readonly model: Uint8Array;
  readonly load: LoadOptions;
  readonly task: Task;
}

/** First no bytes, to say that it is ready; then one reply for each span. An error's class does not survive the way. */
export type WorkerReply =
  | { readonly bytes: Uint8Array }
  | { readonly failure: { readonly code: ErrorCode; readonly message: string } };

const port = parentPort!;
const { model, load, task } = workerData as WorkerSetup;

function reply(make: () => Uint8Array): void {
  try {
    const bytes = make();
    port.postMessage({ bytes } satisfies WorkerReply, [bytes.buffer as ArrayBuffer]);
  } catch (error) {
    if (!(error instanceof SpikeletError)) throw error;
    port.postMessage({ failure: { code: error.code, message: error.message } } satisfies WorkerReply);
  }
}

const generator = await Generator.load(model, load);
port.on("message", (span: Span) => {
  reply(() => performTask(generator, task, span));
});
reply(() => new Uint8Array(0));

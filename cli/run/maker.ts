import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { SpikeletError } from "../../src/errors.js";
import type { LoadOptions } from "../../src/runtime/core.js";
import type { Generator } from "../../src/runtime/generator.js";
import type { Span } from "../output/batch.js";
import { performTask, type Task } from "./task.js";
import type { WorkerReply, WorkerSetup } from "./worker.js";

/** Does a task for one span after another; spans asked for meanwhile wait their turn. */
export interface Maker {
  /** Settles when the first image can be made at once. */
  readonly ready: Promise<unknown>;
  make(span: Span): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Works in this thread. */
export function localMaker(generator: Generator, task: Task): Maker {
  return {
    ready: Promise.resolve(),
    async make(span) {
      // Lets the event loop see a Ctrl-C and redraw the progress bar.
      await setImmediate();
      return performTask(generator, task, span);
    },
    async close() {},
  };
}

interface Waiting {
  readonly resolve: (bytes: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Starts a worker thread that has its own core and its own copy of the model. */
export function workerMaker(model: Uint8Array, load: LoadOptions, task: Task): Maker {
  const setup: WorkerSetup = { model, load, task };
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: setup });
  const waiting: Waiting[] = [];
  let failure: Error | undefined;

  function fail(error: Error): void {
    failure ??= error;
    for (const { reject } of waiting.splice(0)) reject(failure);
  }
  function nextReply(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (failure === undefined) waiting.push({ resolve, reject });
      else reject(failure);
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
    ready: nextReply(),
    make(span) {
      worker.postMessage(span);
      return nextReply();
    },
    async close() {
      await worker.terminate();
    },
  };
}

import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { SpikeletError } from "../../../src/errors.js";
import { type Job, type JobFiles, JobRunner, measureSpan } from "../../../src/evaluation/job.js";
import type { Generator } from "../../../src/runtime/generator.js";
import { Interruption, listenForStop, type StopListener } from "../../run/interruption.js";
import { startProgress } from "../../run/progress.js";
import { SPAN_IMAGES } from "../../run/threads.js";
import type { WorkerReply, WorkerRequest } from "./worker.js";

/** One thread's work. Each call waits for the one before. */
interface Crew {
  prepare(job: Job): Promise<void>;
  measure(first: number, count: number): Promise<Float64Array>;
  close(): Promise<unknown>;
}

/** What a stage of the evaluation does; shown above its progress bar. */
export interface Stage {
  readonly title: string;
  readonly job: Job;
  /** First image; 0 if not given. */
  readonly first?: number;
  readonly count: number;
}

/** Measures images with all threads. The results do not depend on how many there are. */
export class EvaluationPool {
  readonly threads: number;
  readonly #crews: readonly Crew[];
  readonly #listener: StopListener = listenForStop();

  constructor(files: JobFiles, generator: Generator, threads = availableParallelism()) {
    this.threads = threads;
    this.#crews =
      threads === 1
        ? [localCrew(files, generator)]
        : Array.from({ length: threads }, () => workerCrew(files));
  }

  /** Rows (count, width) of a stage, under a progress bar. */
  async run({ title, job, first = 0, count }: Stage): Promise<Float64Array> {
    const done = await this.runAll(title, [{ title, job, first, count }]);
    return done[0];
  }

  /** Rows of several stages under one progress bar, one after the other. */
  async runAll(title: string, stages: readonly Stage[]): Promise<Float64Array[]> {
    const total = stages.reduce((sum, stage) => sum + stage.count, 0);
    const isTerminal = process.stderr.isTTY;
    if (isTerminal) process.stderr.write(`${title}\n`);
    const progress = startProgress(total, 0);
    let done = 0;
    const onDone = (images: number) => {
      done += images;
      progress.update(done);
    };
    try {
      const results: Float64Array[] = [];
      for (const stage of stages) results.push(await this.#runOne(stage, onDone));
      return results;
    } finally {
      progress.stop();
      // The bar has cleared itself; its title goes too.
      if (isTerminal) process.stderr.write("\x1b[1A\x1b[2K\r");
    }
  }

  async #runOne({ job, first = 0, count }: Stage, onDone: (images: number) => void): Promise<Float64Array> {
    const spans = Math.ceil(count / SPAN_IMAGES);
    const parts = new Array<Float64Array>(spans);
    let next = 0;
    const busy = this.#crews.slice(0, spans).map(async (crew) => {
      await crew.prepare(job);
      while (next < spans) {
        this.checkStop();
        const span = next++;
        const start = span * SPAN_IMAGES;
        const images = Math.min(SPAN_IMAGES, count - start);
        parts[span] = await crew.measure(first + start, images);
        onDone(images);
      }
    });
    await Promise.all(busy);
    const rows = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      rows.set(part, at);
      at += part.length;
    }
    return rows;
  }

  /** Throws if the user wants an end. */
  checkStop(): void {
    const { stop } = this.#listener;
    if (!stop.aborted) return;
    throw new Interruption(stop.reason, `stopped by ${stop.reason}; results are written at the end only`);
  }

  async close(): Promise<void> {
    this.#listener.unlisten();
    await Promise.all(this.#crews.map((crew) => crew.close()));
  }
}

function localCrew(files: JobFiles, generator: Generator): Crew {
  const runner = new JobRunner(files, generator);
  let measure: Awaited<ReturnType<typeof runner.prepare>>;
  return {
    async prepare(job) {
      measure = await runner.prepare(job);
    },
    async measure(first, count) {
      // Lets the event loop see a Ctrl-C and redraw the progress bar.
      await setImmediate();
      return measureSpan(measure, first, count);
    },
    async close() {},
  };
}

function workerCrew(files: JobFiles): Crew {
  const worker = new Worker(new URL("./evaluate-worker.js", import.meta.url), { workerData: files });
  let waiting: { resolve(reply: WorkerReply): void; reject(error: Error): void } | undefined;
  let failure: Error | undefined;
  const fail = (error: Error) => {
    failure ??= error;
    waiting?.reject(failure);
  };
  worker.on("message", (reply: WorkerReply) => waiting?.resolve(reply));
  worker.on("error", fail);
  worker.on("exit", (code) => {
    fail(
      new SpikeletError("core-failed", `a worker thread ended early (exit code ${code}); try --threads 1`),
    );
  });

  async function ask(request: WorkerRequest): Promise<Float64Array | undefined> {
    const reply = await new Promise<WorkerReply>((resolve, reject) => {
      waiting = { resolve, reject };
      if (failure === undefined) worker.postMessage(request);
      else reject(failure);
    });
    if ("failure" in reply) throw new SpikeletError(reply.failure.code, reply.failure.message);
    return reply.rows;
  }
  return {
    async prepare(job) {
      await ask({ job });
    },
    async measure(first, count) {
      return (await ask({ first, count }))!;
    },
    close: () => worker.terminate(),
  };
}

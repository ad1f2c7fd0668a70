import { setImmediate } from "node:timers/promises";
import type { EvaluationPool, Stage } from "../../src/evaluation/pool.js";
import { splitSpans } from "../output/batch.js";
import { Interruption, listenForStop, type StopListener } from "./interruption.js";
import type { Pool } from "./pool.js";
import { type Progress, startProgress } from "./progress.js";
import { SPAN_IMAGES } from "./threads.js";

/** Does work of `total` parts under a progress bar with a title; `unit` is what the parts are. */
export async function showStage<T>(
  title: string,
  total: number,
  unit: string,
  work: (progress: Progress) => T | Promise<T>,
): Promise<T> {
  const isTerminal = process.stderr.isTTY;
  if (isTerminal) process.stderr.write(`${title}\n`);
  const progress = startProgress(total, 0, unit);
  try {
    return await work(progress);
  } finally {
    progress.stop();
    // The bar has cleared itself; its title goes too.
    if (isTerminal) process.stderr.write("\x1b[1A\x1b[2K\r");
  }
}

/** A pool at work for a command, a stage after the other. A Ctrl-C ends it at once. */
export class StagePool implements EvaluationPool {
  readonly #pool: Pool;
  readonly #kept: string;
  readonly #listener: StopListener = listenForStop();

  /** @param kept - what an interruption says of the results */
  constructor(pool: Pool, kept: string) {
    this.#pool = pool;
    this.#kept = kept;
  }

  get threads(): number {
    return this.#pool.threads;
  }

  runAll(title: string, stages: readonly Stage[]): Promise<Uint8Array[]> {
    const total = stages.reduce((sum, stage) => sum + stage.count, 0);
    return showStage(title, total, "images", async (progress) => {
      const results: Uint8Array[] = [];
      let done = 0;
      for (const stage of stages) {
        results.push(await this.#runOne(stage, (images) => progress.update(done + images)));
        done += stage.count;
      }
      return results;
    });
  }

  async #runOne({ job, first = 0, count }: Stage, onDone: (images: number) => void): Promise<Uint8Array> {
    await this.#unlessStopped(this.#pool.prepare(job));
    const spans = splitSpans([{ first: BigInt(first), count }], SPAN_IMAGES);
    const batches = this.#pool.make(spans, this.#listener.stop);
    let rows = new Uint8Array();
    for (let images = 0; ; ) {
      const { done, value } = await this.#unlessStopped(batches.next());
      if (done) return rows;
      const { bytes } = value;
      if (images === 0) rows = new Uint8Array((bytes.length / value.count) * count);
      rows.set(bytes, (images * bytes.length) / value.count);
      images += value.count;
      onDone(images);
    }
  }

  /** Lets a Ctrl-C through, and the progress bar. */
  async pause(): Promise<void> {
    await this.#unlessStopped(setImmediate());
  }

  /** Waits for a promise, or throws when there is to be an end. Leaves nothing behind, however often it is called. */
  #unlessStopped<T>(promise: Promise<T>): Promise<T> {
    const { stop } = this.#listener;
    return new Promise((resolve, reject) => {
      const end = () => reject(new Interruption(stop.reason, `stopped by ${stop.reason}; ${this.#kept}`));
      if (stop.aborted) end();
      stop.addEventListener("abort", end);
      promise.then(resolve, reject).finally(() => stop.removeEventListener("abort", end));
    });
  }

  async close(): Promise<void> {
    this.#listener.unlisten();
    await this.#pool.close();
  }
}

import { SpikeletError } from "../../src/errors.js";
import { formatCount } from "../../src/numbers.js";
import type { Task } from "../../src/runtime/task.js";
import { splitSpans } from "../output/batch.js";
import type { Sink } from "../output/sink.js";
import { Interruption, listenForStop } from "./interruption.js";
import type { Pool } from "./pool.js";
import { startProgress } from "./progress.js";
import { SPAN_IMAGES } from "./threads.js";

/**
 * Makes what `sink` misses of its images, and closes the pool. Returns the milliseconds that it took. An
 * interruption or failure leaves whole images behind and says where, if the sink can go on later.
 */
export async function fillSink(sink: Sink, pool: Pool, task: Task): Promise<number> {
  const { total } = sink;
  const found = total - sink.toMake;
  let there = found;
  if (found > 0) note(`${formatCount(found)} of ${formatCount(total)} images are already in ${sink.keptIn}`);

  const { stop, unlisten } = listenForStop();
  const progress = startProgress(total, found);
  try {
    await pool.prepare(task);
    const began = performance.now();
    for await (const batch of pool.make(splitSpans(sink.missing, SPAN_IMAGES), stop)) {
      await sink.write(batch);
      there += batch.count;
      progress.update(there);
    }
    if (there < total) {
      const done = `stopped by ${stop.reason} after ${formatCount(there)} of ${formatCount(total)} images`;
      throw new Interruption(stop.reason, `${done}; ${whereKept(sink)}`);
    }
    return performance.now() - began;
  } catch (error) {
    await sink.suspend();
    if (error instanceof SpikeletError && error.code === "cannot-write" && there > 0) {
      throw new SpikeletError(error.code, `${error.message}; ${whereKept(sink)}`, { cause: error });
    }
    throw error;
  } finally {
    progress.stop();
    unlisten();
    await pool.close();
  }
}

function whereKept({ keptIn }: Sink): string {
  return keptIn === undefined
    ? "a picture is written at its end only, so nothing is kept"
    : `what is made is kept in ${keptIn}: run the same command again to resume`;
}

function note(message: string): void {
  process.stderr.write(`spikelet: ${message}\n`);
}

import { availableParallelism } from "node:os";
import type { JobFiles } from "../../src/evaluation/job.js";
import type { LoadedModel } from "../input/load.js";
import { localCrew, workerCrew } from "./crew.js";
import { Pool } from "./pool.js";

/** Images of one piece of work: long enough to hide the messages between threads, short enough to stop soon. */
export const SPAN_IMAGES = 16;

/** Runs up to this long are over before worker threads would have started. */
const SMALL_RUN_IMAGES = 256;

/** A pool for `toMake` images: of as many threads as `wanted` if given, and no more than there are spans. */
export function startPool(
  { generator, bytes, load }: Pick<LoadedModel, "generator" | "bytes" | "load">,
  toMake: number,
  wanted = toMake <= SMALL_RUN_IMAGES ? 1 : availableParallelism(),
  files?: JobFiles,
): Pool {
  const threads = Math.max(1, Math.min(wanted, Math.ceil(toMake / SPAN_IMAGES)));
  const setup = { model: bytes, load, ...(files && { files }) };
  return new Pool(
    threads === 1 ? [localCrew(setup, generator)] : Array.from({ length: threads }, () => workerCrew(setup)),
  );
}

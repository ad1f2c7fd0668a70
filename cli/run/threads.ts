import { availableParallelism } from "node:os";
import type { LoadedModel } from "../input/load.js";
import { localMaker, type Maker, workerMaker } from "./maker.js";
import type { Task } from "./task.js";

/** Images of one piece of work: long enough to hide the messages between threads, short enough to stop soon. */
export const SPAN_IMAGES = 16;

/** Runs up to this long are over before worker threads would have started. */
const SMALL_RUN_IMAGES = 256;

/** Makers for `toMake` images: as many as `wanted` if given, and no more than there are spans. */
export function startMakers(
  { generator, bytes, load }: LoadedModel,
  task: Task,
  toMake: number,
  wanted = toMake <= SMALL_RUN_IMAGES ? 1 : availableParallelism(),
): Maker[] {
  const threads = Math.max(1, Math.min(wanted, Math.ceil(toMake / SPAN_IMAGES)));
  if (threads === 1) return [localMaker(generator, task)];
  return Array.from({ length: threads }, () => workerMaker(bytes, load, task));
}

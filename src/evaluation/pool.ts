import type { Job } from "./job.js";

/** Images of a job. */
export interface Stage {
  readonly job: Job;
  /** First image; 0 if not given. */
  readonly first?: number;
  readonly count: number;
}

/** What does the work of an evaluation, in one thread or in many. */
export interface EvaluationPool {
  /** Rows of several stages, one after the other, one row for each image: bytes, or float64 of what is measured. */
  runAll(title: string, stages: readonly Stage[]): Promise<Uint8Array[]>;
  /** Lets other things happen, such as a Ctrl-C. Rejects if there is to be an end. */
  pause(): Promise<void>;
}

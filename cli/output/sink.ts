import type { Batch, Span } from "./batch.js";
import type { RunDescription } from "./run-description.js";

/** Where the images of a run go. */
export interface Sink {
  /** What is still to be made, in order. */
  readonly missing: Iterable<Span>;
  /** Images that are missing, and all of this process's. */
  readonly toMake: number;
  readonly total: number;
  /** Where the images of an unfinished run wait for the same command to go on; undefined if they are lost. */
  readonly keptIn: string | undefined;
  /** Takes the next images that are missing. */
  write(batch: Batch): Promise<void>;
  /** Puts the whole output under its name. Returns its bytes. */
  finish(): Promise<number>;
  /** Lets go of the output before it is whole. */
  suspend(): Promise<void>;
}

export interface SinkOptions {
  readonly run: RunDescription;
  /** Throw away what an unfinished run left behind. */
  readonly restart: boolean;
}

/** One sink of several whose images follow each other; `ends` has the index after each one's last image. */
export function joinSinks(sinks: readonly Sink[], ends: readonly bigint[]): Sink {
  return {
    missing: {
      *[Symbol.iterator]() {
        for (const sink of sinks) yield* sink.missing;
      },
    },
    toMake: sinks.reduce((sum, { toMake }) => sum + toMake, 0),
    total: sinks.reduce((sum, { total }) => sum + total, 0),
    keptIn: sinks[0].keptIn,
    async write(batch) {
      await sinks[ends.findIndex((end) => batch.first < end)].write(batch);
    },
    async finish() {
      let bytes = 0;
      for (const sink of sinks) bytes += await sink.finish();
      return bytes;
    },
    async suspend() {
      for (const sink of sinks) await sink.suspend();
    },
  };
}

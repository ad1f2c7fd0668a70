import type { Batch, Span } from "./batch.js";
import type { RunDescription } from "./run-description.js";

/** Where the images of a run go. */
export interface Sink {
  /** What is still to be made, in order. */
  readonly missing: readonly Span[];
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
  readonly path: string;
  readonly run: RunDescription;
  /** Throw away what an unfinished run left behind. */
  readonly restart: boolean;
}

/** How many images the spans have. */
export function countImages(spans: readonly Span[]): number {
  return spans.reduce((sum, { count }) => sum + count, 0);
}

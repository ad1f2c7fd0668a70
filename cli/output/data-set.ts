import type { Turns } from "../../src/runtime/turns.js";
import type { ImageShape, Span } from "./batch.js";
import { type Labels, labelOf } from "./classes.js";
import type { RunDescription } from "./run-description.js";

/** A part of a data set that is read by itself: the training images, say. */
export interface Split extends Span {
  /** Undefined if the images are not divided. */
  readonly name: string | undefined;
}

/** Which part of the work this process does: `number` of 1 … `of`. */
export interface Shard {
  readonly number: number;
  readonly of: number;
}

/** The images of a run, whoever makes them. */
export interface DataSet {
  readonly run: RunDescription;
  readonly shape: ImageShape;
  readonly splits: readonly Split[];
  readonly turns: Turns;
  /** Undefined if the images are of no class. */
  readonly labels: Labels | undefined;
}

/** What a split is called where it must have a name. */
export function splitName({ name }: Split): string {
  return name ?? "train";
}

/** The shard's stretch of `length` things that follow each other. */
export function shardRange(shard: Shard | undefined, length: number): { from: number; to: number } {
  if (shard === undefined) return { from: 0, to: length };
  const bound = (number: number) => Number((BigInt(length) * BigInt(number)) / BigInt(shard.of));
  return { from: bound(shard.number - 1), to: bound(shard.number) };
}

/** The images of a split that are the shard's. */
export function shardSpan(shard: Shard | undefined, { first, count }: Span): Span {
  const { from, to } = shardRange(shard, count);
  return { first: first + BigInt(from), count: to - from };
}

/** The path with which the shard of a file is told from the others: PATH.03-of-16. */
export function shardPath(path: string, { number, of }: Shard): string {
  return `${path}.${String(number).padStart(String(of).length, "0")}-of-${of}`;
}

/** Image `index`, or a place in a name, with zeros before it so that names sort as numbers do. */
export function imageName({ start, count }: RunDescription, index: bigint): string {
  const last = BigInt(start) + BigInt(count) - 1n;
  return String(index).padStart(String(last).length, "0");
}

/** The label of image `index`; undefined without labels. */
export function labelAt({ labels, turns }: DataSet, index: bigint): number | undefined {
  return labels && labelOf(labels, turns, index);
}

/** Labels of images, one byte each, a piece at a time. */
export function* labelBytes(
  { turns }: DataSet,
  labels: Labels,
  { first, count }: Span,
): Generator<Uint8Array> {
  const PIECE = 2 ** 16;
  for (let done = 0; done < count; done += PIECE) {
    const from = first + BigInt(done);
    yield Uint8Array.from({ length: Math.min(PIECE, count - done) }, (_, i) =>
      labelOf(labels, turns, from + BigInt(i)),
    );
  }
}

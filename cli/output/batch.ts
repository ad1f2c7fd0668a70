/** Images that follow each other. */
export interface Span {
  readonly first: bigint;
  readonly count: number;
}

/** A span with what was made for its images, one after another: pixels (rows, columns, channels), or firing rates. */
export interface Batch extends Span {
  readonly bytes: Uint8Array;
}

/** Rows and columns, and channels, of every image of a run. */
export interface ImageShape {
  readonly imageSize: number;
  readonly imageChannels: number;
}

/** Bytes of one image. */
export function imageBytes({ imageSize, imageChannels }: ImageShape): number {
  return imageSize * imageSize * imageChannels;
}

/** Cuts spans into pieces of at most `size` images. */
export function* splitSpans(spans: Iterable<Span>, size: number): Generator<Span> {
  for (const { first, count } of spans) {
    for (let done = 0; done < count; done += size) {
      yield { first: first + BigInt(done), count: Math.min(size, count - done) };
    }
  }
}

import type { Job } from "../../src/evaluation/job.js";
import type { Batch, Span } from "../output/batch.js";
import type { Crew } from "./crew.js";

/** Spans that each thread has in hand: one in work, one waiting, so that it is never idle and memory stays bounded. */
const SPANS_IN_HAND = 2;

/** Does jobs with several threads, one job after the other. What is made does not depend on how many there are. */
export class Pool {
  readonly #crews: readonly { readonly crew: Crew; inHand: number }[];

  constructor(crews: readonly Crew[]) {
    this.#crews = crews.map((crew) => ({ crew, inHand: 0 }));
  }

  get threads(): number {
    return this.#crews.length;
  }

  /** Gets all threads ready for a job. */
  async prepare(job: Job): Promise<void> {
    await Promise.all(this.#crews.map(({ crew }) => crew.prepare(job)));
  }

  /**
   * Hands spans to the threads and yields what they make in the spans' order, whichever is ready first. When `stop` is
   * aborted no further span is handed out, and those in work are still yielded: nothing made is lost.
   */
  async *make(spans: Iterable<Span>, stop: AbortSignal): AsyncGenerator<Batch> {
    const inWork: { span: Span; bytes: Promise<Uint8Array> }[] = [];
    const ahead = this.#crews.length * SPANS_IN_HAND;
    for (const span of spans) {
      if (stop.aborted) break;
      inWork.push({ span, bytes: this.#handOut(span) });
      if (inWork.length === ahead) yield await oldest();
    }
    while (inWork.length > 0) yield await oldest();

    async function oldest(): Promise<Batch> {
      const { span, bytes } = inWork.shift()!;
      return { ...span, bytes: await bytes };
    }
  }

  /** Gives a span to the thread that has least in hand. */
  #handOut(span: Span): Promise<Uint8Array> {
    const freest = this.#crews.reduce((a, b) => (b.inHand < a.inHand ? b : a));
    freest.inHand++;
    const bytes = freest.crew.make(span).finally(() => freest.inHand--);
    // The failure is seen when its turn comes; until then it must not count as unhandled.
    bytes.catch(() => {});
    return bytes;
  }

  async close(): Promise<void> {
    await Promise.all(this.#crews.map(({ crew }) => crew.close()));
  }
}

import type { Batch, Span } from "../output/batch.js";
import type { Maker } from "./maker.js";

/** Spans that each maker has in hand: one in work, one waiting, so that it is never idle and memory stays bounded. */
const SPANS_IN_HAND = 2;

/**
 * Hands spans to the makers in turn and yields what they make in the spans' order, whichever is ready first.
 * When `stop` is aborted no further span is handed out, and those in work are still yielded: nothing made is lost.
 */
export async function* makeInOrder(
  makers: readonly Maker[],
  spans: Iterable<Span>,
  stop: AbortSignal,
): AsyncGenerator<Batch> {
  const inWork: { span: Span; bytes: Promise<Uint8Array> }[] = [];
  let turn = 0;
  const handOut = (span: Span) => {
    const bytes = makers[turn++ % makers.length].make(span);
    // The failure is seen when its turn comes; until then it must not count as unhandled.
    bytes.catch(() => {});
    inWork.push({ span, bytes });
  };

  const ahead = makers.length * SPANS_IN_HAND;
  for (const span of spans) {
    if (stop.aborted) break;
    handOut(span);
    if (inWork.length === ahead) yield await oldest();
  }
  while (inWork.length > 0) yield await oldest();

  async function oldest(): Promise<Batch> {
    const { span, bytes } = inWork.shift()!;
    return { ...span, bytes: await bytes };
  }
}

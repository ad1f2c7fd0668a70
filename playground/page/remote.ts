import type { CallName, Input, Output, Reply, Request } from "../protocol.js";

interface Waiting {
  readonly resolve: (output: never) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((share: number) => void) | undefined;
}

/** A worker, as something to call. It works on one call at a time, in order. */
export class Remote {
  readonly #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  constructor() {
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#receive(data));
    // A worker that could not even start has no reply to give.
    this.#worker.addEventListener("error", ({ message }) => {
      this.#fail(`The worker stopped: ${message || "worker.js could not be loaded"}. Reload the page.`);
    });
  }

  #receive(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ("progress" in reply) {
      waiting.onProgress?.(reply.progress);
      return;
    }
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiting.reject(new Error(reply.error));
    else waiting.resolve(reply.output as never);
  }

  #fail(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }

  /**
   * @param onProgress - is told the share that is done, 0 … 1
   * @throws Error with a message for people
   */
  call<K extends CallName>(
    name: K,
    input: Input<K>,
    onProgress?: (share: number) => void,
  ): Promise<Output<K>> {
    const id = this.#calls++;
    const request: Request<K> = { id, name, input };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage(request);
    });
  }
}

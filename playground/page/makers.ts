import type { BatchImages, ImageChoice } from "../protocol.js";
import { Remote } from "./remote.js";

/** More would only compete for memory bandwidth. */
const MOST_MAKERS = 8;
/** A batch takes about so long, so that there is something to see and a new task need not wait. */
const BATCH_MILLISECONDS = 40;
const MOST_BATCH = 256;

/** Images to make, from index 0 on. */
export interface Task extends Omit<ImageChoice, "index"> {
  readonly count: number;
  readonly timeSteps: number;
}

/** How fast a task went. */
export interface Speed {
  /** That one worker takes for one image. */
  readonly milliseconds: number;
  readonly imagesPerSecond: number;
  readonly workers: number;
  /** Of an image, on average over the first batch. */
  readonly synapticOperations: number;
}

/** Workers that make the images of the wall, all at once. */
export class Makers {
  readonly #makers: Remote[] = [];
  #spk: Uint8Array | undefined;
  #millisecondsPerImage = 4;

  /** Gives a model to all workers; what they are at is finished first. */
  async open(spk: Uint8Array): Promise<void> {
    this.#spk = spk;
    const wanted = Math.min(navigator.hardwareConcurrency || 2, MOST_MAKERS);
    while (this.#makers.length < wanted) this.#makers.push(new Remote());
    await Promise.all(this.#makers.map((maker) => maker.call("load", spk)));
  }

  /**
   * Makes images in batches, until all are made or the signal is given.
   * @param onImages - is given each batch and the index of its first image
   * @returns undefined if it was stopped
   */
  async make(
    task: Task,
    onImages: (first: number, images: BatchImages) => void,
    signal: AbortSignal,
  ): Promise<Speed | undefined> {
    const spk = this.#spk;
    let next = 0;
    let made = 0;
    let timed = 0;
    let milliseconds = 0;
    let synapticOperations = 0;
    const start = performance.now();
    const work = async (maker: Remote) => {
      while (next < task.count && !signal.aborted) {
        const size = Math.round(BATCH_MILLISECONDS / this.#millisecondsPerImage);
        const index = next;
        const count = Math.min(Math.max(size, 1), MOST_BATCH, task.count - index);
        next += count;
        const images = await maker.call("generate", { ...task, index, count, counted: index === 0 });
        if (signal.aborted || spk !== this.#spk) return;
        if (images.synapticOperations !== undefined) synapticOperations = images.synapticOperations;
        made += count;
        // Counting takes time that images alone do not.
        if (images.synapticOperations === undefined) {
          timed += count;
          milliseconds += images.milliseconds;
          this.#millisecondsPerImage = milliseconds / timed;
        }
        onImages(index, images);
      }
    };
    await Promise.all(this.#makers.map(work));
    if (made < task.count) return undefined;
    return {
      milliseconds: this.#millisecondsPerImage,
      imagesPerSecond: (1000 * made) / (performance.now() - start),
      workers: this.#makers.length,
      synapticOperations,
    };
  }
}

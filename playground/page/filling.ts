import { formatCount, formatShortQuantity } from "../../src/numbers.js";
import { byId } from "./dom.js";
import type { Makers, Speed, Task } from "./makers.js";
import type { ImageShape } from "./paint.js";
import type { Wall } from "./wall.js";

/** Fills the wall with pictures, and tells how far it is. */
export class Filling {
  readonly #makers: Makers;
  readonly #wall: Wall;
  readonly #text = byId("making-text", HTMLElement);
  readonly #progress = byId("making", HTMLProgressElement);
  readonly #stop = byId("stop", HTMLButtonElement);
  #control = new AbortController();

  constructor(makers: Makers, wall: Wall) {
    this.#makers = makers;
    this.#wall = wall;
    this.#stop.addEventListener("click", () => {
      this.#control.abort();
      this.#text.textContent = `Stopped at ${formatCount(this.#progress.value)}.`;
      this.#stop.disabled = true;
    });
  }

  /**
   * Makes pictures, in place of those that were under way.
   * @returns how fast it went; undefined if it was stopped, or others took its place
   */
  async fill(task: Task, shape: ImageShape): Promise<Speed | undefined> {
    this.#control.abort();
    const control = new AbortController();
    this.#control = control;
    this.#wall.layOut(task.count, shape);
    this.#progress.max = task.count;
    this.#progress.value = 0;
    this.#stop.disabled = false;
    this.#text.textContent = `Making ${formatCount(task.count)} pictures`;
    let made = 0;
    const speed = await this.#makers.make(
      task,
      (first, { pixels }) => {
        this.#wall.draw(first, pixels);
        made += pixels.length / (shape.imageSize ** 2 * shape.imageChannels);
        this.#progress.value = made;
      },
      control.signal,
    );
    if (!speed || control.signal.aborted) return undefined;
    this.#stop.disabled = true;
    const time = formatShortQuantity(task.count / speed.imagesPerSecond, "s");
    this.#text.textContent = `${formatCount(task.count)} pictures in ${time}.`;
    return speed;
  }
}

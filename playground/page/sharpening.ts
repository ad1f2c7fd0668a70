import { byId } from "./dom.js";

/** The least time that a number of time steps is shown for. */
const LEAST_MILLISECONDS = 140;

/** Shows the wall after one time step, two, and so on to the last, until somebody stops it. */
export class Sharpening {
  readonly #slider = byId("time-steps", HTMLInputElement);
  readonly #button = byId("sharpen", HTMLButtonElement);
  readonly #show: () => Promise<void>;
  readonly #onEnd: () => void;
  #isRunning = false;

  /**
   * @param show - makes the pictures of the time steps that the slider says
   * @param onEnd - is called when it ends or is stopped
   */
  constructor(show: () => Promise<void>, onEnd: () => void) {
    this.#show = show;
    this.#onEnd = onEnd;
    this.#button.addEventListener("click", () => {
      if (this.#isRunning) this.stop();
      else this.#run();
    });
  }

  stop(): void {
    this.#isRunning = false;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#button.textContent = "Stop there";
    for (let steps = 1; steps <= Number(this.#slider.max) && this.#isRunning; steps++) {
      this.#slider.valueAsNumber = steps;
      await Promise.all([this.#show(), new Promise((resolve) => setTimeout(resolve, LEAST_MILLISECONDS))]);
    }
    this.stop();
    this.#button.textContent = "Watch it sharpen";
    this.#onEnd();
  }
}

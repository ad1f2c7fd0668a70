import { byId } from "./dom.js";

/** Says what went wrong, and what takes a while. */
export class Notices {
  readonly #alert = byId("alert", HTMLElement);
  readonly #alertText = byId("alert-text", HTMLElement);
  readonly #busy = byId("busy", HTMLElement);
  readonly #busyText = byId("busy-text", HTMLElement);
  readonly #busyProgress = byId("busy-progress", HTMLProgressElement);

  constructor() {
    byId("alert-close", HTMLButtonElement).addEventListener("click", () => this.clear());
  }

  /** Shows an error until it is closed or something else succeeds. */
  readonly fail = (error: unknown): void => {
    this.#alert.hidden = false;
    this.#alertText.textContent = error instanceof Error ? error.message : String(error);
  };

  clear(): void {
    this.#alert.hidden = true;
    this.#alertText.textContent = "";
  }

  /** Shows that something is under way while it is. */
  async during<T>(what: string, work: (onProgress: (share: number) => void) => Promise<T>): Promise<T> {
    this.#busyText.textContent = what;
    this.#busyProgress.removeAttribute("value");
    this.#busy.hidden = false;
    try {
      return await work((share) => {
        this.#busyProgress.value = share;
      });
    } finally {
      this.#busy.hidden = true;
    }
  }
}

import type { Profile } from "../../firmware-sim/index.js";
import { formatCount, formatPlural, formatShortQuantity } from "../../src/numbers.js";
import { Devices } from "./devices.js";
import { byId } from "./dom.js";
import { latest } from "./latest.js";
import type { Speed } from "./makers.js";

interface Needs {
  profile(prior: string): Promise<Profile>;
  onError(error: unknown): void;
}

/** What a picture costs: here, as measured, and on devices, once somebody comes to look. */
export class Cost {
  readonly #devices = new Devices();
  readonly #price: (prior: string) => void;
  #isSeen = false;
  /** The prior to price; undefined if its prices stand there. */
  #due: string | undefined;

  constructor({ profile, onError }: Needs) {
    this.#price = latest(async (prior) => this.#devices.show(await profile(prior)), onError);
    new IntersectionObserver(
      ([{ isIntersecting }]) => {
        this.#isSeen = isIntersecting;
        this.#priceIfSeen();
      },
      { rootMargin: "400px" },
    ).observe(byId("devices", HTMLElement));
  }

  showSpeed({ milliseconds, imagesPerSecond, workers, synapticOperations }: Speed): void {
    byId("cost-milliseconds", HTMLElement).textContent = formatShortQuantity(milliseconds / 1000, "s");
    byId("cost-rate", HTMLElement).textContent = `${formatCount(imagesPerSecond)} a second`;
    byId("cost-workers", HTMLElement).textContent = `here, ${formatPlural(workers, "worker")}`;
    byId("cost-operations", HTMLElement).textContent = formatCount(synapticOperations);
  }

  showSize(bytes: number): void {
    byId("cost-bytes", HTMLElement).textContent = `${formatCount(bytes)} bytes`;
  }

  /** Prices the pictures of a prior when the table is seen. */
  use(prior: string): void {
    this.#due = prior;
    this.#devices.wait();
    this.#priceIfSeen();
  }

  #priceIfSeen(): void {
    if (!this.#isSeen || this.#due === undefined) return;
    this.#price(this.#due);
    this.#due = undefined;
  }
}

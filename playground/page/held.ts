import type { ImageChoice, Insight, Look } from "../protocol.js";
import { byId } from "./dom.js";
import { Latent } from "./latent.js";
import { latest } from "./latest.js";
import { Layers } from "./layers.js";
import { type ImageShape, imageData, paint } from "./paint.js";

export type Slot = "a" | "b";

/** A picture that somebody chose. */
interface HeldImage {
  readonly image: ImageChoice;
  readonly firingRates: Float64Array;
}

interface Needs {
  look(look: Look): Promise<Insight>;
  shape(): ImageShape;
  timeSteps(): number;
  onError(error: unknown): void;
}

/** The two pictures that are held, what lies between them, and a look inside that. */
export class Held {
  readonly #needs: Needs;
  readonly #picture = byId("held-picture", HTMLCanvasElement);
  readonly #slots = { a: byId("slot-a", HTMLCanvasElement), b: byId("slot-b", HTMLCanvasElement) };
  readonly #blend = byId("blend", HTMLInputElement);
  readonly #blendValue = byId("blend-value", HTMLOutputElement);
  readonly #reset = byId("reset-latent", HTMLButtonElement);
  readonly #latent: Latent;
  readonly #layers = new Layers();
  readonly #update: (look: Look) => void;
  #held: Partial<Record<Slot, HeldImage>> = {};
  /** The firing rates, if somebody has changed them. */
  #changed: Float64Array | undefined;
  /** The firing rates that were last asked for. */
  #wanted: Float64Array = new Float64Array();
  #shown: ImageData | undefined;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#update = latest(async (look) => this.#show(await needs.look(look)), needs.onError);
    this.#latent = new Latent((firingRates) => {
      this.#reset.disabled = false;
      this.#changed = firingRates;
      this.#look(firingRates);
    });
    this.#blend.addEventListener("input", () => this.#showBlend());
    this.#reset.addEventListener("click", () => this.#showBlend());
  }

  /** The image that a slot holds. */
  imageIn(slot: Slot): ImageChoice | undefined {
    return this.#held[slot]?.image;
  }

  /** Where the next picture goes. */
  get slot(): Slot {
    return byId("slot-b-choice", HTMLInputElement).checked ? "b" : "a";
  }

  /** The picture that is shown. */
  get shown(): ImageData | undefined {
    return this.#shown;
  }

  /** Holds pictures in place of those before, and shows one of them. */
  async hold(images: Readonly<Partial<Record<Slot, ImageChoice>>>): Promise<void> {
    await this.#take(images);
    this.#blend.value = images.a ? "0" : "100";
    this.#showBlend();
  }

  /** Shows the same of a model whose weights have changed, or of other time steps. */
  async refresh(): Promise<void> {
    const { a, b } = this.#held;
    await this.#take({ ...(a && { a: a.image }), ...(b && { b: b.image }) });
    if (this.#changed) this.#look(this.#changed);
    else this.#showBlend();
  }

  async #take(images: Readonly<Partial<Record<Slot, ImageChoice>>>): Promise<void> {
    for (const slot of ["b", "a"] as const) {
      const image = images[slot];
      if (!image) continue;
      const { firingRates, trace } = await this.#needs.look({ image, timeSteps: this.#needs.timeSteps() });
      this.#held = { ...this.#held, [slot]: { image, firingRates } };
      this.#shown = imageData(trace.pixels, this.#needs.shape());
      paint(this.#slots[slot], this.#shown);
    }
  }

  #showBlend(): void {
    const share = this.#blend.valueAsNumber / 100;
    this.#blendValue.textContent = `${this.#blend.value} %`;
    this.#changed = undefined;
    this.#reset.disabled = true;
    const { a, b } = this.#held;
    if (a && b) this.#look(a.firingRates.map((rate, i) => (1 - share) * rate + share * b.firingRates[i]));
  }

  #look(firingRates: Float64Array): void {
    const { a, b } = this.#held;
    if (!a || !b) return;
    this.#wanted = firingRates;
    // The random numbers of A, so that a blend changes by its rates alone; but B itself is to be B.
    const image = this.#blend.value === "100" ? b.image : a.image;
    this.#update({ image, firingRates, timeSteps: this.#needs.timeSteps() });
  }

  #show(insight: Insight): void {
    const shape = this.#needs.shape();
    const { trace } = insight;
    this.#shown = imageData(trace.pixels, shape);
    paint(this.#picture, this.#shown);
    // While an answer was on its way, somebody may have moved on: the bars are not to jump back.
    this.#latent.show(this.#wanted, trace.latentSpikes, trace.timeSteps);
    this.#layers.show(insight, shape);
  }
}

import type { LayerSpikes } from "../../src/index.js";
import { formatPlural, formatShare } from "../../src/numbers.js";
import type { Insight } from "../protocol.js";
import { Choices } from "./choices.js";
import { byId, make } from "./dom.js";
import { firingShare, type Moment, neuronsMap, placesMap } from "./heat.js";
import { heatData, type ImageShape, imageData, paint } from "./paint.js";

const STEP_MILLISECONDS = 300;

/** The layers of the decoder as maps of firing, over all time steps or one after the other, and what is drawn by then. */
export class Layers {
  readonly #place = byId("layers", HTMLElement);
  readonly #slider = byId("step", HTMLInputElement);
  readonly #stepValue = byId("step-value", HTMLOutputElement);
  readonly #play = byId("play-steps", HTMLButtonElement);
  readonly #views: Choices;
  #shown: { readonly insight: Insight; readonly shape: ImageShape } | undefined;
  #timer = 0;

  constructor() {
    this.#views = new Choices(byId("layer-views", HTMLElement), () => this.#draw());
    this.#views.show(
      [
        { value: "places", label: "Heat map" },
        { value: "neurons", label: "Every neuron" },
      ],
      "places",
    );
    this.#slider.addEventListener("input", () => {
      this.#stop();
      this.#draw();
    });
    this.#play.addEventListener("click", () => (this.#timer ? this.#stop() : this.#start()));
  }

  show(insight: Insight, shape: ImageShape): void {
    this.#shown = { insight, shape };
    this.#slider.max = String(insight.trace.timeSteps);
    this.#draw();
  }

  #start(): void {
    this.#play.textContent = "Pause";
    const last = Number(this.#slider.max);
    if (this.#slider.valueAsNumber === last) this.#slider.value = "0";
    this.#timer = window.setInterval(() => {
      this.#slider.valueAsNumber += 1;
      if (this.#slider.valueAsNumber === last) this.#stop();
      this.#draw();
    }, STEP_MILLISECONDS);
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#play.textContent = "Play";
  }

  #draw(): void {
    if (!this.#shown) return;
    const { insight, shape } = this.#shown;
    const { trace, pictures } = insight;
    const step = this.#slider.valueAsNumber;
    const moment: Moment = step === 0 ? "all" : step - 1;
    this.#stepValue.textContent = step === 0 ? "all" : `${step} of ${trace.timeSteps}`;
    this.#slider.setAttribute("aria-valuetext", step === 0 ? "all time steps" : `time step ${step}`);
    this.#build(trace.layers.length + 1);
    const figures = [...this.#place.children];
    trace.layers.forEach((layer, i) => {
      this.#drawLayer(figures[i], layer, i, moment);
    });
    const bytes = trace.pixels.length;
    const steps = step || trace.timeSteps;
    const pixels = pictures.subarray((steps - 1) * bytes, steps * bytes);
    fill(figures[trace.layers.length], imageData(pixels, shape), [
      "Picture",
      `after ${formatPlural(steps, "step")}`,
    ]);
  }

  #build(count: number): void {
    if (this.#place.children.length === count) return;
    const figures = Array.from({ length: count }, () =>
      make("figure", {}, make("canvas", { className: "picture", role: "img" }), make("figcaption")),
    );
    this.#place.replaceChildren(...figures);
    this.#place.style.setProperty("--stages", String(count));
  }

  #drawLayer(figure: Element, layer: LayerSpikes, i: number, moment: Moment): void {
    const { columns, shares } = (this.#views.value === "places" ? placesMap : neuronsMap)(layer, moment);
    const share = formatShare(firingShare(layer, moment));
    const { size, channels } = layer;
    fill(figure, heatData(shares, columns), [
      `Layer ${i + 1}`,
      `${size}×${size}, ${formatPlural(channels, "channel")}`,
      `${share} fire`,
    ]);
  }
}

/** @param lines - of the caption, a title first */
function fill(figure: Element, data: ImageData, [title, ...lines]: readonly string[]): void {
  const [canvas, caption] = figure.children;
  paint(canvas as HTMLCanvasElement, data);
  canvas.setAttribute("aria-label", [title, ...lines].join(", "));
  caption.replaceChildren(make("b", {}, title), ...lines.map((line) => make("span", {}, line)));
}

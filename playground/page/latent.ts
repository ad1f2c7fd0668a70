import { formatShare } from "../../src/numbers.js";
import { byId, make } from "./dom.js";

/** A narrow page breaks many neurons into several rows. */
const NEURONS_IN_A_ROW = 32;
/** What the arrow keys change a firing rate by, and page up and page down. */
const SMALL_STEP = 0.05;
const LARGE_STEP = 0.25;
/** Of one spike in the raster's own pixels. */
const CELL = 10;

/** The firing rates of the latent neurons as bars to drag, and their spikes below. */
export class Latent {
  readonly #place = byId("latent", HTMLElement);
  readonly #text = byId("latent-text", HTMLElement);
  readonly #onChange: (firingRates: Float64Array) => void;
  #bars: HTMLElement[] = [];
  #rasters: HTMLCanvasElement[] = [];
  #rates: Float64Array = new Float64Array();
  /** (neurons) Spikes of each over all time steps. */
  #spikes: number[] = [];
  #timeSteps = 1;
  /** The neuron that the line below tells of; none at first. */
  #told = -1;
  /** The bars that a pointer is held over. */
  #dragged: Element | null = null;

  /** @param onChange - is given all firing rates when somebody changes one */
  constructor(onChange: (firingRates: Float64Array) => void) {
    this.#onChange = onChange;
    this.#place.addEventListener("keydown", (event) => this.#onKey(event));
    this.#place.addEventListener("pointerdown", (event) => this.#onPointer(event));
    this.#place.addEventListener("pointermove", (event) => {
      if (event.buttons) this.#onPointer(event);
    });
    this.#place.addEventListener("focusin", ({ target }) =>
      this.#tell(this.#bars.indexOf(target as HTMLElement)),
    );
  }

  /** @param latentSpikes - (timeSteps, neurons) */
  show(rates: Float64Array, latentSpikes: Uint8Array, timeSteps: number): void {
    const neurons = rates.length;
    if (this.#bars.length !== neurons) this.#build(neurons);
    this.#rates = rates;
    this.#timeSteps = timeSteps;
    this.#spikes = Array.from(rates, (_, i) => {
      let sum = 0;
      for (let t = 0; t < timeSteps; t++) sum += latentSpikes[t * neurons + i];
      return sum;
    });
    this.#bars.forEach((_, i) => {
      this.#showRate(i);
    });
    this.#tell(this.#told);
    this.#rasters.forEach((raster, row) => {
      drawRaster(raster, latentSpikes, { first: row * NEURONS_IN_A_ROW, neurons, timeSteps });
    });
  }

  #build(neurons: number): void {
    this.#bars = Array.from({ length: neurons }, (_, i) => {
      const bar = make("div", { className: "bar", tabIndex: i ? -1 : 0, role: "slider" }, make("i"));
      bar.setAttribute("aria-label", `Firing rate of neuron ${i + 1}`);
      bar.setAttribute("aria-orientation", "vertical");
      bar.setAttribute("aria-valuemin", "0");
      bar.setAttribute("aria-valuemax", "100");
      return bar;
    });
    this.#rasters = [];
    const rows: HTMLElement[] = [];
    for (let first = 0; first < neurons; first += NEURONS_IN_A_ROW) {
      const bars = make(
        "div",
        { className: "bars", role: "group" },
        ...this.#bars.slice(first, first + NEURONS_IN_A_ROW),
      );
      bars.setAttribute("aria-labelledby", "latent-title");
      bars.setAttribute("aria-describedby", "latent-help");
      const raster = make("canvas", { className: "raster", role: "img" });
      raster.setAttribute("aria-label", "Spikes of these neurons, a row for each time step");
      this.#rasters.push(raster);
      rows.push(make("div", { className: "neurons" }, bars, raster));
    }
    this.#place.replaceChildren(...rows);
  }

  #showRate(i: number): void {
    const bar = this.#bars[i];
    const rate = this.#rates[i];
    bar.style.setProperty("--rate", String(rate));
    bar.setAttribute("aria-valuenow", String(Math.round(100 * rate)));
    bar.setAttribute(
      "aria-valuetext",
      `${formatShare(rate)}, fired ${this.#spikes[i]} of ${this.#timeSteps} times`,
    );
  }

  #change(i: number, rate: number): void {
    this.#rates = this.#rates.slice();
    this.#rates[i] = Math.min(Math.max(rate, 0), 1);
    this.#showRate(i);
    this.#tell(i);
    this.#onChange(this.#rates);
  }

  #tell(i: number): void {
    if (!this.#bars[i]) return;
    this.#told = i;
    const rate = formatShare(this.#rates[i]);
    this.#text.textContent = `Neuron ${i + 1} fires in ${rate} of the time steps; here in ${this.#spikes[i]} of ${this.#timeSteps}.`;
  }

  #focus(i: number): void {
    for (const bar of this.#bars) bar.tabIndex = -1;
    this.#bars[i].tabIndex = 0;
    this.#bars[i].focus({ preventScroll: true });
  }

  #onKey(event: KeyboardEvent): void {
    const i = this.#bars.indexOf(event.target as HTMLElement);
    if (i < 0) return;
    const rate = this.#rates[i];
    const rates: Readonly<Record<string, number>> = {
      ArrowUp: rate + SMALL_STEP,
      ArrowDown: rate - SMALL_STEP,
      PageUp: rate + LARGE_STEP,
      PageDown: rate - LARGE_STEP,
      Home: 0,
      End: 1,
    };
    const neighbours: Readonly<Record<string, number>> = { ArrowLeft: i - 1, ArrowRight: i + 1 };
    if (event.key in rates) this.#change(i, rates[event.key]);
    else if (this.#bars[neighbours[event.key]]) this.#focus(neighbours[event.key]);
    else return;
    event.preventDefault();
  }

  /** A pointer that is drawn over the bars sets one after the other. */
  #onPointer(event: PointerEvent): void {
    const bars =
      event.type === "pointerdown" ? (event.target as HTMLElement).closest(".bars") : this.#dragged;
    this.#dragged = bars;
    if (!bars) return;
    event.preventDefault();
    const bar = Array.from(bars.children).find(
      (child) => event.clientX < child.getBoundingClientRect().right,
    );
    if (!(bar instanceof HTMLElement)) return;
    const box = bar.getBoundingClientRect();
    const i = this.#bars.indexOf(bar);
    if (event.type === "pointerdown") {
      this.#place.setPointerCapture(event.pointerId);
      this.#focus(i);
    }
    this.#change(i, (box.bottom - event.clientY) / box.height);
  }
}

interface RasterPlace {
  /** First neuron shown. */
  readonly first: number;
  readonly neurons: number;
  readonly timeSteps: number;
}

/** Draws a dash for each spike: neurons from left to right, time from top to bottom. */
function drawRaster(
  canvas: HTMLCanvasElement,
  spikes: Uint8Array,
  { first, neurons, timeSteps }: RasterPlace,
): void {
  const columns = Math.min(NEURONS_IN_A_ROW, neurons - first);
  canvas.width = columns * CELL;
  canvas.height = timeSteps * CELL;
  const context = canvas.getContext("2d")!;
  context.fillStyle = getComputedStyle(canvas).color;
  for (let t = 0; t < timeSteps; t++) {
    for (let i = 0; i < columns; i++) {
      if (spikes[t * neurons + first + i]) context.fillRect(i * CELL + 1, t * CELL + 2, CELL - 2, CELL - 4);
    }
  }
}

import type { Picture } from "../protocol.js";
import { byId } from "./dom.js";
import { pictureOf } from "./picture-file.js";

/** Of the pad's own pixels: a stroke of MNIST takes about a tenth of its picture. */
const PEN_WIDTH = 24;
/** How far an arrow key moves the pen. */
const PEN_STEP = 14;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A square to draw on, white on black. */
export class Pad {
  readonly #pad = byId("pad", HTMLElement);
  readonly #canvas = byId("pad-canvas", HTMLCanvasElement);
  readonly #pen = byId("pad-pen", HTMLElement);
  readonly #context = this.#canvas.getContext("2d", { willReadFrequently: true })!;
  readonly #onChange: () => void;
  /** Whether the first stroke is to find an empty pad. */
  #isExample = false;
  #at: Point = { x: this.#canvas.width / 2, y: this.#canvas.height / 2 };

  /** @param onChange - is called after each stroke */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.clear();
    this.#moveTo(this.#at);
    this.#canvas.addEventListener("pointerdown", (event) => {
      this.#canvas.setPointerCapture(event.pointerId);
      this.#moveTo(this.#pointOf(event));
      this.#lineTo(this.#at);
    });
    this.#canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) this.#lineTo(this.#pointOf(event));
    });
    this.#pad.addEventListener("keydown", (event) => this.#onKey(event));
  }

  get picture(): Picture {
    return pictureOf(this.#context.getImageData(0, 0, this.#canvas.width, this.#canvas.height));
  }

  clear(): void {
    this.#isExample = false;
    this.#context.fillStyle = "#000";
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  invert(): void {
    this.#context.globalCompositeOperation = "difference";
    this.#context.fillStyle = "#fff";
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#context.globalCompositeOperation = "source-over";
  }

  /**
   * Stretches a picture over the pad, as the network gets it.
   * @param isExample - whether it makes room for whatever somebody draws
   */
  async put(picture: ImageData, isExample = false): Promise<void> {
    const bitmap = await createImageBitmap(picture);
    this.clear();
    this.#isExample = isExample;
    this.#context.drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
  }

  #pointOf({ clientX, clientY }: PointerEvent): Point {
    const box = this.#canvas.getBoundingClientRect();
    return {
      x: ((clientX - box.left) / box.width) * this.#canvas.width,
      y: ((clientY - box.top) / box.height) * this.#canvas.height,
    };
  }

  #moveTo(point: Point): void {
    this.#at = point;
    this.#pen.style.setProperty("--x", String(point.x / this.#canvas.width));
    this.#pen.style.setProperty("--y", String(point.y / this.#canvas.height));
  }

  #lineTo(point: Point): void {
    if (this.#isExample) this.clear();
    const context = this.#context;
    context.strokeStyle = "#fff";
    context.lineWidth = PEN_WIDTH;
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(this.#at.x, this.#at.y);
    context.lineTo(point.x, point.y);
    context.stroke();
    this.#moveTo(point);
    this.#onChange();
  }

  #onKey(event: KeyboardEvent): void {
    const steps: Readonly<Record<string, Point>> = {
      ArrowLeft: { x: -PEN_STEP, y: 0 },
      ArrowRight: { x: PEN_STEP, y: 0 },
      ArrowUp: { x: 0, y: -PEN_STEP },
      ArrowDown: { x: 0, y: PEN_STEP },
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const within = (place: number, end: number) => Math.min(Math.max(place, 0), end);
    const point = {
      x: within(this.#at.x + step.x, this.#canvas.width),
      y: within(this.#at.y + step.y, this.#canvas.height),
    };
    if (event.shiftKey) this.#lineTo(point);
    else this.#moveTo(point);
  }
}

import { formatCount } from "../../src/numbers.js";
import { byId } from "./dom.js";
import { type ImageShape, imageData } from "./paint.js";

/** Columns for a number of pictures, on a wide page and on a narrow one. */
const COLUMNS: Readonly<Record<number, readonly [wide: number, narrow: number]>> = {
  240: [20, 12],
  1000: [40, 20],
  10000: [100, 50],
};
export const COUNTS = Object.keys(COLUMNS).map(Number);

const NARROW = matchMedia("(max-width: 700px)");

/** The wall of pictures: one canvas, and a cursor that keyboard and pointer move. */
export class Wall {
  readonly #wall = byId("wall", HTMLElement);
  readonly #canvas = byId("wall-canvas", HTMLCanvasElement);
  readonly #cursor = byId("wall-cursor", HTMLElement);
  readonly #marks = { a: byId("mark-a", HTMLElement), b: byId("mark-b", HTMLElement) };
  #shape: ImageShape = { imageSize: 32, imageChannels: 1 };
  #count = COUNTS[0];
  #columns = 1;
  #at = 0;

  /**
   * @param onHold - is told the index of a picture that somebody chooses
   * @param onLayout - is told that all pictures have to be drawn again
   */
  constructor(onHold: (index: number) => void, onLayout: () => void) {
    const hold = (index: number) => {
      this.#moveTo(index);
      onHold(index);
    };
    this.#wall.addEventListener("click", (event) => hold(this.#indexAt(event)));
    this.#wall.addEventListener("keydown", (event) => {
      const index = this.#indexAfter(event.key);
      if (event.key === "Enter" || event.key === " ") hold(this.#at);
      else if (index === undefined) return;
      else this.#moveTo(index);
      event.preventDefault();
    });
    NARROW.addEventListener("change", onLayout);
  }

  /** Makes room for pictures. Those that are there stay if their places do. */
  layOut(count: number, shape: ImageShape): void {
    const [wide, narrow] = COLUMNS[count];
    const columns = NARROW.matches ? narrow : wide;
    this.#shape = shape;
    this.#count = count;
    this.#columns = columns;
    const width = columns * shape.imageSize;
    const height = (count / columns) * shape.imageSize;
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#wall.style.aspectRatio = `${width} / ${height}`;
    this.#wall.style.setProperty("--columns", String(columns));
    this.#wall.style.setProperty("--rows", String(count / columns));
    this.#moveTo(Math.min(this.#at, count - 1));
  }

  /** @param pixels - (images, imageSize, imageSize, imageChannels), from picture `first` on */
  draw(first: number, pixels: Uint8Array): void {
    const { imageSize, imageChannels } = this.#shape;
    const bytes = imageSize ** 2 * imageChannels;
    const context = this.#canvas.getContext("2d")!;
    for (let i = 0; i < pixels.length / bytes; i++) {
      const { row, column } = this.#placeOf(first + i);
      const data = imageData(pixels.subarray(i * bytes, (i + 1) * bytes), this.#shape);
      context.putImageData(data, column * imageSize, row * imageSize);
    }
  }

  /** Shows which pictures are held; undefined for none on this wall. */
  mark(slot: "a" | "b", index: number | undefined): void {
    const mark = this.#marks[slot];
    mark.hidden = index === undefined || index >= this.#count;
    if (index !== undefined) this.#put(mark, index);
    this.#describe();
  }

  /** The wall as a PNG file, a pixel of a picture for a pixel of the file. */
  toPng(): Promise<Blob> {
    return new Promise((resolve, reject) => {
      this.#canvas.toBlob((blob) =>
        blob ? resolve(blob) : reject(new Error("The wall is too large for a PNG.")),
      );
    });
  }

  #placeOf(index: number): { readonly row: number; readonly column: number } {
    return { row: Math.floor(index / this.#columns), column: index % this.#columns };
  }

  #indexAt({ clientX, clientY }: MouseEvent): number {
    const box = this.#canvas.getBoundingClientRect();
    const rows = this.#count / this.#columns;
    const within = (share: number, count: number) =>
      Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    const row = within((clientY - box.top) / box.height, rows);
    return row * this.#columns + within((clientX - box.left) / box.width, this.#columns);
  }

  /** Where a key leads to; undefined if it leads nowhere. */
  #indexAfter(key: string): number | undefined {
    const at = this.#at;
    const rowStart = at - (at % this.#columns);
    const places: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at - this.#columns,
      ArrowDown: at + this.#columns,
      Home: rowStart,
      End: rowStart + this.#columns - 1,
      PageUp: at % this.#columns,
      PageDown: this.#count - this.#columns + (at % this.#columns),
    };
    const index = places[key];
    if (index === undefined) return undefined;
    return index >= 0 && index < this.#count ? index : at;
  }

  #moveTo(index: number): void {
    this.#at = index;
    this.#put(this.#cursor, index);
    this.#describe();
  }

  #put(element: HTMLElement, index: number): void {
    const { row, column } = this.#placeOf(index);
    element.style.setProperty("--row", String(row));
    element.style.setProperty("--column", String(column));
    element.dataset.index = String(index);
  }

  /** The cursor is the one option of the list that exists: ten thousand would be too many. */
  #describe(): void {
    const held = Object.entries(this.#marks).filter(
      ([, mark]) => !mark.hidden && mark.dataset.index === String(this.#at),
    );
    const names = held.map(([slot]) => slot.toUpperCase()).join(" and ");
    this.#cursor.setAttribute(
      "aria-label",
      `Picture ${formatCount(this.#at + 1)}${names && `, held as ${names}`}`,
    );
    this.#cursor.setAttribute("aria-selected", String(names !== ""));
    this.#cursor.setAttribute("aria-posinset", String(this.#at + 1));
    this.#cursor.setAttribute("aria-setsize", String(this.#count));
  }
}

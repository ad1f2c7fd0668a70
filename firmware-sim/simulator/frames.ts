/** One image in a stream of PGM or PPM files. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red, green and blue. */
  readonly channels: number;
  /** (height, width, channels) 0 … 255 */
  readonly pixels: Uint8Array;
}

/** The longest head of a frame: two sizes of five digits, and what stands around them. */
const MOST_HEAD_BYTES = 24;

/** Finds whole frames in what a display is sent, however it is cut into pieces. What is no frame ends the search. */
export class FrameReader {
  readonly frames: Frame[] = [];
  readonly #pieces: Uint8Array[] = [];
  /** Bytes in the pieces, and how many there have to be for another look to be worth while. */
  #length = 0;
  #needed = 0;
  #isOver = false;

  write(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    if (this.#length < this.#needed) return;
    let pending: Uint8Array = Buffer.concat(this.#pieces);
    while (pending.length > 0) {
      const end = this.#take(pending);
      if (end === 0) break;
      pending = pending.subarray(end);
    }
    this.#pieces.splice(0, Number.POSITIVE_INFINITY, pending);
    this.#length = pending.length;
  }

  /** Takes the frame that the bytes begin with; gives where it ends, 0 if it is not whole. */
  #take(bytes: Uint8Array): number {
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, MOST_HEAD_BYTES));
    const head = /^P([56])\s(\d{1,5})\s(\d{1,5})\s255\s/.exec(text);
    this.#needed = 0;
    if (!head) {
      this.#isOver = bytes.length >= MOST_HEAD_BYTES;
      return 0;
    }
    const channels = head[1] === "5" ? 1 : 3;
    const [width, height] = [Number(head[2]), Number(head[3])];
    const end = head[0].length + width * height * channels;
    if (bytes.length < end) {
      this.#needed = end;
      return 0;
    }
    this.frames.push({ width, height, channels, pixels: new Uint8Array(bytes.slice(head[0].length, end)) });
    return end;
  }
}

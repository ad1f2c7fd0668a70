export interface GreyJpegOptions {
  /** Of every pixel. */
  value: number;
  rows?: number;
  /** MCUs between restart markers. */
  interval?: number;
  /** Restart markers that are there; as many as there should be if not given. */
  restarts?: number;
  /** EXIF's. */
  orientation?: number;
  /** The code of the frame's marker. */
  frame?: number;
}

/** A baseline JPEG of 16×8 pixels, two blocks, of one component and one value. */
export function greyJpeg({
  value,
  rows = 8,
  interval = 0,
  restarts,
  orientation,
  frame = 0xc0,
}: GreyJpegOptions): Uint8Array {
  const segment = (marker: number, ...data: number[]) => {
    const length = data.length + 2;
    return [0xff, marker, length >> 8, length & 255, ...data];
  };
  const exif = [..."Exif\0\0MM"].map((character) => character.charCodeAt(0));
  // Sixteen counts of codes by their length: twelve of 4 bits, whose symbols are sizes of differences; one of 1 bit.
  const twelve = [0, 0, 0, 12, ...new Array<number>(12).fill(0)];
  const one = [1, ...new Array<number>(15).fill(0)];
  const sizes = Array.from({ length: 12 }, (_, size) => size);
  // The mean's quantum is 8, which is one grey level.
  const first = `${meanBits(value - 128)}0`;
  const scan =
    interval === 0
      ? packBits(`${first}${meanBits(0)}0`)
      : [...packBits(first), ...((restarts ?? 1) > 0 ? [0xff, 0xd0] : []), ...packBits(first)];
  return Uint8Array.from([
    0xff,
    0xd8,
    ...(orientation === undefined
      ? []
      : segment(0xe1, ...exif, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0)),
    ...segment(0xdb, 0, ...new Array<number>(64).fill(8)),
    ...segment(frame, 8, rows >> 8, rows & 255, 0, 16, 1, 1, 0x11, 0),
    ...segment(0xc4, 0x00, ...twelve, ...sizes),
    ...segment(0xc4, 0x10, ...one, 0),
    ...(interval === 0 ? [] : segment(0xdd, 0, interval)),
    ...segment(0xda, 1, 1, 0, 0, 63, 0),
    ...scan,
    0xff,
    0xd9,
  ]);
}

/** A difference of means: the number of its bits, then these; negative ones are one less than their complement. */
function meanBits(difference: number): string {
  const size = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1;
  const bits = difference < 0 ? difference + 2 ** size - 1 : difference;
  return size.toString(2).padStart(4, "0") + (size === 0 ? "" : bits.toString(2).padStart(size, "0"));
}

/** Bytes of bits, filled up with ones; a zero follows 0xff. */
function packBits(bits: string): number[] {
  const whole = bits.padEnd(8 * Math.ceil(bits.length / 8), "1");
  const bytes = whole.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2));
  return bytes.flatMap((byte) => (byte === 0xff ? [byte, 0] : [byte]));
}

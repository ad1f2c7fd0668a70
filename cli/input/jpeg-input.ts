import { decode } from "jpeg-js";
import type { ImageSet } from "../../src/data/idx.js";
import { SpikeletError } from "../../src/errors.js";
import { checkImageSize } from "./image-size.js";

/** What jpeg-js may take for an image of the largest size: coefficients and samples of three components. */
const MAX_MEMORY_MB = 2048;

/**
 * Reads a JPEG as RGB.
 * @throws SpikeletError "bad-input" if it is damaged, cut short, too large, or of a kind that jpeg-js does not read
 */
export function readJpeg(bytes: Uint8Array): ImageSet {
  const { rows, columns } = frameSize(bytes);
  checkImageSize(rows, columns);
  try {
    const { data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxMemoryUsageInMB: MAX_MEMORY_MB,
    });
    return { count: 1, rows, columns, channels: 3, pixels: data };
  } catch (cause) {
    throw damaged(`The JPEG cannot be decoded (${(cause as Error).message})`, cause);
  }
}

/** Rows and columns from the frame header, found without decoding anything. */
function frameSize(bytes: Uint8Array): { rows: number; columns: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (isFrameMarker(marker)) return { rows: view.getUint16(at + 5), columns: view.getUint16(at + 7) };
    // Any number of 0xff may fill the space before a marker; all segments before the frame have a length.
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  throw damaged("Found no frame header in the JPEG");
}

/** SOF0 … SOF15 but for DHT, JPG and DAC, which lie among them. */
function isFrameMarker(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function damaged(message: string, cause?: unknown): SpikeletError {
  return new SpikeletError(
    "bad-input",
    `${message}. The file is damaged, or of an unusual kind: save it again as a PNG or a baseline JPEG.`,
    { cause },
  );
}

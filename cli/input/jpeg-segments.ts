import { SpikeletError } from "../../src/errors.js";
import { checkImageSize } from "./image-size.js";
import { readOrientation } from "./orientation.js";

// JPEG (ITU-T T.81): markers, 0xff and a code, most of them with a segment behind them; a scan's segment is followed by
// coded data, in which 0xff stands before a zero or a restart marker only.

const SOI_BYTES = 2;
const RST0 = 0xd0;
const EOI = 0xd9;
const SOS = 0xda;
const DRI = 0xdd;
const APP0 = 0xe0;
const APP1 = 0xe1;
const APP14 = 0xee;
const BASELINE = 0xc0;
const EXTENDED = 0xc1;
const PROGRESSIVE = 0xc2;

/** A progressive picture has some ten scans; each can walk through the whole of it. */
const MAX_SCANS = 100;
/** Rows and columns of samples that are coded together. */
const BLOCK = 8;

interface Component {
  readonly id: number;
  /** Samples in an MCU, in blocks. */
  readonly across: number;
  readonly down: number;
}

export interface JpegLayout {
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
  /** Whether three components are red, green and blue rather than luminance and two chrominances. */
  readonly isRgb: boolean;
  /** EXIF's orientation, 1 to 8. */
  readonly orientation: number;
}

/**
 * Reads what a JPEG says of itself, and checks that its coded data can be the whole of it, without decoding anything.
 * @throws SpikeletError "bad-input" if it is too large, of a kind that is not read, or lacks data
 */
export function readJpegLayout(bytes: Uint8Array): JpegLayout {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frame: { rows: number; columns: number; components: Component[] } | undefined;
  let hasJfif = false;
  let adobeTransform: number | undefined;
  let orientation = 1;
  let interval = 0;
  let scans = 0;
  let at = SOI_BYTES;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1];
    if (marker === EOI) break;
    // Any number of 0xff may fill the space before a marker.
    if (marker === 0xff) {
      at++;
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    const segment = bytes.subarray(at + 4, end);
    if (isFrameMarker(marker)) {
      if (frame !== undefined) throw damaged("Found two frame headers in the JPEG");
      frame = readFrame(marker, segment);
    }
    if (end > bytes.length || end < at + 4)
      throw damaged(`The segment at byte ${at} of the JPEG is cut short`);
    at = end;
    if (marker === APP0) hasJfif ||= startsWith(segment, "JFIF\0");
    else if (marker === APP14 && startsWith(segment, "Adobe")) adobeTransform = segment[11];
    else if (marker === APP1 && startsWith(segment, "Exif\0\0"))
      orientation = readOrientation(segment.subarray(6));
    else if (marker === DRI && segment.length >= 2) interval = (segment[0] << 8) | segment[1];
    else if (marker === SOS) {
      if (frame === undefined) break;
      if (++scans > MAX_SCANS) throw damaged(`Found more than ${MAX_SCANS} scans in the JPEG`);
      at = checkScan(bytes, at, segment, frame, interval);
    }
  }
  if (frame === undefined) throw damaged("Found no frame header in the JPEG");
  if (scans === 0) throw damaged("Found no picture data in the JPEG");
  const { rows, columns, components } = frame;
  if (components.length === 4 && adobeTransform === undefined) {
    throw new SpikeletError(
      "bad-input",
      "Found a CMYK JPEG without Adobe's mark, which would tell how its inks are stored; expected grey, RGB, or CMYK with it. " +
        "Save it as a PNG or in RGB.",
    );
  }
  const hasRgbNames = components.map(({ id }) => String.fromCharCode(id)).join("") === "RGB";
  const isRgb = adobeTransform === undefined ? !hasJfif && hasRgbNames : adobeTransform === 0;
  return { rows, columns, channels: components.length, isRgb, orientation };
}

function readFrame(marker: number, segment: Uint8Array) {
  if (segment.length < 6) throw damaged("The JPEG's frame header is cut short");
  const [depth, rowsHigh, rowsLow, columnsHigh, columnsLow, count] = segment;
  const rows = (rowsHigh << 8) | rowsLow;
  const columns = (columnsHigh << 8) | columnsLow;
  checkImageSize(rows, columns);
  if (![BASELINE, EXTENDED, PROGRESSIVE].includes(marker) || depth !== 8) {
    const kind =
      marker <= PROGRESSIVE
        ? "Huffman-coded"
        : marker < 0xc8
          ? "lossless or hierarchical"
          : "arithmetic-coded";
    throw new SpikeletError(
      "bad-input",
      `Found a ${kind} JPEG of ${depth} bits a sample, expected a baseline or progressive one of 8. Save it as a PNG.`,
    );
  }
  if (![1, 3, 4].includes(count) || segment.length < 6 + 3 * count) {
    throw damaged(`Found a JPEG of ${count} components, expected 1, 3 or 4`);
  }
  const components = Array.from({ length: count }, (_, i): Component => {
    const [id, sampling] = segment.subarray(6 + 3 * i);
    return { id, across: sampling >> 4, down: sampling & 15 };
  });
  if (components.some(({ across, down }) => across < 1 || across > 4 || down < 1 || down > 4)) {
    throw damaged("Found samplings in the JPEG that are not from 1 to 4");
  }
  return { rows, columns, components };
}

/**
 * Checks that a scan's coded data have the restart markers that it should, and no less than a bit for each block whose
 * mean they give. @returns where they end
 */
function checkScan(
  bytes: Uint8Array,
  start: number,
  header: Uint8Array,
  { rows, columns, components }: { rows: number; columns: number; components: readonly Component[] },
  interval: number,
): number {
  const count = header[0];
  const ids = Array.from({ length: count }, (_, i) => header[1 + 2 * i]);
  const scanned = components.filter(({ id }) => ids.includes(id));
  if (count === 0 || scanned.length !== count)
    throw damaged("Found a scan of components that the JPEG lacks");
  const across = Math.max(...components.map((component) => component.across));
  const down = Math.max(...components.map((component) => component.down));
  // A scan of one component has its blocks one by one, without those that fill up the last MCUs.
  const [only] = scanned;
  const units =
    count === 1
      ? Math.ceil((columns * only.across) / (across * BLOCK)) * Math.ceil((rows * only.down) / (down * BLOCK))
      : Math.ceil(columns / (across * BLOCK)) * Math.ceil(rows / (down * BLOCK));
  const blocks = count === 1 ? units : units * scanned.reduce((sum, c) => sum + c.across * c.down, 0);

  let restarts = 0;
  let at = start;
  for (; at < bytes.length; at++) {
    if (bytes[at] !== 0xff) continue;
    const code = bytes[at + 1];
    if (code === 0 || code === 0xff) continue;
    if (code === undefined || code < RST0 || code >= RST0 + 8) break;
    if (code - RST0 !== restarts % 8)
      throw damaged(`Found restart marker ${code - RST0}, expected ${restarts % 8}`);
    restarts++;
  }
  const expected = interval === 0 ? 0 : Math.ceil(units / interval) - 1;
  // Some writers put one behind the last segment as well.
  if (restarts < expected || restarts > expected + (interval === 0 ? 0 : 1)) {
    throw damaged(`Found ${restarts} restart markers in a scan of ${columns}×${rows}, expected ${expected}`);
  }
  const isOfMeans = header[1 + 2 * count] === 0;
  const bits = 8 * (at - start);
  if (isOfMeans && bits < blocks) {
    throw damaged(
      `Found ${at - start} bytes of picture data, too few for the ${blocks} blocks of ${columns}×${rows}`,
    );
  }
  return at;
}

/** SOF0 … SOF15 but for DHT, JPG and DAC, which lie among them. */
function isFrameMarker(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function startsWith(segment: Uint8Array, text: string): boolean {
  return [...text].every((character, i) => segment[i] === character.charCodeAt(0));
}

export function damaged(message: string, cause?: unknown): SpikeletError {
  return new SpikeletError(
    "bad-input",
    `${message}. The file is damaged, or of an unusual kind: save it again as a PNG or a baseline JPEG.`,
    { cause },
  );
}

import { encode } from "fast-png";
import type { ImageShape } from "./batch.js";
import { type Chunk, readChunks, writeChunks } from "./png-chunks.js";

// Animated PNG (https://www.w3.org/TR/png-3/#apng-frame-based-animation): a PNG of the first frame, with the number of
// frames (acTL) before its data, and a frame control (fcTL) before the data of every frame. Data of later frames are
// in fdAT instead of IDAT. fcTL and fdAT are numbered together. fast-png encodes each frame.

const DISPOSE_NONE = 0;
const BLEND_SOURCE = 0;

export interface Frame {
  /** (rows, columns, channels) */
  readonly pixels: Uint8Array;
  /** How long it is shown, at most 65,535. */
  readonly milliseconds: number;
}

/** An animation without end. */
export function encodeApng(frames: readonly Frame[], shape: ImageShape): Uint8Array {
  const chunks: Chunk[] = [];
  let sequence = 0;
  for (const [i, frame] of frames.entries()) {
    const png = readChunks(encodeFrame(frame, shape));
    if (i === 0)
      chunks.push(png[0], { type: "acTL", data: fields(8, (view) => view.setUint32(0, frames.length)) });
    chunks.push({ type: "fcTL", data: frameControl(sequence++, frame, shape) });
    for (const { data } of png.filter(({ type }) => type === "IDAT")) {
      chunks.push(i === 0 ? { type: "IDAT", data } : { type: "fdAT", data: numbered(sequence++, data) });
    }
  }
  return writeChunks([...chunks, { type: "IEND", data: new Uint8Array(0) }]);
}

function encodeFrame({ pixels }: Frame, { imageSize, imageChannels }: ImageShape): Uint8Array {
  return encode({ width: imageSize, height: imageSize, data: pixels, channels: imageChannels });
}

function frameControl(sequence: number, { milliseconds }: Frame, { imageSize }: ImageShape): Uint8Array {
  return fields(26, (view) => {
    view.setUint32(0, sequence);
    view.setUint32(4, imageSize);
    view.setUint32(8, imageSize);
    // Offsets 12 and 16: the frame covers the whole picture.
    view.setUint16(20, milliseconds);
    view.setUint16(22, 1000);
    view.setUint8(24, DISPOSE_NONE);
    view.setUint8(25, BLEND_SOURCE);
  });
}

function numbered(sequence: number, data: Uint8Array): Uint8Array {
  const bytes = fields(4 + data.length, (view) => view.setUint32(0, sequence));
  bytes.set(data, 4);
  return bytes;
}

function fields(length: number, fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  fill(view);
  return new Uint8Array(view.buffer);
}

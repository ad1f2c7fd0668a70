import type { Sample } from "./sample.js";

// Tar (POSIX.1 ustar) as WebDataset reads it: the files of a sample follow each other and differ in what comes after the first dot.

const BLOCK = 512;

/** A header for a file that belongs to nobody and is of no time, so that the bytes depend on the images alone. */
function header(name: string, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100, "latin1");
  block.write("0000644\0", 100, "latin1");
  block.write("0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  block.write("00000000000\0", 136, "latin1");
  // The checksum is taken with spaces in its place.
  block.write("        ", 148, "latin1");
  block.write("0", 156, "latin1");
  block.write("ustar\u000000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function file(name: string, data: Uint8Array): Uint8Array[] {
  return [header(name, data.length), data, new Uint8Array((BLOCK - (data.length % BLOCK)) % BLOCK)];
}

/** An archive with KEY.png of each image, and KEY.cls with its label. */
export async function* encodeTar(samples: AsyncIterable<Sample>): AsyncGenerator<Uint8Array> {
  for await (const { key, png, label } of samples) {
    const parts = file(`${key}.png`, png);
    if (label !== undefined) parts.push(...file(`${key}.cls`, Buffer.from(String(label))));
    yield Buffer.concat(parts);
  }
  yield new Uint8Array(2 * BLOCK);
}

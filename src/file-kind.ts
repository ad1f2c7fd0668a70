// What a file is that was taken for something else: told by its first bytes, for a message.

/** Bytes from the start that are enough to tell. */
const LOOKED_AT = 512;

/** A kind's signature: text in Latin-1, and where it stands. */
const SIGNATURES: readonly (readonly [signature: string, at: number, kind: string])[] = [
  ["\x89PNG\r\n\x1a\n", 0, "a PNG picture"],
  ["\xff\xd8\xff", 0, "a JPEG picture"],
  ["\xff\x0a", 0, "a JPEG XL picture"],
  ["JXL ", 4, "a JPEG XL picture"],
  ["jP  ", 4, "a JPEG 2000 picture"],
  ["GIF8", 0, "a GIF picture"],
  ["WEBP", 8, "a WebP picture"],
  ["BM", 0, "a BMP picture"],
  ["II*\0", 0, "a TIFF picture"],
  ["MM\0*", 0, "a TIFF picture"],
  ["\0\0\x01\0", 0, "an icon (ICO)"],
  ["icns", 0, "an icon (ICNS)"],
  ["8BPS", 0, "a Photoshop file"],
  ["ftypavif", 4, "an AVIF picture"],
  ["ftypavis", 4, "an AVIF picture"],
  ["ftyphei", 4, "a HEIC picture"],
  ["ftyphev", 4, "a HEIC picture"],
  ["ftypmif1", 4, "a HEIF picture"],
  ["ftypmsf1", 4, "a HEIF picture"],
  ["ftyp", 4, "a video (MP4)"],
  ["\0\0\0\x01Bud1", 0, "a folder's settings on a Mac (.DS_Store)"],
  ["\0\x05\x16\x07", 0, "a Mac's notes about another file (AppleDouble)"],
  ["\x89HDF\r\n\x1a\n", 0, "an HDF5 file (NIR, Keras)"],
  [
    "version https://git-lfs",
    0,
    "a Git LFS pointer, which stands for the file: fetch that with git lfs pull",
  ],
  ["GGUF", 0, "a GGUF file"],
  ["SPKL", 0, "a Spikelet model (.spk)"],
  ["\x93NUMPY", 0, "a NumPy array (.npy)"],
  ["PK\x03\x04", 0, "a zip archive"],
  ["\x1f\x8b", 0, "a gzip file"],
  ["BZh", 0, "a bzip2 file"],
  ["\xfd7zXZ\0", 0, "an xz file"],
  ["\x28\xb5\x2f\xfd", 0, "a zstd file"],
  ["7z\xbc\xaf", 0, "a 7z archive"],
  ["Rar!", 0, "a RAR archive"],
  ["ustar", 257, "a tar archive"],
  ["%PDF", 0, "a PDF document"],
  ["PAR1", 0, "a Parquet file"],
  ["ARROW1", 0, "an Arrow file"],
];

/** Text that is markup or settings, where nothing but space stands before it. */
const MARKUP: readonly (readonly [RegExp, string])[] = [
  [/^<svg|^<\?xml[\s\S]*<svg/i, "an SVG picture"],
  [/^<!doctype html|^<html|^<head|^<body/i, "an HTML page, such as a site gives in place of a file"],
  [/^<\?xml|^</, "an XML text"],
  [/^[{[]/, "a JSON text"],
];

/** What a file is, with its article, or undefined if its bytes do not tell. */
export function fileKind(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "an empty file";
  const start = String.fromCharCode(...bytes.subarray(0, LOOKED_AT));
  for (const [signature, at, kind] of SIGNATURES) {
    if (start.startsWith(signature, at)) return kind;
  }
  const text = start.replace(/^\xef\xbb\xbf/, "").trimStart();
  return MARKUP.find(([pattern]) => pattern.test(text))?.[1];
}

/** "an HTML page, …", or the first bytes of a file of no known kind. */
export function describeFile(bytes: Uint8Array): string {
  const kind = fileKind(bytes);
  if (kind !== undefined) return kind;
  const shown = [...bytes.subarray(0, 8)];
  const hex = shown.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = shown.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
  return `${bytes.length} bytes that begin with ${hex} ("${text}")`;
}

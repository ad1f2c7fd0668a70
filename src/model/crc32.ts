const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** CRC-32 (ISO-HDLC), as zip and PNG use it. `before` is that of the bytes before these, if there are some. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let c = ~before;
  // By index: for…of takes three times as long before it is optimized, and a model is checked only once.
  for (let k = 0; k < bytes.length; k++) c = CRC_TABLE[(c ^ bytes[k]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

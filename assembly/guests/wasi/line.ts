// One line of text, put together from pieces: messages and telemetry for the UART, the head of a frame, the name of a file.

const LINE_BYTES: u32 = 256;

export const LINE: u32 = <u32>memory.data(LINE_BYTES);

/** Bytes of the line so far. */
export let length: u32 = 0;

export function clear(): void {
  length = 0;
}

/** Adds a byte; a line that is full loses what does not fit. */
export function putByte(byte: u32): void {
  if (length < LINE_BYTES) store<u8>(LINE + length++, byte);
}

/** Adds text in ASCII. */
export function put(text: string): void {
  const characters = <u32>text.length;
  for (let i: u32 = 0; i < characters; i++) putByte(load<u16>(changetype<u32>(text) + (i << 1)));
}

/** Adds the bytes from an address up to a zero. */
export function putZeroTerminated(p: u32): void {
  for (let byte: u32 = load<u8>(p); byte; byte = load<u8>(++p)) putByte(byte);
}

/** Adds a number in decimal digits. */
export function putNumber(n: u64): void {
  let unit: u64 = 1;
  while (n / unit >= 10) unit *= 10;
  do {
    putByte(48 + <u32>((n / unit) % 10));
    unit /= 10;
  } while (unit);
}

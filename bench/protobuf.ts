/** Writes the parts of Protocol Buffers that an ONNX file needs. */
export class Message {
  readonly #parts: Uint8Array[] = [];

  #varint(value: number | bigint): void {
    const bytes: number[] = [];
    // Negative numbers take ten bytes, as 64-bit two's complement.
    for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
      const low = Number(rest & 127n);
      if (rest < 128n) {
        bytes.push(low);
        break;
      }
      bytes.push(low | 128);
    }
    this.#parts.push(Uint8Array.from(bytes));
  }

  integer(field: number, value: number): this {
    this.#varint(field << 3);
    this.#varint(value);
    return this;
  }

  integers(field: number, values: readonly number[]): this {
    for (const value of values) this.integer(field, value);
    return this;
  }

  float(field: number, value: number): this {
    this.#varint((field << 3) | 5);
    this.#parts.push(new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#varint((field << 3) | 2);
    this.#varint(bytes.length);
    this.#parts.push(bytes);
    return this;
  }

  text(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text));
  }

  texts(field: number, texts: readonly string[]): this {
    for (const text of texts) this.text(field, text);
    return this;
  }

  message(field: number, message: Message): this {
    return this.bytes(field, message.finish());
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/**
 * A growing byte buffer with WebAssembly's number formats (LEB128, little endian).
 *
 * In: numbers and byte runs, in order. Out: one Uint8Array. Nothing written is ever moved or changed.
 */

export class Bytes {
  #data: Uint8Array<ArrayBuffer> = new Uint8Array(64);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    if (this.#length === this.#data.length) this.#reserve(1);
    this.#data[this.#length++] = value;
  }

  bytes(run: ArrayLike<number>): void {
    this.#reserve(run.length);
    this.#data.set(run, this.#length);
    this.#length += run.length;
  }

  /** Unsigned LEB128 of an integer up to 2³² (and a little beyond). */
  unsigned(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  /** Signed LEB128 of a 32-bit integer. */
  signed(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 127) | 128);
      rest >>= 7;
    }
    this.byte(rest & 127);
  }

  /** Signed LEB128 of a 64-bit integer. */
  signed64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -64n || rest > 63n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.byte(Number(rest & 127n));
  }

  /** UTF-8 with its length in front. */
  name(text: string): void {
    const encoded = new TextEncoder().encode(text);
    this.unsigned(encoded.length);
    this.bytes(encoded);
  }

  /** Another buffer with its length in front. */
  sized(content: Bytes): void {
    this.unsigned(content.length);
    this.bytes(content.view());
  }

  /** The bytes so far; shares memory until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#data.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#data.length) return;
    const grown = new Uint8Array(Math.max(this.#data.length * 2, this.#length + count));
    grown.set(this.#data);
    this.#data = grown;
  }
}

/**
 * Views of large buffers, and many small ones in one.
 *
 * In: a buffer and a range of bytes. Out: the range as views of at most 1 GiB. Always in order and without a gap: system
 * calls move less than 2 GiB at once, and a Uint8Array of Node 20 ends at 4 GiB.
 */

const PIECE = 2 ** 30;

/** The bytes `offset` to `offset + length` of `buffer`, at most 1 GiB at a time. */
export function* pieces<B extends ArrayBufferLike>(
  buffer: B,
  offset: number,
  length: number,
): Generator<Uint8Array<B>> {
  for (let done = 0; done < length; done += PIECE) {
    yield new Uint8Array(buffer, offset + done, Math.min(PIECE, length - done));
  }
}

/** All of `parts`, one behind the other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * A small PNG writer: 8-bit RGB, no filters.
 *
 * In: pixels, three bytes each, row by row, and a zlib `deflate` (node:zlib's `deflateSync` fits). Out: the file's bytes.
 * Format: W3C PNG, third edition: signature, then chunks of length, type, data and CRC-32.
 */

import { crc32 } from "../../src/data/crc32.ts";
import { joinBytes } from "../../src/data/pieces.ts";
import { UsageError } from "../../src/errors.ts";

/** An RGB picture; `pixels` holds width × height × 3 bytes. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** Encodes `picture` as PNG. */
export function encodePng(
  picture: Picture,
  deflate: (bytes: Uint8Array) => Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { width, height, pixels } = picture;
  if (pixels.length !== width * height * 3 || pixels.length === 0) {
    throw new UsageError(
      "JR740",
      `a picture of ${width} × ${height} takes ${width * height * 3} bytes, got ${pixels.length}`,
    );
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2], 8); // 8 bits, RGB; compression, filter and interlace 0
  const parts = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", deflate(scanLines(picture))),
    chunk("IEND", new Uint8Array(0)),
  ];
  return joinBytes(parts);
}

/** Every line starts with its filter type, 0. */
function scanLines({ width, height, pixels }: Picture): Uint8Array {
  const stride = width * 3;
  const lines = new Uint8Array((stride + 1) * height);
  for (let y = 0; y < height; y++) {
    lines.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  }
  return lines;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

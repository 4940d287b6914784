/** PNG: known CRCs, and pixels that come back after inflating what was written. */

import { deflateSync, inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Canvas, colourMap, textWidth } from "../../examples/shared/canvas.ts";
import { encodePng } from "../../examples/shared/png.ts";
import { crc32 } from "../../src/data/crc32.ts";
import { UsageError } from "../../src/errors.ts";

describe("encodePng", () => {
  const pixels = Uint8Array.from({ length: 3 * 2 * 3 }, (_, i) => i * 13);
  const bytes = encodePng({ width: 3, height: 2, pixels }, (data) => deflateSync(data));

  it("writes signature, header, data and end", () => {
    expect(Buffer.from(bytes.subarray(0, 8)).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    // An IEND chunk is the same in every PNG file.
    expect(Buffer.from(bytes.subarray(-12)).toString("hex")).toBe("0000000049454e44ae426082");
    expect(Buffer.from(bytes.subarray(8, 29)).toString("hex")).toBe(
      "0000000d494844520000000300000002080200000000".slice(0, 42),
    );
  });

  it("holds the pixels, each line behind a zero", () => {
    const length = new DataView(bytes.buffer).getUint32(33);
    const lines = inflateSync(bytes.subarray(41, 41 + length));
    expect([lines[0], lines[10]]).toEqual([0, 0]);
    expect([...lines.subarray(1, 10), ...lines.subarray(11)]).toEqual([...pixels]);
  });

  it("knows the check value of CRC-32", () => {
    expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  });

  it("refuses pixels that do not fit the size", () => {
    expect(() => encodePng({ width: 2, height: 2, pixels }, (data) => data)).toThrow(UsageError);
  });
});

describe("the example's canvas", () => {
  it("cuts off what lies outside", () => {
    const canvas = new Canvas(4, 3);
    canvas.fill({ x: -2, y: 1, width: 4, height: 9 }, [1, 2, 3]);
    const dark = Array.from({ length: 12 }, (_, i) => canvas.pixels[i * 3] === 1);
    expect(dark.map(Number)).toEqual([0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]);
  });

  it("draws text of the width it says", () => {
    const canvas = new Canvas(20, 9);
    canvas.text("HH", { x: 0, y: 0, scale: 1, colour: [0, 0, 0] });
    const ink = Array.from({ length: 20 * 9 }, (_, i) => (canvas.pixels[i * 3] === 0 ? i % 20 : -1));
    expect(Math.max(...ink) + 1).toBe(textWidth("HH", 1));
  });

  it("colours run through their stops and stay at the ends", () => {
    const map = colourMap([
      [0, 0, 0],
      [100, 50, 0],
      [200, 50, 0],
    ]);
    expect([map(-1), map(0.25), map(0.5), map(2)]).toEqual([
      [0, 0, 0],
      [50, 25, 0],
      [100, 50, 0],
      [200, 50, 0],
    ]);
  });
});

/** Lines of 8 × 8 digits under each other, one line per kind, for the contractive autoencoder. */

import { Canvas, colourMap } from "../shared/canvas.ts";
import { palette, writePicture } from "../shared/plot.ts";

/** One line of the picture: (n, 64) values from 0 to 1. */
export interface Line {
  readonly title: string;
  readonly data: Float32Array | Float64Array;
}

const [TILE, GAP, COUNT] = [64, 8, 12];

/** Writes the first digits of every line to `path`. */
export function drawDigits(path: string, lines: readonly Line[]): void {
  const greys = colourMap([
    [255, 255, 255],
    [32, 36, 48],
  ]);
  const canvas = new Canvas(24 + COUNT * (TILE + GAP) + 16, 24 + lines.length * (TILE + 26));
  for (const [index, { title, data }] of lines.entries()) {
    const y = 28 + index * (TILE + 26);
    canvas.text(title, { x: 24, y: y - 12, scale: 1, colour: palette.ink });
    for (let digit = 0; digit < COUNT; digit++) {
      const box = { x: 24 + digit * (TILE + GAP), y, width: TILE, height: TILE };
      canvas.heatMap(data.subarray(64 * digit, 64 * (digit + 1)), box, greys);
    }
  }
  writePicture(path, canvas);
}

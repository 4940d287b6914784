/**
 * A small RGB canvas: rectangles, text and heat-maps.
 *
 * In: positions in pixels from the top left. Out: `pixels`, three bytes each, ready for the PNG writer. What lies outside is cut off.
 */

import { glyph } from "./font.ts";

/** Red, green, blue from 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** A rectangle in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where and how text is drawn; `scale` is the size of a font pixel, `x` the left edge, centre or right edge. */
export interface TextStyle {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
  readonly colour: Colour;
  readonly align?: "left" | "centre" | "right";
}

/** A white picture to draw on. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height * 3).fill(255);
  }

  fill(box: Box, colour: Colour): void {
    const right = Math.min(box.x + box.width, this.width);
    const bottom = Math.min(box.y + box.height, this.height);
    for (let y = Math.max(box.y, 0); y < bottom; y++) {
      for (let x = Math.max(box.x, 0); x < right; x++) this.pixels.set(colour, (y * this.width + x) * 3);
    }
  }

  text(text: string, style: TextStyle): void {
    const { scale, colour, y } = style;
    const shift = { left: 0, centre: 0.5, right: 1 }[style.align ?? "left"] * textWidth(text, scale);
    let x = Math.round(style.x - shift);
    for (const character of text) {
      glyph(character).forEach((bits, line) => {
        for (let column = 0; column < 5; column++) {
          const isInk = (bits >> (4 - column)) & 1;
          if (isInk)
            this.fill({ x: x + column * scale, y: y + line * scale, width: scale, height: scale }, colour);
        }
      });
      x += 6 * scale;
    }
  }

  /** Draws `side` × `side` values as squares in `box`, coloured by `colourOf`. */
  heatMap(values: ArrayLike<number>, box: Box, colourOf: (value: number) => Colour): void {
    const side = Math.sqrt(values.length);
    const cell = { width: box.width / side, height: box.height / side };
    for (let i = 0; i < values.length; i++) {
      const x = box.x + (i % side) * cell.width;
      const y = box.y + Math.floor(i / side) * cell.height;
      this.fill({ x, y, ...cell }, colourOf(values[i] as number));
    }
  }
}

/** Width of `text` in pixels. */
export function textWidth(text: string, scale: number): number {
  return Math.max(0, Array.from(text).length * 6 - 1) * scale;
}

/** A colour map through `stops` at equal distances; values outside 0..1 take the end colours. */
export function colourMap(stops: readonly Colour[]): (position: number) => Colour {
  const mix = (a: number, b: number, t: number): number => Math.round(a + (b - a) * t);
  return (position) => {
    const at = Math.min(Math.max(position, 0), 1) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const [from, to] = [stops[low] as Colour, stops[low + 1] as Colour];
    const t = at - low;
    return [mix(from[0], to[0], t), mix(from[1], to[1], t), mix(from[2], to[2], t)];
  };
}

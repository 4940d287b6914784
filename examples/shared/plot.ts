/**
 * Line plots in a grid of panels, and writing a picture to a file.
 *
 * In: panels of curves. Out: a canvas with a title, a frame, the range of the axes and a legend per panel. Always: curves
 * of one panel share its axes; what is not a finite number is left out.
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { deflateSync } from "node:zlib";
import { type Box, Canvas, type Colour, colourMap } from "./canvas.ts";
import { encodePng } from "./png.ts";

/** Points joined by lines, or dots of `dots` pixels. */
export interface Curve {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly colour: Colour;
  readonly label?: string;
  readonly dots?: number;
}

/** One plot. */
export interface Panel {
  readonly title: string;
  readonly curves?: readonly Curve[];
  /** The y axis starts at 0, if nothing is below. */
  readonly fromZero?: boolean;
  /** A square of values instead, row by row from the top, shaded from 0 to the largest. */
  readonly map?: ArrayLike<number>;
}

/** Colours that tell curves apart. */
export const palette: Readonly<Record<"ink" | "blue" | "red" | "green" | "orange", Colour>> = {
  ink: [32, 36, 48],
  blue: [58, 124, 200],
  red: [206, 62, 52],
  green: [46, 150, 90],
  orange: [232, 146, 44],
};

const SIZE = { width: 300, height: 190, gap: 26, top: 58, margin: 24 };
/** Pixels from one letter to the next. */
const LETTER = 6;
const FRAME: Colour = [214, 217, 224];
const FAINT: Colour = [118, 124, 140];

/** Draws panels, `columns` to a line. */
export function plotPanels(title: string, panels: readonly Panel[], columns: number): Canvas {
  const lines = Math.ceil(panels.length / columns);
  const { width, height, gap, top, margin } = SIZE;
  const canvas = new Canvas(2 * margin + columns * (width + gap) - gap, top + lines * (height + 34) + margin);
  canvas.text(title, { x: margin, y: 20, scale: 2, colour: palette.ink });
  panels.forEach((panel, index) => {
    const x = margin + (index % columns) * (width + gap);
    const y = top + Math.floor(index / columns) * (height + 34) + 14;
    drawPanel(canvas, panel, { x, y, width, height });
  });
  return canvas;
}

function drawPanel(canvas: Canvas, { title, curves = [], map, fromZero = false }: Panel, box: Box): void {
  canvas.text(title, { x: box.x, y: box.y - 12, scale: 1, colour: palette.ink });
  const side = Math.sqrt(map?.length ?? 1);
  const whole = (length: number): number => (map === undefined ? length : side * Math.floor(length / side));
  const inner = { x: box.x + 1, y: box.y + 1, width: whole(box.width - 2), height: whole(box.height - 2) };
  canvas.fill({ ...box, width: inner.width + 2, height: inner.height + 2 }, FRAME);
  canvas.fill(inner, [255, 255, 255]);
  if (map !== undefined) {
    const most = Math.max(...Array.from(map));
    return canvas.heatMap(map, inner, (value) => shades(value / most));
  }
  const zero = fromZero ? [[0]] : [];
  const [low, high] = [extent(curves.map(({ x }) => x)), extent([...curves.map(({ y }) => y), ...zero])];
  for (const curve of curves) drawCurve(canvas, curve, { box, low, high });
  const label = { scale: 1, colour: FAINT, y: box.y + box.height + 4 };
  const range = `x ${short(low[0])} to ${short(low[1])}   y ${short(high[0])} to ${short(high[1])}`;
  canvas.text(range, { ...label, x: box.x });
  curves.forEach(({ label: name, colour }, index) => {
    const before = curves.slice(0, index).reduce((sum, curve) => sum + (curve.label?.length ?? 0) + 2, 0);
    const all = curves.reduce((sum, curve) => sum + (curve.label?.length ?? 0) + 2, -2);
    const x = box.x + box.width - LETTER * (all - before);
    if (name) canvas.text(name, { x, y: box.y - 12, scale: 1, colour });
  });
}

const shades = colourMap([[255, 255, 255], palette.blue, palette.ink]);

/** Points (x₀, y₀, x₁, y₁, …) as dots. */
export function scatter(points: ArrayLike<number>, colour: Colour): Curve[] {
  const column = (k: number): Float64Array =>
    Float64Array.from({ length: points.length / 2 }, (_, i) => points[2 * i + k] as number);
  return [{ x: column(0), y: column(1), colour, dots: 2 }];
}

type Range = readonly [number, number];

function drawCurve(
  canvas: Canvas,
  { x, y, colour, dots }: Curve,
  { box, low, high }: { box: Box; low: Range; high: Range },
): void {
  const place = (value: number, [a, b]: Range, length: number): number =>
    ((value - a) / (b - a)) * (length - 9) + 4;
  let last: readonly [number, number] | undefined;
  for (let i = 0; i < x.length; i++) {
    const px = box.x + place(x[i] as number, low, box.width);
    const py = box.y + box.height - place(y[i] as number, high, box.height);
    if (!Number.isFinite(px + py)) continue;
    const size = dots ?? 2;
    const steps =
      dots === undefined && last ? Math.ceil(Math.max(Math.abs(px - last[0]), Math.abs(py - last[1]))) : 1;
    const [fromX, fromY] = dots === undefined && last ? last : [px, py];
    for (let step = 1; step <= steps; step++) {
      const at = step / steps;
      const corner = [fromX + at * (px - fromX), fromY + at * (py - fromY)].map((v) =>
        Math.round(v - size / 2),
      );
      canvas.fill({ x: corner[0] as number, y: corner[1] as number, width: size, height: size }, colour);
    }
    last = [px, py];
  }
}

function extent(lists: readonly ArrayLike<number>[]): Range {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const list of lists)
    for (const value of Array.from(list)) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  return high > low ? [low, high] : [low - 1, low + 1];
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toString();
}

/** Writes a canvas as PNG and says where. */
export function writePicture(path: string, canvas: Canvas): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    encodePng(canvas, (bytes) => deflateSync(bytes)),
  );
  console.log(`wrote ${path}`);
}

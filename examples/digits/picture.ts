/**
 * The demo's picture: handwritten digits beside the Jacobian rows of their own class.
 *
 * In: pixels of chosen digits and, for two models, ∂(logit of the digit's class)/∂pixel. Out: an RGB picture. Always: all
 * Jacobian tiles share one colour scale, shown below, so that they can be compared.
 */

import { Canvas, type Colour, colourMap } from "../shared/canvas.ts";

/** One digit: its pixels (8 × 8, 0 to 1), its class, and the Jacobian row of that class for each model. */
export interface DigitExample {
  readonly label: number;
  readonly pixels: Float32Array | Float64Array;
  readonly slopes: readonly (Float32Array | Float64Array)[];
}

/** Names and numbers shown around the tiles. */
export interface PictureText {
  readonly title: string;
  readonly subtitle: string;
  readonly models: readonly string[];
}

const TILE = 96;
const GAP = 6;
const GROUP_GAP = 34;
const LINE_GAP = 18;
const MARGIN = 36;
const TOP = 142;
const BOTTOM = 84;
const GROUPS_PER_LINE = 4;

const INK: Colour = [32, 36, 48];
const FAINT: Colour = [118, 124, 140];
const FRAME: Colour = [214, 217, 224];

const greys = colourMap([
  [255, 255, 255],
  [32, 36, 48],
]);
const diverging = colourMap([
  [18, 52, 130],
  [58, 124, 200],
  [158, 200, 236],
  [250, 250, 250],
  [250, 190, 140],
  [222, 92, 62],
  [134, 14, 40],
]);

/** Draws `examples`, four to a line, each as pixels and one tile per model. */
export function drawDigits(examples: readonly DigitExample[], text: PictureText): Canvas {
  const tiles = 1 + text.models.length;
  const groupWidth = tiles * TILE + (tiles - 1) * GAP;
  const lines = Math.ceil(examples.length / GROUPS_PER_LINE);
  const canvas = new Canvas(
    2 * MARGIN + GROUPS_PER_LINE * groupWidth + (GROUPS_PER_LINE - 1) * GROUP_GAP,
    TOP + lines * (TILE + LINE_GAP) + BOTTOM,
  );
  const scale = colourScale(examples);
  canvas.text(text.title, { x: MARGIN, y: 30, scale: 4, colour: INK });
  canvas.text(text.subtitle, { x: MARGIN, y: 76, scale: 2, colour: FAINT });
  for (let group = 0; group < GROUPS_PER_LINE; group++) {
    headings(canvas, MARGIN + group * (groupWidth + GROUP_GAP), ["digit", ...text.models]);
  }
  examples.forEach((example, i) => {
    const x = MARGIN + (i % GROUPS_PER_LINE) * (groupWidth + GROUP_GAP);
    const y = TOP + Math.floor(i / GROUPS_PER_LINE) * (TILE + LINE_GAP);
    drawExample(canvas, example, { x, y, scale });
  });
  legend(canvas, scale);
  return canvas;
}

/** The slope that 99 % of all pixels stay below: one scale for all tiles, not ruled by the largest pixel. */
function colourScale(examples: readonly DigitExample[]): number {
  const slopes = examples.flatMap((example) =>
    example.slopes.flatMap((slope) => Array.from(slope, Math.abs)),
  );
  slopes.sort((a, b) => a - b);
  return slopes[Math.floor(0.99 * slopes.length)] || 1;
}

function headings(canvas: Canvas, x: number, names: readonly string[]): void {
  names.forEach((name, i) => {
    const centre = x + i * (TILE + GAP) + TILE / 2;
    canvas.text(name, { x: centre, y: TOP - 24, scale: 2, colour: INK, align: "centre" });
  });
}

function drawExample(
  canvas: Canvas,
  example: DigitExample,
  at: { x: number; y: number; scale: number },
): void {
  const tile = (i: number, values: ArrayLike<number>, colourOf: (value: number) => Colour): void => {
    const box = { x: at.x + i * (TILE + GAP), y: at.y, width: TILE, height: TILE };
    canvas.fill({ x: box.x - 1, y: box.y - 1, width: TILE + 2, height: TILE + 2 }, FRAME);
    canvas.heatMap(values, box, colourOf);
  };
  tile(0, example.pixels, greys);
  example.slopes.forEach((slope, i) => {
    tile(i + 1, slope, (value) => diverging(0.5 + value / (2 * at.scale)));
  });
}

/** The colour bar with its numbers. */
function legend(canvas: Canvas, scale: number): void {
  const width = 360;
  const x = Math.round((canvas.width - width) / 2);
  const y = canvas.height - BOTTOM + 14;
  for (let i = 0; i < width; i++)
    canvas.fill({ x: x + i, y, width: 1, height: 16 }, diverging(i / (width - 1)));
  const style = { y: y + 24, scale: 2, colour: INK, align: "centre" } as const;
  canvas.text(`${(-scale).toFixed(1)} or less`, { ...style, x: x + 24 });
  canvas.text("0", { ...style, x: x + width / 2 });
  canvas.text(`+${scale.toFixed(1)} or more`, { ...style, x: x + width - 24 });
  canvas.text("ink here lowers the logit", { ...style, x: x - 24, y: y + 1, align: "right", colour: FAINT });
  canvas.text("ink here raises the logit", {
    ...style,
    x: x + width + 24,
    y: y + 1,
    align: "left",
    colour: FAINT,
  });
}

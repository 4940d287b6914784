/**
 * cos x · sin y on [−π, π]²: two hidden layers of 128 learn f alone, or f and ∂f; maps of f, ∂f/∂x and ∂²f/∂x∂y.
 *
 * Out: a table of mean squared errors and out/surface.png. A larger budget: `--epochs 500 --rows 25600`.
 */

import { fileURLToPath } from "node:url";
import { Canvas, colourMap } from "../shared/canvas.ts";
import { palette, writePicture } from "../shared/plot.ts";
import { learn, type Outcome, option, type Truth, tableLine } from "./study.ts";

const SIDE = 41;
const place = (i: number): number => Math.PI * ((2 * i) / (SIDE - 1) - 1);
const test = Float64Array.from({ length: SIDE * SIDE * 2 }, (_, i) => {
  const cell = Math.floor(i / 2);
  return place(i % 2 === 0 ? cell % SIDE : Math.floor(cell / SIDE));
});
const truth: Truth = (point) => {
  const [x = 0, y = 0] = [point[0], point[1]];
  const [a, b, c, d] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y)];
  return [[a * d], [-b * d, a * c], [-a * d, -b * c, -b * c, -a * d]];
};
const budget = { rows: option("rows", 6400), epochs: option("epochs", 12), seed: option("seed", 1) };

const colours = colourMap([
  [18, 52, 130],
  [158, 200, 236],
  [250, 250, 250],
  [250, 190, 140],
  [134, 14, 40],
]);
const shown = [
  { name: "value", title: "f", cell: 0, cells: 1 },
  { name: "jacobian", title: "df/dx", cell: 0, cells: 2 },
  { name: "hessian", title: "d2f/dxdy", cell: 1, cells: 4 },
] as const;

const canvas = new Canvas(24 + 5 * 170, 70 + 3 * 190);
canvas.text("cos x sin y: the truth, and networks trained on f and df", {
  x: 24,
  y: 20,
  scale: 2,
  colour: palette.ink,
});

function draw(column: number, title: string, cellOf: (order: number, point: number) => number): void {
  shown.forEach((what, order) => {
    const [x, y] = [24 + column * 170, 70 + order * 190];
    canvas.text(`${title}: ${what.title}`, { x, y: y - 12, scale: 1, colour: palette.ink });
    const values = Float64Array.from({ length: SIDE * SIDE }, (_, point) => cellOf(order, point));
    canvas.heatMap(values, { x, y, width: 4 * SIDE, height: 4 * SIDE }, (value) => colours((value + 1) / 2));
  });
}

draw(
  0,
  "truth",
  (order, point) => truth(test.subarray(2 * point))[order]?.[shown[order]?.cell ?? 0] as number,
);
console.log(`${"".padEnd(20)}${["f", "∂f", "∂²f"].map((name) => name.padStart(10)).join("")}`);
for (const [column, activation] of (["relu", "softplus", "tanh", "cosine"] as const).entries()) {
  const study = { inputs: 2, truth, activation, depth: 2, gain: 1, bias: 1, test, ...budget };
  const outcomes: Outcome[] = [];
  for (const withSlopes of [true, false]) {
    const outcome = await learn(study, withSlopes);
    console.log(tableLine(activation, withSlopes, outcome.errors));
    outcomes.push(outcome);
  }
  draw(column + 1, activation, (order, point) => {
    const { name, cell, cells } = shown[order] as (typeof shown)[number];
    return outcomes[0]?.found[name].data[point * cells + cell] as number;
  });
}
writePicture(fileURLToPath(new URL("out/surface.png", import.meta.url)), canvas);

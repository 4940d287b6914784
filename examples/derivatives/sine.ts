/**
 * sin x on [−π, π]: one hidden layer of 128 learns f alone, or f and ∂f; f, ∂f and ∂²f against the truth.
 *
 * Out: a table of mean squared errors and out/sine.png. The published budget: `--epochs 500`.
 */

import { fileURLToPath } from "node:url";
import { type Panel, palette, plotPanels, writePicture } from "../shared/plot.ts";
import { learn, type Outcome, option, type Truth, tableLine } from "./study.ts";

const test = Float64Array.from({ length: 401 }, (_, i) => Math.PI * (i / 200 - 1));
const truth = ([x = 0]: ArrayLike<number> & Iterable<number>): readonly [number[], number[], number[]] => [
  [Math.sin(x)],
  [Math.cos(x)],
  [-Math.sin(x)],
];
const budget = { rows: option("rows", 25600), epochs: option("epochs", 60), seed: option("seed", 1) };

function panels(activation: string, [both, alone]: readonly Outcome[]): Panel[] {
  return (["value", "jacobian", "hessian"] as const).map((name, order) => {
    const exact = Float64Array.from(test, (x) => truth([x])[order]?.[0] as number);
    const curves = [
      { x: test, y: alone?.found[name].data ?? [], colour: palette.orange, label: "f only" },
      { x: test, y: both?.found[name].data ?? [], colour: palette.blue, label: "f and df" },
      { x: test, y: exact, colour: palette.ink, label: "truth" },
    ];
    return { title: `${activation}: ${["f", "df/dx", "d2f/dx2"][order]}`, curves };
  });
}

/** The gain of the initial weights and the bound of the biases: few bends at first, spread over the interval. */
const starts = { relu: [0.25, 0.4], softplus: [0.03, 3], tanh: [0.7, 2], cosine: [0.002, 3] } as const;
const drawn: Panel[] = [];
console.log(`${"".padEnd(20)}${["f", "∂f", "∂²f"].map((name) => name.padStart(10)).join("")}`);
for (const activation of ["relu", "softplus", "tanh", "cosine"] as const) {
  const [gain, bias] = starts[activation];
  const study = { inputs: 1, truth: truth as Truth, activation, depth: 1, gain, bias, test, ...budget };
  const outcomes: Outcome[] = [];
  for (const withSlopes of [true, false]) {
    const outcome = await learn(study, withSlopes);
    console.log(tableLine(activation, withSlopes, outcome.errors));
    outcomes.push(outcome);
  }
  drawn.push(...panels(activation, outcomes));
}
const path = fileURLToPath(new URL("out/sine.png", import.meta.url));
writePicture(path, plotPanels("sin x on [-pi, pi]: trained with and without derivatives", drawn, 3));

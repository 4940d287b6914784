/** Runs elimination.py in a Python that has JAX or CasADi, on the same task and rows, and reads its figures. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNpy } from "../../src/data/npy.ts";
import { range } from "../../src/ir/shape.ts";
import type { Arithmetic, EliminationTask } from "../tasks/elimination.ts";
import { peerLines } from "./python.ts";

/** Figures of one subject, by metric. */
export interface EliminationFigures {
  readonly subject: string;
  readonly metrics: Readonly<Record<string, number>>;
}

type Line = { readonly subject: string } & Readonly<Record<string, number>>;

/** The peers' figures for X (n, inputs) and jacrow's Z (n, outputs, inputs); a missing package is told and skipped. */
export function eliminationPeers(
  python: string,
  task: EliminationTask,
  { X, Z }: { X: Float64Array<ArrayBuffer>; Z: Float64Array<ArrayBuffer> },
): EliminationFigures[] {
  const n = X.length / task.inputs;
  const lines = peerLines<Line>(python, {
    script: "elimination.py",
    args: [],
    fill: (folder) => {
      writeFileSync(join(folder, "task.json"), JSON.stringify(pythonTask(task)));
      writeFileSync(join(folder, "X.npy"), writeNpy({ data: X, shape: [n, task.inputs] }));
      const shape = [n, Z.length / X.length, task.inputs];
      writeFileSync(join(folder, "Z.npy"), writeNpy({ data: Z, shape }));
    },
  });
  return lines.map(({ subject, ...metrics }) => ({ subject, metrics }));
}

/** The task as lines of Python, one operation each: one text for every array library. */
function pythonTask({ inputs, run }: EliminationTask): object {
  const lines: string[] = [];
  const line = (expression: string): string => {
    lines.push(`v${lines.length} = ${expression}`);
    return `v${lines.length - 1}`;
  };
  const arithmetic: Arithmetic<string> = {
    add: (x, y) => line(`${x} + ${y}`),
    sub: (x, y) => line(`${x} - ${y}`),
    mul: (x, y) => line(`${x} * ${y}`),
    div: (x, y) => line(`${x} / ${y}`),
    atan2: (y, x) => line(`atan2(${y}, ${x})`),
    scale: (c, x) => line(`${c} * ${x}`),
    shift: (x, c) => line(`${x} + ${c}`),
    from: (c, x) => line(`${c} - ${x}`),
    square: (x) => line(`${x} * ${x}`),
    sqrt: (x) => line(`sqrt(${x})`),
    abs: (x) => line(`abs(${x})`),
    sin: (x) => line(`sin(${x})`),
    cos: (x) => line(`cos(${x})`),
    neg: (x) => line(`-${x}`),
  };
  const outputs = run(
    arithmetic,
    range(inputs).map((index) => `x${index}`),
  );
  return { inputs, lines, outputs };
}

/** What a lowered program costs per row: operations by kind, and scratch. Feeds `explain`, plans and the bench. */

import { expressionsOf } from "./intern.ts";
import { type Expr, type Leaf, type Lowered, pointsOf, type Stage } from "./loops.ts";

/** Operations per row; a multiplyAdd or subtractProduct counts as one multiplication and one addition. */
export interface OperationCounts {
  readonly mul: number;
  readonly add: number;
  readonly div: number;
  readonly other: number;
  readonly loads: number;
  readonly stores: number;
  /** Scratch of one lane. */
  readonly scratchBytes: number;
}

const KINDS: Readonly<Record<string, readonly ("mul" | "add" | "div")[]>> = {
  mul: ["mul"],
  add: ["add"],
  sub: ["add"],
  div: ["div"],
  multiplyAdd: ["mul", "add"],
  subtractProduct: ["mul", "add"],
};

type Tally = { mul: number; add: number; div: number; other: number; loads: number; stores: number };

/** Counts every operation a row takes. */
export function operationCounts(lowered: Lowered): OperationCounts {
  const tally: Tally = { mul: 0, add: 0, div: 0, other: 0, loads: 0, stores: 0 };
  for (const { stage, times } of leavesOf(lowered.stages)) countStage(stage, times, tally);
  return { ...tally, scratchBytes: lowered.scratchCells * (lowered.dtype === "f32" ? 4 : 8) };
}

/** The stages that do the work and how often each runs. */
function leavesOf(stages: readonly Stage[], times = 1): { stage: Leaf; times: number }[] {
  return stages.flatMap((stage) =>
    stage.kind === "repeat" ? leavesOf(stage.stages, times * stage.axis.size) : [{ stage, times }],
  );
}

function countStage(stage: Leaf, times: number, tally: Tally): void {
  const own =
    stage.kind === "nest"
      ? pointsOf(stage.axes)
      : stage.kind === "product" || stage.kind === "sum"
        ? pointsOf([...stage.batch, ...stage.m, ...stage.n])
        : 1;
  const outer = times * own;
  if (stage.kind === "product" || stage.kind === "sum") {
    if (stage.kind === "product" || stage.b !== undefined) tally.mul += outer * pointsOf(stage.k);
    tally.add += outer * pointsOf(stage.k);
  }
  if (stage.kind === "nest" && stage.reduce !== undefined) {
    const inner = outer * pointsOf(stage.reduce.axes);
    countExprs(
      stage.reduce.folds.map((fold) => fold.term),
      inner,
      tally,
    );
    for (const { op } of stage.reduce.folds)
      tally[op === "reduceSum" ? "add" : op === "reduceProd" ? "mul" : "other"] += inner;
  }
  countExprs(
    stage.stores.map((store) => store.value),
    outer,
    tally,
  );
  tally.stores += outer * stage.stores.length;
}

function countExprs(roots: readonly Expr[], times: number, tally: Tally): void {
  for (const expr of expressionsOf(roots)) {
    if (expr.op === "load" && expr.access.buffer.space === "tile") tally.loads += times;
    if (expr.op === "select") tally.other += times;
    if (expr.op !== "elementwise" || expr.cell !== "float") continue;
    for (const kind of KINDS[expr.name] ?? (["other"] as const)) tally[kind] += times;
  }
}

/**
 * Walks the stages of a lowered program and writes each as loops on a target.
 *
 * In: a stage, the layout, the thread's scratch address and how many bytes of lanes to fill (a multiple of a
 * vector). Out: calls of the target. Lanes are the innermost loop; what all lanes share is computed before it.
 */

import { accessesOf, rootsOf } from "../lower/accesses.ts";
import { cellOf, expressionsOf } from "../lower/intern.ts";
import type { Lanes } from "../lower/lanes.ts";
import type { Axis, Buffer, Nest, Repeat, Stage, Straight } from "../lower/loops.ts";
import { isElementary } from "./elementwise.ts";
import { type Copy, Evaluator, weightOf } from "./expressions.ts";
import { partsOfFold, reduceStart, reduceStep } from "./folds.ts";
import type { Layout } from "./layout.ts";
import { emitOuterSum } from "./outer-sum.ts";
import { Pointers, type Shifts } from "./pointers.ts";
import { emitProduct } from "./product.ts";
import { emitSum } from "./sum.ts";
import type { Target, Variable } from "./target.ts";

/** Where a stage's code runs. */
export interface Frame<V, I> {
  readonly target: Target<V, I>;
  readonly layout: Layout;
  readonly base: I;
  readonly laneBytes: I;
  /** Where running sums over rows are, if the program has any. */
  readonly sums?: I;
  /** Where buffers are that do not lie in the scratch. */
  readonly places?: ReadonlyMap<Buffer, I>;
  /** Where the loops around the stage stand. */
  readonly steps?: ReadonlyMap<Axis, I>;
}

/** Bodies above this many instructions call elementary functions instead of repeating them (a call adds a quarter). */
const INLINE_WEIGHT = 1500;
/** The same for straight code, in elementary functions. */
const INLINE_CALLS = 48;
const NO_SHIFTS: Shifts = new Map();

/** Writes a stage. */
export function emitStage<V, I>(stage: Stage, frame: Frame<V, I>): void {
  if (stage.kind === "repeat") emitRepeat(stage, frame, emitStage);
  else if (stage.kind === "product") emitProduct(stage, frame);
  else if (stage.kind === "nest") emitNest(stage, frame);
  else if (stage.kind === "straight") emitStraight(stage, frame);
  else {
    const outer = frame.layout.sums.outer.get(stage);
    if (outer === undefined) emitSum(stage, frame);
    else emitOuterSum(stage, outer, frame);
  }
}

/** Writes a loop over stages, each by `emit`. */
export function emitRepeat<V, I>(
  { axis, stages }: Repeat,
  frame: Frame<V, I>,
  emit: (stage: Stage, frame: Frame<V, I>) => void,
): void {
  const { target } = frame;
  target.loop({ from: target.int(0), to: target.int(axis.size), step: 1 }, (i) => {
    const inner = { ...frame, steps: new Map([...(frame.steps ?? []), [axis, i] as const]) };
    for (const stage of stages) emit(stage, inner);
  });
}

/**
 * Vectors side by side: small bodies need several to keep the machine busy, large ones fill it alone. Functions by tables are
 * written by turns and need more, where a tile has them.
 */
function vectorsFor(
  weight: number,
  { tables }: Lanes<unknown>,
  inTile: number,
): readonly [number, ...number[]] {
  if (weight <= 12 || (tables !== undefined && weight <= 32 && inTile >= 4)) return [4, 1];
  return weight <= 40 ? [2, 1] : [1];
}

function emitStraight<V, I>(stage: Straight, frame: Frame<V, I>): void {
  const { target, layout } = frame;
  const pointers = new Pointers(target, layout, frame);
  pointers.prepare(accessesOf(stage));
  const exprs = expressionsOf(rootsOf(stage));
  const inline =
    exprs.filter((expr) => expr.op === "elementwise" && isElementary(expr.name)).length <= INLINE_CALLS;
  const evaluator = new Evaluator(target, pointers, { inline });
  const vectorBytes = target.width * layout.bytes;
  pointers.lanes(frame.laneBytes, { vectors: [1], vectorBytes }, () => {
    const copy: Copy<V> = { shifts: NO_SHIFTS, laneOffset: 0, accumulators: [] };
    evaluator.storeAll(stage.stores, copy);
  });
}

function emitNest<V, I>(stage: Nest, frame: Frame<V, I>): void {
  const { target, layout } = frame;
  const pointers = new Pointers(target, layout, frame);
  pointers.prepare(accessesOf(stage));
  const exprs = expressionsOf(rootsOf(stage));
  const weight = weightOf(exprs);
  const vectors = vectorsFor(weight, target.lanes, layout.tileRows / target.width);
  const evaluator = new Evaluator(target, pointers, { inline: weight * vectors[0] <= INLINE_WEIGHT });
  const vectorBytes = target.width * layout.bytes;
  pointers.over(stage.axes, () => {
    evaluator.hoist(expressionsOf(stage.stores.map((store) => store.value)), NO_SHIFTS);
    pointers.lanes(frame.laneBytes, { vectors, vectorBytes }, (count) => {
      const offsets = Array.from({ length: count }, (_, index) => index * vectorBytes);
      const folded = foldNest(stage, { frame, pointers, evaluator, offsets });
      const copies = offsets.map((laneOffset, index) => {
        const accumulators = (folded[index] ?? []).map((variable) => variable.get());
        return { shifts: NO_SHIFTS, laneOffset, accumulators };
      });
      evaluator.storeEach(stage.stores, copies);
    });
  });
}

interface FoldPlace<V, I> {
  readonly frame: Frame<V, I>;
  readonly pointers: Pointers<V, I>;
  readonly evaluator: Evaluator<V, I>;
  readonly offsets: readonly number[];
}

/** Runs the reduce loops for all vectors side by side; gives each vector's accumulators. */
function foldNest<V, I>(
  { reduce }: Nest,
  { frame, pointers, evaluator, offsets }: FoldPlace<V, I>,
): Variable<V>[][] {
  if (reduce === undefined) return [];
  const { target } = frame;
  const cells = reduce.folds.map((fold) => cellOf(fold.term));
  const variables = offsets.map(() =>
    reduce.folds.map((fold, index) => target.variable(reduceStart(target, fold.op, cells[index] ?? "float"))),
  );
  const terms = reduce.folds.map(partsOfFold);
  const copies = offsets.map((laneOffset) => ({ shifts: NO_SHIFTS, laneOffset, accumulators: [] }));
  const step = (values: V[], own: readonly Variable<V>[]): void =>
    reduce.folds.forEach((fold, index) => {
      const variable = own[index] as Variable<V>;
      const parts = values.splice(0, terms[index]?.length);
      const cell = cells[index] ?? "float";
      variable.set(reduceStep(target, fold.op, { cell, a: variable.get(), parts }));
    });
  pointers.over(reduce.axes, () => {
    let vector = 0;
    for (const group of evaluator.groups(copies))
      for (const values of evaluator.valuesOfAll(terms.flat(), group))
        step(values, variables[vector++] as Variable<V>[]);
  });
  return variables;
}

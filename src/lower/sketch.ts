/**
 * Sketches: lane expressions whose loads still name nodes and coordinates instead of buffers and cells.
 *
 * Planning works on sketches, because a node's place (its own buffer, a part of an output, an accumulator) is decided
 * last. `resolve` in emit.ts turns them into `Expr`.
 */

import type { Cell, Node } from "../ir/types.ts";
import { indicesKey, substituted } from "./indices.ts";
import type { Axis, ElementwiseOp, Index } from "./loops.ts";

/** The cell of `node` at `at`, one index per axis of its shape. */
export interface Read {
  readonly op: "read";
  readonly node: Node;
  readonly at: readonly Index[];
}

/** A lane expression before places are known. */
export type Sketch =
  | Read
  | { readonly op: "literal"; readonly value: number; readonly cell: Cell }
  /** The index's value, as int. */
  | { readonly op: "index"; readonly index: Index }
  | { readonly op: "accumulator"; readonly index: number; readonly cell: Cell }
  | {
      readonly op: "elementwise";
      readonly name: ElementwiseOp;
      readonly cell: Cell;
      readonly args: readonly Sketch[];
    }
  | { readonly op: "select"; readonly condition: Sketch; readonly a: Sketch; readonly b: Sketch }
  | { readonly op: "convert"; readonly a: Sketch; readonly from: Cell; readonly to: Cell };

/** The same number in every lane. */
export const literal = (value: number, cell: Cell = "float"): Sketch => ({ op: "literal", value, cell });

/** The result of the first fold. */
export const folded = (cell: Cell): Sketch => ({ op: "accumulator", index: 0, cell });

/** A function applied to sketches; `cell` is what they hold. */
export const elementwise = (name: ElementwiseOp, cell: Cell, args: readonly Sketch[]): Sketch => ({
  op: "elementwise",
  name,
  cell,
  args,
});

/** The sketch with leaves replaced; shared parts stay shared. */
export function mapLeaves(
  sketch: Sketch,
  leaf: (leaf: Sketch) => Sketch,
  memo: Map<Sketch, Sketch> = new Map(),
): Sketch {
  const known = memo.get(sketch);
  if (known !== undefined) return known;
  const visit = (inner: Sketch): Sketch => mapLeaves(inner, leaf, memo);
  const mapped = mapOne(sketch, visit, leaf);
  memo.set(sketch, mapped);
  return mapped;
}

function mapOne(sketch: Sketch, visit: (inner: Sketch) => Sketch, leaf: (leaf: Sketch) => Sketch): Sketch {
  switch (sketch.op) {
    case "elementwise":
      return { ...sketch, args: sketch.args.map(visit) };
    case "select":
      return { ...sketch, condition: visit(sketch.condition), a: visit(sketch.a), b: visit(sketch.b) };
    case "convert":
      return { ...sketch, a: visit(sketch.a) };
    default:
      return leaf(sketch);
  }
}

/** The sketch over other axes. */
export function withAxes(sketch: Sketch, map: ReadonlyMap<Axis, Index>): Sketch {
  return mapLeaves(sketch, (leaf) => {
    if (leaf.op === "read") return { ...leaf, at: leaf.at.map((index) => substituted(index, map)) };
    return leaf.op === "index" ? { ...leaf, index: substituted(leaf.index, map) } : leaf;
  });
}

/** Every read in the sketches, once per node and coordinates. */
export function readsOf(sketches: readonly Sketch[]): Read[] {
  const seen = new Set<Sketch>();
  const reads = new Map<string, Read>();
  const visit = (leaf: Sketch): Sketch => {
    if (leaf.op === "read") reads.set(`${leaf.node.id}:${indicesKey(leaf.at)}`, leaf);
    return leaf;
  };
  for (const sketch of sketches) {
    if (!seen.has(sketch)) mapLeaves(sketch, visit);
    seen.add(sketch);
  }
  return [...reads.values()];
}

/** Operations in a sketch, shared ones once. */
export function countOperations(sketch: Sketch): number {
  const memo = new Map<Sketch, Sketch>();
  let leaves = 0;
  mapLeaves(
    sketch,
    (leaf) => {
      leaves++;
      return leaf;
    },
    memo,
  );
  return memo.size - leaves;
}

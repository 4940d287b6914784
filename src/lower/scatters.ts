/**
 * Tasks for indices known only per row, and for sums of overlapping parts.
 *
 * A row's own index cannot address memory across lanes, so it is compared with every position (a fold). Known indices
 * and windows add into zeros, point after point.
 */

import { at, range, sizeOf } from "../ir/shape.ts";
import type { GatherNode, Node, ScatterAddNode, UnwindowNode } from "../ir/types.ts";
import { plus, scaled } from "./indices.ts";
import type { Index } from "./loops.ts";
import type { Loops, Planner } from "./planner.ts";
import { elementwise, folded, literal, type Sketch } from "./sketch.ts";
import type { Fold, Target } from "./tasks.ts";
import type { Walk } from "./walk.ts";

/** Adds the chosen cell to nothing else: bools by `any`, numbers by a sum. */
function chosenFold(node: Node, chosen: Sketch, term: Sketch): Fold {
  if (node.cell === "bool")
    return { op: "any", cell: "bool", term: elementwise("and", "bool", [chosen, term]) };
  return {
    op: "reduceSum",
    cell: node.cell,
    term: { op: "select", condition: chosen, a: term, b: literal(0, node.cell) },
  };
}

const isAt = (index: Sketch, position: Index): Sketch =>
  elementwise("eq", "int", [index, { op: "index", index: position }]);

/** out[…i…] = Σ_p (indices[i] = p ? a[…p…] : 0). */
export function gatherFold(node: GatherNode): Loops {
  const rank = node.indices.shape.length;
  return {
    free: node.shape,
    summed: [at(node.a.shape, node.axis)],
    body: (free, summed, walk) => {
      const position = at(summed, 0);
      const index = walk.cell(node.indices, free.slice(node.axis, node.axis + rank));
      const term = walk.cell(node.a, [
        ...free.slice(0, node.axis),
        position,
        ...free.slice(node.axis + rank),
      ]);
      return { at: free, value: folded(node.cell), folds: [chosenFold(node, isAt(index, position), term)] };
    },
  };
}

/** out[…p…] = Σ_i (indices[i] = p ? a[…i…] : 0). */
export function scatterFold(node: ScatterAddNode): Loops {
  return {
    free: node.shape,
    summed: node.indices.shape,
    body: (free, summed, walk) => {
      const index = walk.cell(node.indices, summed);
      const term = walk.cell(node.a, [...free.slice(0, node.axis), ...summed, ...free.slice(node.axis + 1)]);
      return {
        at: free,
        value: folded(node.cell),
        folds: [chosenFold(node, isAt(index, at(free, node.axis)), term)],
      };
    },
  };
}

/** Does every cell of the operand have a place of its own? */
function isInjective(node: ScatterAddNode | UnwindowNode): boolean {
  if (node.op === "scatterAdd") {
    const { indices } = node;
    return indices.op === "constant" && new Set(indices.values).size === sizeOf(indices.shape);
  }
  const [count, size] = [at(node.a.shape, node.axis), at(node.a.shape, node.axis + 1)];
  return node.stride > (size - 1) * node.dilation || node.dilation > (count - 1) * node.stride;
}

/** Zeros, then every cell of the operand added at its place, or just put there if no other cell comes. */
export function accumulatedTask(planner: Planner, node: ScatterAddNode | UnwindowNode, target: Target): void {
  const body: Loops["body"] = (free, _, walk) => {
    const place = node.op === "unwindow" ? overlapped(node, free) : scattered(node, free, walk);
    if (isInjective(node)) return { at: place, value: walk.cell(node.a, free) };
    const sum = elementwise("add", node.cell, [{ op: "read", node, at: place }, walk.cell(node.a, free)]);
    return { at: place, value: sum };
  };
  // Tasks are made in reverse, so the adding comes first and learns of its zeros afterwards.
  const { node: _, ...owned } = target;
  const zeros = planner.fill(node, target.home);
  planner.task({ ...owned, node }, { free: node.a.shape, body }, { ordered: true, after: [zeros] });
}

function overlapped(node: UnwindowNode, free: readonly Index[]): Index[] {
  const inner = plus(
    scaled(at(free, node.axis), node.stride),
    scaled(at(free, node.axis + 1), node.dilation),
  );
  return [...free.slice(0, node.axis), inner, ...free.slice(node.axis + 2)];
}

function scattered(node: ScatterAddNode, free: readonly Index[], walk: Walk): Index[] {
  const rank = node.indices.shape.length;
  const index = walk.tableIndex(node.indices, free.slice(node.axis, node.axis + rank));
  return range(node.shape.length).map((axis) =>
    axis < node.axis ? at(free, axis) : axis === node.axis ? index : at(free, axis + rank - 1),
  );
}

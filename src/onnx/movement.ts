/**
 * Operators that move cells: one emission serves rows and shape arithmetic alike.
 *
 * In: values and a function that moves their cells in the IR. Out: the moved value. For known cells the same function
 * moves the cells' positions, which are then looked up; so multiples of the batch move as numbers do.
 */

import { UnsupportedError } from "../errors.ts";
import { Builder } from "../ir/builder.ts";
import { evaluateInto, valueOf } from "../ir/evaluate.ts";
import { topologicalOrder } from "../ir/graph.ts";
import { at, range, showShape, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Node } from "../ir/types.ts";
import type { Call } from "./call.ts";
import type { Layout } from "./layout.ts";
import type { Size } from "./size.ts";
import type { Dtype } from "./tensor.ts";
import type { Value } from "./value.ts";

/** Operand `index` with only these of its axes; the others must have size one. */
export type Take = (index: number, axes: readonly number[]) => Node;

/** A value's node with exactly these axes; the axes left out must have size one. */
export function take(b: Builder, { node, layout: { sizes } }: Value, axes: readonly number[]): Node {
  return b.reshape(
    node,
    axes.map((axis) => at(sizes, axis)),
  );
}

/** A value's node with all its axes, a pure batch axis as size one. */
export function full(b: Builder, value: Value): Node {
  return b.reshape(value.node, value.layout.sizes);
}

/** The axes with more than one cell in any of the layouts, which have one rank. */
export function openAxes(...layouts: readonly Layout[]): number[] {
  return range((layouts[0] as Layout).sizes.length).filter((axis) =>
    layouts.some(({ sizes }) => at(sizes, axis) !== 1),
  );
}

/** Moves cells of `values` into `result`. */
export function moved(
  call: Call,
  values: readonly Value[],
  { result, dtype, emit }: { result: Layout; dtype?: Dtype; emit: (b: Builder, take: Take) => Node },
): Value {
  const type = dtype ?? (values[0] as Value).dtype;
  if (result.batch === undefined && values.every((value) => value.folds))
    return call.known(movedCells(values, emit), result.sizes, type);
  return call.value(
    emit(call.b, (index, axes) => take(call.b, at(values, index), axes)),
    result,
    type,
  );
}

/** Lets `emit` move positions in a scratch program and looks the cells up. */
function movedCells(values: readonly Value[], emit: (b: Builder, take: Take) => Node): Size[] {
  const pool = values.flatMap((value) => [...(value.cells ?? [])]);
  const scratch = new Builder();
  const positions = emit(scratch, (index, axes) => {
    const { cells = [], layout } = at(values, index);
    const start = values.slice(0, index).reduce((sum, value) => sum + (value.cells?.length ?? 0), 0);
    return scratch.constant(
      range(cells.length).map((position) => start + position),
      axes.map((axis) => at(layout.sizes, axis)),
    );
  });
  return Array.from(evaluated(positions).data, (position) => at(pool, position));
}

/** Most cells that are computed, over all steps, to know one constant while importing. */
const MOST_EVALUATED_CELLS = 2 ** 22;

/** The numbers of a node that depends on no input; an error if they are too many to compute while importing. */
export function evaluated(node: Node): Tensor {
  const nodes = topologicalOrder([node]);
  const cells = nodes.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (cells > MOST_EVALUATED_CELLS) {
    throw new UnsupportedError(
      "JR514",
      `a constant of shape ${showShape(node.shape)} takes ${cells} numbers to compute, too many while importing.`,
    );
  }
  const values = new Map<Node, Tensor>();
  evaluateInto(values, nodes);
  return valueOf(values, node);
}

/** A transposition in which axes of size one cost nothing. */
export function transposed(b: Builder, node: Node, order: readonly number[]): Node {
  const open = order.filter((axis) => at(node.shape, axis) !== 1);
  const kept = [...open].sort((x, y) => x - y);
  const squeezed = b.reshape(
    node,
    kept.map((axis) => at(node.shape, axis)),
  );
  const turned = b.transpose(
    squeezed,
    open.map((axis) => kept.indexOf(axis)),
  );
  return b.reshape(
    turned,
    order.map((axis) => at(node.shape, axis)),
  );
}

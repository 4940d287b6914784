/**
 * Constants whose cells are only zeros and ones, as lists of cells, and steps in such lists.
 *
 * In: a constant node. Out: which cells are one, and whether numbers that belong to cells move by fixed steps.
 */

import { evaluateInto, valueOf } from "../ir/evaluate.ts";
import { topologicalOrder } from "../ir/graph.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Node } from "../ir/types.ts";

/** The ones of a 0/1 tensor, as row-major cell numbers. */
export interface Selected {
  readonly ones: readonly number[];
}

/** values[key] where every key occurs exactly once. */
export function onePer(pairs: readonly (readonly [number, number])[], count: number): number[] | undefined {
  if (pairs.length !== count) return undefined;
  const values = new Array<number>(count).fill(-1);
  for (const [key, value] of pairs) values[key] = value;
  return values.includes(-1) ? undefined : values;
}

/** The step along each axis, if the values are start + Σ index · step. */
export function stepsOf(values: readonly number[], sizes: readonly number[]): number[] | undefined {
  const strides = sizes.map((_, axis) => sizeOf(sizes.slice(axis + 1)));
  const steps = sizes.map((size, axis) => (size > 1 ? at(values, at(strides, axis)) - at(values, 0) : 1));
  const fits = values.every(
    (value, cell) =>
      value ===
      coordinatesOf(cell, sizes).reduce((sum, index, axis) => sum + index * at(steps, axis), at(values, 0)),
  );
  return fits ? steps : undefined;
}

/** The cells that are one, if all others are zero. */
export function selectedOf(node: Node): Selected | undefined {
  const values = new Map<Node, Tensor>();
  evaluateInto(values, topologicalOrder([node]));
  const { data } = valueOf(values, node);
  if (!data.every((value) => value === 0 || value === 1)) return undefined;
  return { ones: range(data.length).filter((cell) => data[cell] === 1) };
}

/** The row-major coordinates of a cell. */
export function coordinatesOf(cell: number, shape: readonly number[]): number[] {
  const place: number[] = [];
  let rest = cell;
  for (const size of [...shape].reverse()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return place;
}

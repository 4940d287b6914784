/**
 * LinearMap → its structural nonzeros alone, in the order of its pattern (by row, then column): work and memory
 * proportional to the nonzeros, however large the dense Jacobian would be.
 */

import type { Builder } from "../ir/builder.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Node, Shape } from "../ir/types.ts";
import { guarded } from "./factors.ts";
import { expandTo } from "./labels.ts";
import { type LinearMap, labelsOf, type Term } from "./linear-map.ts";
import { denseNode } from "./materialize.ts";
import { cellsOf, type Pattern } from "./pattern.ts";

/** The nonzeros of a map between values of the given shapes, shape (nnz,). */
export function compressedNode(
  b: Builder,
  map: LinearMap,
  { shapes, pattern }: { shapes: readonly [Shape, Shape]; pattern: Pattern },
): Node {
  const count = pattern.rows.length;
  if (count === 0) return b.constant(0, [0]);
  const columns = sizeOf(shapes[1]);
  const places = new Map<number, number>();
  pattern.rows.forEach((row, index) => places.set(row * columns + (pattern.columns[index] as number), index));
  const known = new Map<Node, Tensor>();
  const sources: number[] = [];
  const targets: number[] = [];
  let start = 0;
  const parts = map.map((term) => {
    for (const [row, column, place] of cellsOf(term, shapes, known)) {
      sources.push(start + place);
      targets.push(places.get(row * columns + column) as number);
    }
    const part = flatTerm(b, term);
    start += at(part.shape, 0);
    return part;
  });
  const all = b.concat(parts, 0);
  const overlapping = new Set(targets).size < targets.length;
  if (overlapping)
    return b.scatterAdd(picked(b, all, sources), indices(b, targets), { axis: 0, size: count });
  const order = new Array<number>(count);
  targets.forEach((target, index) => {
    order[target] = at(sources, index);
  });
  return picked(b, all, order);
}

/** The nonzeros of scalar maps, row-major over all cells. */
export function compressedScalars(b: Builder, maps: readonly LinearMap[]): Node {
  const cells = maps
    .filter((map) => map.length > 0)
    .map((map) => b.reshape(denseNode(b, map, [[], []]), [1]));
  return cells.length === 0 ? b.constant(0, [0]) : b.concat(cells, 0);
}

/** A term's factor over all its labels, flat. */
function flatTerm(b: Builder, term: Term): Node {
  const labels = labelsOf(term);
  const value = guarded(b, term.guard, term.factor) ?? { node: b.constant(1), labels: [] };
  const full = expandTo(b, { ...value, node: b.mul(b.constant(term.scale), value.node) }, labels);
  return b.reshape(full, [sizeOf(full.shape)]);
}

/** cells[order], or the cells themselves where the order is theirs. */
function picked(b: Builder, cells: Node, order: readonly number[]): Node {
  const same = order.length === cells.shape[0] && order.every((place, index) => place === index);
  return same ? cells : b.gather(cells, indices(b, order), 0);
}

const indices = (b: Builder, values: readonly number[]): Node =>
  b.constant(Float64Array.from(values), [values.length], "int");

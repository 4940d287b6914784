/**
 * Cell-by-cell operators: broadcasting of layouts, folding of shape arithmetic, or IR nodes.
 *
 * In: values of one call. Out: their broadcast. Always: the batch of every operand lies on the same right-aligned axis;
 * where it does not, rows would meet in pairs, and the call is refused.
 */

import type { Builder } from "../ir/builder.ts";
import { at, range } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import type { Call } from "./call.ts";
import { type BatchPlace, type Layout, layout, showLayout } from "./layout.ts";
import { take } from "./movement.ts";
import { type Size, showSize } from "./size.ts";
import type { Dtype } from "./tensor.ts";
import type { Value } from "./value.ts";

/** How an elementwise operator is computed. */
export interface Elementwise {
  /** From one row's operands, broadcast by the builder. */
  readonly emit: (b: Builder, nodes: readonly Node[]) => Node;
  /** From known cells, for shape arithmetic; undefined when the result is no multiple of the batch. */
  readonly fold?: ((...cells: Size[]) => Size | undefined) | undefined;
  /** The result's dtype; the first operand's if absent. */
  readonly dtype?: Dtype;
}

/** The operands' common layout; refuses what would pair rows. */
export function broadcastLayouts(call: Call, layouts: readonly Layout[]): Layout {
  const rank = Math.max(0, ...layouts.map(({ sizes }) => sizes.length));
  const sizes = range(rank).map((axis) => commonSize(call, layouts, axis - rank));
  const places = layouts.flatMap(({ sizes: own, batch }) =>
    batch === undefined ? [] : [{ ...batch, axis: batch.axis + rank - own.length }],
  );
  return layout(sizes, onePlace(call, layouts, { places, sizes }));
}

/** The size on an axis counted from the right (−1 is the last). */
function commonSize(call: Call, layouts: readonly Layout[], fromRight: number): number {
  const own = layouts.map(({ sizes }) => sizes.at(fromRight) ?? 1).filter((size) => size !== 1);
  const size = own[0] ?? 1;
  if (own.some((other) => other !== size)) {
    call.malformed(`the shapes ${layouts.map(showLayout).join(" and ")} do not broadcast.`);
  }
  return size;
}

/** The batch's one place in the result, if every operand agrees with it. */
function onePlace(
  call: Call,
  layouts: readonly Layout[],
  { places, sizes }: { places: readonly BatchPlace[]; sizes: readonly number[] },
): BatchPlace | undefined {
  const [place, ...others] = places;
  if (place === undefined) return undefined;
  if (others.some(({ axis, outer }) => axis !== place.axis || outer !== place.outer)) {
    call.mixes("its operands carry the batch on different axes, so every row would meet every other row");
  }
  for (const { sizes: own } of layouts.filter(({ batch }) => batch === undefined)) {
    const size = own[place.axis - sizes.length + own.length] ?? 1;
    if (size !== 1)
      call.mixes(
        `axis ${place.axis} is the batch in one operand and has ${size} cells in the other, so each row would get its own constants`,
      );
  }
  const cells = at(sizes, place.axis);
  if (layouts.some(({ sizes: own, batch }) => batch !== undefined && own[batch.axis] !== cells))
    call.mixes(
      `axis ${place.axis} is the batch in one operand and the batch with ${cells} cells a row in the other`,
    );
  return place;
}

/** Applies an elementwise operator with broadcasting. */
export function elementwise(call: Call, values: readonly Value[], { emit, fold, dtype }: Elementwise): Value {
  const result = broadcastLayouts(
    call,
    values.map((value) => value.layout),
  );
  const type = dtype ?? (values[0] as Value).dtype;
  if (fold !== undefined && values.every((value) => value.folds)) {
    return call.known(foldCells(call, values, { fold, sizes: result.sizes }), result.sizes, type);
  }
  const nodes = values.map((value) => take(call.b, value, kept(value, result)));
  return call.value(emit(call.b, nodes), result, type);
}

/** One operand only. */
export function mapped(call: Call, value: Value, emit: (b: Builder, node: Node) => Node): Value {
  return elementwise(call, [value], { emit: (b, [node]) => emit(b, node as Node) });
}

/** The axes of an operand where the result has more than one cell. */
function kept({ layout: { sizes } }: Value, result: Layout): number[] {
  const missing = result.sizes.length - sizes.length;
  return range(sizes.length).filter((axis) => at(result.sizes, axis + missing) !== 1);
}

function foldCells(
  call: Call,
  values: readonly Value[],
  { fold, sizes }: { fold: NonNullable<Elementwise["fold"]>; sizes: readonly number[] },
): Size[] {
  const strides = values.map((value) => broadcastStrides(value, sizes));
  const index = sizes.map(() => 0);
  const count = sizes.reduce((product, size) => product * size, 1);
  return range(count).map(() => {
    const cells = values.map((value, k) =>
      at(
        value.cells ?? [],
        index.reduce((sum, i, axis) => sum + i * at(at(strides, k), axis), 0),
      ),
    );
    const cell = fold(...cells);
    if (cell === undefined)
      call.mixes(
        `its result for ${cells.map(showSize).join(" and ")} would depend on how many rows there are`,
      );
    advance(index, sizes);
    return cell;
  });
}

/** Strides of an operand along the result's axes; 0 where it repeats. */
function broadcastStrides({ layout: { sizes } }: Value, result: readonly number[]): number[] {
  const missing = result.length - sizes.length;
  let stride = 1;
  const strides = result.map(() => 0);
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    if (at(sizes, axis) !== 1) strides[axis + missing] = stride;
    stride *= at(sizes, axis);
  }
  return strides;
}

/** The next index in row-major order. */
function advance(index: number[], sizes: readonly number[]): void {
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    index[axis] = at(index, axis) + 1;
    if (at(index, axis) < at(sizes, axis)) return;
    index[axis] = 0;
  }
}

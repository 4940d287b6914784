/** Operators that rename, order or repeat axes: the batch moves with them. */

import { at, range, sizeOf } from "../../ir/shape.ts";
import type { Call } from "../call.ts";
import { broadcastLayouts } from "../elementwise.ts";
import { isBatchAxis, type Layout, layout, plain, squeezed, symbolicShape } from "../layout.ts";
import { moved, transposed } from "../movement.ts";
import { copyZeros, relabelled, reshaped } from "../reshape.ts";
import { foldAll, isNumber, type Size } from "../size.ts";
import type { Value } from "../value.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";

/** The value with its axes in another order. */
export function transpose(call: Call, value: Value, order: readonly number[]): Value {
  const { sizes, batch } = value.layout;
  if (order.length !== sizes.length || new Set(order).size !== sizes.length)
    call.malformed(`its order [${order}] does not fit rank ${sizes.length}.`);
  const result = layout(
    order.map((axis) => at(sizes, axis)),
    batch && { ...batch, axis: order.indexOf(batch.axis) },
  );
  return moved(call, [value], {
    result,
    emit: (b, take) => transposed(b, take(0, range(sizes.length)), order),
  });
}

const transposeOperator: Operator = row(1, (call) => {
  const x = call.input(0);
  return transpose(
    call,
    x,
    (call.ints("perm") ?? range(x.rank).reverse()).map((axis) => call.axis(axis, x.rank)),
  );
});

/** Dims are an input since opset 5; 0 copies unless `allowzero`. */
const reshapeOperator: Operator = row(5, (call) => {
  const x = call.input(0);
  const dims = call.cells(1, "target shape");
  return reshaped(call, x, call.int("allowzero", 0) === 1 ? dims : copyZeros(call, dims, x.layout));
});

/** Two axes: those before `axis` and the rest. */
const flatten: Operator = row(1, (call) => {
  const x = call.input(0);
  const axis = call.int("axis", 1) === x.rank ? x.rank : call.axis(call.int("axis", 1), x.rank);
  const dims = symbolicShape(x.layout);
  return reshaped(call, x, [product(call, dims.slice(0, axis)), product(call, dims.slice(axis))]);
});

function product(call: Call, dims: readonly Size[]): Size {
  return foldAll("Mul", dims) ?? call.mixes("it multiplies the number of rows by itself");
}

/** Axes are an attribute before opset 13 and an input since. */
const squeeze: Operator = row(1, (call) => {
  const x = call.input(0);
  const { sizes } = x.layout;
  const given = call.numbersOr(1, "axes")?.map((axis) => call.axis(axis, x.rank));
  const axes = given ?? range(x.rank).filter((axis) => at(sizes, axis) === 1 && !isBatchAxis(x.layout, axis));
  const wrong = axes.find((axis) => at(sizes, axis) !== 1);
  if (wrong !== undefined)
    call.malformed(`axis ${wrong} has ${at(sizes, wrong)} cells and cannot be squeezed.`);
  if (axes.some((axis) => isBatchAxis(x.layout, axis)))
    call.mixes("it squeezes the batch axis, which is right for a single row only");
  return relabelled(x, call, squeezed(x.layout, axes));
});

/** The value with new axes of size one at these places of the result. */
export function unsqueezed(call: Call, value: Value, axes: readonly number[]): Value {
  const rank = value.rank + axes.length;
  const places = axes.map((axis) => call.axis(axis, rank));
  const old = range(rank).filter((axis) => !places.includes(axis));
  const { sizes, batch } = value.layout;
  const result = range(rank).map((axis) => (places.includes(axis) ? 1 : at(sizes, old.indexOf(axis))));
  return relabelled(value, call, layout(result, batch && { ...batch, axis: at(old, batch.axis) }));
}

/** Axes are an attribute before opset 13 and an input since. */
const unsqueeze: Operator = row(1, (call) =>
  unsqueezed(call, call.input(0), call.numbersOr(1, "axes") ?? []),
);

/** A shape with the batch in it as a layout. */
export function layoutOfDims(call: Call, dims: readonly Size[]): Layout {
  const axis = dims.findIndex((dim) => !isNumber(dim));
  if (dims.filter((dim) => !isNumber(dim)).length > 1) call.mixes("its shape holds the number of rows twice");
  const sizes = dims.map((dim) => (isNumber(dim) ? dim : dim.batches));
  if (sizes.some((size) => !Number.isInteger(size) || size < 0) || !Number.isSafeInteger(sizeOf(sizes)))
    call.malformed(`it asks for the shape [${sizes}].`);
  return axis < 0 ? plain(sizes) : layout(sizes, { axis, outer: 1 });
}

/** numpy's broadcast with the given shape, in both directions. */
const expand: Operator = row(8, (call) => {
  const x = call.input(0);
  const result = expandedLayout(call, x.layout, call.cells(1, "target shape"));
  const missing = result.sizes.length - x.rank;
  const open = range(result.sizes.length).filter((axis) => at(result.sizes, axis) !== 1);
  const kept = open.filter((axis) => axis >= missing).map((axis) => axis - missing);
  return moved(call, [x], {
    result,
    emit: (b, take) =>
      b.broadcast(
        take(0, kept),
        open.map((axis) => at(result.sizes, axis)),
      ),
  });
});

/** A batch in the shape meets the value's own batch, or an axis of size one that is then repeated for every row. */
function expandedLayout(call: Call, own: Layout, dims: readonly Size[]): Layout {
  const target = layoutOfDims(call, dims);
  const outer = own.batch?.outer ?? 1;
  return broadcastLayouts(call, [
    own,
    target.batch === undefined ? target : layout(target.sizes, { ...target.batch, outer }),
  ]);
}

/** Repeats along axes; the batch axis only once. */
const tile: Operator = row(6, (call) => {
  const x = call.input(0);
  const repeats = call.cells(1, "repeats");
  const { sizes, batch } = x.layout;
  const factors = repeats.map((repeat) => (isNumber(repeat) ? repeat : repeat.batches));
  const grown = repeats.findIndex((repeat) => !isNumber(repeat));
  if (batch !== undefined && (grown >= 0 || at(factors, batch.axis) !== 1)) call.mixes("it repeats the rows");
  if (grown >= 0 && at(sizes, grown) !== 1) call.mixes("it repeats cells as often as there are rows");
  const result = layout(
    sizes.map((size, axis) => size * at(factors, axis)),
    grown >= 0 ? { axis: grown, outer: 1 } : batch,
  );
  return moved(call, [x], {
    result,
    emit: (b, take) => {
      const paired = sizes.flatMap((size, axis) => [at(factors, axis), size]);
      const separate = b.reshape(
        take(0, range(x.rank)),
        sizes.flatMap((size) => [1, size]),
      );
      return b.reshape(b.broadcast(separate, paired), result.sizes);
    },
  });
});

/** Operators on axes by name. */
export const axesOperators: OperatorTable = {
  Transpose: transposeOperator,
  Reshape: reshapeOperator,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expand,
  Tile: tile,
};

/** Pools over windows or over all spatial axes. */

import type { Builder } from "../../ir/builder.ts";
import { at, range } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { maxFirst } from "./first.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { padded, requireBatchFirst, type Window, windowsLast, windowsOf } from "./spatial.ts";

/** Reduces the last axis, which holds the cells of a window. */
type Pool = (b: Builder, cells: Node, windows: readonly Window[]) => Node;

function pool(since: number, fill: number, emit: (call: Call, spatial: readonly number[]) => Pool): Operator {
  return row(since, (call) => {
    const x = call.input(0);
    requireBatchFirst(call, x);
    if (call.outputs.slice(1).some((name) => name !== ""))
      call.unsupported("its output Indices is not computed; remove its uses.");
    const [samples, channels, ...spatial] = x.layout.sizes as [number, number, ...number[]];
    const windows = windowsOf(call, spatial, call.ints("kernel_shape") ?? []);
    const cells = windowsLast(call.b, padded(call.b, full(call.b, x), { first: 2, windows, fill }), {
      first: 2,
      windows,
    });
    const y = emit(call, spatial)(call.b, cells, windows);
    return call.value(y, layout([samples, channels, ...windows.map(({ count }) => count)], x.layout.batch));
  });
}

/** Sums over windows, divided by how many cells count. */
const average = pool(1, 0, (call, spatial) => (b, cells, windows) => {
  const sum = b.sum(cells, [cells.shape.length - 1]);
  const included = call.int("count_include_pad", 0) === 1;
  const pads = call.ints("pads") ?? windows.flatMap(() => [0, 0]);
  const perAxis = windows.map((window, k) =>
    range(window.count).map((place) =>
      countCells(window, place, {
        length: at(spatial, k),
        after: included ? (pads[k + windows.length] ?? 0) : 0,
        included,
      }),
    ),
  );
  const counts = perAxis.reduce<number[]>(
    (product, own) => product.flatMap((x) => own.map((y) => x * y)),
    [1],
  );
  if (counts.every((count) => count === counts[0])) return b.mul(b.constant(1 / at(counts, 0)), sum);
  return b.div(
    sum,
    b.constant(
      counts,
      windows.map(({ count }) => count),
    ),
  );
});

/** Cells of the window at `place` that lie in the input, or in the input and its stated padding. */
function countCells(
  { size, stride, dilation, before }: Window,
  place: number,
  { length, after, included }: { length: number; after: number; included: boolean },
): number {
  const [least, most] = included ? [0, length + before + after] : [before, before + length];
  return range(size).filter(
    (k) => place * stride + k * dilation >= least && place * stride + k * dilation < most,
  ).length;
}

const powerPool = pool(2, 0, (call) => (b, cells) => norm(b, cells, call.int("p", 2)));

/** (Σ |x|ᵖ)^(1/p) over the last axis. */
function norm(b: Builder, x: Node, p: number): Node {
  const powers = b.binary("pow", b.unary("abs", x), b.constant(p));
  return b.binary("pow", b.sum(powers, [x.shape.length - 1]), b.constant(1 / p));
}

/** One number per channel. */
function globalPool(emit: (b: Builder, cells: Node, call: Call) => Node): Operator {
  return row(1, (call) => {
    const x: Value = call.input(0);
    requireBatchFirst(call, x);
    const [samples, channels, ...spatial] = x.layout.sizes as [number, number, ...number[]];
    const cells = call.b.reshape(x.node, [
      samples,
      channels,
      spatial.reduce((product, size) => product * size, 1),
    ]);
    return call.value(
      emit(call.b, cells, call),
      layout([samples, channels, ...spatial.map(() => 1)], x.layout.batch),
    );
  });
}

/** Pools by name. */
export const pools: OperatorTable = {
  MaxPool: pool(1, Number.NEGATIVE_INFINITY, () => maxFirst),
  AveragePool: average,
  LpPool: powerPool,
  GlobalAveragePool: globalPool((b, cells) => b.mul(b.constant(1 / at(cells.shape, 2)), b.sum(cells, [2]))),
  GlobalMaxPool: globalPool(maxFirst),
  GlobalLpPool: globalPool((b, cells, call) => norm(b, cells, call.int("p", 2))),
};

/** Pools over windows or over all spatial axes. */

import type { Builder } from "../../ir/builder.ts";
import { at, range, sizeOf, stridesOf } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { maxFirst, placeOfMax } from "./first.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";
import { padded, requireBatchFirst, type Window, windowsLast, windowsOf } from "./spatial.ts";

/** Reduces the last axis, which holds the cells of a window. */
type Pool = (b: Builder, cells: Node, windows: readonly Window[]) => Node;

function pool(since: number, fill: number, emit: (call: Call, spatial: readonly number[]) => Pool): Operator {
  return row(since, (call) => {
    const x = call.input(0);
    requireBatchFirst(call, x);
    const [samples, channels, ...spatial] = x.layout.sizes as [number, number, ...number[]];
    const windows = windowsOf(call, spatial, call.ints("kernel_shape") ?? []);
    const cells = windowsLast(call.b, padded(call.b, full(call.b, x), { first: 2, windows, fill }), {
      first: 2,
      windows,
    });
    const y = emit(call, spatial)(call.b, cells, windows);
    const result = layout([samples, channels, ...windows.map(({ count }) => count)], x.layout.batch);
    const pooled = call.value(y, result);
    if ((call.outputs[1] ?? "") === "") return pooled;
    return [pooled, call.value(placesOf(call, cells, { sizes: x.layout.sizes, windows }), result, "int")];
  });
}

/** Where in the whole flat input the first largest cell of each window lies. */
function placesOf(
  call: Call,
  cells: Node,
  { sizes, windows }: { sizes: readonly number[]; windows: readonly Window[] },
): Node {
  const { b } = call;
  if (call.given.some(({ layout: { batch } }) => batch !== undefined))
    call.unsupported("its Indices count the cells of all rows; remove their uses.");
  const rowMajor = call.int("storage_order", 0) === 0;
  const spatial = sizes.slice(2);
  const own = rowMajor ? stridesOf(spatial) : stridesOf(spatial.toReversed()).toReversed();
  const offsets = (each: (window: Window, k: number) => number[]): number[] =>
    windows.map(each).reduce((sums, list) => sums.flatMap((sum) => list.map((one) => sum + one)), [0]);
  const table = offsets(({ size, dilation }, k) => range(size).map((cell) => cell * dilation * at(own, k)));
  const firsts = offsets(({ count, stride, before }, k) =>
    range(count).map((place) => (place * stride - before) * at(own, k)),
  );
  const planes = range(at(sizes, 0) * at(sizes, 1)).flatMap((plane) =>
    firsts.map((first) => plane * sizeOf(spatial) + first),
  );
  const axis = cells.shape.length - 1;
  const inside = b.reshape(placeOfMax(b, cells, { axis }), cells.shape.slice(0, -1));
  return b.add(
    b.gather(b.constant(table, [table.length], "int"), inside, 0),
    b.constant(planes, inside.shape, "int"),
  );
}

/** Cells put back to the places that a pool took them from; zero elsewhere. */
const unpool: Operator = row(9, (call) => {
  const [x, places] = [call.input(0), call.input(1)];
  if (x.layout.batch !== undefined) call.unsupported("its indices count the cells of all rows.");
  const { b } = call;
  const [samples, channels, ...spatial] = x.layout.sizes as [number, number, ...number[]];
  const [kernel, pads] = [call.ints("kernel_shape") ?? [], call.ints("pads") ?? []];
  const lengths = spatial.map(
    (length, k) =>
      (length - 1) * (call.ints("strides")?.[k] ?? 1) +
      at(kernel, k) -
      (pads[k] ?? 0) -
      (pads[k + spatial.length] ?? 0),
  );
  const shape = [samples, channels, ...lengths];
  const flat = (node: Node): Node => b.reshape(node, [sizeOf(node.shape)]);
  const where = b.convert(flat(full(b, places)), "int");
  const spread = b.reshape(b.scatterAdd(flat(full(b, x)), where, { axis: 0, size: sizeOf(shape) }), shape);
  const wanted = call.inputs[2] === undefined ? shape : call.numbers(2, "output shape");
  const none = shape.map(() => 0);
  const node = b.pad(spread, { starts: none, steps: shape.map(() => 1), shape: wanted });
  return call.value(node, layout(wanted, undefined), x.dtype);
});

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
  MaxUnpool: unpool,
  GlobalAveragePool: globalPool((b, cells) => b.mul(b.constant(1 / at(cells.shape, 2)), b.sum(cells, [2]))),
  GlobalMaxPool: globalPool(maxFirst),
  GlobalLpPool: globalPool((b, cells, call) => norm(b, cells, call.int("p", 2))),
};

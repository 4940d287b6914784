/** Operators that take, join and extend parts of axes; the batch axis only whole. */

import { at, range } from "../../ir/shape.ts";
import type { Call } from "../call.ts";
import { type BatchPlace, layout, squeezed } from "../layout.ts";
import { moved, openAxes } from "../movement.ts";
import { relabelled } from "../reshape.ts";
import { isNumber, type Size } from "../size.ts";
import type { Value } from "../value.ts";
import { unsqueezed } from "./axes.ts";
import { gather } from "./gather.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";

/** Start, step and count along one axis. */
export interface Cut {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** The value cut along some axes, none of which is the batch. */
export function cut(call: Call, value: Value, cuts: ReadonlyMap<number, Cut>): Value {
  const { sizes, batch } = value.layout;
  const result = layout(
    sizes.map((size, axis) => cuts.get(axis)?.count ?? size),
    batch,
  );
  const open = openAxes(value.layout, result);
  const own = open.map((axis) => cuts.get(axis) ?? { start: 0, step: 1, count: at(sizes, axis) });
  return moved(call, [value], {
    result,
    emit: (b, take) =>
      b.slice(take(0, open), {
        starts: own.map(({ start }) => start),
        steps: own.map(({ step }) => step),
        shape: own.map(({ count }) => count),
      }),
  });
}

/** One entry along an axis that is not the batch. */
export function entryOf(call: Call, x: Value, { axis, index }: { axis: number; index: number }): Value {
  const one = cut(call, x, new Map([[axis, { start: index, step: 1, count: 1 }]]));
  return relabelled(one, call, squeezed(one.layout, [axis]));
}

/** Attributes before opset 10, inputs since. */
const slice: Operator = row(1, (call) => {
  const x = call.input(0);
  const starts = sliceCells(call, 1, "starts") ?? [];
  const ends = sliceCells(call, 2, "ends") ?? [];
  const axes =
    (call.opset < 10 ? call.ints("axes") : call.inputs[3] && call.numbers(3, "axes")) ?? range(starts.length);
  const steps = call.inputs[4] && call.opset >= 10 ? call.numbers(4, "steps") : starts.map(() => 1);
  const cuts = new Map<number, Cut>();
  axes.forEach((written, k) => {
    const axis = call.axis(written, x.rank);
    const bounds = { start: at(starts, k), end: at(ends, k), step: at(steps, k) };
    if (x.layout.batch?.axis === axis) requireWhole(call, x, bounds);
    else cuts.set(axis, cutOf(call, at(x.layout.sizes, axis), bounds));
  });
  return cut(call, x, cuts);
});

function sliceCells(call: Call, index: number, name: string): readonly Size[] | undefined {
  return call.opset < 10 ? call.ints(name) : call.cells(index, name);
}

interface Bounds {
  readonly start: Size;
  readonly end: Size;
  readonly step: number;
}

/** Bounds clamp to the axis; negative ones count from its end. */
function cutOf(call: Call, size: number, { start, end, step }: Bounds): Cut {
  if (!isNumber(start) || !isNumber(end)) return call.mixes("its bounds depend on how many rows there are");
  if (step === 0) call.malformed("its step is 0.");
  const place = (bound: number, least: number, most: number): number =>
    Math.min(Math.max(bound < 0 ? bound + size : bound, least), most);
  const first = step > 0 ? place(start, 0, size) : place(start, -1, size - 1);
  const last = step > 0 ? place(end, 0, size) : place(end, -1, size - 1);
  const count = Math.max(0, Math.ceil((last - first) / step));
  return count === 0 ? { start: 0, step: 1, count } : { start: first, step, count };
}

/** The batch axis may be cut only from its start to its end. */
function requireWhole(call: Call, { layout: { sizes, batch } }: Value, { start, end, step }: Bounds): void {
  const axis = (batch as BatchPlace).axis;
  const toEnd = isNumber(end) ? end >= 2 ** 31 - 1 : end.batches >= at(sizes, axis);
  if (start !== 0 || step !== 1 || !toEnd)
    call.mixes(`it takes some of the rows (axis ${axis} is the batch)`);
}

/** Sizes are an attribute before opset 13, an input since; equal parts otherwise (the last may be smaller). */
const split: Operator = row(2, (call) => {
  const x = call.input(0);
  const axis = call.axis(call.int("axis", 0), x.rank);
  if (x.layout.batch?.axis === axis) call.mixes(`it splits the rows (axis ${axis} is the batch)`);
  const size = at(x.layout.sizes, axis);
  const parts = call.int("num_outputs", call.outputs.length);
  const chunk = Math.ceil(size / parts);
  const sizes =
    call.numbersOr(1, "split") ?? range(parts).map((k) => Math.max(0, Math.min(chunk, size - k * chunk)));
  let start = 0;
  return sizes.map((count) => {
    if (start + count > size || count < 0)
      call.malformed(`its parts [${sizes}] exceed the ${size} cells of axis ${axis}.`);
    const part = cut(call, x, new Map([[axis, { start: count === 0 ? 0 : start, step: 1, count }]]));
    start += count;
    return part;
  });
});

/** Parts agree on the place of the batch, which is not the joined axis. */
const concat: Operator = row(4, (call) => {
  if (call.given.length === 0) call.malformed("it has no parts.");
  return joined(call, call.given, call.int("axis", 0));
});

/** Values side by side along an axis. */
export function joined(call: Call, parts: readonly Value[], writtenAxis: number): Value {
  const first = at(parts, 0);
  const axis = call.axis(writtenAxis, first.rank);
  if (parts.some(({ rank }) => rank !== first.rank)) call.malformed("its parts have different ranks.");
  const batch = parts.find((part) => part.layout.batch !== undefined)?.layout.batch;
  if (batch !== undefined) requireAligned(call, parts, { batch, axis });
  const total = parts.reduce((sum, part) => sum + at(part.layout.sizes, axis), 0);
  const result = layout(
    first.layout.sizes.map((size, index) => (index === axis ? total : size)),
    batch,
  );
  const open = openAxes(result, ...parts.map((part) => part.layout));
  if (open.length === 0) return first;
  const place = open.indexOf(axis);
  return moved(call, parts, {
    result,
    emit: (b, take) =>
      place < 0
        ? take(0, open)
        : b.concat(
            parts.map((_, index) => take(index, open)),
            place,
          ),
  });
}

/** Values side by side along a new axis. */
export function stacked(call: Call, parts: readonly Value[], writtenAxis: number): Value {
  if (parts.length === 0) call.malformed("it has no parts or steps to put side by side.");
  const axis = call.axis(writtenAxis, at(parts, 0).rank + 1);
  const apart = parts.map((part) => unsqueezed(call, part, [axis]));
  return joined(call, apart, axis);
}

function requireAligned(
  call: Call,
  parts: readonly Value[],
  { batch, axis }: { batch: BatchPlace; axis: number },
): void {
  if (batch.axis === axis) call.mixes(`it joins tensors along axis ${axis}, the batch`);
  if (parts.some(({ layout: own }) => own.batch?.axis !== batch.axis || own.batch.outer !== batch.outer)) {
    call.mixes("its parts carry the batch on different axes, or one has none");
  }
}

/** Slices and joins by name. */
export const sliceOperators: OperatorTable = {
  Slice: slice,
  Split: split,
  Concat: concat,
  Gather: gather,
};

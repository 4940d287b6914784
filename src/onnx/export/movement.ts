/**
 * Nodes that move cells as ONNX operators: slices, pads, concatenations, windows.
 *
 * A pad with steps first spreads its cells with zeros between; overlapping windows are added by gathering, for every
 * cell, what falls on it. Always: cells are moved as they are, so infinities and NaN stay where they were.
 */

import { at, range, sizeOf } from "../../ir/shape.ts";
import type { ConcatNode, PadNode, Shape, SliceNode, UnwindowNode, WindowNode } from "../../ir/types.ts";
import type { Emitted, Emitter } from "./emitter.ts";

/** Stands for "before the first cell" as the end of a slice with a negative step. */
const BEFORE_FIRST = -(2 ** 63);

/** Which cells of each axis. */
interface Cut {
  readonly starts: readonly number[];
  readonly steps: readonly number[];
  readonly shape: Shape;
}

/** Every step-th cell of each axis. */
export function emitSlice(e: Emitter, node: SliceNode): Emitted {
  return sliced(e, e.of(node.a), node);
}

/** The cells of a cut. */
export function sliced(e: Emitter, x: Emitted, { starts, steps, shape }: Cut): Emitted {
  const axes = range(shape.length).filter(
    (axis) => at(starts, axis) !== 0 || at(steps, axis) !== 1 || at(shape, axis) !== at(x.shape, axis),
  );
  if (axes.length === 0) return x;
  const ends = axes.map((axis) => {
    const [start, step] = [at(starts, axis), at(steps, axis)];
    const last = start + (at(shape, axis) - 1) * step;
    const end = last + Math.sign(step);
    return end < 0 ? BEFORE_FIRST : end;
  });
  const of = (list: readonly number[]): string => e.writer.ints(axes.map((axis) => at(list, axis)));
  const places = e.writer.ints(axes.map((axis) => e.axis(x, axis)));
  return e.make("Slice", [x, of(starts), e.writer.ints(ends), places, of(steps)], { ...x, shape });
}

/** Zeros with the operand's cells at every step-th place. */
export function emitPad(e: Emitter, node: PadNode): Emitted {
  const { starts, steps, shape } = node;
  const own = node.a.shape;
  if (sizeOf(own) === 0) return e.expand(e.number(0, node.cell), shape);
  const x = e.cast(e.of(node.a), "float");
  const forward = sliced(e, x, {
    starts: own.map((size, axis) => (at(steps, axis) < 0 ? size - 1 : 0)),
    steps: steps.map((step) => (step < 0 ? -1 : 1)),
    shape: own,
  });
  const spread = spreadOut(e, forward, steps.map(Math.abs));
  const first = starts.map((start, axis) => start + Math.min(0, at(steps, axis)) * (at(own, axis) - 1));
  const after = shape.map((size, axis) => size - at(first, axis) - at(spread.shape, axis));
  return e.cast(padded(e, spread, { before: first, after }), node.cell);
}

/** Zeros put between cells, so that they stand `steps` apart. */
function spreadOut(e: Emitter, x: Emitted, steps: readonly number[]): Emitted {
  if (steps.every((step, axis) => step === 1 || at(x.shape, axis) === 1)) return x;
  const pairs = x.shape.flatMap((size) => [size, 1]);
  const after = steps.flatMap((step) => [0, step - 1]);
  const wide = padded(e, e.reshape(x, pairs), { before: pairs.map(() => 0), after });
  const joined = e.reshape(
    wide,
    x.shape.map((size, axis) => size * at(steps, axis)),
  );
  return sliced(e, joined, {
    starts: steps.map(() => 0),
    steps: steps.map(() => 1),
    shape: x.shape.map((size, axis) => (size - 1) * at(steps, axis) + 1),
  });
}

/** Zeros before and after each axis. */
export function padded(
  e: Emitter,
  x: Emitted,
  { before, after }: { before: readonly number[]; after: readonly number[] },
): Emitted {
  if ([...before, ...after].every((count) => count === 0)) return x;
  const lead = x.rows ? [0] : [];
  const shape = x.shape.map((size, axis) => at(before, axis) + size + at(after, axis));
  return e.make("Pad", [x, e.writer.ints([...lead, ...before, ...lead, ...after])], { ...x, shape });
}

/** Parts one behind the other; parts that all rows share are repeated for each row. */
export function emitConcat(e: Emitter, node: ConcatNode): Emitted {
  const parts = node.parts.map((part) => (node.level === "row" ? e.rowsOf(part) : e.of(part)));
  const first = at(parts, 0);
  return e.make("Concat", parts, {
    ...first,
    shape: node.shape,
    attributes: { axis: e.axis(first, node.axis) },
  });
}

/** Windows of one axis: parts side by side, or gathered by their places where they overlap. */
export function emitWindow(e: Emitter, node: WindowNode): Emitted {
  const { axis, size, stride, dilation, shape } = node;
  const x = e.of(node.a);
  if (stride === size && dilation === 1) {
    const whole = x.shape.map((length, k) => (k === axis ? at(shape, axis) * size : length));
    const none = whole.map(() => 0);
    return e.reshape(sliced(e, x, { starts: none, steps: whole.map(() => 1), shape: whole }), shape);
  }
  const places = range(at(shape, axis)).flatMap((i) => range(size).map((k) => i * stride + k * dilation));
  const indices = e.writer.tensor(places, [at(shape, axis), size], "int");
  return e.make("Gather", [x, indices], { ...x, shape, attributes: { axis: e.axis(x, axis) } });
}

/** Overlap-add: for every cell, the sum of the window cells that fall on it. */
export function emitUnwindow(e: Emitter, node: UnwindowNode): Emitted {
  const { axis, stride, dilation, shape } = node;
  const own = node.a.shape;
  const [count, size] = [at(own, axis), at(own, axis + 1)];
  const joined = e.reshape(e.of(node.a), [...own.slice(0, axis), count * size, ...own.slice(axis + 2)]);
  const places = range(count).flatMap((i) => range(size).map((k) => i * stride + k * dilation));
  return gatherSum(e, joined, { axis, places, size: at(shape, axis) });
}

/** out[p] = Σ of the cells along `axis` whose place is p. */
export function gatherSum(
  e: Emitter,
  x: Emitted,
  { axis, places, size }: { axis: number; places: readonly number[]; size: number },
): Emitted {
  const sources = range(size).map((): number[] => []);
  places.forEach((place, cell) => sources[place]?.push(cell));
  const most = Math.max(1, ...sources.map((list) => list.length));
  const empty = at(x.shape, axis);
  const indices = sources.flatMap((list) => range(most).map((k) => list[k] ?? empty));
  const needsZero = indices.includes(empty);
  const own = needsZero ? withZero(e, x, axis) : x;
  const around = [x.shape.slice(0, axis), x.shape.slice(axis + 1)] as const;
  const place = most === 1 ? [size] : [size, most];
  const gathered = e.make("Gather", [own, e.writer.tensor(indices, place, "int")], {
    ...x,
    shape: [...around[0], ...place, ...around[1]],
    attributes: { axis: e.axis(x, axis) },
  });
  if (most === 1) return gathered;
  return e.make("ReduceSum", [gathered, e.writer.ints([e.axis(x, axis + 1)])], {
    ...x,
    shape: [...around[0], size, ...around[1]],
    attributes: { keepdims: 0 },
  });
}

/** One more cell along `axis`: zero. */
function withZero(e: Emitter, x: Emitted, axis: number): Emitted {
  const after = x.shape.map((_, index) => (index === axis ? 1 : 0));
  return padded(e, x, { before: after.map(() => 0), after });
}

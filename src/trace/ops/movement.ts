/** Moving cells without changing them, with numpy's meanings: builder and node in, node out. */

import { UsageError } from "../../errors.ts";
import type { Builder } from "../../ir/builder.ts";
import { at, range, showShape, sizeOf } from "../../ir/shape.ts";
import type { Node, Shape } from "../../ir/types.ts";
import { axisOf } from "./axes.ts";

/** Options of `slice`. */
export interface SliceOptions {
  /** The sliced axis, 0 by default. */
  readonly axis?: number;
  /** Distance between the kept entries; negative ones run backwards. */
  readonly step?: number;
}

/** Reshape; one size may be −1 and is deduced. */
export function reshape(b: Builder, x: Node, shape: Shape): Node {
  const open = shape.indexOf(-1);
  if (open < 0) return b.reshape(x, shape);
  const known = sizeOf(shape.filter((size) => size !== -1));
  const deduced = sizeOf(x.shape) / known;
  if (shape.indexOf(-1, open + 1) >= 0 || !Number.isInteger(deduced)) {
    throw new UsageError("JR320", `cannot reshape ${showShape(x.shape)} to ${showShape(shape)}`);
  }
  return b.reshape(
    x,
    shape.map((size) => (size === -1 ? deduced : size)),
  );
}

/** Axes in another order; reversed when none is given. */
export function transpose(b: Builder, x: Node, order?: readonly number[]): Node {
  const rank = x.shape.length;
  return b.transpose(x, order?.map((axis) => axisOf("transpose", x.shape, axis)) ?? range(rank).reverse());
}

/** Without axes of size 1: the given one or all of them. */
export function squeeze(b: Builder, x: Node, axis?: number): Node {
  if (axis === undefined)
    return b.reshape(
      x,
      x.shape.filter((size) => size !== 1),
    );
  const dropped = axisOf("squeeze", x.shape, axis);
  if (x.shape[dropped] !== 1) {
    throw new UsageError("JR321", `squeeze: axis ${axis} of shape ${showShape(x.shape)} is not of size 1`);
  }
  return b.reshape(
    x,
    x.shape.filter((_, index) => index !== dropped),
  );
}

/** With a new axis of size 1 before `axis`; −1 puts it last. */
export function unsqueeze(b: Builder, x: Node, axis: number): Node {
  const place = axisOf("unsqueeze", [...x.shape, 1], axis);
  return b.reshape(x, [...x.shape.slice(0, place), 1, ...x.shape.slice(place)]);
}

/** Entry `index` along `axis`, which leaves the shape. */
export function entry(b: Builder, x: Node, { index, axis = 0 }: { index: number; axis?: number }): Node {
  const along = axisOf("at", x.shape, axis);
  const size = at(x.shape, along);
  const front = index < 0 ? index + size : index;
  if (!Number.isInteger(index) || front < 0 || front >= size) {
    throw new UsageError("JR322", `index ${index} is outside axis ${along} of shape ${showShape(x.shape)}`);
  }
  const kept = b.part(x, { axis: along, start: front, count: 1 });
  return b.reshape(
    kept,
    x.shape.filter((_, other) => other !== along),
  );
}

/** Entries start ≤ i < end of one axis, as JavaScript's and numpy's slices clamp and count them. */
export function slice(
  b: Builder,
  x: Node,
  bounds: { start?: number | undefined; end?: number | undefined } & SliceOptions,
): Node {
  const axis = axisOf("slice", x.shape, bounds.axis ?? 0);
  const size = at(x.shape, axis);
  const step = bounds.step ?? 1;
  if (!Number.isInteger(step) || step === 0) throw new UsageError("JR323", `slice's step is ${step}`);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (index: number | undefined, otherwise: number): number => {
    if (index === undefined) return otherwise;
    if (!Number.isInteger(index))
      throw new UsageError("JR323", `slice's bound ${index} is not a whole number`);
    return Math.min(Math.max(index < 0 ? index + size : index, low), high);
  };
  const start = clamp(bounds.start, step > 0 ? 0 : size - 1);
  const end = clamp(bounds.end, step > 0 ? size : -1);
  return b.part(x, { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) });
}

/** The other way round along one axis. */
export function flip(b: Builder, x: Node, axis: number): Node {
  return slice(b, x, { axis, step: -1 });
}

/** Entries moved `shift` places along an axis; those that leave come in at the other end. */
export function roll(b: Builder, x: Node, { shift, axis }: { shift: number; axis: number }): Node {
  const along = axisOf("roll", x.shape, axis);
  const size = at(x.shape, along);
  if (!Number.isInteger(shift)) throw new UsageError("JR323", `roll's shift ${shift} is not a whole number`);
  const from = size === 0 ? 0 : ((-shift % size) + size) % size;
  if (from === 0) return x;
  return b.concat(
    [slice(b, x, { start: from, axis: along }), slice(b, x, { end: from, axis: along })],
    along,
  );
}

/** Constant entries before and after each axis. */
export function pad(
  b: Builder,
  x: Node,
  { widths, value }: { widths: readonly (readonly [number, number])[]; value: number },
): Node {
  if (
    widths.length !== x.shape.length ||
    widths.flat().some((width) => !Number.isInteger(width) || width < 0)
  ) {
    throw new UsageError("JR324", `pad takes one pair [before, after] per axis of ${showShape(x.shape)}`);
  }
  const shape = x.shape.map((size, axis) => size + at(widths, axis)[0] + at(widths, axis)[1]);
  const spec = { starts: widths.map(([before]) => before), steps: x.shape.map(() => 1), shape };
  if (value === 0) return b.pad(x, spec);
  const inside = b.convert(b.pad(b.broadcast(b.constant(1), x.shape), spec), "bool");
  return b.select(inside, b.pad(x, spec), b.constant(value));
}

/** Parts joined along an existing axis. */
export function concat(b: Builder, parts: readonly Node[], axis: number): Node {
  const first = parts[0];
  if (first === undefined) throw new UsageError("JR325", "concat needs at least one part");
  return b.concat(parts, axisOf("concat", first.shape, axis));
}

/** Parts of one shape joined along a new axis. */
export function stack(b: Builder, parts: readonly Node[], axis: number): Node {
  const first = parts[0];
  if (first === undefined) throw new UsageError("JR325", "stack needs at least one part");
  const odd = parts.find((part) => showShape(part.shape) !== showShape(first.shape));
  if (odd !== undefined) {
    throw new UsageError(
      "JR326",
      `stack: shapes ${showShape(first.shape)} and ${showShape(odd.shape)} differ`,
    );
  }
  const place = axisOf("stack", [...first.shape, 1], axis);
  return b.concat(
    parts.map((part) => unsqueeze(b, part, place)),
    place,
  );
}

/** The entries at `indices` (whole numbers, negative ones from the end), or at a value of the row, kept in range; NaN takes NaN. */
export function take(
  b: Builder,
  x: Node,
  { indices, axis }: { indices: Node | readonly number[]; axis: number },
): Node {
  const along = axisOf("take", x.shape, axis);
  const size = at(x.shape, along);
  if (!("op" in indices)) {
    const bad = indices.find((index) => !Number.isInteger(index) || index < -size || index >= size);
    if (bad !== undefined) {
      throw new UsageError(
        "JR322",
        `take: index ${bad} is outside axis ${along} of shape ${showShape(x.shape)}`,
      );
    }
    const wrapped = indices.map((index) => (index < 0 ? index + size : index));
    return b.gather(x, b.constant(wrapped, [wrapped.length], "int"), along);
  }
  const whole = b.convert(indices, "int");
  const [low, high] = [b.constant(0, [], "int"), b.constant(size - 1, [], "int")];
  const taken = b.gather(x, b.binary("min", b.binary("max", whole, low), high), along);
  if (x.cell !== "float") return taken;
  const unknown = b.compare("ne", indices, indices);
  const spread = b.reshape(unknown, [...indices.shape, ...x.shape.slice(along + 1).map(() => 1)]);
  return b.select(spread, b.constant(Number.NaN), taken);
}

/** The diagonal of the last two axes. */
export function diagonal(b: Builder, x: Node): Node {
  const [rows, columns] = x.shape.slice(-2);
  if (rows === undefined || columns === undefined) {
    throw new UsageError("JR327", `diagonal needs two axes, got shape ${showShape(x.shape)}`);
  }
  const lead = x.shape.slice(0, -2);
  const flat = b.reshape(x, [...lead, rows * columns]);
  const count = Math.min(rows, columns);
  return b.part(flat, { axis: lead.length, start: 0, step: columns + 1, count });
}

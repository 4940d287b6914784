/** Reductions over any axes of one row's value: builder and node in, node out. */

import { UsageError } from "../../errors.ts";
import type { Builder } from "../../ir/builder.ts";
import * as library from "../../ir/library/index.ts";
import { at, showShape } from "../../ir/shape.ts";
import type { Node, ReduceOp } from "../../ir/types.ts";
import { axesOf, axisOf, keptShape, type Over } from "./axes.ts";

/** Options of `norm`. */
export interface NormOptions extends Over {
  /** 2 (the default), 1 or Infinity. */
  readonly order?: number;
}

/** Options of `variance` and `std`. */
export interface VarianceOptions extends Over {
  /** Divides by count − correction; 0 by default, 1 for the sample variance. */
  readonly correction?: number;
}

type Reduced = (b: Builder, x: Node, axes: readonly number[]) => Node;

function reducing(op: string, make: Reduced): (b: Builder, x: Node, over?: Over) => Node {
  return (b, x, over) => {
    const axes = axesOf(op, x.shape, over);
    const value = make(b, x, axes);
    return over?.keepDims === true ? b.reshape(value, keptShape(x.shape, axes)) : value;
  };
}

function primitive(name: string, op: ReduceOp): (b: Builder, x: Node, over?: Over) => Node {
  return reducing(name, (b, x, axes) => {
    const extreme = op === "reduceMax" || op === "reduceMin";
    if (extreme && axes.some((axis) => x.shape[axis] === 0)) {
      throw new UsageError("JR312", `${name} of no numbers: shape ${showShape(x.shape)}`);
    }
    return b.reduce(op, x, axes);
  });
}

/** One reduction per name. */
export const sum: (b: Builder, x: Node, over?: Over) => Node = primitive("sum", "reduceSum");
/** Product; the derivative is right with zeros too. */
export const prod: (b: Builder, x: Node, over?: Over) => Node = primitive("prod", "reduceProd");
/** Largest entry; ties share the derivative evenly. */
export const max: (b: Builder, x: Node, over?: Over) => Node = primitive("max", "reduceMax");
/** Smallest entry; ties share the derivative evenly. */
export const min: (b: Builder, x: Node, over?: Over) => Node = primitive("min", "reduceMin");
/** Is any true? */
export const any: (b: Builder, x: Node, over?: Over) => Node = primitive("any", "any");
/** Are all true? */
export const all: (b: Builder, x: Node, over?: Over) => Node = primitive("all", "all");
/** Arithmetic mean. */
export const mean: (b: Builder, x: Node, over?: Over) => Node = reducing("mean", library.mean);

/** log Σ eˣ over one axis or several, never overflowing. */
export const logsumexp: (b: Builder, x: Node, over?: Over) => Node = reducing("logsumexp", (b, x, axes) =>
  [...axes].sort((p, q) => q - p).reduce((value, axis) => library.logsumexp(b, value, axis), x),
);

/** Mean squared distance from the mean. */
export function variance(b: Builder, x: Node, options: VarianceOptions = {}): Node {
  const make: Reduced = (c, a, axes) => library.variance(c, a, { axes, correction: options.correction ?? 0 });
  return reducing("variance", make)(b, x, options);
}

/** √variance; derivative 0 where all numbers are equal. */
export function std(b: Builder, x: Node, options: VarianceOptions = {}): Node {
  const make: Reduced = (c, a, axes) =>
    library.standardDeviation(c, a, { axes, correction: options.correction ?? 0 });
  return reducing("std", make)(b, x, options);
}

/** The norm of order 2, 1 or Infinity. */
export function norm(b: Builder, x: Node, options: NormOptions = {}): Node {
  const { order = 2 } = options;
  const make = order === 2 ? library.norm2 : order === 1 ? library.norm1 : library.normInfinity;
  if (order !== 2 && order !== 1 && order !== Number.POSITIVE_INFINITY) {
    throw new UsageError("JR313", `norm has order 2, 1 or Infinity, not ${order}`);
  }
  return reducing("norm", make)(b, x, options);
}

/** Running sums along an axis, in log₂(size) shifted additions: linear, and an infinity spreads only forward. */
export function cumsum(b: Builder, x: Node, axis: number): Node {
  const along = axisOf("cumsum", x.shape, axis);
  const size = at(x.shape, along);
  let value = x;
  for (let shift = 1; shift < size; shift *= 2) {
    const front = b.part(value, { axis: along, start: 0, count: size - shift });
    const starts = x.shape.map((_, index) => (index === along ? shift : 0));
    value = b.add(value, b.pad(front, { starts, steps: x.shape.map(() => 1), shape: x.shape }));
  }
  return value;
}

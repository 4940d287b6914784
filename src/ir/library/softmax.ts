/**
 * softmax, logSoftmax and logsumexp over one axis, as calls with rules.
 *
 * The largest entry is subtracted first, so nothing overflows at ±800; the rules use softmax itself:
 * ẏ = y (ẋ − Σ y ẋ), log: ẋ − Σ p ẋ, logsumexp: Σ p ẋ.
 */

import type { Builder } from "../builder.ts";
import { at } from "../shape.ts";
import type { Node, Shape } from "../types.ts";
import { callOf, type Recipe } from "./callee.ts";

/** The axis counted from the front. */
function front(x: Node, axis: number): number {
  return axis < 0 ? axis + x.shape.length : axis;
}

/** A value without `axis`, repeated along it. */
function along(b: Builder, reduced: Node, { shape, axis }: { shape: Shape; axis: number }): Node {
  return b.broadcast(
    b.reshape(
      reduced,
      shape.map((size, index) => (index === axis ? 1 : size)),
    ),
    shape,
  );
}

/** Largest entries, with 0 for an infinite one: ∞ − ∞ must not arise. */
function peak(b: Builder, x: Node, axis: number): Node {
  const max = b.reduce("reduceMax", x, [axis]);
  const infinite = b.compare("eq", b.unary("abs", max), b.constant(Number.POSITIVE_INFINITY));
  return b.stopGradient(b.select(infinite, b.constant(0), max));
}

/** softmax over `axis` (the last by default). */
export function softmax(b: Builder, x: Node, axis = -1): Node {
  const over = front(x, axis);
  const recipe: Recipe = {
    name: "softmax",
    attributes: { axis: over },
    body: (c, args) => {
      const a = at(args, 0);
      const place = { shape: a.shape, axis: over };
      const max = c.stopGradient(c.reduce("reduceMax", a, [over]));
      const exponentials = c.unary("exp", c.sub(a, along(c, max, place)));
      return c.div(exponentials, along(c, c.sum(exponentials, [over]), place));
    },
    tangent: (c, { result }, [tangent]) => {
      const mean = c.sum(c.mul(result, tangent as Node), [over]);
      return c.mul(result, c.sub(tangent as Node, along(c, mean, { shape: result.shape, axis: over })));
    },
  };
  return callOf(b, recipe, [x]);
}

/** log(softmax) over `axis` (the last by default). */
export function logSoftmax(b: Builder, x: Node, axis = -1): Node {
  const over = front(x, axis);
  const recipe: Recipe = {
    name: "logSoftmax",
    attributes: { axis: over },
    body: (c, args) => {
      const a = at(args, 0);
      const place = { shape: a.shape, axis: over };
      const shifted = c.sub(a, along(c, c.stopGradient(c.reduce("reduceMax", a, [over])), place));
      return c.sub(shifted, along(c, c.unary("log", c.sum(c.unary("exp", shifted), [over])), place));
    },
    tangent: (c, primals, [tangent]) => {
      const mean = weighted(c, { x: at(primals.args, 0), tangent: tangent as Node }, over);
      return c.sub(tangent as Node, along(c, mean, { shape: primals.result.shape, axis: over }));
    },
  };
  return callOf(b, recipe, [x]);
}

/** log Σ eˣ over `axis`, which leaves the shape (the last by default). */
export function logsumexp(b: Builder, x: Node, axis = -1): Node {
  const over = front(x, axis);
  const recipe: Recipe = {
    name: "logsumexp",
    attributes: { axis: over },
    body: (c, args) => {
      const a = at(args, 0);
      const max = peak(c, a, over);
      const shifted = c.sub(a, along(c, max, { shape: a.shape, axis: over }));
      return c.add(max, c.unary("log", c.sum(c.unary("exp", shifted), [over])));
    },
    tangent: (c, { args }, [tangent]) => weighted(c, { x: at(args, 0), tangent: tangent as Node }, over),
  };
  return callOf(b, recipe, [x]);
}

/** Σ softmax(x) ẋ. */
function weighted(b: Builder, { x, tangent }: { x: Node; tangent: Node }, axis: number): Node {
  return b.sum(b.mul(softmax(b, x, axis), tangent), [axis]);
}

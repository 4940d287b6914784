/**
 * The largest entry of the last axis, with the whole derivative at the first of equal ones.
 *
 * PyTorch's max-pool and topk give a tie to the first; the IR's `reduceMax` splits it evenly, as amax does.
 */

import type { Builder } from "../../ir/builder.ts";
import { callOf, type Recipe } from "../../ir/library/index.ts";
import { at } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";

const recipe: Recipe = {
  name: "maxFirst",
  body: (b, args) => {
    const x = at(args, 0);
    return b.reduce("reduceMax", x, [x.shape.length - 1]);
  },
  tangent: (b, { args }, [tangent]) => {
    const x = at(args, 0);
    const last = x.shape.length - 1;
    return b.sum(b.select(isFirst(b, x, last), tangent as Node, b.constant(0)), [last]);
  },
};

/** max over the last axis; ties go to the first. */
export function maxFirst(b: Builder, x: Node): Node {
  return callOf(b, recipe, [x]);
}

/** The place of the largest entry along an axis, as int, the axis kept with one cell; `last` breaks ties backwards. */
export function placeOfMax(
  b: Builder,
  x: Node,
  { axis, last = false }: { axis: number; last?: boolean },
): Node {
  const size = at(x.shape, axis);
  const kept = x.shape.map((length, index) => (index === axis ? 1 : length));
  const peak = b.broadcast(b.reshape(b.reduce("reduceMax", x, [axis]), kept), x.shape);
  const position = b.convert(b.iota(x.shape, axis), "float");
  const candidate = b.select(b.compare("eq", x, peak), position, b.constant(last ? -1 : size));
  return b.convert(b.reshape(b.reduce(last ? "reduceMax" : "reduceMin", candidate, [axis]), kept), "int");
}

/** True at the first largest entry along an axis. */
export function isFirst(b: Builder, x: Node, axis: number): Node {
  return b.compare("eq", b.iota(x.shape, axis), b.broadcast(placeOfMax(b, x, { axis }), x.shape));
}

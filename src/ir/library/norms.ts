/**
 * Means, variances, norms and the normalising layers, over any axes of one row's value.
 *
 * ‖x‖₂ has derivative 0 at 0, and so have standard deviations of equal numbers. Layer and RMS normalisation carry the
 * short rule of their own result; scale and bias are ordinary products and sums around them.
 */

import type { Builder } from "../builder.ts";
import { at, range, sizeOf } from "../shape.ts";
import type { Node, Shape } from "../types.ts";
import { callOf, type Recipe } from "./callee.ts";

type Axes = readonly number[];

/** A value without `axes`, repeated along them. */
function spread(b: Builder, reduced: Node, { shape, axes }: { shape: Shape; axes: Axes }): Node {
  return b.broadcast(
    b.reshape(
      reduced,
      shape.map((size, index) => (axes.includes(index) ? 1 : size)),
    ),
    shape,
  );
}

function cells(x: Node, axes: Axes): number {
  return sizeOf(axes.map((axis) => at(x.shape, axis)));
}

/** Σ x / count over `axes`. */
export function mean(b: Builder, x: Node, axes: Axes): Node {
  return b.mul(b.constant(1 / cells(x, axes)), b.sum(x, axes));
}

function centered(b: Builder, x: Node, axes: Axes): Node {
  return b.sub(x, spread(b, mean(b, x, axes), { shape: x.shape, axes }));
}

/** Σ (x − mean)² / (count − correction) over `axes`; correction 0 by default. */
export function variance(
  b: Builder,
  x: Node,
  { axes, correction = 0 }: { axes: Axes; correction?: number },
): Node {
  const offset = centered(b, x, axes);
  return b.mul(b.constant(1 / (cells(x, axes) - correction)), b.sum(b.mul(offset, offset), axes));
}

/** √variance, with derivative 0 where all numbers are equal. */
export function standardDeviation(b: Builder, x: Node, options: { axes: Axes; correction?: number }): Node {
  const { axes, correction = 0 } = options;
  const scale = 1 / Math.sqrt(cells(x, axes) - correction);
  return b.mul(b.constant(scale), norm2(b, centered(b, x, axes), axes));
}

/** √Σ x² over `axes`, with derivative 0 at 0. */
export function norm2(b: Builder, x: Node, axes: Axes): Node {
  const recipe: Recipe = {
    name: "norm2",
    attributes: axisAttributes(axes),
    body: (c, args) => c.unary("sqrt", c.sum(c.mul(at(args, 0), at(args, 0)), axes)),
    tangent: (c, { args, result }, [tangent]) => {
      const a = at(args, 0);
      const norm = spread(c, result, { shape: a.shape, axes });
      const direction = c.select(c.compare("eq", norm, c.constant(0)), c.constant(0), c.div(a, norm));
      return c.sum(c.mul(direction, tangent as Node), axes);
    },
  };
  return callOf(b, recipe, [x]);
}

/** Σ |x| over `axes`. */
export function norm1(b: Builder, x: Node, axes: Axes): Node {
  return b.sum(b.unary("abs", x), axes);
}

/** max |x| over `axes`. */
export function normInfinity(b: Builder, x: Node, axes: Axes): Node {
  return b.reduce("reduceMax", b.unary("abs", x), axes);
}

/** (x − mean) / √(variance + ε) over `axes`. */
export function layerNorm(
  b: Builder,
  x: Node,
  { axes, epsilon = 1e-5 }: { axes: Axes; epsilon?: number },
): Node {
  const inverse = (c: Builder, offset: Node): Node => inverseRoot(c, offset, { axes, epsilon });
  const recipe: Recipe = {
    name: "layerNorm",
    attributes: { ...axisAttributes(axes), epsilon },
    body: (c, args) => {
      const offset = centered(c, at(args, 0), axes);
      return c.mul(offset, inverse(c, offset));
    },
    // ẏ = (ẋ − mean ẋ − y · mean(y ẋ)) / √(variance + ε)
    tangent: (c, { args, result }, [tangent]) => {
      const projected = projectedOut(c, { result, tangent: tangent as Node }, axes);
      const mid = spread(c, mean(c, tangent as Node, axes), { shape: result.shape, axes });
      return c.mul(c.sub(projected, mid), inverse(c, centered(c, at(args, 0), axes)));
    },
  };
  return callOf(b, recipe, [x]);
}

/** x / √(mean x² + ε) over `axes`. */
export function rmsNorm(
  b: Builder,
  x: Node,
  { axes, epsilon = 1e-5 }: { axes: Axes; epsilon?: number },
): Node {
  const recipe: Recipe = {
    name: "rmsNorm",
    attributes: { ...axisAttributes(axes), epsilon },
    body: (c, args) => c.mul(at(args, 0), inverseRoot(c, at(args, 0), { axes, epsilon })),
    // ẏ = (ẋ − y · mean(y ẋ)) / √(mean x² + ε)
    tangent: (c, { args, result }, [tangent]) => {
      const projected = projectedOut(c, { result, tangent: tangent as Node }, axes);
      return c.mul(projected, inverseRoot(c, at(args, 0), { axes, epsilon }));
    },
  };
  return callOf(b, recipe, [x]);
}

/** 1 / √(mean x² + ε), repeated along `axes`. */
function inverseRoot(b: Builder, x: Node, { axes, epsilon }: { axes: Axes; epsilon: number }): Node {
  const square = b.add(mean(b, b.mul(x, x), axes), b.constant(epsilon));
  return spread(b, b.div(b.constant(1), b.unary("sqrt", square)), { shape: x.shape, axes });
}

/** ẋ − y · mean(y ẋ). */
function projectedOut(b: Builder, { result, tangent }: { result: Node; tangent: Node }, axes: Axes): Node {
  const share = mean(b, b.mul(result, tangent), axes);
  return b.sub(tangent, b.mul(result, spread(b, share, { shape: result.shape, axes })));
}

function axisAttributes(axes: Axes): Record<string, number> {
  return Object.fromEntries(range(axes.length).map((index) => [`axis${index}`, at(axes, index)]));
}

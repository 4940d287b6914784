/**
 * Activations with kinks, as calls whose bodies are selects: their own guards give PyTorch's derivative at each kink.
 *
 * A comparison with NaN is false, so each select is turned to let NaN pass in its last branch. Derivatives at kinks:
 * relu 0, leaky and prelu their slope, elu α, celu 1, selu 1.7581, clip 1 at a bound ("open": 0), shrink 0.
 */

import type { Builder } from "../builder.ts";
import type { Node } from "../types.ts";
import { callOf } from "./callee.ts";

type Body = (b: Builder, x: Node) => Node;

function elementwise(
  b: Builder,
  x: Node,
  recipe: { name: string; attributes?: Record<string, number>; body: Body },
): Node {
  return callOf(b, { ...recipe, body: (builder, [arg]) => recipe.body(builder, arg as Node) }, [x]);
}

/** max(x, 0), with derivative 0 at 0. */
export function relu(b: Builder, x: Node): Node {
  return elementwise(b, x, {
    name: "relu",
    body: (c, a) => c.select(c.compare("le", a, c.constant(0)), c.constant(0), a),
  });
}

/** x where 0 < x, else slope · x. */
export function leakyRelu(b: Builder, x: Node, slope = 0.01): Node {
  const body: Body = (c, a) => c.select(c.compare("lt", c.constant(0), a), a, c.mul(c.constant(slope), a));
  return elementwise(b, x, { name: "leakyRelu", attributes: { slope }, body });
}

/** x where 0 < x, else slope · x; the slope (broadcast to x) is an argument with a derivative of its own. */
export function prelu(b: Builder, x: Node, slope: Node): Node {
  const body = (c: Builder, [a, s]: readonly Node[]): Node =>
    c.select(c.compare("lt", c.constant(0), a as Node), a as Node, c.mul(s as Node, a as Node));
  return callOf(b, { name: "prelu", body }, [x, b.broadcast(slope, x.shape)]);
}

/** x where 0 < x, else α (eˣ − 1). */
export function elu(b: Builder, x: Node, alpha = 1): Node {
  return elementwise(b, x, {
    name: "elu",
    attributes: { alpha },
    body: (c, a) => exponentialTail(c, a, { alpha, rate: 1 }),
  });
}

/** x where 0 < x, else α (e^(x/α) − 1): its derivative has no jump. */
export function celu(b: Builder, x: Node, alpha = 1): Node {
  const body: Body = (c, a) => exponentialTail(c, a, { alpha, rate: 1 / alpha });
  return elementwise(b, x, { name: "celu", attributes: { alpha }, body });
}

/** γ · elu(x, α), with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017). */
export function selu(b: Builder, x: Node, options: { alpha?: number; gamma?: number } = {}): Node {
  const { alpha = 1.6732632423543772, gamma = 1.0507009873554805 } = options;
  const body: Body = (c, a) => c.mul(c.constant(gamma), exponentialTail(c, a, { alpha, rate: 1 }));
  return elementwise(b, x, { name: "selu", attributes: { alpha, gamma }, body });
}

function exponentialTail(b: Builder, x: Node, { alpha, rate }: { alpha: number; rate: number }): Node {
  const tail = b.mul(b.constant(alpha), b.unary("expm1", b.mul(b.constant(rate), x)));
  return b.select(b.compare("lt", b.constant(0), x), x, tail);
}

/** Bounds of `clip`; `open` makes the derivative 0 at a bound, as hardtanh and relu6 have it, not 1. */
export interface ClipBounds {
  readonly min?: number;
  readonly max?: number;
  readonly open?: boolean;
}

/** min(max(x, min), max); NaN passes with derivative 0. */
export function clip(b: Builder, x: Node, bounds: ClipBounds): Node {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, open = false } = bounds;
  const body: Body = (c, a) => clamped(c, a, { min: c.constant(min), max: c.constant(max), open });
  return elementwise(b, x, { name: "clip", attributes: { min, max, open: Number(open) }, body });
}

/** min(max(x, min), max) for bounds that are values and have derivatives of their own. */
export function clipBetween(b: Builder, x: Node, bounds: { min: Node; max: Node }): Node {
  return clamped(b, x, { ...bounds, open: false });
}

function clamped(b: Builder, x: Node, { min, max, open }: { min: Node; max: Node; open: boolean }): Node {
  const op = open ? "lt" : "le";
  const inside = b.logic("and", b.compare(op, min, x), b.compare(op, x, max));
  // The last branch is NaN, or a bound itself when the interval is open.
  const outside = b.select(
    b.compare("lt", x, min),
    min,
    b.select(b.compare("lt", max, x), max, b.stopGradient(x)),
  );
  return b.select(inside, x, outside);
}

/** clip(α x + β, 0, 1), with derivative 0 at both kinks. */
export function hardSigmoid(b: Builder, x: Node, options: { alpha?: number; beta?: number } = {}): Node {
  const { alpha = 1 / 6, beta = 0.5 } = options;
  const body: Body = (c, a) => {
    const line = c.add(c.mul(c.constant(alpha), a), c.constant(beta));
    return clamped(c, line, { min: c.constant(0), max: c.constant(1), open: true });
  };
  return elementwise(b, x, { name: "hardSigmoid", attributes: { alpha, beta }, body });
}

/** x · hardSigmoid(x): derivative 0 at −3 and 1 at 3. */
export function hardSwish(b: Builder, x: Node): Node {
  return elementwise(b, x, { name: "hardSwish", body: (c, a) => c.mul(a, hardSigmoid(c, a)) });
}

/** x ± bias beyond ±λ, 0 between: bias 0 is hardshrink, bias λ softshrink. */
export function shrink(
  b: Builder,
  x: Node,
  { lambda = 0.5, bias = 0 }: { lambda?: number; bias?: number } = {},
): Node {
  const body: Body = (c, a) => {
    const above = c.select(c.compare("le", a, c.constant(lambda)), c.constant(0), c.sub(a, c.constant(bias)));
    return c.select(c.compare("lt", a, c.constant(-lambda)), c.add(a, c.constant(bias)), above);
  };
  return elementwise(b, x, { name: "shrink", attributes: { lambda, bias }, body });
}

/** x where α < x, else 0. */
export function thresholdedRelu(b: Builder, x: Node, alpha = 1): Node {
  const body: Body = (c, a) => c.select(c.compare("le", a, c.constant(alpha)), c.constant(0), a);
  return elementwise(b, x, { name: "thresholdedRelu", attributes: { alpha }, body });
}

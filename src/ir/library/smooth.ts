/**
 * Smooth activations as calls, with rules wherever differentiating the body would lose digits.
 *
 * Values and derivatives are finite and right at ±800; sigmoid and softplus have rules of their own, so every higher
 * order comes from s′ = s (1 − s) (softplus″(0) = 0.25), never from the max and log1p of a stable body.
 */

import type { Builder } from "../builder.ts";
import type { Node } from "../types.ts";
import { callOf, type Recipe } from "./callee.ts";

const only = (args: readonly Node[]): Node => args[0] as Node;

const sigmoidRecipe: Recipe = {
  name: "sigmoid",
  body: (b, args) => b.div(b.constant(1), b.add(b.constant(1), b.unary("exp", b.neg(only(args))))),
  partials: (b, _, s) => [b.mul(s, b.sub(b.constant(1), s))],
};

/** 1 / (1 + e^−x). */
export function sigmoid(b: Builder, x: Node): Node {
  return callOf(b, sigmoidRecipe, [x]);
}

const softplusRecipe: Recipe = {
  name: "softplus",
  // max(x, 0) + log(1 + e^−|x|): the exponential never overflows.
  body: (b, args) => {
    const x = only(args);
    const tail = b.unary("log1p", b.unary("exp", b.neg(b.unary("abs", x))));
    return b.add(b.binary("max", x, b.constant(0)), tail);
  },
  partials: (b, args) => [sigmoid(b, only(args))],
};

/** log(1 + e^(βx)) / β; where βx exceeds the threshold, x itself (PyTorch's form; no threshold by default). */
export function softplus(b: Builder, x: Node, options: { beta?: number; threshold?: number } = {}): Node {
  const { beta = 1, threshold = Number.POSITIVE_INFINITY } = options;
  const scaled = b.mul(b.constant(beta), x);
  const curve = b.mul(b.constant(1 / beta), callOf(b, softplusRecipe, [scaled]));
  if (threshold === Number.POSITIVE_INFINITY) return curve;
  return b.select(b.compare("lt", b.constant(threshold), scaled), x, curve);
}

/** log(sigmoid(x)), exact far to both sides. */
export function logSigmoid(b: Builder, x: Node): Node {
  return b.neg(softplus(b, b.neg(x)));
}

const logAddExpRecipe: Recipe = {
  name: "logAddExp",
  body: (b, [x, y]) => {
    const gap = b.unary("abs", b.sub(x as Node, y as Node));
    return b.add(b.binary("max", x as Node, y as Node), b.unary("log1p", b.unary("exp", b.neg(gap))));
  },
  partials: (b, [x, y]) => {
    const gap = b.sub(x as Node, y as Node);
    return [sigmoid(b, gap), sigmoid(b, b.neg(gap))];
  },
};

/** log(eˣ + eʸ) of two nodes of one shape. */
export function logAddExp(b: Builder, x: Node, y: Node): Node {
  return callOf(b, logAddExpRecipe, [x, y]);
}

/** x · sigmoid(βx), also called swish. */
export function silu(b: Builder, x: Node, beta = 1): Node {
  const body: Recipe["body"] = (c, args) =>
    c.mul(only(args), sigmoid(c, c.mul(c.constant(beta), only(args))));
  return callOf(b, { name: "silu", attributes: { beta }, body }, [x]);
}

/** x · tanh(softplus(x)). */
export function mish(b: Builder, x: Node): Node {
  const body: Recipe["body"] = (c, args) => c.mul(only(args), c.unary("tanh", softplus(c, only(args))));
  return callOf(b, { name: "mish", body }, [x]);
}

const softsignRecipe: Recipe = {
  name: "softsign",
  body: (b, args) => b.div(only(args), b.add(b.constant(1), b.unary("abs", only(args)))),
  // 1 / (1 + |x|)²; the quotient rule would subtract two nearly equal terms for large x.
  partials: (b, args) => {
    const inverse = b.div(b.constant(1), b.add(b.constant(1), b.unary("abs", only(args))));
    return [b.mul(inverse, inverse)];
  },
};

/** x / (1 + |x|). */
export function softsign(b: Builder, x: Node): Node {
  return callOf(b, softsignRecipe, [x]);
}

const geluRecipe: Recipe = {
  name: "gelu",
  body: (b, args) => {
    const x = only(args);
    const erf = b.unary("erf", b.mul(b.constant(Math.SQRT1_2), x));
    return b.mul(x, b.mul(b.constant(0.5), b.add(b.constant(1), erf)));
  },
};

/** tanh(√(2/π) (x + 0.044715 x³)) in place of erf(x/√2). */
const geluTanhRecipe: Recipe = {
  name: "geluTanh",
  body: (b, args) => {
    const x = only(args);
    const cubic = b.add(b.constant(1), b.mul(b.constant(0.044715), b.mul(x, x)));
    const inner = b.mul(b.constant(Math.sqrt(2 / Math.PI)), b.mul(x, cubic));
    return b.mul(x, b.mul(b.constant(0.5), b.add(b.constant(1), b.unary("tanh", inner))));
  },
};

/** x Φ(x), with Φ from erf, or from tanh when `approximate`. */
export function gelu(b: Builder, x: Node, approximate = false): Node {
  return callOf(b, approximate ? geluTanhRecipe : geluRecipe, [x]);
}

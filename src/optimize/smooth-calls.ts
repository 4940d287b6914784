/**
 * Smooth counterparts of the activations with kinks, by the names of `ir/library/piecewise.ts` and `norms.ts`,
 * and of the maximum over windows in imported models.
 *
 * Written by softplus, so that each tends to its original as β → ∞. hardshrink and thresholdedRelu, which jump in value,
 * become sigmoid gates.
 */

import { range } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import type { Smoother } from "./smooth-shapes.ts";

/** What a counterpart may know of the call. */
export interface CallFacts {
  readonly attributes: Readonly<Record<string, number>>;
  readonly rank: number;
}

/** Makes the counterpart of a call from its arguments. */
export type Counterpart = (s: Smoother, args: readonly Node[], facts: CallFacts) => Node;

/** By name of the callee. */
export const smoothCalls: Readonly<Record<string, Counterpart>> = {
  relu: (s, [x]) => s.relu(x as Node),
  leakyRelu: (s, [x], facts) => leaky(s, x as Node, s.b.constant(number(facts, "slope"))),
  prelu: (s, [x, slope]) => leaky(s, x as Node, slope as Node),
  elu: (s, [x], facts) => exponential(s, x as Node, { alpha: number(facts, "alpha"), rate: 1 }),
  celu: (s, [x], facts) => {
    const alpha = number(facts, "alpha");
    return exponential(s, x as Node, { alpha, rate: 1 / alpha });
  },
  selu: (s, [x], facts) =>
    s.b.mul(
      s.b.constant(number(facts, "gamma")),
      exponential(s, x as Node, { alpha: number(facts, "alpha"), rate: 1 }),
    ),
  clip: (s, [x], facts) => s.clip(x as Node, bound(s, facts, "min"), bound(s, facts, "max")),
  hardSigmoid: (s, [x], facts) => hardSigmoid(s, x as Node, facts.attributes),
  hardSwish: (s, [x]) => s.b.mul(x as Node, hardSigmoid(s, x as Node, { alpha: 1 / 6, beta: 0.5 })),
  shrink: (s, [x], facts) => shrink(s, x as Node, facts),
  thresholdedRelu: (s, [x], facts) => {
    const alpha = s.b.constant(number(facts, "alpha"));
    return s.b.mul(x as Node, s.step(s.b.sub(x as Node, alpha)));
  },
  norm2: (s, [x], facts) => norm(s, x as Node, facts),
  maxFirst: (s, [x]) => s.reduceMax(x as Node, [(x as Node).shape.length - 1]),
};

function number({ attributes }: CallFacts, name: string): number {
  return attributes[name] ?? 0;
}

function bound(s: Smoother, { attributes }: CallFacts, name: string): Node | undefined {
  const value = attributes[name];
  return value !== undefined && Number.isFinite(value) ? s.b.constant(value) : undefined;
}

/** slope · x + (1 − slope) · relu(x). */
function leaky(s: Smoother, x: Node, slope: Node): Node {
  const { b } = s;
  return b.add(b.mul(slope, x), b.mul(b.sub(b.constant(1), slope), s.relu(x)));
}

/** relu(x) + α (e^(rate · min(x, 0)) − 1). */
function exponential(s: Smoother, x: Node, { alpha, rate }: { alpha: number; rate: number }): Node {
  const { b } = s;
  const below = b.mul(b.constant(-rate), s.relu(b.neg(x)));
  return b.add(s.relu(x), b.mul(b.constant(alpha), b.unary("expm1", below)));
}

function hardSigmoid(
  s: Smoother,
  x: Node,
  { alpha = 1 / 6, beta = 0.5 }: Readonly<Record<string, number>>,
): Node {
  const { b } = s;
  const line = b.add(b.mul(b.constant(alpha), x), b.constant(beta));
  return s.clip(line, b.constant(0), b.constant(1));
}

/** relu(x − λ) − relu(−x − λ) where the bias is λ; else the shifted lines behind gates. */
function shrink(s: Smoother, x: Node, facts: CallFacts): Node {
  const { b } = s;
  const [lambda, bias] = [number(facts, "lambda"), number(facts, "bias")];
  const above = b.sub(x, b.constant(lambda));
  const below = b.sub(b.neg(x), b.constant(lambda));
  if (lambda === bias) return b.sub(s.relu(above), s.relu(below));
  const right = b.mul(b.sub(x, b.constant(bias)), s.step(above));
  return b.add(right, b.mul(b.add(x, b.constant(bias)), s.step(below)));
}

/** √(Σ x² + 1/β²). */
function norm(s: Smoother, x: Node, { attributes }: CallFacts): Node {
  const { b } = s;
  const axes = range(x.shape.length).flatMap((index) => attributes[`axis${index}`] ?? []);
  const squares = b.sum(b.mul(x, x), axes);
  return b.unary("sqrt", b.add(squares, b.constant(1 / (s.beta * s.beta))));
}

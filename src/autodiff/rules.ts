/**
 * Local derivatives of elementwise functions: one row per op.
 *
 * Each rule gives ∂out/∂operand cell by cell, of the output's shape, or "zero", or a guard with an optional factor.
 * Kinks are PyTorch's: sign(0) = 0 for abs, 0.5 each at a tie of min and max.
 */

import type { Builder } from "../ir/builder.ts";
import type { BinaryNode, BinaryOp, Node, UnaryNode, UnaryOp } from "../ir/types.ts";

/** A partial derivative: absent factor is 1; a guard says where the operand takes part at all. */
export interface Partial {
  readonly factor?: Node;
  readonly scale?: number;
  readonly guard?: Node;
}

type UnaryRule = (b: Builder, y: UnaryNode) => Partial | "zero";
type BinaryRule = (b: Builder, y: BinaryNode) => readonly [Partial | "zero", Partial | "zero"];

const one = (b: Builder): Node => b.constant(1);
const square = (b: Builder, x: Node): Node => b.mul(x, x);
const reciprocal = (b: Builder, x: Node): Node => b.div(one(b), x);
const TWO_OVER_SQRT_PI = 1.1283791670955126;

/** ∂f(a)/∂a. */
export const unaryRules: Readonly<Record<UnaryOp, UnaryRule>> = {
  neg: () => ({ scale: -1 }),
  abs: (b, { a }) => ({ factor: b.unary("sign", a) }),
  sign: () => "zero",
  floor: () => "zero",
  ceil: () => "zero",
  round: () => "zero",
  sqrt: (b, y) => ({ factor: b.mul(b.constant(0.5), reciprocal(b, y)) }),
  exp: (_, y) => ({ factor: y }),
  expm1: (b, y) => ({ factor: b.unary("exp", y.a) }),
  log: (b, { a }) => ({ factor: reciprocal(b, a) }),
  log1p: (b, { a }) => ({ factor: reciprocal(b, b.add(one(b), a)) }),
  sin: (b, { a }) => ({ factor: b.unary("cos", a) }),
  cos: (b, { a }) => ({ factor: b.unary("sin", a), scale: -1 }),
  tan: (b, y) => ({ factor: b.add(one(b), square(b, y)) }),
  // (1 − a)(1 + a) keeps its digits near ±1, where 1 − a² does not.
  asin: (b, { a }) => ({ factor: reciprocal(b, b.unary("sqrt", oneMinusSquare(b, a))) }),
  acos: (b, { a }) => ({ factor: reciprocal(b, b.unary("sqrt", oneMinusSquare(b, a))), scale: -1 }),
  atan: (b, { a }) => ({ factor: reciprocal(b, b.add(one(b), square(b, a))) }),
  sinh: (b, { a }) => ({ factor: b.unary("cosh", a) }),
  cosh: (b, { a }) => ({ factor: b.unary("sinh", a) }),
  tanh: (b, y) => ({ factor: b.sub(one(b), square(b, y)) }),
  // 1/√(1 + a²), written so that a² cannot overflow: asinh'(a) = 1/cosh(asinh a).
  asinh: (b, y) => ({ factor: reciprocal(b, b.unary("cosh", y)) }),
  acosh: (b, { a }) => ({
    factor: reciprocal(b, b.mul(b.unary("sqrt", b.sub(a, one(b))), b.unary("sqrt", b.add(a, one(b))))),
  }),
  atanh: (b, { a }) => ({ factor: reciprocal(b, oneMinusSquare(b, a)) }),
  erf: (b, { a }) => ({ factor: b.mul(b.constant(TWO_OVER_SQRT_PI), b.unary("exp", b.neg(square(b, a)))) }),
};

function oneMinusSquare(b: Builder, a: Node): Node {
  return b.mul(b.sub(one(b), a), b.add(one(b), a));
}

/** ∂f(a, b)/∂a and ∂f(a, b)/∂b. */
export const binaryRules: Readonly<Record<BinaryOp, BinaryRule>> = {
  add: () => [{}, {}],
  sub: () => [{}, { scale: -1 }],
  mul: (_, { a, b: c }) => [{ factor: c }, { factor: a }],
  div: (b, y) => {
    const inverse = reciprocal(b, y.b);
    return [{ factor: inverse }, { factor: b.mul(y, inverse), scale: -1 }];
  },
  pow: (b, y) => [{ factor: powerBase(b, y) }, { factor: powerExponent(b, y) }],
  mod: (b, { a, b: c }) => [{}, { factor: b.unary("floor", b.div(a, c)), scale: -1 }],
  min: (b, { a, b: c }) => extremum(b, [a, c]),
  max: (b, { a, b: c }) => extremum(b, [c, a]),
  atan2: (b, { a, b: c }) => {
    const inverse = reciprocal(b, b.add(square(b, c), square(b, a)));
    return [{ factor: b.mul(c, inverse) }, { factor: b.mul(a, inverse), scale: -1 }];
  },
};

/** e·x^(e−1), and 0 where e = 0 also at x = 0. */
function powerBase(b: Builder, { a, b: exponent }: BinaryNode): Node {
  const slope = b.mul(exponent, b.binary("pow", a, b.sub(exponent, one(b))));
  const zero = b.constant(0, slope.shape);
  return b.select(b.compare("eq", exponent, zero), zero, slope);
}

/** y·log x, and 0 where x = 0 and e ≥ 0. */
function powerExponent(b: Builder, y: BinaryNode): Node {
  const zero = b.constant(0, y.shape);
  const atZero = b.logic("and", b.compare("eq", y.a, zero), b.compare("le", zero, y.b));
  return b.select(atZero, zero, b.mul(y, b.unary("log", y.a)));
}

/** Partials of (lower, upper) order: the operand that wins gets 1, a tie gives half to each; NaN passes to both. */
function extremum(b: Builder, [x, y]: readonly [Node, Node]): readonly [Partial, Partial] {
  const tie = b.compare("eq", x, y);
  const factor = b.select(tie, b.constant(0.5, tie.shape), b.constant(1, tie.shape));
  return [
    { factor, guard: b.not(b.compare("lt", y, x)) },
    { factor, guard: b.not(b.compare("lt", x, y)) },
  ];
}

/**
 * The free functions: `sin(x)`, `sub(1, x)`, `stack([a, b])`, `einsum("ij,j->i", A, x)`.
 *
 * They take values, numbers, nested arrays, typed arrays and `{ data, shape }`, and call the methods of `Value`. Each
 * has the meaning and the derivative of the method of its name, which also checks everything passed after the operands.
 */

import * as library from "../ir/library/index.ts";
import type { Node } from "../ir/types.ts";
import { asValue } from "./as-value.ts";
import { asMask, type Mask } from "./mask.ts";
import type { Operand } from "./operand.ts";
import type { Over } from "./ops/axes.ts";
import type { NormOptions, VarianceOptions } from "./ops/reductions.ts";
import { checkSurplus } from "./options.ts";
import type { Broadcast, Tensor } from "./shapes.ts";
import { type NormaliseOptions, type Reduced, type ShapeOf, type Value, valueOf } from "./value.ts";

export * from "./array-functions.ts";

/** A function of each cell. */
export type Cellwise = <O extends Operand>(x: O) => Tensor<ShapeOf<O>>;
/** A function of two operands, broadcast. */
export type Pairwise = <A extends Operand, B extends Operand>(
  a: A,
  b: B,
) => Tensor<Broadcast<ShapeOf<A>, ShapeOf<B>>>;
/** A comparison of two operands, broadcast. */
export type Comparison = (a: Operand, b: Operand) => Mask;
/** A reduction over all axes, or over those of its options. */
export type Reduction<Options> = <O extends Options | undefined = undefined>(
  x: Operand,
  options?: O,
) => Reduced<O>;

type CellwiseName = {
  [K in keyof Value]: Value[K] extends () => Tensor ? K : never;
}[keyof Value];

function cellwise(name: CellwiseName): Cellwise {
  return ((x: Operand, ...rest: readonly unknown[]) => {
    checkSurplus(name, rest);
    const value = asValue(name, x) as Value;
    return value[name].call(value);
  }) as Cellwise;
}

type PairName = "add" | "sub" | "mul" | "div" | "pow" | "mod" | "minimum" | "maximum" | "atan2" | "cross";

function pairwise(name: PairName): Pairwise {
  return ((a: Operand, b: Operand, ...rest: readonly unknown[]) => {
    checkSurplus(name, rest);
    return (asValue(name, a) as Value)[name](b);
  }) as Pairwise;
}

function comparison(name: "lt" | "le" | "gt" | "ge" | "eq" | "ne"): Comparison {
  return (a: Operand, b: Operand, ...rest: readonly unknown[]) => {
    checkSurplus(name, rest);
    return (asValue(name, a) as Value)[name](b);
  };
}

function reduction<Options>(
  name: "sum" | "mean" | "prod" | "max" | "min" | "logsumexp" | "norm" | "variance" | "std",
) {
  return ((x: Operand, ...rest: readonly [over?: Over]) => {
    const value = asValue(name, x) as Value;
    return (value[name] as (over?: Over) => Tensor).call(value, ...rest);
  }) as Reduction<Options>;
}

/** Arithmetic with numpy's broadcasting; `mod` has the divisor's sign; minimum and maximum share the derivative at ties. */
export const add: Pairwise = pairwise("add");
export const sub: Pairwise = pairwise("sub");
export const mul: Pairwise = pairwise("mul");
export const div: Pairwise = pairwise("div");
export const pow: Pairwise = pairwise("pow");
export const mod: Pairwise = pairwise("mod");
export const minimum: Pairwise = pairwise("minimum");
export const maximum: Pairwise = pairwise("maximum");
export const atan2: Pairwise = pairwise("atan2");
export const cross: Pairwise = pairwise("cross");

/** Comparisons cell by cell: the condition of `where`. */
export const lt: Comparison = comparison("lt");
export const le: Comparison = comparison("le");
export const gt: Comparison = comparison("gt");
export const ge: Comparison = comparison("ge");
export const eq: Comparison = comparison("eq");
export const ne: Comparison = comparison("ne");

/** Functions of each cell: signs, roots, exponentials and logarithms. */
export const neg: Cellwise = cellwise("neg");
export const abs: Cellwise = cellwise("abs");
export const sign: Cellwise = cellwise("sign");
export const floor: Cellwise = cellwise("floor");
export const ceil: Cellwise = cellwise("ceil");
export const round: Cellwise = cellwise("round");
export const sqrt: Cellwise = cellwise("sqrt");
export const square: Cellwise = cellwise("square");
export const reciprocal: Cellwise = cellwise("reciprocal");
export const exp: Cellwise = cellwise("exp");
export const expm1: Cellwise = cellwise("expm1");
export const log: Cellwise = cellwise("log");
export const log1p: Cellwise = cellwise("log1p");
export const log2: Cellwise = cellwise("log2");
export const log10: Cellwise = cellwise("log10");

/** Trigonometric and hyperbolic functions, their inverses, and the error function. */
export const sin: Cellwise = cellwise("sin");
export const cos: Cellwise = cellwise("cos");
export const tan: Cellwise = cellwise("tan");
export const asin: Cellwise = cellwise("asin");
export const acos: Cellwise = cellwise("acos");
export const atan: Cellwise = cellwise("atan");
export const sinh: Cellwise = cellwise("sinh");
export const cosh: Cellwise = cellwise("cosh");
export const tanh: Cellwise = cellwise("tanh");
export const asinh: Cellwise = cellwise("asinh");
export const acosh: Cellwise = cellwise("acosh");
export const atanh: Cellwise = cellwise("atanh");
export const erf: Cellwise = cellwise("erf");

/** Activations; relu′(0) = 0. */
export const sigmoid: Cellwise = cellwise("sigmoid");
export const logSigmoid: Cellwise = cellwise("logSigmoid");
export const relu: Cellwise = cellwise("relu");
export const silu: Cellwise = cellwise("silu");
export const mish: Cellwise = cellwise("mish");
export const softsign: Cellwise = cellwise("softsign");

/** The value passes; its derivative is zero. */
export const stopGradient: Cellwise = cellwise("stopGradient");

/** log(1 + e^(βx)) / β. */
export function softplus<O extends Operand>(
  x: O,
  ...options: readonly [options?: { beta?: number; threshold?: number }]
): Tensor<ShapeOf<O>> {
  return asValue("softplus", x).softplus(...options);
}

/** x Φ(x); `approximate: true` takes Φ from tanh. */
export function gelu<O extends Operand>(
  x: O,
  ...options: readonly [options?: { approximate?: boolean }]
): Tensor<ShapeOf<O>> {
  return asValue("gelu", x).gelu(...options);
}

/** x where 0 < x, else slope · x. */
export function leakyRelu<O extends Operand>(x: O, ...slope: readonly [slope?: number]): Tensor<ShapeOf<O>> {
  return asValue("leakyRelu", x).leakyRelu(...slope);
}

/** x where 0 < x, else α (eˣ − 1). */
export function elu<O extends Operand>(x: O, ...alpha: readonly [alpha?: number]): Tensor<ShapeOf<O>> {
  return asValue("elu", x).elu(...alpha);
}

/** Into [min, max]; the derivative at a bound is 1. */
export function clip<O extends Operand>(
  x: O,
  ...bounds: readonly [min: Operand, max: Operand]
): Tensor<ShapeOf<O>> {
  return asValue("clip", x).clip(...bounds);
}

/** log(eᵃ + eᵇ), never overflowing. */
export function logAddExp<A extends Operand, B extends Operand>(
  a: A,
  b: B,
): Tensor<Broadcast<ShapeOf<A>, ShapeOf<B>>> {
  return valueOf("logAddExp", [a, b], (c, [x, y]) => {
    const { shape } = c.add(x as Node, y as Node);
    return library.logAddExp(c, c.broadcast(x as Node, shape), c.broadcast(y as Node, shape));
  });
}

/** Reductions over all axes or over `{ axis }`; ties of max and min share the derivative. */
export const sum: Reduction<Over> = reduction("sum");
export const mean: Reduction<Over> = reduction("mean");
export const prod: Reduction<Over> = reduction("prod");
export const max: Reduction<Over> = reduction("max");
export const min: Reduction<Over> = reduction("min");
export const logsumexp: Reduction<Over> = reduction("logsumexp");
export const norm: Reduction<NormOptions> = reduction("norm");
export const variance: Reduction<VarianceOptions> = reduction("variance");
export const std: Reduction<VarianceOptions> = reduction("std");

/** eˣ / Σ eˣ along an axis, the last by default. */
export function softmax<O extends Operand>(
  x: O,
  ...options: readonly [options?: { axis?: number }]
): Tensor<ShapeOf<O>> {
  return asValue("softmax", x).softmax(...options);
}

/** log(softmax(x)) along an axis, the last by default. */
export function logSoftmax<O extends Operand>(
  x: O,
  ...options: readonly [options?: { axis?: number }]
): Tensor<ShapeOf<O>> {
  return asValue("logSoftmax", x).logSoftmax(...options);
}

/** (x − mean) / √(variance + ε), scaled and shifted. */
export function layerNorm<O extends Operand>(
  x: O,
  ...options: readonly [options?: NormaliseOptions]
): Tensor<ShapeOf<O>> {
  return asValue("layerNorm", x).layerNorm(...options);
}

/** x / √(mean x² + ε), scaled and shifted. */
export function rmsNorm<O extends Operand>(
  x: O,
  ...options: readonly [options?: NormaliseOptions]
): Tensor<ShapeOf<O>> {
  return asValue("rmsNorm", x).rmsNorm(...options);
}

/** Running sums along an axis, the first by default. */
export function cumsum<O extends Operand>(
  x: O,
  ...options: readonly [options?: { axis?: number }]
): Tensor<ShapeOf<O>> {
  return asValue("cumsum", x).cumsum(...options);
}

/** `a` where the mask is true, `b` elsewhere; the branch not taken leaves no trace, not even a NaN in a derivative. */
export function where<A extends Operand, B extends Operand>(
  mask: Mask,
  a: A,
  b: B,
): Tensor<Broadcast<ShapeOf<A>, ShapeOf<B>>> {
  return valueOf("where", [asMask("where", mask), a, b], (c, [m, x, y]) =>
    c.select(m as Node, x as Node, y as Node),
  );
}

/** Logic on masks. */
export const and = (a: Mask, b: Mask): Mask => asMask("and", a).and(asMask("and", b));
export const or = (a: Mask, b: Mask): Mask => asMask("or", a).or(asMask("or", b));
export const not = (a: Mask): Mask => asMask("not", a).not();

/** 1 where the mask is true, 0 elsewhere; its derivative is zero. */
export function toFloat(mask: Mask): Tensor {
  return valueOf("toFloat", [asMask("toFloat", mask)], (b, [x]) => b.convert(x as Node, "float"));
}

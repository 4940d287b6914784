/**
 * The op table's scalar half: for each elementwise op its evaluation rule in float64.
 *
 * Adding an elementwise function starts here: one row, then the compiler names the other tables that miss it
 * (`autodiff/rules`, `lower/kernels`).
 */

import { erf } from "./erf.ts";
import type { BinaryOp, CompareOp, LogicOp, ReduceOp, UnaryOp } from "./types.ts";

/** Half to even, as IEEE 754 and ONNX round; what a negative number rounds up to is −0. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const above = x - floor;
  const up = above > 0.5 || (above === 0.5 && floor % 2 !== 0);
  return up ? -(-floor - 1) : floor;
}

/** A float as an int: towards 0, NaN as 0, never −0. */
export function wholeOf(x: number): number {
  return Math.trunc(x) || 0;
}

/** Remainder with the divisor's sign, as Python and torch.remainder. */
function floorMod(a: number, b: number): number {
  const remainder = a % b;
  return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder;
}

/** Like Math.pow but pow(1, y) = pow(x, 0) = 1 for every x and y, as C99 has it. */
function power(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
}

/** Each elementwise function of one number. */
export const unaryOps: Readonly<Record<UnaryOp, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  sqrt: Math.sqrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
};

/** Each elementwise function of two numbers. */
export const binaryOps: Readonly<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: power,
  mod: floorMod,
  min: Math.min,
  max: Math.max,
  atan2: Math.atan2,
};

/** Each comparison. */
export const compareOps: Readonly<Record<CompareOp, (a: number, b: number) => boolean>> = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
};

/** Each connective of bools, as 0 and 1. */
export const logicOps: Readonly<Record<LogicOp, (a: number, b: number) => number>> = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
};

/** Start value and step of each reduction. */
export const reduceOps: Readonly<
  Record<ReduceOp, { readonly start: number; readonly step: (a: number, b: number) => number }>
> = {
  reduceSum: { start: 0, step: (a, b) => a + b },
  reduceProd: { start: 1, step: (a, b) => a * b },
  reduceMax: { start: Number.NEGATIVE_INFINITY, step: Math.max },
  reduceMin: { start: Number.POSITIVE_INFINITY, step: Math.min },
  any: { start: 0, step: (a, b) => a | b },
  all: { start: 1, step: (a, b) => a & b },
};

/** Which family an op belongs to. */
export const isUnary = (op: string): op is UnaryOp => Object.hasOwn(unaryOps, op);
export const isBinary = (op: string): op is BinaryOp => Object.hasOwn(binaryOps, op);
export const isCompare = (op: string): op is CompareOp => Object.hasOwn(compareOps, op);
export const isLogic = (op: string): op is LogicOp => Object.hasOwn(logicOps, op);
export const isReduce = (op: string): op is ReduceOp => Object.hasOwn(reduceOps, op);

/** One rule for every op of a family: the rows of a table keyed by op. */
export function sameRule<K extends string, R>(family: Readonly<Record<K, unknown>>, rule: R): Record<K, R> {
  return Object.fromEntries(Object.keys(family).map((op) => [op, rule])) as Record<K, R>;
}

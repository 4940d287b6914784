/**
 * Stages of one row as plain C over doubles: what follows sums over rows.
 *
 * In: stages and where buffers lie. Out: lines of code in the words of `StageWriter`, and the helper functions that they call.
 * Always: nothing but math.h, and the special values of the float64 interpreter.
 */

import type { Dialect, Words } from "../js/stages.ts";
import { literal } from "./lanes.ts";

/** Helper functions by name; what they call comes before them. */
export const scalarHelpers: Readonly<Record<string, string>> = {
  one_whole: "static double one_whole(double x) { return x == x ? trunc(x) + 0.0 : 0.0; }",
  one_sign: "static double one_sign(double x) { return x > 0 ? 1.0 : x < 0 ? -1.0 : x; }",
  one_min:
    "static double one_min(double a, double b) { return a != a || b != b ? a + b : a < b || (a == b && signbit(a)) ? a : b; }",
  one_max:
    "static double one_max(double a, double b) { return a != a || b != b ? a + b : a > b || (a == b && !signbit(a)) ? a : b; }",
  one_mod: `/* Remainder with the divisor's sign. */
static double one_mod(double a, double b) {
  const double rest = fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}`,
  one_sigmoid:
    "static double one_sigmoid(double x) { const double e = exp(-fabs(x)); return (x < 0 ? e : 1.0) / (1.0 + e); }",
  one_softplus: "static double one_softplus(double x) { return (x < 0 ? 0.0 : x) + log1p(exp(-fabs(x))); }",
};

/** A row for every operation. */
const words: Words = {
  add: "(a + b)",
  sub: "(a - b)",
  mul: "(a * b)",
  div: "(a / b)",
  floorDivide: "floor(a / b)",
  neg: "(-a)",
  multiplyAdd: "(a * b + c)",
  subtractProduct: "(c - a * b)",
  lt: "(double)(a < b)",
  le: "(double)(a <= b)",
  eq: "(double)(a == b)",
  ne: "(double)(a != b)",
  and: "(double)(a && b)",
  or: "(double)(a || b)",
  not: "(1.0 - a)",
  floor: "floor(a)",
  ceil: "ceil(a)",
  sqrt: "sqrt(a)",
  exp: "exp(a)",
  expm1: "expm1(a)",
  log: "log(a)",
  log1p: "log1p(a)",
  sin: "sin(a)",
  cos: "cos(a)",
  tan: "tan(a)",
  asin: "asin(a)",
  acos: "acos(a)",
  atan: "atan(a)",
  sinh: "sinh(a)",
  cosh: "cosh(a)",
  tanh: "tanh(a)",
  asinh: "asinh(a)",
  acosh: "acosh(a)",
  atanh: "atanh(a)",
  erf: "erf(a)",
  abs: "fabs(a)",
  round: "rint(a)",
  sign: "one_sign(a)",
  min: "one_min(a, b)",
  max: "one_max(a, b)",
  mod: "one_mod(a, b)",
  pow: "pow(a, b)",
  atan2: "atan2(a, b)",
  sigmoid: "one_sigmoid(a)",
  softplus: "one_softplus(a)",
};

/** Functions that generated C calls, in double and float. */
export const functionNames: readonly string[] = [words, scalarHelpers]
  .flatMap((texts) => Object.values(texts).flatMap((text) => text.match(/\w+(?=\()/g) ?? []))
  .flatMap((name) => [name, `${name}f`]);

/** Plain C of doubles. */
export const scalarC: Dialect = {
  counter: "ix",
  variable: "double",
  value: "const double",
  float: (text) => `(double)${text}`,
  index: (text) => `(ix)${text}`,
  number: numberC,
  whole: (text) => `one_whole(${text})`,
  truth: (text) => `(double)(${text} != 0)`,
  words,
};

/** A double as C, in brackets where a sign might run into another. */
export function numberC(value: number): string {
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "(-INFINITY)";
  const text = literal("f64", value);
  return text.startsWith("-") ? `(${text})` : text;
}

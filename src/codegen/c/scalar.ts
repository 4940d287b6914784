/**
 * Stages of one row as plain C over doubles: what follows sums over rows.
 *
 * In: stages and where buffers lie. Out: lines of code in the words of `StageWriter`, and the helper functions that they call.
 * Always: nothing but math.h, and the special values of the float64 interpreter.
 */

import { UnsupportedError } from "../../errors.ts";
import type { ElementwiseOp } from "../../lower/loops.ts";
import type { Dialect } from "../js/stages.ts";
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

const OPERATORS: Readonly<Partial<Record<ElementwiseOp, string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
};
const TESTS: Readonly<Partial<Record<ElementwiseOp, string>>> = {
  lt: "<",
  le: "<=",
  eq: "==",
  ne: "!=",
  and: "&&",
  or: "||",
};
const CALLS: Readonly<Partial<Record<ElementwiseOp, string>>> = {
  abs: "fabs",
  round: "rint",
  sign: "one_sign",
  min: "one_min",
  max: "one_max",
  mod: "one_mod",
  sigmoid: "one_sigmoid",
  softplus: "one_softplus",
};
/** Functions that math.h calls as the row program does. */
const MATH = new Set<string>(
  "floor ceil sqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh atan2 pow erf".split(
    " ",
  ),
);

/** Functions of math.h that generated C calls, in double and float. */
export const mathNames: readonly string[] = [...MATH, "fabs", "fmod", "rint", "trunc", "signbit"].flatMap(
  (name) => [name, `${name}f`],
);

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
  elementwise,
};

/** A double as C, in brackets where a sign might run into another. */
export function numberC(value: number): string {
  if (Number.isNaN(value)) return "NAN";
  if (!Number.isFinite(value)) return value > 0 ? "INFINITY" : "(-INFINITY)";
  const text = literal("f64", value);
  return text.startsWith("-") ? `(${text})` : text;
}

function elementwise(name: ElementwiseOp, args: readonly string[], whole: boolean): string {
  const [a, b, c] = args;
  if (whole && name === "div") return `floor(${a} / ${b})`;
  if (name === "neg") return `(-${a})`;
  if (name === "not") return `(1.0 - ${a})`;
  if (name === "subtractProduct") return `(${c} - ${a} * ${b})`;
  if (name === "multiplyAdd") return `(${a} * ${b} + ${c})`;
  const [operator, test] = [OPERATORS[name], TESTS[name]];
  if (operator !== undefined) return `(${a} ${operator} ${b})`;
  if (test !== undefined) return `(double)(${a} ${test} ${b})`;
  const call = CALLS[name] ?? (MATH.has(name) ? name : undefined);
  if (call !== undefined) return `${call}(${args.join(", ")})`;
  throw new UnsupportedError("JR539", `no C for ${name}`);
}

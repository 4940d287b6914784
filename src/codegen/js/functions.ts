/** Elementwise operations as JavaScript: an expression of operands, with the helper functions that it calls. */

import { UnsupportedError } from "../../errors.ts";
import type { ElementwiseOp } from "../../lower/loops.ts";

/** Helper functions by name; what they call comes before them. */
export const helpers: Readonly<Record<string, string>> = {
  roundEven: `/** Half to even, as IEEE 754 rounds. */
function roundEven(x) {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return x - floor < 0.5 ? (floor === 0 && x < 0 ? -0 : floor) : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}`,
  floorMod: `/** Remainder with the divisor's sign. */
function floorMod(a, b) {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}`,
  power: `/** Like C99, 1 to any power is 1. */
function power(a, b) {
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}`,
  erf: `/** 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (1·3·…·(2n+1)): terms of one sign, nothing cancels. */
function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  if (Number.isNaN(x)) return x;
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return 1.1283791670955126 * Math.exp(-x * x) * sum;
}`,
  sigmoid: `function sigmoid(x) {
  const e = Math.exp(-Math.abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}`,
  softplus: `function softplus(x) {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}`,
};

const MATH = new Set<string>(
  "abs sign floor ceil sqrt exp expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh min max atan2".split(
    " ",
  ),
);
const OPERATORS: Readonly<Partial<Record<ElementwiseOp, string>>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  and: "&",
  or: "|",
};
const COMPARISONS: Readonly<Partial<Record<ElementwiseOp, string>>> = {
  lt: "<",
  le: "<=",
  eq: "===",
  ne: "!==",
};
const HELPED: Readonly<Partial<Record<ElementwiseOp, string>>> = {
  round: "roundEven",
  mod: "floorMod",
  pow: "power",
  erf: "erf",
  sigmoid: "sigmoid",
  softplus: "softplus",
};

/** The operation as an expression that needs no brackets around it. */
export function elementwiseText(name: ElementwiseOp, args: readonly string[], whole: boolean): string {
  const [a, b, c] = args;
  if (whole && name === "div") return `Math.floor(${a} / ${b})`;
  if (name === "neg") return `(-${a})`;
  if (name === "not") return `(1 - ${a})`;
  if (name === "subtractProduct") return `(${c} - ${a} * ${b})`;
  if (name === "multiplyAdd") return `(${a} * ${b} + ${c})`;
  const [operator, comparison, helper] = [OPERATORS[name], COMPARISONS[name], HELPED[name]];
  if (operator !== undefined) return `(${a} ${operator} ${b})`;
  if (comparison !== undefined) return `(${a} ${comparison} ${b} ? 1 : 0)`;
  if (helper !== undefined) return `${helper}(${args.join(", ")})`;
  if (MATH.has(name)) return `Math.${name}(${args.join(", ")})`;
  throw new UnsupportedError("JR538", `no JavaScript for ${name}`);
}

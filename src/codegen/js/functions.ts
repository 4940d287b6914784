/** Elementwise operations as JavaScript, with the helper functions that they call. */

import type { Words } from "./stages.ts";

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

/** A row for every operation. */
export const words: Words = {
  add: "(a + b)",
  sub: "(a - b)",
  mul: "(a * b)",
  div: "(a / b)",
  floorDivide: "Math.floor(a / b)",
  neg: "(-a)",
  multiplyAdd: "(a * b + c)",
  subtractProduct: "(c - a * b)",
  lt: "(a < b ? 1 : 0)",
  le: "(a <= b ? 1 : 0)",
  eq: "(a === b ? 1 : 0)",
  ne: "(a !== b ? 1 : 0)",
  and: "(a & b)",
  or: "(a | b)",
  not: "(1 - a)",
  abs: "Math.abs(a)",
  sign: "Math.sign(a)",
  floor: "Math.floor(a)",
  ceil: "Math.ceil(a)",
  sqrt: "Math.sqrt(a)",
  exp: "Math.exp(a)",
  expm1: "Math.expm1(a)",
  log: "Math.log(a)",
  log1p: "Math.log1p(a)",
  sin: "Math.sin(a)",
  cos: "Math.cos(a)",
  tan: "Math.tan(a)",
  asin: "Math.asin(a)",
  acos: "Math.acos(a)",
  atan: "Math.atan(a)",
  sinh: "Math.sinh(a)",
  cosh: "Math.cosh(a)",
  tanh: "Math.tanh(a)",
  asinh: "Math.asinh(a)",
  acosh: "Math.acosh(a)",
  atanh: "Math.atanh(a)",
  min: "Math.min(a, b)",
  max: "Math.max(a, b)",
  atan2: "Math.atan2(a, b)",
  round: "roundEven(a)",
  mod: "floorMod(a, b)",
  pow: "power(a, b)",
  erf: "erf(a)",
  sigmoid: "sigmoid(a)",
  softplus: "softplus(a)",
};

/**
 * Every function users can call: its value against JavaScript's own arithmetic, its derivative in every mode against
 * central differences. Cases are data; a function that is exported but not covered here fails the last test.
 */

import { describe, expect, test } from "vitest";
import type { Tensor } from "../../src/index.ts";
import * as jacrow from "../../src/index.ts";
import { expectDerivative, type RowCase, valueOf } from "./evaluate.ts";

const m = jacrow;
const row = [0.3, -0.7, 1.2];
const sigma = (x: number): number => 1 / (1 + Math.exp(-x));
const sum = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0);

interface Case {
  readonly name: string;
  readonly f: RowCase;
  /** The expected value, flat. */
  readonly value: (x: readonly number[]) => readonly number[];
  readonly at?: readonly number[];
}

const each =
  (f: (x: number) => number): Case["value"] =>
  (x) =>
    x.map(f);

const cellwise: readonly Case[] = [
  { name: "neg", f: (x) => m.neg(x), value: each((x) => -x) },
  { name: "abs", f: (x) => m.abs(x), value: each(Math.abs) },
  { name: "sign", f: (x) => m.sign(x), value: each(Math.sign) },
  { name: "floor", f: (x) => m.floor(x), value: each(Math.floor) },
  { name: "ceil", f: (x) => m.ceil(x), value: each(Math.ceil) },
  { name: "round", f: (x) => m.round(x), value: each(Math.round) },
  { name: "sqrt", f: (x) => m.sqrt(x), value: each(Math.sqrt), at: [0.3, 2] },
  { name: "square", f: (x) => m.square(x), value: each((x) => x * x) },
  { name: "reciprocal", f: (x) => m.reciprocal(x), value: each((x) => 1 / x) },
  { name: "exp", f: (x) => m.exp(x), value: each(Math.exp) },
  { name: "expm1", f: (x) => m.expm1(x), value: each(Math.expm1) },
  { name: "log", f: (x) => m.log(x), value: each(Math.log), at: [0.3, 2] },
  { name: "log1p", f: (x) => m.log1p(x), value: each(Math.log1p) },
  { name: "log2", f: (x) => m.log2(x), value: each(Math.log2), at: [0.3, 8] },
  { name: "log10", f: (x) => m.log10(x), value: each(Math.log10), at: [0.3, 1000] },
  { name: "sin", f: (x) => m.sin(x), value: each(Math.sin) },
  { name: "cos", f: (x) => m.cos(x), value: each(Math.cos) },
  { name: "tan", f: (x) => m.tan(x), value: each(Math.tan) },
  { name: "asin", f: (x) => m.asin(x), value: each(Math.asin), at: [0.3, -0.7] },
  { name: "acos", f: (x) => m.acos(x), value: each(Math.acos), at: [0.3, -0.7] },
  { name: "atan", f: (x) => m.atan(x), value: each(Math.atan) },
  { name: "sinh", f: (x) => m.sinh(x), value: each(Math.sinh) },
  { name: "cosh", f: (x) => m.cosh(x), value: each(Math.cosh) },
  { name: "tanh", f: (x) => m.tanh(x), value: each(Math.tanh) },
  { name: "asinh", f: (x) => m.asinh(x), value: each(Math.asinh) },
  { name: "acosh", f: (x) => m.acosh(x), value: each(Math.acosh), at: [1.3, 4] },
  { name: "atanh", f: (x) => m.atanh(x), value: each(Math.atanh), at: [0.3, -0.7] },
  {
    name: "erf",
    f: (x) => m.erf(x),
    value: () => [0.3286267594591274, -0.6778011938374184, 0.9103139782296354],
  },
  { name: "sigmoid", f: (x) => m.sigmoid(x), value: each(sigma) },
  { name: "logSigmoid", f: (x) => m.logSigmoid(x), value: each((x) => Math.log(sigma(x))) },
  { name: "relu", f: (x) => m.relu(x), value: each((x) => Math.max(x, 0)) },
  { name: "silu", f: (x) => m.silu(x), value: each((x) => x * sigma(x)) },
  { name: "mish", f: (x) => m.mish(x), value: each((x) => x * Math.tanh(Math.log1p(Math.exp(x)))) },
  { name: "softsign", f: (x) => m.softsign(x), value: each((x) => x / (1 + Math.abs(x))) },
  {
    name: "softplus",
    f: (x) => m.softplus(x, { beta: 2 }),
    value: each((x) => Math.log1p(Math.exp(2 * x)) / 2),
  },
  { name: "gelu", f: (x) => m.gelu(x), value: () => [0.18537342712, -0.16937453, 1.0619164] },
  {
    name: "gelu",
    f: (x) => m.gelu(x, { approximate: true }),
    value: each((x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  },
  { name: "leakyRelu", f: (x) => m.leakyRelu(x, 0.2), value: each((x) => (x > 0 ? x : 0.2 * x)) },
  { name: "elu", f: (x) => m.elu(x, 1.5), value: each((x) => (x > 0 ? x : 1.5 * Math.expm1(x))) },
  { name: "clip", f: (x) => m.clip(x, -0.5, 1), value: each((x) => Math.min(Math.max(x, -0.5), 1)) },
  { name: "stopGradient", f: (x) => x.add(m.stopGradient(x).mul(0)), value: each((x) => x) },
];

const pairs: readonly Case[] = [
  { name: "add", f: (x) => m.add(1, x), value: each((x) => 1 + x) },
  { name: "sub", f: (x) => m.sub(1, x), value: each((x) => 1 - x) },
  { name: "mul", f: (x) => m.mul(x, [2, 3, 4]), value: ([a, b, c]) => [2 * a!, 3 * b!, 4 * c!] },
  { name: "div", f: (x) => m.div(1, x), value: each((x) => 1 / x) },
  { name: "pow", f: (x) => m.pow(x, 2.5), value: each((x) => x ** 2.5), at: [0.3, 1.7] },
  { name: "pow", f: (x) => m.pow(2, x), value: each((x) => 2 ** x) },
  { name: "mod", f: (x) => m.mod(x, 0.5), value: each((x) => x - 0.5 * Math.floor(x / 0.5)) },
  { name: "minimum", f: (x) => m.minimum(x, 0.5), value: each((x) => Math.min(x, 0.5)) },
  { name: "maximum", f: (x) => m.maximum(x, 0.5), value: each((x) => Math.max(x, 0.5)) },
  {
    name: "atan2",
    f: (x) => m.atan2(x, x.roll(1)),
    value: ([a, b, c]) => [Math.atan2(a!, c!), Math.atan2(b!, a!), Math.atan2(c!, b!)],
  },
  {
    name: "logAddExp",
    f: (x) => m.logAddExp(x, x.roll(1)),
    value: ([a, b, c]) => [lae(a!, c!), lae(b!, a!), lae(c!, b!)],
  },
  {
    name: "cross",
    f: (x) => m.cross(x, [1, 2, 3]),
    value: ([a, b, c]) => [b! * 3 - c! * 2, c! - a! * 3, a! * 2 - b!],
  },
  { name: "where lt", f: (x) => m.where(m.lt(x, 0), x.square(), x), value: each((x) => (x < 0 ? x * x : x)) },
  {
    name: "where le ge and",
    f: (x) => m.where(m.and(m.le(x, 1), m.ge(x, 0)), x.exp(), x),
    value: each((x) => (x <= 1 && x >= 0 ? Math.exp(x) : x)),
  },
  {
    name: "where gt or not ne",
    f: (x) => m.where(m.or(m.gt(x, 1), m.not(m.ne(x, 5))), 2, x),
    value: each((x) => (x > 1 ? 2 : x)),
  },
  { name: "toFloat eq", f: (x) => x.mul(m.toFloat(m.eq(x.floor(), 1))), value: each((x) => (x > 1 ? x : 0)) },
];

function lae(a: number, b: number): number {
  return Math.log(Math.exp(a) + Math.exp(b));
}

const mean = (xs: readonly number[]): number => sum(xs) / xs.length;
const spread = (xs: readonly number[]): number => mean(xs.map((x) => (x - mean(xs)) ** 2));
const softmax = (xs: readonly number[]): number[] => xs.map((x) => Math.exp(x) / sum(xs.map(Math.exp)));

const reductions: readonly Case[] = [
  { name: "sum", f: (x) => m.sum(x), value: (x) => [sum(x)] },
  { name: "mean", f: (x) => m.mean(x), value: (x) => [mean(x)] },
  { name: "prod", f: (x) => m.prod(x), value: ([a, b, c]) => [a! * b! * c!] },
  { name: "max", f: (x) => m.max(x), value: (x) => [Math.max(...x)] },
  { name: "min", f: (x) => m.min(x), value: (x) => [Math.min(...x)] },
  { name: "logsumexp", f: (x) => m.logsumexp(x), value: (x) => [Math.log(sum(x.map(Math.exp)))] },
  { name: "norm", f: (x) => m.norm(x), value: (x) => [Math.hypot(...x)] },
  { name: "norm 1", f: (x) => m.norm(x, { order: 1 }), value: (x) => [sum(x.map(Math.abs))] },
  { name: "norm ∞", f: (x) => m.norm(x, { order: Infinity }), value: (x) => [Math.max(...x.map(Math.abs))] },
  { name: "variance", f: (x) => m.variance(x, { correction: 1 }), value: (x) => [(spread(x) * 3) / 2] },
  { name: "std", f: (x) => m.std(x), value: (x) => [Math.sqrt(spread(x))] },
  { name: "softmax", f: (x) => m.softmax(x), value: softmax },
  { name: "logSoftmax", f: (x) => m.logSoftmax(x), value: (x) => softmax(x).map(Math.log) },
  {
    name: "layerNorm",
    f: (x) => m.layerNorm(x, { scale: [1, 2, 3], bias: 1 }),
    value: (x) => x.map((v, i) => ((v - mean(x)) / Math.sqrt(spread(x) + 1e-5)) * (i + 1) + 1),
  },
  {
    name: "rmsNorm",
    f: (x) => m.rmsNorm(x),
    value: (x) => x.map((v) => v / Math.sqrt(mean(x.map((w) => w * w)) + 1e-5)),
  },
  { name: "cumsum", f: (x) => m.cumsum(x), value: ([a, b, c]) => [a!, a! + b!, a! + b! + c!] },
];

const A = [
  [1, 2, 3],
  [4, 5, 6],
];
const by = (vector: readonly number[], x: readonly number[]): number => sum(vector.map((v, i) => v * x[i]!));

const products: readonly Case[] = [
  { name: "matmul", f: (x) => m.matmul(A, x), value: (x) => A.map((a) => by(a, x)) },
  { name: "dot", f: (x) => m.dot(x, x), value: (x) => [by(x, x)] },
  { name: "outer", f: (x) => m.outer(x, [1, 2]), value: (x) => x.flatMap((v) => [v, 2 * v]) },
  {
    name: "einsum",
    f: (x) => m.einsum("ij,j,k->ki", A, x, x),
    value: (x) => x.flatMap((v) => A.map((a) => v * by(a, x))),
  },
  {
    name: "einsum ii",
    f: (x) => m.einsum("ii,i->", m.outer(x, x), x),
    value: (x) => [sum(x.map((v) => v ** 3))],
  },
  { name: "diagonal", f: (x) => m.diagonal(m.outer(x, x)), value: each((v) => v * v) },
  {
    name: "trace",
    f: (x) => m.trace(m.outer(x, x)),
    value: (x) => [x.reduce((sum, v) => sum + v * v, 0)],
  },
];

const movement: readonly Case[] = [
  {
    name: "stack",
    f: ([a, b, c]: Tensor) => m.stack([c!, a!, m.mul(a!, b!), 7]),
    value: ([a, b, c]) => [c!, a!, a! * b!, 7],
  },
  {
    name: "concat",
    f: (x) => m.concat([x, [5], x.square()]),
    value: (x) => [...x, 5, ...x.map((v) => v * v)],
  },
  { name: "slice", f: (x) => m.slice(x, { start: -1, step: -2 }), value: ([a, , c]) => [c!, a!] },
  { name: "take", f: (x) => m.take(x, [2, 0, -1, 2]), value: ([a, , c]) => [c!, a!, c!, c!] },
  {
    name: "reshape flatten transpose",
    f: (x) => m.flatten(m.transpose(m.reshape(m.concat([x, x.mul(2)]), [2, -1]))),
    value: (x) => x.flatMap((v) => [v, 2 * v]),
  },
  { name: "broadcastTo", f: (x) => m.broadcastTo(x, [2, 3]), value: (x) => [...x, ...x] },
  {
    name: "squeeze unsqueeze",
    f: (x) => m.squeeze(m.unsqueeze(x, -1).mul([[2]])),
    value: each((v) => 2 * v),
  },
  { name: "flip", f: (x) => m.flip(x), value: (x) => [...x].reverse() },
  { name: "roll", f: (x) => m.roll(x, 1), value: ([a, b, c]) => [c!, a!, b!] },
  { name: "pad", f: (x) => m.pad(x, [[1, 2]], 9), value: (x) => [9, ...x, 9, 9] },
];

const cases = [...cellwise, ...pairs, ...reductions, ...products, ...movement];

describe("functions", () => {
  test.each(cases)("$name", ({ f, value, at = row }) => {
    const found = valueOf(f, at);
    const wanted = value(at);
    expect(found).toHaveLength(wanted.length);
    found.forEach((number, index) => expect(number).toBeCloseTo(wanted[index]!, 7));
    expectDerivative(f, at);
  });

  test.each(cases)("$name: value and Jacobian on WebAssembly", ({ f, at = row }) => {
    const both = m.valueAndJacobian(f, { allowZero: true });
    const [X, options] = [[at, at.map((x) => x * 0.999)], { allowZero: true }];
    const wanted = m.rows(both, { ...options, device: "interpreter" }).sync(X);
    m.rows(both, options)
      .sync(X)
      .forEach(({ data, shape }, output) => {
        expect(shape).toEqual(wanted[output]!.shape);
        const scale = Math.max(...Array.from(wanted[output]!.data, Math.abs)) || 1;
        data.forEach((value, index) =>
          expect(Math.abs(value - wanted[output]!.data[index]!)).toBeLessThanOrEqual(1e-14 * scale),
        );
      });
  });

  test("every exported function is covered", () => {
    const named = new Set(cases.flatMap(({ name }) => name.split(" ")));
    const others = new Set([
      "jacrow",
      "rows",
      "checkJacobian",
      "jacobian",
      "hessian",
      "jvp",
      "vjp",
      "linearize",
      "valueAndJacobian",
      "custom",
      "smooth",
      "findKinks",
      "scan",
      "rowSum",
      "rowMean",
    ]);
    const missing = Object.entries(m)
      .filter(
        ([name, thing]) =>
          typeof thing === "function" && /^[a-z]/.test(name) && !others.has(name) && !named.has(name),
      )
      .map(([name]) => name);
    expect(missing).toEqual([]);
  });
});

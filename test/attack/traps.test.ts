/**
 * Singular branches not taken, structural zeros beside infinite slopes, and second derivatives at kinks, on WebAssembly.
 *
 * Wanted numbers are worked out by hand or are PyTorch 2.13's (torch.autograd.functional.hessian in float64); where
 * PyTorch gives NaN from 0 · ∞ of a branch not taken, the branch's own derivative stands here.
 */

import { expect, test } from "vitest";
import * as m from "../../src/index.ts";
import { custom, jacobian, jacrow, scan, type Tensor } from "../../src/index.ts";
import { deviation } from "./numbers.ts";

const modes = ["auto", "forward", "reverse"] as const;
const infinite = Number.POSITIVE_INFINITY;

interface Trap {
  readonly name: string;
  readonly f: (x: Tensor) => Tensor;
  readonly at: readonly number[];
  readonly z: readonly number[];
}

const root = custom((y: Tensor) => m.sqrt(y), {
  jvp: ([y], [t]) => m.div(t as Tensor, m.sqrt(y as Tensor).mul(2)),
});
const guardedRoot = (x: Tensor): Tensor => m.where(m.gt(x, 0), m.sqrt(x), 0);
const sinc = (x: Tensor): Tensor => m.where(m.eq(x, 0), 1, m.sin(x).div(x));

const traps: readonly Trap[] = [
  {
    name: "norm in where",
    f: (x) => m.where(m.gt(m.sum(m.square(x)), 0), m.sqrt(m.sum(m.square(x))), 0),
    at: [0, 0],
    z: [0, 0],
  },
  {
    name: "norm of where in where",
    f: (x) => m.where(m.gt(x.at(0), 0), m.norm(guardedRoot(x)), x.at(1).mul(2)),
    at: [4, 0],
    z: [0.25, 0],
  },
  { name: "x sin(1/x)", f: (x) => m.where(m.ne(x, 0), x.mul(m.sin(m.div(1, x))), 0), at: [0], z: [0] },
  {
    name: "x tanh(sin x / x)",
    f: (x) => m.where(m.ne(x, 0), x.mul(m.tanh(m.sin(x).div(x))), 0),
    at: [0],
    z: [0],
  },
  {
    name: "matmul of sinc",
    f: (x) =>
      m.matmul(
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        sinc(x),
      ),
    at: [0, 0],
    z: [0, 0, 0, 0, 0, 0],
  },
  { name: "sum of sinc times exp", f: (x) => m.sum(sinc(x)).mul(m.exp(x)), at: [0, 0], z: [2, 0, 0, 2] },
  {
    name: "a loop of guards",
    f: (x) => scan((c: Tensor) => [guardedRoot(c)], x, { steps: 3 })[0],
    at: [0, 1],
    z: [0, 0, 0, 0.125],
  },
  {
    name: "a rule behind a guard",
    f: (x) => m.where(m.gt(x, 0), root(x), 0),
    at: [0, 4],
    z: [0, 0, 0, 0.25],
  },
  {
    name: "softmax of masked logs",
    f: (x) => m.softmax(m.where(m.gt(x, 0), m.log(x), -infinite)),
    at: [0, 1, 1],
    z: [0, 0, 0, 0, 0.25, -0.25, 0, -0.25, 0.25],
  },
  {
    name: "missing numbers",
    f: (x) => m.where(m.eq(x, x), m.tanh(x).mul(x), 0),
    at: [Number.NaN, 0],
    z: [0, 0, 0, 0],
  },
  {
    name: "an overflow not taken",
    f: (x) => m.where(m.gt(x.at(1), 9), 0, x.at(0).mul(m.square(x.at(1)))),
    at: [1, 1e200],
    z: [0, 0],
  },
  {
    name: "moves beside a pole",
    f: (x) => m.pad(m.roll(m.flip(m.sqrt(x)), 1), [[1, 0]]),
    at: [0, 4],
    z: [0, 0, infinite, 0, 0, 0.25],
  },
  {
    name: "overlapping windows beside a pole",
    f: (x) => m.slice(m.sqrt(x), { end: 2 }).add(m.slice(m.sqrt(x), { start: 1 })),
    at: [0, 4, 1],
    z: [infinite, 0.25, 0, 0, 0.25, 0.5],
  },
  {
    name: "long product with one zero",
    f: (x) => m.prod(x),
    at: [...new Array(9).fill(2), 0],
    z: [...new Array(9).fill(0), 512],
  },
  { name: "product that underflows", f: (x) => m.prod(x), at: [1e-200, 1e-200, 3], z: [3e-200, 3e-200, 0] },
];

const second = (f: (x: Tensor) => Tensor) => (x: Tensor) => jacobian(f)(x);
const hessians: readonly Trap[] = [
  { name: "product with a zero", f: (x) => m.prod(x), at: [0, 2, 3], z: [0, 3, 2, 3, 0, 0, 2, 0, 0] },
  { name: "product with two zeros", f: (x) => m.prod(x), at: [0, 0, 3], z: [0, 3, 0, 3, 0, 0, 0, 0, 0] },
  { name: "gelu", f: (x) => m.sum(m.gelu(x)), at: [0, 1.7], z: [0.79788456, 0, 0, -0.083703679] },
  { name: "silu", f: (x) => m.sum(m.silu(x)), at: [0, -30], z: [0.5, 0, 0, -2.6201344e-12] },
  { name: "mish", f: (x) => m.sum(m.mish(x)), at: [0, 1.7], z: [0.64, 0, 0, -0.036814481] },
  { name: "softplus", f: (x) => m.sum(m.softplus(x)), at: [0, -30], z: [0.25, 0, 0, 9.357623e-14] },
  {
    name: "layer norm",
    f: (x) => m.layerNorm(x).at(0),
    at: [0.3, 1.7],
    z: [3.1235391e-5, -3.1235391e-5, -3.1235391e-5, 3.1235391e-5],
  },
  { name: "square of relu at 0", f: (x) => m.sum(m.square(m.relu(x))), at: [0, 2], z: [0, 0, 0, 2] },
  {
    name: "square of clip at a bound",
    f: (x) => m.sum(m.square(m.clip(x, -0.5, 0.5))),
    at: [0.5, 2],
    z: [2, 0, 0, 0],
  },
];

const all = [
  ...traps,
  ...hessians.map((trap) => ({ ...trap, name: `Hessian: ${trap.name}`, f: second(trap.f) })),
];

test.each(all)("$name", ({ f, at, z }) => {
  for (const mode of modes) {
    const J = jacrow(f, { mode, allowZero: true });
    const found = Array.from(J.sync({ data: Float64Array.from(at), shape: [1, at.length] }).data);
    const finite = z.map((value) => (Number.isFinite(value) ? value : 0));
    const places = found.map((value) => (Math.abs(value) === infinite ? 0 : value));
    expect(
      places.length === z.length &&
        found.every((value, i) => Number.isFinite(value) === Number.isFinite(z[i])),
      `${mode}: ${found}`,
    ).toBe(true);
    expect(deviation(places, finite), `${mode}: ${found}`).toBeLessThan(2e-8);
    J.dispose();
  }
});

/** Functions of one row, each with a point: the cases every mode and target is tried on. */

import type { Builder } from "../../src/ir/builder.ts";
import { Builder as NodeBuilder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import * as library from "../../src/ir/library/index.ts";
import { unaryOps } from "../../src/ir/ops.ts";
import { range, sizeOf } from "../../src/ir/shape.ts";
import type { Node, Program, Shape, UnaryOp } from "../../src/ir/types.ts";

/** One function and a point at which to differentiate it. */
export interface Scenario {
  readonly name: string;
  readonly shape: Shape;
  readonly make: (b: Builder, x: Node) => Node;
  readonly at?: readonly number[];
}

/** The scenario as a program of one input x and one output y. */
export function programFor({ name, shape, make }: Scenario): Program {
  const b = new NodeBuilder();
  const x = b.input("x", shape);
  return programOf(name, [x], [{ name: "y", value: make(b, x) }]);
}

/** Numbers in (−1, 1) that no two scenarios cells share. */
export const numbers = (count: number, seed = 0.37): number[] =>
  range(count).map((index) => Math.sin(12.9898 * (index + 1) + 78.233 * seed));

/** The scenario's point, or numbers in (−1, 1). */
export function pointOf({ shape, at }: Scenario): Float64Array {
  return Float64Array.from(at ?? numbers(sizeOf(shape)));
}

const weights = (b: Builder, shape: Shape, seed: number): Node =>
  b.constant(Float64Array.from(numbers(sizeOf(shape), seed)), shape);
const dense = (b: Builder, x: Node, [out, seed]: [number, number]): Node =>
  b.contract(weights(b, [out, x.shape[0] as number], seed), x, { a: [0, 1], b: [1], out: [0] });
const scalar = (b: Builder, x: Node, index: number): Node =>
  b.reshape(b.slice(x, { starts: [index], steps: [1], shape: [1] }), []);
const stack = (b: Builder, parts: readonly Node[]): Node =>
  b.concat(
    parts.map((part) => b.reshape(part, [1])),
    0,
  );
const zero = (b: Builder, shape: Shape): Node => b.constant(0, shape);

const DOMAINS: Partial<Record<UnaryOp, readonly number[]>> = {
  log: [0.3, 2, 7],
  sqrt: [0.3, 2, 7],
  log1p: [-0.5, 0.2, 3],
  acosh: [1.2, 2, 5],
  atanh: [-0.7, 0.1, 0.6],
  asin: [-0.7, 0.1, 0.6],
  acos: [-0.7, 0.1, 0.6],
};

const unary: Scenario[] = (Object.keys(unaryOps) as UnaryOp[]).map((op) => ({
  name: op,
  shape: [3],
  make: (b, x) => b.unary(op, x),
  at: DOMAINS[op] ?? [-1.7, 0.4, 2.3],
}));

const binary: Scenario[] = (["add", "sub", "mul", "div", "pow", "mod", "min", "max", "atan2"] as const).map(
  (op) => ({
    name: op,
    shape: [4],
    make: (b, x) =>
      stack(b, [
        b.binary(op, scalar(b, x, 0), scalar(b, x, 1)),
        b.binary(op, scalar(b, x, 2), scalar(b, x, 3)),
      ]),
    at: [1.3, 0.7, 2.9, 3.3],
  }),
);

const activations: Scenario[] = Object.entries({
  sigmoid: library.sigmoid,
  softplus: library.softplus,
  logSigmoid: library.logSigmoid,
  silu: library.silu,
  mish: library.mish,
  softsign: library.softsign,
  gelu: library.gelu,
  relu: library.relu,
  leakyRelu: library.leakyRelu,
  elu: library.elu,
  celu: library.celu,
  selu: library.selu,
  hardSigmoid: library.hardSigmoid,
  hardSwish: library.hardSwish,
  softmax: library.softmax,
  logSoftmax: library.logSoftmax,
  logsumexp: library.logsumexp,
}).map(([name, f]) => ({ name, shape: [4], make: (b, x) => f(b, x), at: [-2.1, -0.3, 0.4, 1.9] }));

const networks: Scenario[] = [
  {
    name: "3-16-5 tanh",
    shape: [3],
    make: (b, x) => dense(b, b.unary("tanh", b.add(dense(b, x, [16, 1]), weights(b, [16], 2))), [5, 3]),
  },
  {
    name: "deep relu",
    shape: [6],
    make: (b, x) =>
      dense(
        b,
        [1, 2, 3].reduce((h, seed) => library.relu(b, dense(b, h, [9, seed])), x),
        [4, 4],
      ),
  },
  {
    name: "residual",
    shape: [5],
    make: (b, x) => [1, 2].reduce((h, seed) => b.add(h, library.softplus(b, dense(b, h, [5, seed]))), x),
  },
  {
    name: "skip by concat",
    shape: [5],
    make: (b, x) => dense(b, b.concat([b.unary("sin", dense(b, x, [3, 1])), x], 0), [4, 2]),
  },
  {
    name: "autoencoder",
    shape: [12],
    make: (b, x) =>
      dense(b, b.unary("tanh", dense(b, b.unary("tanh", dense(b, x, [2, 1])), [8, 2])), [12, 3]),
  },
  {
    name: "layer norm",
    shape: [6],
    make: (b, x) => dense(b, library.layerNorm(b, dense(b, x, [7, 1]), { axes: [0] }), [2, 2]),
  },
  {
    name: "attention",
    shape: [4, 6],
    make: (b, x) => {
      const project = (seed: number): Node =>
        b.contract(x, weights(b, [6, 3], seed), { a: [0, 1], b: [1, 2], out: [0, 2] });
      const scores = b.contract(project(1), project(2), { a: [0, 2], b: [1, 2], out: [0, 1] });
      return b.matmul(library.softmax(b, scores, 1), project(3));
    },
  },
];

const movements: Scenario[] = [
  {
    name: "reshape and transpose",
    shape: [6],
    make: (b, x) => b.unary("sin", b.reshape(b.transpose(b.reshape(x, [2, 3]), [1, 0]), [6])),
  },
  {
    name: "interleaving reshape",
    shape: [2, 3],
    make: (b, x) => b.mul(b.reshape(b.unary("sin", x), [3, 2]), b.reshape(x, [3, 2])),
  },
  {
    name: "broadcast",
    shape: [3],
    make: (b, x) => b.mul(b.broadcast(x, [2, 3]), b.broadcast(b.reshape(b.sum(x, [0]), [1, 1]), [2, 3])),
  },
  {
    name: "slices",
    shape: [6],
    make: (b, x) => {
      const part = (start: number, step: number): Node =>
        b.slice(x, { starts: [start], steps: [step], shape: [3] });
      return b.concat([b.mul(part(0, 1), part(5, -1)), b.unary("exp", part(1, 2))], 0);
    },
  },
  {
    name: "strided pad",
    shape: [4],
    make: (b, x) => b.unary("sin", b.pad(b.mul(x, x), { starts: [1], steps: [2], shape: [9] })),
  },
  {
    name: "gather with repeats",
    shape: [4],
    make: (b, x) =>
      b.mul(b.gather(x, b.constant([0, 0, 2, 1, 3], [5], "int"), 0), b.constant([1, 2, 3, 4, 5], [5])),
  },
  {
    name: "scatter",
    shape: [5],
    make: (b, x) =>
      b.unary("sin", b.scatterAdd(x, b.constant([0, 0, 2, 1, 2], [5], "int"), { axis: 0, size: 4 })),
  },
  {
    name: "convolution",
    shape: [2, 7],
    make: (b, x) =>
      b.contract(b.window(x, { axis: 1, size: 3, stride: 2, dilation: 1 }), weights(b, [4, 2, 3], 5), {
        a: [0, 1, 2],
        b: [3, 0, 2],
        out: [3, 1],
      }),
  },
  {
    name: "unwindow",
    shape: [3, 2],
    make: (b, x) => b.unary("exp", b.unwindow(x, { axis: 0, length: 6, stride: 2, dilation: 1 })),
  },
  { name: "product", shape: [4], make: (b, x) => b.reduce("reduceProd", x, [0]) },
  { name: "largest", shape: [4], make: (b, x) => b.reduce("reduceMax", b.mul(x, x), [0]) },
  {
    name: "row times row",
    shape: [9],
    make: (b, x) => {
      const m = b.reshape(x, [3, 3]);
      return b.matmul(m, b.unary("tanh", b.matmul(m, m)));
    },
  },
  {
    name: "scalars",
    shape: [3],
    make: (b, x) => {
      const [p, q] = [scalar(b, x, 0), scalar(b, x, 2)];
      return stack(b, [b.mul(p, q), b.add(b.unary("cos", p), b.unary("cos", b.add(p, q))), q, b.constant(3)]);
    },
  },
];

/** Smooth at their points: differences are to be trusted. */
export const smoothScenarios: readonly Scenario[] = [
  ...unary,
  ...binary,
  ...activations,
  ...networks,
  ...movements,
];

/** Points on kinks and in traps, with the Jacobian expected exactly (PyTorch's conventions; DESIGN "Branches never leak"). */
export const kinkScenarios: readonly (Scenario & { readonly jacobian: readonly number[] })[] = [
  { name: "relu at 0", shape: [1], make: (b, x) => library.relu(b, x), at: [0], jacobian: [0] },
  { name: "abs at 0", shape: [1], make: (b, x) => b.unary("abs", x), at: [0], jacobian: [0] },
  {
    name: "max at a tie",
    shape: [2],
    make: (b, x) => b.binary("max", scalar(b, x, 0), scalar(b, x, 1)),
    at: [1, 1],
    jacobian: [0.5, 0.5],
  },
  {
    name: "reduceMax at a tie",
    shape: [3],
    make: (b, x) => b.reduce("reduceMax", x, [0]),
    at: [2, 1, 2],
    jacobian: [0.5, 0, 0.5],
  },
  {
    name: "product with a zero",
    shape: [3],
    make: (b, x) => b.reduce("reduceProd", x, [0]),
    at: [0, 2, 3],
    jacobian: [6, 0, 0],
  },
  {
    name: "product with two zeros",
    shape: [3],
    make: (b, x) => b.reduce("reduceProd", x, [0]),
    at: [0, 0, 3],
    jacobian: [0, 0, 0],
  },
  { name: "norm at 0", shape: [2], make: (b, x) => library.norm2(b, x, [0]), at: [0, 0], jacobian: [0, 0] },
  {
    name: "x^1.5 at 0",
    shape: [1],
    make: (b, x) => b.binary("pow", x, b.constant(1.5, [1])),
    at: [0],
    jacobian: [0],
  },
  {
    name: "x^0.5 at 0",
    shape: [1],
    make: (b, x) => b.binary("pow", x, b.constant(0.5, [1])),
    at: [0],
    jacobian: [Number.POSITIVE_INFINITY],
  },
  {
    name: "x^2.0 at −2",
    shape: [1],
    make: (b, x) => b.binary("pow", x, b.constant(2, [1])),
    at: [-2],
    jacobian: [-4],
  },
  {
    name: "where(x > 0, √x, 0) at 0",
    shape: [1],
    make: (b, x) => b.select(b.compare("lt", zero(b, [1]), x), b.unary("sqrt", x), zero(b, [1])),
    at: [0],
    jacobian: [0],
  },
  {
    name: "where(Σx > 0, Σ√x, 0) at 0",
    shape: [2],
    at: [0, 0],
    jacobian: [0, 0],
    make: (b, x) =>
      b.select(b.compare("lt", b.constant(0), b.sum(x, [0])), b.sum(b.unary("sqrt", x), [0]), b.constant(0)),
  },
  {
    name: "√where(x > 0, x, 0) at 0",
    shape: [1],
    make: (b, x) => b.unary("sqrt", b.select(b.compare("lt", zero(b, [1]), x), x, zero(b, [1]))),
    at: [0],
    jacobian: [0],
  },
  {
    name: "weights after where(x > 0, √x, 0)",
    shape: [2],
    at: [0, 4],
    jacobian: [0, 0.25 * numbers(4, 1)[1]!, 0, 0.25 * numbers(4, 1)[3]!],
    make: (b, x) =>
      dense(b, b.select(b.compare("lt", zero(b, [2]), x), b.unary("sqrt", x), zero(b, [2])), [2, 1]),
  },
  {
    name: "where(x < 700, exp(x), 0) at 1000",
    shape: [1],
    at: [1000],
    jacobian: [0],
    make: (b, x) => b.select(b.compare("lt", x, b.constant(700, [1])), b.unary("exp", x), zero(b, [1])),
  },
  { name: "sigmoid at −800", shape: [1], make: (b, x) => library.sigmoid(b, x), at: [-800], jacobian: [0] },
  { name: "softplus at 800", shape: [1], make: (b, x) => library.softplus(b, x), at: [800], jacobian: [1] },
];

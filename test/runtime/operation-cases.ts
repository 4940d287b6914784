/** Cases that every device computes: one per operation and kind of stage. Outputs from row inputs x (6,) and m (3, 4). */

import type { Builder } from "../../src/ir/builder.ts";
import { binaryOps, compareOps, unaryOps } from "../../src/ir/ops.ts";
import type { BinaryOp, CompareOp, Node, UnaryOp } from "../../src/ir/types.ts";

/** Where a function is real: x in [−1, 1) is moved there. */
const domains: Partial<Record<string, (b: Builder, x: Node) => Node>> = {
  sqrt: (b, x) => b.add(x, b.constant(1)),
  log: (b, x) => b.add(x, b.constant(1.5)),
  log1p: (b, x) => b.mul(x, b.constant(0.9)),
  acosh: (b, x) => b.add(x, b.constant(2.5)),
  atanh: (b, x) => b.mul(x, b.constant(0.9)),
  pow: (b, x) => b.add(x, b.constant(1.5)),
};

/** Builds outputs from two row inputs x (6,) and m (3, 4). */
export type Make = (b: Builder, x: Node, m: Node) => Node[];

const movements: Record<string, Make> = {
  "reshape and transpose": (b, _, m) => [b.transpose(m, [1, 0]), b.reshape(m, [2, 6])],
  "slices with steps": (b, x) => [
    b.slice(x, { starts: [5], steps: [-2], shape: [3] }),
    b.slice(x, { starts: [1], steps: [1], shape: [4] }),
  ],
  pad: (b, x) => [b.pad(x, { starts: [1], steps: [2], shape: [14] })],
  concat: (b, x, m) => [b.concat([x, b.reshape(m, [12]), b.neg(x)], 0)],
  broadcast: (b, x) => [b.broadcast(x, [3, 6])],
  "window and unwindow": (b, x) => {
    const windows = b.window(x, { axis: 0, size: 3, stride: 1, dilation: 1 });
    return [windows, b.unwindow(windows, { axis: 0, length: 6, stride: 1, dilation: 1 })];
  },
  "gather, known indices": (b, x, m) => {
    const indices = b.constant([2, 0, 2, 1], [4], "int");
    return [b.gather(x, indices, 0), b.gather(m, indices, 0)];
  },
  "scatterAdd, known indices": (b, x) => [
    b.scatterAdd(x, b.constant([2, 0, 2, 1, 0, 2], [6], "int"), { axis: 0, size: 4 }),
  ],
  "gather, a row's indices": (b, x, m) => {
    const indices = b.convert(b.add(b.mul(x, b.constant(1.4)), b.constant(1.5)), "int");
    return [b.gather(m, indices, 0)];
  },
};

const loops: Record<string, Make> = {
  "a large value, slice by slice": (b, x) => {
    const shape = [8, 64, 40];
    const numbers = Float64Array.from({ length: 8 * 64 * 40 }, (_, cell) => Math.sin(cell));
    const large = b.mul(b.constant(numbers, shape), b.broadcast(b.sum(x, [0]), shape));
    const labels = { a: [0, 1, 2], b: [2, 3], out: [0, 1, 3] };
    const narrow = b.contract(large, b.constant(numbers.slice(0, 120), [40, 3]), labels);
    return [b.reduce("reduceMax", b.unary("tanh", narrow), [1])];
  },
  "windows spread with a stride and added": (b, _, m) => {
    const weights = b.constant([1, -2, 3, 0.5, 4, -1], [2, 3]);
    const spread = b.constant(
      Float64Array.from({ length: 4 * 3 * 9 }, (_, cell) => {
        const [count, own, place] = [Math.floor(cell / 27), Math.floor(cell / 9) % 3, cell % 9];
        return place === 2 * count + own ? 1 : 0;
      }),
      [4, 3, 9],
    );
    const values = b.contract(m, weights, { a: [0, 1], b: [2, 3], out: [0, 2, 1, 3] });
    return [b.contract(values, spread, { a: [0, 2, 1, 3], b: [1, 3, 4], out: [0, 2, 4] })];
  },
};

const reductions: Record<string, Make> = {
  "sums over each axis": (b, _, m) => [b.sum(m, [0]), b.sum(m, [1]), b.sum(m, [0, 1])],
  "products, maxima, minima": (b, _, m) => [
    b.reduce("reduceProd", m, [1]),
    b.reduce("reduceMax", m, [0]),
    b.reduce("reduceMin", m, [0, 1]),
  ],
  "any and all": (b, _, m) => {
    const positive = b.compare("lt", b.constant(0), m);
    return [
      b.convert(b.reduce("any", positive, [1]), "float"),
      b.convert(b.reduce("all", positive, [1]), "float"),
    ];
  },
  softmax: (b, x) => {
    const e = b.unary("exp", b.sub(x, b.reduce("reduceMax", x, [0])));
    return [b.div(e, b.sum(e, [0]))];
  },
};

const contractions: Record<string, Make> = {
  "tile by tile": (b, _, m) => [b.contract(m, m, { a: [0, 1], b: [2, 1], out: [0, 2] })],
  "outer product": (b, x, m) => [b.contract(x, m, { a: [0], b: [1, 2], out: [0, 1, 2] })],
  batched: (b, _, m) => [b.contract(m, m, { a: [0, 1], b: [0, 1], out: [0] })],
  dot: (b, x) => [b.contract(x, x, { a: [0], b: [0], out: [] })],
  "large tile by tile": (b, x, m) => {
    const left = b.mul(b.broadcast(x, [17, 6]), b.convert(b.iota([17, 6], 0), "float"));
    const right = b.mul(b.broadcast(b.reshape(m, [12, 1]), [12, 6]), b.convert(b.iota([12, 6], 1), "float"));
    return [b.contract(b.unary("sin", left), b.unary("cos", right), { a: [0, 1], b: [2, 1], out: [2, 0] })];
  },
};

const logic: Record<string, Make> = {
  "and, or, not": (b, x) => {
    const small = b.compare("lt", x, b.constant(0.5));
    const large = b.compare("le", b.constant(-0.5), x);
    return [b.logic("and", small, large), b.logic("or", b.not(small), large)].map((mask) =>
      b.convert(mask, "float"),
    );
  },
  "equal masks": (b, x) => {
    const [p, q] = [b.compare("lt", x, b.constant(0.5)), b.compare("lt", b.constant(-0.5), x)];
    return [b.convert(b.compare("eq", p, q), "float"), b.convert(b.compare("ne", p, q), "float")];
  },
  "select hides NaN": (b, x) => [
    b.select(b.compare("lt", b.constant(0), x), b.unary("sqrt", x), b.constant(0)),
  ],
  "int arithmetic": (b, x) => {
    const i = b.convert(b.mul(x, b.constant(20)), "int");
    const j = b.add(b.iota([6], 0), b.constant(3, [], "int"));
    const all = (["add", "sub", "mul", "mod", "min", "max"] as const).map((op) => b.binary(op, i, j));
    const more = [b.unary("neg", i), b.unary("abs", i), b.unary("sign", i)];
    const masks = (["lt", "le", "eq", "ne"] as const).map((op) => b.compare(op, i, j));
    return [...all, ...more, ...masks].map((node) => b.convert(node, "float"));
  },
};

const functions: Record<string, Make> = Object.fromEntries([
  ...(Object.keys(unaryOps) as UnaryOp[]).map((op): [string, Make] => [
    op,
    (b, x) => [b.unary(op, domains[op]?.(b, x) ?? x)],
  ]),
  ...(Object.keys(binaryOps) as BinaryOp[]).map((op): [string, Make] => [
    `${op} of two`,
    (b, x) => [b.binary(op, domains[op]?.(b, x) ?? x, b.add(b.constant([1, 2, 3, -1, 2, -3], [6]), x))],
  ]),
  ...(Object.keys(compareOps) as CompareOp[]).map((op): [string, Make] => [
    op,
    (b, x) => [b.convert(b.compare(op, x, b.constant(0.25)), "float")],
  ]),
]);

/** Every case by its name. */
export const operationCases: Readonly<Record<string, Make>> = {
  ...movements,
  ...loops,
  ...reductions,
  ...contractions,
  ...logic,
  ...functions,
};

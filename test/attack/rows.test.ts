/**
 * Functions of many kinds on WebAssembly against float64 differences, and rows against each other.
 *
 * Every function is asymmetric. Z must agree with five-point differences of the interpreter in every mode, and the bits
 * of a row must not depend on n, on its place, or on rows of NaN and ∞ beside it.
 */

import { afterAll, describe, expect, test } from "vitest";
import * as m from "../../src/index.ts";
import { hessian, jacobian, jacrow, rows, scan, type Tensor, vjp } from "../../src/index.ts";
import { bitsOf, deviation, type Rows, uniform } from "./numbers.ts";

interface Case {
  readonly name: string;
  readonly shape: readonly number[];
  readonly f: (x: Tensor) => Tensor;
}

const random = uniform(5);
const matrix = (height: number, width: number): number[][] =>
  Array.from({ length: height }, () => Array.from({ length: width }, random));
const [tall, wide, square] = [matrix(17, 5), matrix(3, 17), matrix(3, 3)];
const steps = matrix(1, 12)[0] as number[];

function attention(x: Tensor): Tensor {
  const scores = m.matmul(m.matmul(x, square), m.transpose(x));
  const causal = m.le([[0, 1]], [[0], [1]]);
  return m.matmul(m.softmax(m.where(causal, scores, Number.NEGATIVE_INFINITY)), m.sin(x));
}

function twisted(x: Tensor): Tensor {
  let [u, v, w]: [Tensor, Tensor, Tensor] = [x.at(0), x.at(1), x.at(2)];
  for (let i = 0; i < 6; i++) {
    const next: Tensor = m.sin(u.mul(v)).add(w.mul(0.5));
    [u, v, w] = [next, m.cos(v.sub(w)).mul(0.7), m.tanh(u.add(w.mul(v)))];
  }
  return m.stack([u, v, w, u.mul(v)]);
}

const cases: readonly Case[] = [
  {
    name: "a net with a skip",
    shape: [5],
    f: (x) => m.matmul(wide, m.tanh(m.matmul(tall, m.sin(x)))).add(x.at(1)),
  },
  {
    name: "reversed strides",
    shape: [6],
    f: (x) => m.slice(x, { start: 5, end: 0, step: -2 }).mul(m.sin(x.at(1))),
  },
  {
    name: "rolls and pads",
    shape: [3, 4],
    f: (x) =>
      m.pad(
        m.roll(x, 1, { axis: 0 }).mul(m.flip(x)),
        [
          [0, 1],
          [2, 0],
        ],
        3,
      ),
  },
  {
    name: "repeated entries",
    shape: [4],
    f: (x) => m.take(m.sin(x), [3, 0, 0, -2]).mul(m.take(x, [1, 1, 2, 3])),
  },
  {
    name: "a diagonal and a trace",
    shape: [4, 4],
    f: (x) => m.einsum("ii->i", x).mul(m.einsum("ij,ji->", x, x)),
  },
  {
    name: "interleaved reshapes",
    shape: [4, 3],
    f: (x) => m.reshape(m.transpose(m.reshape(x, [6, 2])), [3, 4]).mul(m.transpose(x)),
  },
  {
    name: "broadcast both ways",
    shape: [3, 1],
    f: (x) => x.mul(m.reshape(m.take(m.flatten(x), [0, 1, 2, 1]), [1, 4])),
  },
  {
    name: "cumulative sums",
    shape: [3, 4],
    f: (x) => m.cumsum(m.cumsum(x, { axis: 1 }).mul(x), { axis: 0 }),
  },
  {
    name: "reductions over axes",
    shape: [2, 3, 2],
    f: (x) => m.prod(x, { axis: [0, 2] }).mul(m.max(x, { axis: [-1, 0] })),
  },
  { name: "causal attention", shape: [2, 3], f: attention },
  { name: "layer norm", shape: [4], f: (x) => m.layerNorm(x).mul(m.exp(x)) },
  { name: "a long formula", shape: [3], f: twisted },
  {
    name: "a loop",
    shape: [2],
    f: (x) => scan((c: Tensor, k: Tensor) => [m.sin(c.add(k)).mul(x.at(0)), m.sum(c)], x, steps)[0],
  },
  {
    name: "remainders",
    shape: [2],
    f: (x) => m.stack([m.mod(x.at(0).add(7.1), x.at(1).add(5)), m.mod(x.at(1), -9)]),
  },
  {
    name: "third derivatives",
    shape: [2],
    f: (x) => jacobian(hessian((z: Tensor) => m.exp(z.at(0).mul(m.square(z.at(1))))))(x),
  },
  {
    name: "a product with its own Jacobian",
    shape: [3],
    f: (x) => vjp((y: Tensor) => m.outer(y, m.sin(y)), x)[1](m.outer(x, m.cos(x))),
  },
  { name: "a number of a number", shape: [], f: (x) => m.sin(x).mul(x) },
];

const N = 13;

function at(x: Float64Array, shape: readonly number[], by: { cell: number; step: number }): Rows {
  const width = shape.reduce((a, b) => a * b, 1);
  return {
    data: x.map((value, index) => value + (index % width === by.cell ? by.step : 0)),
    shape: [x.length / width, ...shape],
  };
}

/** ∂f/∂x of every row by five-point differences, (n, m, d). */
function differences({ f, shape }: Case, x: Float64Array): Float64Array {
  const width = shape.reduce((a, b) => a * b, 1);
  const values = rows(f, { device: "interpreter", allowZero: true });
  const h = 3e-4;
  const columns = Array.from({ length: width }, (_, cell) => {
    const [a, b, c, d] = [h, -h, 2 * h, -2 * h].map((step) => values.sync(at(x, shape, { cell, step })).data);
    return Float64Array.from(
      a as Float64Array,
      (y, i) => (8 * (y - (b?.[i] as number)) - ((c?.[i] as number) - (d?.[i] as number))) / (12 * h),
    );
  });
  const cells = (columns[0] as Float64Array).length;
  return Float64Array.from(
    { length: cells * width },
    (_, i) => columns[i % width]?.[Math.floor(i / width)] as number,
  );
}

describe.each(cases)("$name", ({ name, shape, f }) => {
  const width = shape.reduce((a, b) => a * b, 1);
  const draw = uniform(name.length);
  const x = Float64Array.from({ length: N * width }, () => 0.1 + 0.8 * Math.abs(draw()));
  const part = (data: Float64Array | Float32Array, n: number): Rows => ({
    data: data.slice(0, n * width),
    shape: [n, ...shape],
  });

  const J = jacrow(f, { allowZero: true });
  afterAll(() => J.dispose());

  test("equals differences in every mode", () => {
    const expected = differences({ name, shape, f }, x);
    expect(deviation(J.sync(part(x, N)).data, expected)).toBeLessThan(1e-8);
    for (const mode of ["forward", "reverse"] as const) {
      const other = jacrow(f, { mode, allowZero: true });
      expect(deviation(other.sync(part(x, N)).data, expected), mode).toBeLessThan(1e-8);
      other.dispose();
    }
  });

  test("float32 keeps five digits", () => {
    const narrow = Float32Array.from(x);
    const same = J.sync(part(Float64Array.from(narrow), N)).data;
    expect(deviation(J.sync(part(narrow, N)).data, same)).toBeLessThan(1e-5);
  });

  test("a row's bits are its own", () => {
    const whole = J.sync(part(x, N)).data;
    const cells = whole.length / N;
    for (const n of [0, 1, 3, 4, 8])
      expect(bitsOf(J.sync(part(x, n)).data)).toEqual(bitsOf(whole.slice(0, n * cells)));
    const poisoned = x
      .slice()
      .fill(Number.NaN, width, 2 * width)
      .fill(Number.POSITIVE_INFINITY, 6 * width, 7 * width);
    const beside = J.sync(part(poisoned, N)).data;
    for (const row of [0, 2, 5, 7, 12]) {
      const [from, to] = [row * cells, (row + 1) * cells];
      expect(bitsOf(beside.slice(from, to)), `row ${row}`).toEqual(bitsOf(whole.slice(from, to)));
    }
  });
});

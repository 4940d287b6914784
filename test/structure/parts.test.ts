/** Parts of Jacobians: right, and never dearer than the nonzeros they need. */

import { describe, expect, test } from "vitest";
import { expandJacobians } from "../../src/autodiff/index.ts";
import {
  add,
  concat,
  diagonal,
  jacobian,
  lt,
  matmul,
  mul,
  outer,
  rowSum,
  rows,
  sin,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  trace,
  transpose,
  where,
} from "../../src/index.ts";
import { lower, type OperationCounts, operationCounts } from "../../src/lower/index.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { type AnyFunction, trace as traced } from "../../src/trace/trace.ts";
import { relativeError } from "../runtime/helpers.ts";

type Vector = Tensor<readonly [number]>;

const elementwise = (x: Vector): Vector => tanh(mul(x, sin(x)));
const stencil = (x: Vector): Vector => {
  const zero = mul(0, x.slice(0, 1));
  const around = add(concat([x.slice(1), zero]), concat([zero, x.slice(0, -1)]));
  return mul(x, sub(mul(2, square(x)), around)) as Vector;
};
const shift = (x: Vector): Vector => square(x.slice(2));

const functions = { elementwise, stencil, shift } as const;

/** Parts of J as the library computes them and, from the whole J and r, as JavaScript does. */
const parts: Record<
  string,
  {
    of: (J: Tensor, r: Vector, v: Vector) => Tensor;
    plain: (J: number[][], r: number[], v: number[]) => number[];
  }
> = {
  diagonal: {
    of: (J) => diagonal(J),
    plain: (J) => J.flatMap((row, i) => (i < row.length ? [row[i] ?? 0] : [])),
  },
  trace: { of: (J) => trace(J), plain: (J) => [J.reduce((total, row, i) => total + (row[i] ?? 0), 0)] },
  squares: { of: (J) => sum(square(J)), plain: (J) => [total(J.flat().map((x) => x * x))] },
  gram: {
    of: (J) => matmul(transpose(J), J),
    plain: (J) =>
      range(J[0]?.length ?? 0).flatMap((p) =>
        range(J[0]?.length ?? 0).map((q) => dot(column(J, p), column(J, q))),
      ),
  },
  "other gram": {
    of: (J) => matmul(J, transpose(J)),
    plain: (J) => J.flatMap((left) => J.map((right) => dot(left, right))),
  },
  "vector before": {
    of: (J, r) => add(matmul(transpose(J), r), mul(0, trace(J))),
    plain: (J, r) => range(J[0]?.length ?? 0).map((p) => dot(column(J, p), r)),
  },
  "vector behind": {
    of: (J, _, v) => add(matmul(J, v), mul(0, trace(J))),
    plain: (J, _, v) => J.map((row) => dot(row, v)),
  },
};

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const dot = (a: readonly number[], b: readonly number[]): number =>
  total(a.map((x, i) => x * (b[i] as number)));
const column = (J: readonly number[][], index: number): number[] => J.map((row) => row[index] as number);

const numbers = (count: number, seed: number): number[] =>
  range(count).map((index) => Math.sin(1.7 * index + seed));

/** Small enough to be taken apart into scalars, and not. */
const cases = Object.entries(functions).flatMap(([name, f]) =>
  [7, 50].map((size) => [`${name} of ${size}`, f, size] as const),
);

describe.each(cases)("%s", (_, f, D) => {
  const X = [numbers(D, 1), numbers(D, 2)];
  const Z = rows(jacobian(f)).sync(X);
  const [, height = 0, width = 0] = Z.shape;

  test.each(Object.entries(parts))("%s", (_name, { of, plain }) => {
    const [R, V] = [X.map((_x, i) => numbers(height, 3 + i)), X.map((_x, i) => numbers(width, 5 + i))];
    const run = rows((x: Vector, r: Vector, v: Vector) => of(jacobian(f)(x), r, v), {
      allowZero: true,
    });
    const found = run.sync(X, R, V);
    const wanted = X.flatMap((_x, i) => {
      const flat = Array.from(Z.data).slice(i * height * width, (i + 1) * height * width);
      const J = range(height).map((row) => flat.slice(row * width, (row + 1) * width));
      return plain(J, R[i] as number[], V[i] as number[]);
    });
    expect(relativeError(found.data, wanted)).toBeLessThan(1e-14);
  });

  test("sums of two parts that share the Jacobian", () => {
    const run = rows((x: Vector) => {
      const J = jacobian(f)(x);
      return [rowSum(matmul(transpose(J), J)), rowSum(trace(J))] as const;
    });
    const [gram, traces] = run.sync(X) as unknown as readonly { data: Float64Array; shape: number[] }[];
    expect(gram?.shape).toEqual([width, width]);
    expect(traces?.shape).toEqual([]);
    const each = rows((x: Vector) => matmul(transpose(jacobian(f)(x)), jacobian(f)(x))).sync(X);
    const wanted = range(width * width).map(
      (i) => (each.data[i] as number) + (each.data[width * width + i] as number),
    );
    expect(relativeError(gram?.data ?? [], wanted)).toBeLessThan(1e-14);
  });
});

function countsOf(g: AnyFunction, sizes: readonly number[]): OperationCounts {
  const inputs = sizes.map((size, index) => ({ name: `x${index}`, shape: [size], level: "row" as const }));
  const items = inputs.map((_, index) => ({ kind: "leaf" as const, index }));
  const { program } = traced(g, { structure: { kind: "array", items }, inputs }, { allowUnread: true });
  return operationCounts(lower(prepared(expandJacobians(program)), { dtype: "f64" }));
}

/** A square matrix of the row, with branches, products and repeats in it. */
const dense = (x: Vector): Tensor => {
  const W = { data: Float64Array.from({ length: 900 }, (_, i) => Math.sin(i)), shape: [30, 30] };
  const y = tanh(matmul(W, x));
  const matrix = matmul(mul(W, y), transpose(mul(W, x.unsqueeze(1))));
  return add(where(lt(outer(x, y), 0), transpose(matrix), mul(matrix, y.unsqueeze(1))), outer(y, x));
};

test("the diagonal of a dense matrix takes its own cells only", () => {
  const X = [numbers(30, 1), numbers(30, 2)];
  const whole = rows(dense).sync(X);
  const wanted = X.flatMap((_, i) => range(30).map((j) => whole.data[i * 900 + j * 31] as number));
  expect(relativeError(rows((x: Vector) => diagonal(dense(x))).sync(X).data, wanted)).toBeLessThan(1e-14);
  expect(countsOf((x: Vector) => diagonal(dense(x)), [30]).mul).toBeLessThan(8 * 900);
  const block = (x: Vector): Tensor => outer(x, x.slice(0, 4));
  const found = rows((x: Vector) => trace(block(x))).sync(X).data;
  expect(found[0]).toBeCloseTo(total(numbers(4, 1).map((v) => v * v)), 13);
});

test("the trace of a network's Jacobian never forms it", () => {
  const [W, V] = [
    { data: Float64Array.from({ length: 600 }, (_, i) => Math.sin(i)), shape: [20, 30] },
    { data: Float64Array.from({ length: 600 }, (_, i) => Math.cos(i)), shape: [30, 20] },
  ];
  const net = (x: Vector): Vector => tanh(matmul(V, tanh(matmul(W, x)))) as Vector;
  const { mul: products, stores } = countsOf((x: Vector) => trace(jacobian(net)(x)), [30]);
  expect(products).toBeLessThan(6 * 600);
  expect(stores).toBeLessThan(900);
});

test.each([
  ["diagonal", (x: Vector) => diagonal(jacobian(elementwise)(x)), 12],
  ["trace", (x: Vector) => trace(jacobian(elementwise)(x)), 12],
  ["squares", (x: Vector) => sum(square(jacobian(stencil)(x))), 24],
  ["product", (x: Vector) => matmul(transpose(jacobian(stencil)(x)), x), 24],
  [
    "summed gram",
    (x: Vector) => {
      const J = jacobian(stencil)(x);
      return rowSum(matmul(transpose(J), J));
    },
    64,
  ],
] as const)("%s takes work and memory in proportion to d", (_, g, most) => {
  for (const d of [50, 500]) {
    const { mul: products, add: sums, other, loads, stores, scratchBytes } = countsOf(g, [d]);
    for (const count of [products, sums, other, loads, stores, scratchBytes / 8])
      expect(count).toBeLessThanOrEqual(most * d);
  }
});

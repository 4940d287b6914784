/** Per-row linear algebra: identities up to condition 1e6, derivatives, singular rows among others. */

import { expect, test } from "vitest";
import {
  exp,
  hessian,
  jacobian,
  jvp,
  type Matrix,
  matmul,
  type Row,
  rows,
  sum,
  toFloat,
} from "../../src/index.ts";
import {
  cholesky,
  determinant,
  drawWeights,
  inverse,
  isSingular,
  logDeterminant,
  Random,
  solve,
} from "../../src/nn.ts";
import { distance } from "../autodiff/differences.ts";

/** Q₁ diag(s) Q₂ with orthogonal Q and s from 1 down to 1 / condition. */
function conditioned(
  size: number,
  condition: number,
  seed: number,
): { a: Float64Array; inverse: Float64Array; log: number } {
  const random = new Random(seed);
  const [p, q] = [0, 1].map(() => drawWeights({ kind: "orthogonal" }, [size, size], { random })) as [
    Float64Array,
    Float64Array,
  ];
  const s = Array.from({ length: size }, (_, i) => condition ** (-i / Math.max(1, size - 1)));
  const product = (left: Float64Array, scale: readonly number[], right: (k: number, j: number) => number) =>
    Float64Array.from({ length: size * size }, (_, cell) => {
      const [i, j] = [Math.floor(cell / size), cell % size];
      return scale.reduce(
        (total, value, k) => total + (left[i * size + k] as number) * value * right(k, j),
        0,
      );
    });
  const transposed = Float64Array.from(
    q,
    (_, cell) => q[(cell % size) * size + Math.floor(cell / size)] as number,
  );
  return {
    a: product(p, s, (k, j) => q[k * size + j] as number),
    inverse: product(
      transposed,
      s.map((value) => 1 / value),
      (k, j) => p[j * size + k] as number,
    ),
    log: s.reduce((total, value) => total + Math.log(value), 0),
  };
}

test.each([1, 2, 5])(
  "inverse, solve and log|det| of %i rows and columns up to condition 1e6",
  async (size) => {
    const cases = [1, 1e3, 1e6].map((condition, index) => conditioned(size, condition, 7 + index));
    const A = { data: Float64Array.from(cases.flatMap(({ a }) => [...a])), shape: [3, size, size] };
    const b = Float64Array.from({ length: size }, (_, i) => 1 + i);
    const all = await rows((a: Matrix) => ({
      inverse: inverse(a),
      x: solve(a, b),
      log: logDeterminant(a),
      det: determinant(a),
      cholesky: cholesky(matmul(a, a.transpose())),
    }))(A);
    cases.forEach((one, row) => {
      // The condition multiplies the rounding of the matrix itself, hence the residual: A A⁻¹ b = b is what 1e-10 can mean.
      const x = all.x.row(row).data;
      const residual = b.map((_, i) =>
        Array.from(x).reduce((total, value, k) => total + (one.a[i * size + k] as number) * value, 0),
      );
      expect(distance(residual, b)).toBeLessThan(1e-10);
      expect(distance(all.inverse.row(row).data, one.inverse)).toBeLessThan(1e-10 * (1 + row));
      expect(all.log.at(row)).toBeCloseTo(one.log, 9);
      expect(Math.log(Math.abs(all.det.at(row)))).toBeCloseTo(one.log, 9);
      if (row < 2) {
        const L = all.cholesky.row(row);
        const entry = (i: number, j: number) =>
          Array.from({ length: size }, (_, k) => L.at(i, k) * L.at(j, k)).reduce((s, v) => s + v);
        const exact = (i: number, j: number) =>
          Array.from(
            { length: size },
            (_, k) => (one.a[i * size + k] as number) * (one.a[j * size + k] as number),
          ).reduce((s, v) => s + v);
        expect(entry(size - 1, 0)).toBeCloseTo(exact(size - 1, 0), 12);
        expect(L.at(0, size - 1)).toBe(size === 1 ? L.at(0, 0) : 0);
      }
    });
  },
);

/** A = L D U of small whole numbers and powers of two, so that A, A⁻¹ and log|det A| are exact; its condition is 1e6. */
function exactly(size: number): { a: number[][]; inverse: number[][]; log: number } {
  const make = (entry: (i: number, j: number) => number): number[][] =>
    Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => entry(i, j)));
  const times = (x: number[][], y: number[][]): number[][] =>
    make((i, j) => y.reduce((total, row, k) => total + (x[i]?.[k] as number) * (row[j] as number), 0));
  const norm = (x: number[][]): number => Math.hypot(...x.flat());
  const sign = (i: number): number => (i % 3 === 1 ? 1 : -1);
  const between = (low: number, high: number): number => {
    let product = 1;
    for (let k = low; k < high; k++) product *= -sign(k);
    return product;
  };
  const lower = make((i, j) => (i === j ? 1 : i === j + 1 ? sign(j) : 0));
  const upper = make((i, j) => (i === j ? 1 : j === i + 1 ? sign(i) : 0));
  const lowerInverse = make((i, j) => (i >= j ? between(j, i) : 0));
  const upperInverse = make((i, j) => (j >= i ? between(i, j) : 0));
  for (let spread = 0; ; spread++) {
    const power = (i: number): number => Math.round((-spread * i) / Math.max(1, size - 1));
    const scale = (x: number[][], by: -1 | 1): number[][] =>
      x.map((row, i) => row.map((v) => v * 2 ** (by * power(i))));
    const a = times(lower, scale(upper, 1));
    const inverse = times(upperInverse, scale(lowerInverse, -1));
    if (norm(a) * norm(inverse) < 1e6 && size > 1) continue;
    const log = Math.LN2 * lower.reduce((total, _, i) => total + power(i), 0);
    // Rows the other way round: pivots must be looked for.
    return { a: a.toReversed(), inverse: inverse.map((row) => row.toReversed()), log };
  }
}

test.each([1, 2, 3, 16])(
  "%i rows and columns at condition 1e6: values and derivatives within 1e-12 of the exact ones",
  async (size) => {
    const { a, inverse: exact, log } = exactly(size);
    const right = Array.from({ length: size }, (_, i) => 1 + (i % 4));
    const along = a.map((row, i) => row.map((_, j) => ((3 * i + 5 * j) % 7) - 3));
    const all = await rows((m: Matrix) => {
      const of = (f: (x: Matrix) => unknown) =>
        jvp(f as (x: Matrix) => Matrix, m, along) as unknown as [Matrix, Matrix];
      return { inverse: of(inverse), x: of((z) => solve(z, right)), log: of((z) => logDeterminant(z)) };
    })([a]);
    const apply = (x: number[][], v: number[]): number[] =>
      x.map((row) => row.reduce((s, value, k) => s + value * (v[k] as number), 0));
    const flow = (v: number[]): number[] => apply(exact, apply(along, v)).map((value) => -value);
    const solution = apply(exact, right);
    const columns = exact.map((_, j) => flow(exact.map((row) => row[j] as number)));
    const trace = exact.reduce(
      (s, row, i) => s + row.reduce((t, value, k) => t + value * (along[k]?.[i] as number), 0),
      0,
    );
    const near = (found: ArrayLike<number>, wanted: number[]) =>
      expect(distance(Float64Array.from(found), Float64Array.from(wanted))).toBeLessThan(1e-12);
    near(all.inverse[0].row(0).data, exact.flat());
    near(
      all.inverse[1].row(0).data,
      exact.flatMap((_, i) => columns.map((column) => column[i] as number)),
    );
    near(all.x[0].row(0).data, solution);
    near(all.x[1].row(0).data, flow(solution));
    near([all.log[0].at(0)], [log]);
    near([all.log[1].at(0)], [trace]);
  },
);

/** A matrix function of one row of three numbers, never singular. */
const moving = (x: Row): Matrix => {
  const a = exp(x.reshape([3, 1]).mul([[0.3, -0.2, 0.5]])).add([
    [2, 0, 0],
    [0, 1, 0.5],
    [0, -1, 3],
  ]);
  return a as unknown as Matrix;
};

const functions: Readonly<Record<string, (x: Row) => Row>> = {
  inverse: (x) => inverse(moving(x)).flatten(),
  solve: (x) => solve(moving(x), x).flatten(),
  determinant: (x) => determinant(moving(x)).reshape([1]),
  logDeterminant: (x) => logDeterminant(moving(x)).reshape([1]),
  cholesky: (x) => cholesky(matmul(moving(x), moving(x).transpose())).flatten(),
};

test.each(Object.keys(functions))(
  "first and second derivatives of %s agree with differences",
  async (name) => {
    const f = functions[name] as (x: Row) => Row;
    const at = [0.3, -0.7, 1.1];
    const shift = (k: number, by: number): number[] => at.map((value, i) => (i === k ? value + by : value));
    const h = 1e-4;
    const points = [at, ...[0, 1, 2].flatMap((k) => [shift(k, h), shift(k, -h)])];
    const both = await rows((x: Row) => ({
      value: f(x),
      slope: jacobian(f)(x),
      bend: hessian((z: Row) => sum(f(z)))(x),
    }))(points);
    const sums = (row: number): number[] => {
      const slope = both.slope.row(row);
      return [0, 1, 2].map((k) =>
        Array.from({ length: slope.length }, (_, j) => slope.at(j, k)).reduce((s, v) => s + v, 0),
      );
    };
    for (let k = 0; k < 3; k++) {
      const [above, below] = [both.value.row(1 + 2 * k).data, both.value.row(2 + 2 * k).data];
      const difference = Float64Array.from(above, (value, j) => (value - (below[j] as number)) / (2 * h));
      expect(
        distance(
          Float64Array.from(difference, (_, j) => both.slope.row(0).at(j, k)),
          difference,
        ),
      ).toBeLessThan(1e-6);
      const [high, low] = [sums(1 + 2 * k), sums(2 + 2 * k)];
      const second = high.map((value, j) => (value - (low[j] as number)) / (2 * h));
      expect(
        distance(
          second.map((_, j) => both.bend.at(0, j, k)),
          second,
        ),
      ).toBeLessThan(1e-6);
    }
  },
);

test("a singular row is reported and leaves the others alone", async () => {
  const f = rows((a: Matrix) => ({
    inverse: inverse(a),
    log: logDeterminant(a),
    singular: toFloat(isSingular(a)),
  }));
  const regular = [
    [0, 2],
    [1, 3],
  ];
  const singular = [
    [1, 2],
    [2, 4],
  ];
  const mixed = await f([regular, singular, regular]);
  const alone = await f([regular, regular, regular]);
  expect(Array.from(mixed.singular.data)).toEqual([0, 1, 0]);
  expect(mixed.inverse.row(0).toArray()).toEqual(alone.inverse.row(0).toArray());
  expect(mixed.inverse.row(2).toArray()).toEqual(alone.inverse.row(2).toArray());
  expect(mixed.inverse.row(1).data.every(Number.isNaN)).toBe(true);
  expect(mixed.log.at(1)).toBe(Number.NEGATIVE_INFINITY);
  expect(() => rows((x: Row) => inverse(x)).sync([[1, 2]])).toThrow("JR844");
});

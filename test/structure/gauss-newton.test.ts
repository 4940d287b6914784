/** Gauss–Newton's sums for twelve peaks with 48 shared parameters, and sums over rows as users write them. */

import { expect, test } from "vitest";
import {
  normalEquations,
  PARAMETERS,
  type PeakRows,
  peakRows,
  peaks,
  plainPeaks,
} from "../../bench/tasks/pseudo-voigt.ts";
import {
  add,
  jacobian,
  jacrow,
  matmul,
  mul,
  outer,
  type Row,
  rowMean,
  rowSum,
  rows,
  sin,
  square,
  sub,
  type Tensor,
  toFloat,
  transpose,
} from "../../src/index.ts";
import { onlyOn } from "../devices/here.ts";
import { relativeError } from "../runtime/helpers.ts";

type Scalar = Tensor<readonly []>;
type Vector = Tensor<readonly [number]>;

/** Σ w J Jᵀ and Σ w J r in plain JavaScript. */
function plainSums(
  { t, y, p }: PeakRows,
  weight: (row: number) => number = () => 1,
): [Float64Array, Float64Array] {
  const [gram, product] = [new Float64Array(PARAMETERS ** 2), new Float64Array(PARAMETERS)];
  t.forEach((x, row) => {
    const { value, gradient } = plainPeaks(x, p);
    for (let i = 0; i < PARAMETERS; i++) {
      const scaled = weight(row) * (gradient[i] as number);
      product[i] = (product[i] as number) + scaled * ((y[row] as number) - value);
      for (let j = 0; j < PARAMETERS; j++)
        gram[i * PARAMETERS + j] = (gram[i * PARAMETERS + j] as number) + scaled * (gradient[j] as number);
    }
  });
  return [gram, product];
}

test("2000 rows of twelve peaks: right to 1e-12", () => {
  const data = peakRows(2000);
  const { JtJ, Jtr } = normalEquations()(data);
  const [gram, product] = plainSums(data);
  expect(relativeError(JtJ.data, gram)).toBeLessThan(1e-12);
  expect(relativeError(Jtr.data, product)).toBeLessThan(1e-12);
});

test("weights, and the interpreter", () => {
  const data = peakRows(40);
  const w = data.t.map((_, row) => 0.5 + (row % 3));
  const g = ({ t, w: weight, p }: { t: Scalar; w: Scalar; p: Vector }): Tensor => {
    const J = jacobian(peaks, { wrt: "p" })({ t, p }) as unknown as Vector;
    return rowSum(mul(weight, outer(J, J)));
  };
  const lead = (values: Float64Array) => ({ data: values, shape: [values.length] });
  const [wanted] = plainSums(data, (row) => w[row] as number);
  for (const device of ["wasm", "interpreter"] as const) {
    const found = rows(g, { shared: ["p"], device }).sync({ t: lead(data.t), w: lead(w), p: lead(data.p) });
    expect(found.shape).toEqual([PARAMETERS, PARAMETERS]);
    expect(relativeError(found.data, wanted)).toBeLessThan(1e-12);
  }
});

test("with respect to a row's inputs", () => {
  const f = ([a, b, c]: Row<3>): Tensor => add(mul(a, sin(b)), outer([1, 2], square(c)).flatten());
  const X = [
    [1, 2, 3],
    [0.5, -1, 2],
  ];
  const run = rows((x: Row<3>) => {
    const J = jacobian(f)(x);
    return rowSum(matmul(transpose(J), J));
  });
  const Z = jacrow(f).sync(X).toArray() as number[][][];
  const wanted = [0, 1, 2].map((p) =>
    [0, 1, 2].map((q) => Z.flat().reduce((total, row) => total + (row[p] as number) * (row[q] as number), 0)),
  );
  expect(relativeError(run.sync(X).data, wanted.flat())).toBeLessThan(1e-14);
});

test("memory does not depend on n", (context) => {
  onlyOn(context, "wasm", "native");
  const run = rows((x: Row<20>) => rowSum(outer(sin(x), x)), { device: "wasm" });
  const memory = [2000, 40_000].map((n) => {
    const before = process.memoryUsage().arrayBuffers;
    run.sync({ data: new Float64Array(n * 20), shape: [n, 20] });
    return process.memoryUsage().arrayBuffers - before - n * 20 * 8;
  });
  expect(Math.max(...memory)).toBeLessThan(2e6);
});

test("results have no axis of rows, and may be combined with shared values", async () => {
  const X = [
    [1, 2],
    [3, 4],
    [5, 6],
  ];
  const g = ({ x, s }: { x: Row<2>; s: Vector }) => ({
    x,
    mean: rowMean(x),
    scaled: mul(rowSum(x), s),
    count: rowSum(toFloat(x.gt(2))),
  });
  const run = rows(g, { shared: ["s"] });
  const given = { x: X, s: [10, 100] };
  const { x, mean, scaled, count } = await run(given);
  expect(x.shape).toEqual([3, 2]);
  expect(mean.toArray()).toEqual([3, 4]);
  expect(scaled.toArray()).toEqual([90, 1200]);
  expect(count.toArray()).toEqual([2, 2]);
  expect(run.one({ x: [1, 2], s: [10, 100] }).scaled.toArray()).toEqual([10, 200]);
  const bound = run.bind({ n: 3, inputs: { x: [2], s: [2] }, s: [1, 1] });
  bound.inputs.x.data.set(X.flat());
  bound.run();
  expect(bound.result.scaled.toArray()).toEqual([9, 12]);
});

test("what a sum over rows cannot do is refused by name", () => {
  const X = [[1, 2]];
  expect(() => rows((x: Row<2>) => sub(x, rowMean(x))).sync(X)).toThrow("JR210");
  expect(() => jacrow((x: Row<2>) => rowSum(x)).sync(X)).toThrow("JR424");
  expect(() => rows(jacobian((x: Row<2>) => rowSum(x))).sync(X)).toThrow("JR348");
  expect(() => rowSum([1, 2])).toThrow("JR302");
});

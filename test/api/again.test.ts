/** Calls like the one before take a shorter way: same numbers, same errors, and nothing is kept of the call before. */

import { expect, test } from "vitest";
import { type Given, jacrow, mul, type NdArray, type Row, rows } from "../../src/index.ts";

const square = (x: Row) => mul(x, x);
const given = (data: Float32Array | Float64Array, n: number, d = 2): Given => ({ data, shape: [n, d] });

/** The diagonal of the Jacobian of x², row by row. */
function diagonals(Z: NdArray): number[] {
  return Array.from({ length: Z.length }, (_, i) => [Z.at(i, 0, 0), Z.at(i, 1, 1)]).flat();
}

for (const device of ["wasm", "interpreter"] as const) {
  test(`${device}: calls of one form give their own numbers and arrays`, async () => {
    const J = jacrow(square, { device });
    const x = Float64Array.of(1, 2, 3, 4);
    const first = J.sync(given(x, 2));
    x.set([5, 6, 7, 8]);
    const second = J.sync(given(x, 2));
    const pending = J(given(x, 2));
    x.fill(0);
    expect(diagonals(first)).toEqual([2, 4, 6, 8]);
    expect(diagonals(second)).toEqual([10, 12, 14, 16]);
    expect(diagonals(await pending)).toEqual([10, 12, 14, 16]);
    expect(diagonals(J.sync(given(x.fill(1), 1.0 + 1)))).toEqual([2, 2, 2, 2]);
    const both = await Promise.all([J(given(Float64Array.of(1, 1), 1)), J(given(Float64Array.of(2, 2), 1))]);
    expect(both.map(diagonals)).toEqual([
      [2, 2],
      [4, 4],
    ]);
  });
}

test("rows of every number, width and kind follow one another", () => {
  const J = jacrow(square, { device: "wasm" });
  for (const n of [3, 1, 0, 300, 3]) {
    const data = Float32Array.from({ length: 2 * n }, (_, index) => index);
    const Z = J.sync(given(data, n));
    expect([Z.dtype, Z.shape]).toEqual(["f32", [n, 2, 2]]);
    expect(diagonals(Z)).toEqual(Array.from(data, (value) => 2 * value));
    expect(diagonals(J.sync(given(Float64Array.from(data), n)))).toEqual(Array.from(data, (v) => 2 * v));
  }
  expect(J.one(Float64Array.of(1, 2)).toArray()).toEqual(J.one(Float64Array.of(1, 2)).toArray());
  expect(J.one([1, 2]).shape).toEqual([2, 2]);
  expect(J.sync(given(new Float64Array(3), 1, 3)).shape).toEqual([1, 3, 3]);
});

test("what is wrong with a later call is said as of the first", () => {
  const J = jacrow(square, { device: "wasm" });
  J.sync(given(new Float64Array(4), 2));
  expect(() => J.sync(given(new Float64Array(4), 3))).toThrow("JR126");
  expect(() => J.sync(given(new Float64Array(4), 0.5, 8))).toThrow("JR113");
  expect(() => J.sync(new Float64Array(2))).toThrow("JR123");
  J.dispose();
  expect(() => J.sync(given(new Float64Array(4), 2))).toThrow("JR441");
});

test("a call like the one before rejects where it fails, and throws nothing", async () => {
  const J = jacrow(square, { device: "wasm", maxBytes: 1000 });
  await J(given(new Float64Array(4), 2));
  await expect(J(given(new Float64Array(400), 200))).rejects.toThrow("JR411");
  const broken = {
    shape: [2, 2],
    get data(): Float64Array {
      throw new RangeError("no numbers");
    },
  };
  await J(given(new Float64Array(4), 2));
  await expect(J(broken)).rejects.toThrow("no numbers");
  J.dispose();
  await expect(J(given(new Float64Array(4), 2))).rejects.toThrow("JR441");
});

test("named inputs and shared ones are told apart by name and read anew", () => {
  const g = rows(({ x, w }: { x: Row; w: Row }) => mul(x, w), { device: "wasm", shared: ["w"] });
  const w = Float64Array.of(2, 3);
  const x = given(Float64Array.of(1, 1), 1);
  expect(g.sync({ x, w }).toArray()).toEqual([[2, 3]]);
  w.set([4, 5]);
  expect(g.sync({ x, w }).toArray()).toEqual([[4, 5]]);
  expect(g.sync({ w, x }).toArray()).toEqual([[4, 5]]);
  expect(() => g.sync({ x: w, w })).toThrow("JR123");
});

/**
 * Wrong uses fail in the editor: every `@ts-expect-error` below must be an error, or the type check of this file fails.
 *
 * In: programs as users write them. Out: at run time only that they trace; the compiler does the rest.
 */

import { describe, expect, test } from "vitest";
import {
  dot,
  jacrow,
  type Matrix,
  matmul,
  type NdArray,
  outer,
  type Row,
  rows,
  type Scalar,
  scan,
  sin,
  slice,
  stack,
  sub,
  type Tensor,
  type Value,
  valueAndJacobian,
} from "../../src/index.ts";

const X = [[0.1, 0.2]];
const device = "interpreter";

/** Names a type without a value of it. */
function typed<T>(value: T): T {
  return value;
}

describe("types", () => {
  test("a row is a tuple", () => {
    const f = ([a, b]: Row<2>): Value => stack([sin(a), b.mul(2), sub(1, a)]);
    expect(typed<NdArray>(jacrow(f, { device }).sync(X)).shape).toEqual([1, 3, 2]);
    // @ts-expect-error a row of two has no third entry
    const g = ([a, b, c]: Row<2>): Value => stack([a, b, c]);
    expect(() => jacrow(g, { device }).sync(X)).toThrow("JR303");
  });

  test("operators are refused", () => {
    // @ts-expect-error a value is not a number
    expect(() => jacrow(([a, b]: Row<2>) => stack([a * 2, b]), { device }).sync(X)).toThrow("JR307");
    // @ts-expect-error Math.sin takes numbers
    expect(() => jacrow(([a, b]: Row<2>) => stack([Math.sin(a), b]), { device }).sync(X)).toThrow("JR307");
    // @ts-expect-error comparison needs numbers
    expect(() => jacrow(([a, b]: Row<2>) => (a > 0 ? a : b), { device }).sync(X)).toThrow("JR307");
    const writes = (x: Row<2>): Row<2> => {
      // @ts-expect-error values are read-only
      x[0] = x[1];
      return x;
    };
    expect(() => jacrow(writes, { device }).sync(X)).toThrow("JR306");
  });

  test("unannotated parameters are values", () => {
    const J = jacrow((x) => x.sin(), { device });
    expect(typed<NdArray>(J.sync(X)).shape).toEqual([1, 2, 2]);
  });

  test("results follow the nest", () => {
    const J = jacrow(
      ({ x, u }: { x: Row<2>; u: Row<1> }) => ({ y: x.mul(u.at(0)), z: [u.sum()] as [Scalar] }),
      { device, allowZero: true },
    );
    const Z = J.sync({ x: X, u: [[3]] });
    expect(typed<NdArray>(Z.y.x).shape).toEqual([1, 2, 2]);
    expect(typed<NdArray>(Z.z[0].u).toArray()).toEqual([[1]]);
    // @ts-expect-error there is no input v
    expect(Z.y.v).toBeUndefined();
  });

  test("wrt and shared choose", () => {
    const f = (x: Row<2>, p: Row<3>): Value => x.mul(p.sum());
    const perParameter = jacrow(f, { device, shared: [1], wrt: 1 }).sync(X, [1, 2, 3]);
    expect(typed<NdArray>(perParameter).shape).toEqual([1, 2, 3]);
    const perRow = jacrow(f, { device, shared: [1] }).sync(X, [1, 2, 3]);
    expect(typed<NdArray>(perRow).shape).toEqual([1, 2, 2]);
    const [zx, zp] = jacrow(f, { device }).sync(X, [[1, 2, 3]]);
    expect([typed<NdArray>(zx).shape, typed<NdArray>(zp).shape]).toEqual([
      [1, 2, 2],
      [1, 2, 3],
    ]);
    const named = jacrow(({ x, p }: { x: Row<2>; p: Row<3> }) => x.mul(p.sum()), { device, shared: ["p"] });
    expect(typed<NdArray>(named.sync({ x: X, p: [1, 2, 3] })).shape).toEqual([1, 2, 2]);
  });

  test("value and Jacobian", () => {
    const f = ([a, b]: Row<2>): Value => stack([a.mul(b)]);
    const [Y, Z] = rows(valueAndJacobian(f), { device }).sync(X);
    expect([typed<NdArray>(Y).shape, typed<NdArray>(Z).shape]).toEqual([
      [1, 1],
      [1, 1, 2],
    ]);
    // @ts-expect-error two results, not three
    const [, , third] = rows(valueAndJacobian(f), { device }).sync(X);
    expect(third).toBeUndefined();
  });

  test("products know their shapes", () => {
    const f = (x: Row<3>): Value => {
      const [row, column] = [x.reshape([1, 3]), x.reshape([3, 1])];
      const products = [
        typed<Matrix<1, 1>>(matmul(row, column)),
        typed<Matrix<1, 1>>(row.matmul(column)),
        typed<Row<1>>(matmul(row, x)),
        typed<Row<1>>(matmul(x, column)),
        typed<Scalar>(matmul(x, x)),
        typed<Scalar>(dot(x, x)),
        typed<Scalar>(x.dot(x)),
        typed<Tensor>(matmul([[1, 2, 3]], x)),
      ];
      // @ts-expect-error an inner product is no row
      typed<Row<3>>(dot(x, x));
      // @ts-expect-error a matrix times a vector is no matrix
      typed<Matrix<1, 3>>(matmul(row, x));
      return products.reduce((sum, each) => sum.add(each.sum()), typed<Value>(x.sum()));
    };
    expect(typed<NdArray>(jacrow(f, { device }).sync([[1, 2, 3]])).shape).toEqual([1, 3]);
  });

  test("chains of products by reduce", () => {
    const chain = (x: Row<2>): Tensor => {
      const links = [outer(x, x), outer(x, x), outer(x, x)];
      const squares: Matrix<2, 2>[] = [
        x
          .mul(1)
          .reshape([2, 1])
          .mul(x.reshape([1, 2])) as Matrix<2, 2>,
      ];
      const product = links.reduce((A, B) => matmul(A, B));
      return product.add(squares.reduce((A, B) => matmul(A, B)));
    };
    expect(jacrow(chain, { device }).sync(X).shape).toEqual([1, 2, 2, 2]);
  });

  test("a slice of a row is a row", () => {
    const f = (x: Row<3>): Value => {
      const head = typed<Row>(x.slice(0, 2));
      const tail = typed<Row>(slice(x, { start: 1 }));
      // @ts-expect-error a matrix's slice is no row
      typed<Row>(x.reshape([3, 1]).slice(0, 2));
      return typed<Scalar>(head.dot(tail));
    };
    expect(typed<NdArray>(jacrow(f, { device }).sync([[1, 2, 3]])).toArray()).toEqual([[2, 4, 2]]);
  });

  test("a scan gives carries as its step takes them, and the nest of its ys", () => {
    const f = (x: Row<2>): Value => {
      const [turned, path] = scan((c) => [c.mul(2), c], x, { steps: 3 });
      typed<Tensor>(turned.add(path.at(0)));
      const [{ q }, { e }] = scan(
        ({ q, v }: { q: Row<2>; v: Scalar }, u: Scalar) => [{ q: q.mul(v), v }, { e: u.mul(v) }],
        { q: x, v: 2 },
        x,
      );
      // @ts-expect-error a carry of two has no third entry
      expect(() => scan(([a, , c]: Row<2>) => [stack([a, c])], x, { steps: 1 })).toThrow();
      return typed<Row<2>>(q).add(typed<Tensor>(e));
    };
    expect(jacrow(f, { device }).sync(X).toArray()).toEqual([
      [
        [6, 0],
        [0, 6],
      ],
    ]);
  });

  test("arguments are checked", () => {
    const f = (x: Row<2>): Value => x.sin();
    // @ts-expect-error rows are not text
    expect(() => jacrow(f, { device }).sync("rows")).toThrow("JR122");
    // @ts-expect-error a number is no function
    expect(() => jacrow(3)).toThrow("JR400");
    // @ts-expect-error no such mode
    expect(() => jacrow(f, { mode: "backward" })).toThrow("JR452");
  });
});

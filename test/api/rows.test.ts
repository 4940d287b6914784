/**
 * `jacrow(f)` and `rows(g)` as users call them: what goes in, what comes out, on the interpreter and on WebAssembly.
 *
 * Functions are asymmetric with d_o ≠ d_i, so a transposed or summed Jacobian cannot pass (F1, F2, F3).
 */

import { describe, expect, test } from "vitest";
import {
  checkJacobian,
  cos,
  jacobian,
  jacrow,
  jvp,
  matmul,
  mul,
  NdArray,
  type Row,
  rows,
  type Scalar,
  type SparsityPattern,
  sin,
  stack,
  sum,
  type Tensor,
  tanh,
  valueAndJacobian,
  vjp,
} from "../../src/index.ts";
import { rowFunction } from "../../src/trace/row-function.ts";
import { trace } from "../../src/trace/trace.ts";

const f = ([a, b]: Row<2>): Tensor => stack([mul(a, b), sin(a), b.square().add(a)]);
/** ∂f/∂x by hand. */
const z = ([a, b]: readonly [number, number]): number[][] => [
  [b, a],
  [Math.cos(a), 0],
  [1, 2 * b],
];
const X: [number, number][] = [
  [0.1, 0.2],
  [-1, 3],
  [2, 0.5],
];
const devices = ["interpreter", "wasm"] as const;

function expectClose(
  found: NdArray,
  wanted: readonly (readonly (readonly number[])[])[],
  digits: number,
): void {
  expect(found.shape).toEqual([wanted.length, 3, 2]);
  wanted.flat(2).forEach((value, index) => expect(found.data[index]).toBeCloseTo(value, digits));
}

describe.each(devices)("on %s", (device) => {
  test("Z[i, j, k] = ∂Y[i, j] / ∂X[i, k] (F1, F2, F3)", async () => {
    expectClose(await jacrow(f, { device })(X), X.map(z), 14);
  });

  test("every mode gives the same", () => {
    for (const mode of ["auto", "forward", "reverse"] as const)
      expectClose(jacrow(f, { device, mode }).sync(X), X.map(z), 14);
  });

  test("rows decide the width, dtype overrides", () => {
    const J = jacrow(f, { device });
    const single = J.sync({ data: Float32Array.from(X.flat()), shape: [3, 2] });
    expect(single.dtype).toBe("f32");
    expectClose(single, X.map(z), 6);
    expect(J.sync(X).dtype).toBe("f64");
    const forced = jacrow(f, { device, dtype: "f32" });
    expect(forced.sync(X).dtype).toBe("f32");
    expect(forced.info.notes).toEqual(["rows float64 → float32"]);
  });

  test("F14: no rows, one row, one output, one number per row", () => {
    const J = jacrow(f, { device });
    expect(J.sync({ data: new Float64Array(0), shape: [0, 2] }).shape).toEqual([0, 3, 2]);
    expect(J.sync([]).shape).toEqual([0, 3, 2]);
    expectClose(J.sync([X[1]!]), [z(X[1]!)], 14);
    expect(J.one(X[1]!).shape).toEqual([3, 2]);
    expect(jacrow(([a, b]: Row<2>) => a.mul(b), { device }).sync(X).shape).toEqual([3, 2]);
    const scalar = jacrow((x: Scalar) => x.square(), { device });
    expect([...scalar.sync([1, 2, 3]).data]).toEqual([2, 4, 6]);
    expect(scalar.sync([1, 2, 3]).shape).toEqual([3]);
  });

  test("value and Jacobian from one pass; rows(jacobian(f)) is jacrow(f)", () => {
    const [Y, Z] = rows(valueAndJacobian(f), { device }).sync(X);
    expect(Y.shape).toEqual([3, 3]);
    expect(Y.at(0, 0)).toBeCloseTo(0.02, 14);
    expectClose(Z, X.map(z), 14);
    expectClose(rows(jacobian(f), { device }).sync(X), X.map(z), 14);
  });

  test("shared inputs: ∂f/∂p of a fitted curve is (n, p)", () => {
    const curve = (x: Scalar, p: Row<3>): Tensor =>
      p
        .at(0)
        .mul(sin(p.at(1).mul(x)))
        .add(p.at(2));
    const J = jacrow(curve, { device, shared: [1], wrt: 1 });
    const Z = J.sync([0, 1], [2, 3, 4]);
    expect(Z.shape).toEqual([2, 3]);
    [0, 0, 1, Math.sin(3), 2 * Math.cos(3), 1].forEach((value, index) =>
      expect(Z.data[index]).toBeCloseTo(value, 14),
    );
    expect(J.sync([0, 1], [1, 1, 1]).at(1, 0)).toBeCloseTo(Math.sin(1), 14);
    expect(J.info.compiled).toBe(1);
  });

  test("named inputs and nested outputs", () => {
    const g = ({ x, u }: { x: Row<2>; u: Scalar }) => ({
      force: x.mul(u),
      parts: [u.square(), x.at(1).add(u)] as const,
    });
    const Z = jacrow(g, { device, allowZero: true }).sync({ x: X, u: [1, 2, 3] });
    expect(Z.force.x.row(1).toArray()).toEqual([
      [2, 0],
      [0, 2],
    ]);
    expect(Z.force.u.row(1).toArray()).toEqual([-1, 3]);
    expect([...Z.parts[0].u.data]).toEqual([2, 4, 6]);
    expect([...Z.parts[0].x.data]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(Z.parts[1].x.toArray()).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });

  test("outputs picks entries, or names", () => {
    const Z = jacrow(f, { device, outputs: [2, 0] }).sync(X);
    expect(Z.shape).toEqual([3, 2, 2]);
    expect(Z.at(1, 0, 1)).toBe(6);
    const named = jacrow(({ x }: { x: Row<2> }) => ({ a: sum(x), b: x.square() }), { device, outputs: "b" });
    expect((named.sync({ x: X }) as unknown as NdArray).shape).toEqual([3, 2, 2]);
  });

  test("out receives the results", () => {
    const out = new Float64Array(18);
    const J = jacrow(f, { device });
    J.sync(X, { out });
    expectClose(new NdArray(out, [3, 3, 2]), X.map(z), 14);
    const array = new NdArray(new Float64Array(18), [3, 3, 2]);
    expect(J.sync(X, { out: array })).toBe(array);
    const flat = new NdArray(array.data, [array.size]);
    expect(J.sync(X, { out: flat }).shape).toEqual(array.shape);
    expect(() => J.sync(X, { out: new Float64Array(17) })).toThrow("JR431");
    expect(() => J.sync(X, { out: new Float32Array(18) })).toThrow("JR431");
  });

  test("bind gives views and a run that writes them", () => {
    const J = jacrow(f, { device });
    const bound = J.bind({ n: 3, inputs: [2] });
    bound.inputs.data.set(X.flat());
    bound.run();
    expectClose(bound.result, X.map(z), 14);
    bound.inputs.data.set(X.flat().reverse());
    bound.run();
    expectClose(
      bound.result,
      [...X].reverse().map(([a, b]) => z([b, a])),
      14,
    );
  });

  test("bind takes shared inputs by name", () => {
    const J = jacrow(({ x, p }: { x: Row<2>; p: Row<2> }) => x.mul(p), { device, shared: ["p"] });
    const bound = J.bind({ n: 1, inputs: { x: [2], p: [2] }, p: [5, 7] });
    bound.run();
    expect(bound.result.toArray()).toEqual([
      [
        [5, 0],
        [0, 7],
      ],
    ]);
    expect(() => J.bind({ n: 1, inputs: { x: [2], p: [2] } })).toThrow("JR445");
  });

  test("what is only multiplied with a derivative may read a part of its input", () => {
    const first = (x: Row<2>): Tensor => x.at(0).mul(3);
    const product = rows((x: Row<2>, v: Row<2>) => jvp(first, x, v)[1], { device });
    expect([...product.sync([[1, 2]], [[5, 7]]).data]).toEqual([15]);
    const gradient = rows((x: Row<2>) => vjp(first, x)[1](1), { device });
    expect([...gradient.sync([[1, 2]]).data]).toEqual([3, 0]);
  });

  test("bind takes shared inputs by position", () => {
    const J = jacrow((x: Row<2>, p: Row<2>) => x.mul(p), { device, shared: [1] });
    const { result, run } = J.bind({ n: 1, inputs: [[2], [2]], 1: [5, 7] });
    run();
    expect([...result.data]).toEqual([5, 0, 0, 7]);
    expect(() => J.bind({ n: 1, inputs: [[2], [2]], 0: [5, 7] })).toThrow("there are x1 (position 1)");
  });

  test("a Jacobian that is the same for every row is given for every row", async () => {
    const A = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    const Z = await jacrow((x: Row<2>) => matmul(A, x), { device })(X);
    expectClose(Z, [A, A, A], 14);
  });

  test("a model is a row function: alone, by name, and inside a function", async () => {
    const signature = {
      structure: {
        kind: "array",
        items: [
          { kind: "leaf", index: 0 },
          { kind: "leaf", index: 1 },
        ],
      },
      inputs: [
        { name: "state", shape: [2], level: "row" },
        { name: "force", shape: [1], level: "row" },
      ],
    } as const;
    const model = rowFunction(trace((x: Tensor, u: Tensor) => tanh(x.mul(u)), signature).program);
    const Z = await jacrow<{ state: NdArray; force: NdArray }>(model, { device })({
      force: [[1], [2], [3]],
      state: X,
    });
    expect(Z.state.shape).toEqual([3, 2, 2]);
    expect(Z.state.at(1, 0, 0)).toBeCloseTo(2 / Math.cosh(-2) ** 2, 14);
    const positional = jacrow<NdArray>(model, { device, wrt: "force" }).sync(X, [[1], [2], [3]]);
    expect(positional.at(1, 0, 0)).toBeCloseTo(-1 / Math.cosh(-2) ** 2, 14);
    const step = ({ x, u }: { x: Row<2>; u: Row<1> }): Tensor => x.add(model(x, u).mul(0.1));
    expect(checkJacobian(step, { x: X, u: [[1], [2], [3]] }).ok).toBe(true);
    expect(() => jacrow(model, { device }).sync({ state: X })).toThrow("JR444");
  });
});

describe("compiled specs", () => {
  test("are kept, bounded, and freed", () => {
    const J = jacrow((x: Tensor) => x.sin(), { device: "interpreter" });
    for (let width = 1; width <= 40; width++) J.sync([Array.from({ length: width }, () => 1)]);
    expect(J.info.compiled).toBe(32);
    J.dispose();
    expect(() => J.sync([[1]])).toThrow("JR441");
  });

  test("F5, F11: a function is traced once, so value and Jacobian see one random draw", () => {
    let traced = 0;
    const noisy = (x: Tensor): Tensor => {
      traced++;
      return x.mul(Math.random());
    };
    const J = rows(valueAndJacobian(noisy), { device: "interpreter" });
    const [Y, Z] = J.sync([[3]]);
    expect(Y.at(0, 0)).toBe(3 * Z.at(0, 0, 0));
    J.sync([[4]]);
    expect(traced).toBe(1);
  });

  test("F10: arrays are copied when traced", () => {
    const weights = new Float64Array([2, 3]);
    const J = jacrow((x: Row<2>) => sum(mul(weights, x)), { device: "interpreter" });
    J.sync([[0, 0]]);
    weights.fill(0);
    expect(J.sync([[0, 0]]).toArray()).toEqual([[2, 3]]);
  });

  test("compile and explain before the first call", async () => {
    const J = jacrow(f, { device: "interpreter" });
    expect(() => J.explain()).toThrow("JR443");
    await J.compile({ inputs: [2], dtype: "f32" });
    expect(J.info.compiled).toBe(1);
    const text = J.explain({ inputs: [2] });
    expect(text).toContain("x (2,)");
    expect(text).toContain("y/x (3, 2)");
    expect(text).toMatch(/per row: .*results take 24 bytes/);
  });

  test("F17: memory stays flat over many calls", () => {
    const J = jacrow((x: Row<2>) => cos(x), { device: "wasm" });
    const row = { data: new Float64Array(2), shape: [1, 2] };
    const call = (times: number): void => {
      for (let i = 0; i < times; i++) J.sync(row);
    };
    call(3000);
    const before = process.memoryUsage().heapUsed;
    call(20_000);
    expect(J.info.compiled).toBe(1);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40e6);
  });
});

describe("explain", () => {
  test("says the order, what others cost, and what is zero by structure", () => {
    const narrow = (x: Row<3>): Tensor => tanh(matmul([[1], [2], [3]], tanh(matmul([[1, 2, 3]], x))));
    const text = jacrow(narrow).explain({ inputs: [3] });
    expect(text).toMatch(/^plan: \w+, \d+ intermediate values/m);
    expect(text).toMatch(/^\* \w+ +\d+ multiplications/m);
    expect(text).toMatch(/^ {2}(forward|reverse) +\d+ multiplications/m);
    const sparse = jacrow((x: Row<3>) => stack([x.at(0).sin()]), { allowZero: true }).explain({
      inputs: [3],
    });
    expect(sparse).toMatch(/1 × 3, 1 .*nonzero/);
  });
});

describe("structure of the Jacobian", () => {
  const device = "interpreter";
  const f = ([a, b, c]: Row<3>): Tensor => stack([a.mul(b), c, b.mul(b)]);
  const X = [
    [1, 2, 3],
    [4, 5, 6],
  ];

  test("pattern says where it may be nonzero, with its CSR view", () => {
    const {
      shape,
      rows: at,
      columns,
      rowStarts,
    } = jacrow(f, { device }).pattern({ inputs: [3] }) as SparsityPattern;
    expect(shape).toEqual([3, 3]);
    expect([...at]).toEqual([0, 0, 1, 2]);
    expect([...columns]).toEqual([0, 1, 2, 1]);
    expect([...rowStarts]).toEqual([0, 2, 3, 4]);
  });

  test("compressed results are the pattern's entries", async () => {
    const Z = await jacrow(f, { device, format: "compressed" })(X);
    expect(Z.toArray()).toEqual([
      [2, 1, 1, 4],
      [5, 4, 1, 10],
    ]);
  });

  test("a wide diagonal costs what its diagonal costs", async () => {
    const d = 10_000;
    const Z = await jacrow((x: Tensor) => sin(x), { format: "compressed" })({
      data: new Float32Array(3 * d),
      shape: [3, d],
    });
    expect(Z.shape).toEqual([3, d]);
    expect(Z.data.every((value) => value === 1)).toBe(true);
  });
});

test("a call counts what its rows hold when it is made", async () => {
  for (const n of [3, 5000]) {
    const X = { data: new Float64Array(n).fill(2), shape: [n, 1] };
    const J = jacrow((x: Row<1>) => mul(x, x));
    for (const when of ["while compiling", "once compiled"]) {
      X.data.fill(2);
      const result = J(X);
      X.data.fill(7);
      expect(
        (await result).data.every((value) => value === 4),
        when,
      ).toBe(true);
    }
  }
});

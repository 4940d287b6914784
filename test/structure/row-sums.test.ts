/** Sums over rows on WebAssembly: right, the same bits for every number of threads, blind to lanes without rows. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { lower, operationCounts } from "../../src/lower/index.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernel, compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { expectAgreement, inputsFor, programOf, relativeError } from "../runtime/helpers.ts";

/** Σ J, Σ JᵀJ, Σ a bᵀ, Σ J r, a batch of products, and what follows them. */
function sums(p = 7, q = 5): Program {
  const b = new Builder();
  const x = b.input("x", [p]);
  const s = b.input("s", [q], { level: "bound" });
  const left = b.unary("sin", x);
  const right = b.mul(b.slice(b.unary("cos", x), { starts: [0], steps: [1], shape: [q] }), s);
  const matrix = b.contract(left, right, { a: [0], b: [1], out: [0, 1] });
  const square = b.contract(b.unary("tanh", matrix), b.unary("exp", matrix), {
    a: [0, 1],
    b: [0, 2],
    out: [1, 2],
  });
  const batch = b.contract(matrix, matrix, { a: [0, 1], b: [0, 1], out: [1, 0] });
  const sum = b.rowSum(left);
  return programOf(
    "sums",
    [x, s],
    [
      sum,
      left,
      b.rowSum(matrix),
      b.rowSum(square),
      b.rowSum(b.contract(left, left, { a: [0], b: [1], out: [0, 1] })),
      b.rowSum(batch),
      b.rowSum(b.sum(left, [0])),
      b.rowSum(x),
      b.div(b.rowSum(right), s),
      b.add(b.unary("tanh", b.sum(sum, [0])), b.constant(1)),
    ],
  );
}

test("sums agree with the interpreter, for few rows and many", () => {
  expectAgreement(sums(), { counts: [0, 1, 2, 3, 5, 63, 64, 65, 300, 1100], tolerance: 1e-12 });
  expectAgreement(sums(9, 8), { dtype: "f32", counts: [1, 3, 257, 1100], tolerance: 3e-5 });
});

/** Σ of sums and differences of outer products; one sum also has a term that is none. */
function outerSums(): Program {
  const b = new Builder();
  const x = b.input("x", [6]);
  const along = (node: Node, axis: 0 | 1, size: number): Node =>
    b.broadcast(b.reshape(node, axis === 0 ? [6, 1] : [1, 4]), axis === 0 ? [6, size] : [size, 4]);
  const left = (op: "sin" | "cos" | "tanh"): Node => along(b.unary(op, x), 0, 4);
  const right = (op: "sin" | "cos" | "tanh"): Node =>
    along(b.unary(op, b.slice(x, { starts: [2], steps: [1], shape: [4] })), 1, 6);
  const two = b.sub(b.mul(left("sin"), right("cos")), b.mul(right("tanh"), left("cos")));
  const three = b.add(two, b.neg(b.mul(left("tanh"), right("sin"))));
  const mixed = b.add(b.mul(left("sin"), right("sin")), b.mul(left("cos"), left("tanh")));
  return programOf(
    "outer sums",
    [x],
    [b.rowSum(b.sub(three, b.mul(left("cos"), right("sin")))), b.rowSum(mixed)],
  );
}

test("sums of outer products are added up as they are formed", () => {
  expectAgreement(outerSums(), { counts: [0, 1, 3, 70, 300], tolerance: 1e-12 });
  const [fused, plain] = lower(prepared(outerSums()), { dtype: "f64" }).stages.filter(
    ({ kind }) => kind === "sum",
  );
  expect(fused).toMatchObject({ k: [{ size: 4 }] });
  expect(plain).not.toHaveProperty("b");
});

test("sums agree for blocks of every size", () => {
  for (const [p, q] of [
    [1, 1],
    [4, 2],
    [3, 3],
    [17, 9],
    [48, 48],
  ] as const)
    expectAgreement(sums(p, q), { counts: [70], tolerance: 1e-12 });
});

/** A value that is NaN for rows that do not exist. */
function poisoned(): Program {
  const b = new Builder();
  const x = b.input("x", [3]);
  const y = b.div(b.constant(1, [3]), b.sub(x, x));
  const value = b.mul(y, x);
  return programOf("poisoned", [x], [b.rowSum(b.unary("log", x)), b.rowSum(b.div(x, x)), b.rowSum(value)]);
}

test.each(["f32", "f64"] as const)("lanes without rows add exactly nothing, %s", (dtype) => {
  const kernel = compileKernelSync(poisoned(), { device: "wasm", dtype });
  for (const n of [1, 2, 3, 5, 66, 67]) {
    const x = Float64Array.from({ length: 3 * n }, () => 1);
    const input = dtype === "f32" ? Float32Array.from(x) : x;
    const [logs, ones, infinite] = kernel.runSync([input], n) as [FloatArray, FloatArray, FloatArray];
    expect([...logs]).toEqual([0, 0, 0]);
    expect([...ones]).toEqual([n, n, n]);
    expect([...infinite]).toEqual([Infinity, Infinity, Infinity]);
  }
});

const bytesOf = ({ buffer, byteOffset, byteLength }: FloatArray): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

const sameBits = (a: readonly FloatArray[], b: readonly FloatArray[]): void =>
  a.forEach((values, index) =>
    expect(Buffer.compare(bytesOf(values), bytesOf(b[index] as FloatArray))).toBe(0),
  );

test("the same bits on one thread, three, and in a bound run", async () => {
  const one = compileKernelSync(sums(20, 20), { device: "wasm", dtype: "f32" });
  const three = await compileKernel(sums(20, 20), { device: "wasm", dtype: "f32", threads: 3 });
  for (const n of [1, 100, 7000, 40_001, 40_001]) {
    const inputs = inputsFor(sums(20, 20), n, "f32");
    const alone = one.runSync(inputs, n);
    sameBits(alone, await three.run(inputs, n));
    const bound = one.bindFixed(n, inputs.slice(1));
    bound.inputs[0]?.set(inputs[0] as FloatArray);
    for (let turn = 0; turn < 2; turn++) bound.run();
    sameBits(bound.outputs, alone);
  }
  three.dispose();
});

test("products of rows are added as they are formed", () => {
  const b = new Builder();
  const j = b.unary("sin", b.input("x", [40]));
  const outer = b.contract(j, j, { a: [0], b: [1], out: [0, 1] });
  const program = programOf("gram", [(j as { a: Node }).a], [b.rowSum(outer)]);
  const lowered = lower(prepared(program), { dtype: "f64" });
  expect(lowered.scratchCells).toBeLessThanOrEqual(2 * 40);
  expect(operationCounts(lowered).stores).toBeLessThanOrEqual(40);
});

test("gradients of shared weights are added as they are formed", () => {
  const b = new Builder();
  const [x, y] = [b.input("x", [30]), b.input("y", [20])];
  const w = b.input("w", [20, 30], { level: "bound" });
  const error = b.sub(b.unary("tanh", b.matmul(w, x)), y);
  const left = b.broadcast(b.reshape(error, [20, 1]), [20, 30]);
  const program = programOf("gradient", [x, y, w], [b.rowSum(b.mul(left, b.broadcast(x, [20, 30])))]);
  const lowered = lower(prepared(program), { dtype: "f64" });
  expect(lowered.scratchCells).toBeLessThanOrEqual(100);
  expect(operationCounts(lowered).mul).toBe(2 * 20 * 30);
  expectAgreement(program, { counts: [1, 70] });
});

test("cells are moved, and weights multiplied, after or before summing", () => {
  const b = new Builder();
  const x = b.input("x", [6]);
  const y = b.unary("sin", x);
  const outer = b.contract(y, x, { a: [0], b: [1], out: [0, 1] });
  const weight = b.broadcast(b.sum(x, [0]), [6, 6]);
  const values = [
    b.mul(weight, outer),
    b.transpose(outer, [1, 0]),
    b.pad(outer, { starts: [1, 0], steps: [2, 1], shape: [13, 6] }),
    b.neg(b.reshape(outer, [36])),
    b.concat([outer, b.broadcast(y, [2, 6])], 0),
    b.gather(y, b.constant([3, 3, 0, 1, 5, 2, 2], [7], "int"), 0),
    b.scatterAdd(y, b.constant([0, 9, 0, 1, 2, 9], [6], "int"), { axis: 0, size: 10 }),
  ];
  const program = programOf(
    "moves",
    [x],
    values.map((value) => b.rowSum(value)),
  );
  expectAgreement(program, { counts: [1, 70], tolerance: 1e-12 });
  const prepare = prepared(program);
  const inputs = inputsFor(program, 9, "f64");
  const wanted = interpret(program, inputs, 9);
  interpret(prepare, inputs, 9).forEach((found, index) =>
    expect(relativeError(found, wanted[index] as Float64Array)).toBeLessThan(1e-13),
  );
  expect(lower(prepare, { dtype: "f64" }).scratchCells).toBeLessThan(6 * 10);
});

describe("results known after all rows", () => {
  test("have no row axis and can be written to an array that is given", () => {
    const program = sums();
    for (const device of ["wasm", "interpreter"] as const) {
      const kernel = compileKernelSync(program, { device, dtype: "f64" });
      const inputs = inputsFor(program, 9, "f64");
      const outs = program.outputs.map(
        ({ value }) => new Float64Array(sizeOf(value.shape) * (value.level === "finish" ? 1 : 9)),
      );
      kernel.runSync(inputs, 9, outs);
      const wanted = interpret(program, inputs, 9);
      outs.forEach((values, index) =>
        expect(relativeError(values, wanted[index] as Float64Array)).toBeLessThan(1e-13),
      );
    }
  });
});

/** Few rows, with lanes along features: the bits of lanes along rows, for every operation and random programs. */

import { describe, expect, test } from "vitest";
import { provideFeatures } from "../../src/codegen/features.ts";
import { featureCode } from "../../src/codegen/few-rows.ts";
import { wasmKernel } from "../../src/codegen/wasm/kernel.ts";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf } from "../../src/ir/graph.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Program } from "../../src/ir/types.ts";
import { lower } from "../../src/lower/index.ts";
import type { Lowered, Port } from "../../src/lower/loops.ts";
import { compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { boundImage } from "../../src/runtime/wasm/bind.ts";
import {
  type Area,
  floatView,
  Instance,
  memoryFor,
  memoryPlan,
  type RowSlot,
} from "../../src/runtime/wasm/instance.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";
import { alongRows, matrixSizes } from "../runtime/along-rows.ts";
import { expectAgreement, inputsFor, programOf, randomFloats } from "../runtime/helpers.ts";
import { operationCases } from "../runtime/operation-cases.ts";

provideFeatures();

const ROWS = 3;

interface Given {
  readonly rows: readonly FloatArray[];
  readonly shared: ReadonlyMap<InputNode, FloatArray>;
}

function run(lowered: Lowered, { rows, shared }: Given, apart: boolean): FloatArray[] {
  const code = wasmKernel(lowered, {
    fused: false,
    shared: false,
    ordered: true,
    apart: apart ? featureCode() : undefined,
  });
  const plan = memoryPlan(lowered, code, { rows: ROWS, threads: 1, slots: 1 });
  const memory = memoryFor(plan, false);
  new Uint8Array(memory.buffer).set(boundImage(lowered, code, shared));
  const area = plan.areas[0] as Area;
  const slot = area.slots[0] as RowSlot;
  const view = (ports: readonly Port[], addresses: readonly number[], index: number): FloatArray => {
    const length = ROWS * (ports[index]?.buffer.cells ?? 0);
    return floatView(lowered.dtype, memory.buffer, { address: addresses[index] as number, length });
  };
  rows.forEach((input, index) => view(lowered.inputs, slot.inputs, index).set(input));
  new Instance(new WebAssembly.Module(code.bytes), memory, plan).run(area, slot, ROWS);
  return lowered.outputs.map((_, index) => view(lowered.outputs, slot.outputs, index).slice());
}

/** With loops and as straight code. */
function check(program: Program, inputs: readonly FloatArray[], dtype: "f32" | "f64"): void {
  const ready = prepared(program);
  const isRow = (index: number): boolean => ready.inputs[index]?.level === "row";
  const given = {
    rows: inputs.filter((_, index) => isRow(index)),
    shared: new Map(
      inputs.flatMap((values, index) => (isRow(index) ? [] : [[ready.inputs[index] as InputNode, values]])),
    ),
  };
  const small = nodesOf(ready).every((node) => sizeOf(node.shape) <= 1000); // thousands of cells never become straight code
  for (const straight of small ? [true, false] : [false]) {
    const lowered = lower(ready, { dtype, straight });
    expect(run(lowered, given, true)).toEqual(run(lowered, given, false));
  }
}

describe.each(["f32", "f64"] as const)("%s", (dtype) => {
  test.each(Object.entries(operationCases))("%s", (name, make) => {
    const b = new Builder();
    const [x, m] = [b.input("x", [6]), b.input("m", [3, 4])];
    const program = programOf(name, [x, m], make(b, x, m));
    check(program, inputsFor(program, ROWS, dtype), dtype);
  });
});

test.each([5, 12, 20])("20 random programs of %i nodes", (size) => {
  const ops = randomOps.filter((op) => op !== "rowSum");
  for (let seed = 1; seed <= 20; seed++) {
    const program = randomProgram(seed * 37 + size, { ops, size });
    if (program.outputs.every(({ value }) => value.level === "row" && value.cell === "float"))
      check(program, randomInputs(program, ROWS, seed), "f64");
  }
});

test("products with weights whose results depend on their place", () => {
  const b = new Builder();
  const size = 33;
  const x = b.input("x", [size]);
  const weights = b.constant(randomFloats(size * size, { dtype: "f64", seed: 4 }), [size, size]);
  const labels = { a: [0, 1], b: [1, 2], out: [0, 2] };
  const row = b.unary("sin", b.matmul(weights, x));
  const matrix = b.contract(weights, b.mul(weights, row), labels);
  const isDiagonal = b.compare("eq", b.iota([size, size], 0), b.iota([size, size], 1));
  const diagonal = b.select(isDiagonal, b.broadcast(b.reshape(row, [size, 1]), [size, size]), b.constant(0));
  const program = programOf("placed", [x], [b.contract(weights, b.sub(diagonal, matrix), labels)]);
  expectAgreement(program, { counts: [1, 2, 5] });
  check(program, inputsFor(program, ROWS, "f64"), "f64");
});

test.each(matrixSizes)("sums along %i rows of %i neighbours", (...size) => {
  const program = alongRows(size);
  expectAgreement(program, { counts: [1, 2, 5] });
  for (const dtype of ["f32", "f64"] as const) check(program, inputsFor(program, ROWS, dtype), dtype);
});

test("one row of a network takes this way, with the bits it has among many", () => {
  const b = new Builder();
  const x = b.input("x", [5]);
  const layer = (h: typeof x | ReturnType<Builder["unary"]>, size: number) => {
    const weights = randomFloats(size * (h.shape[0] as number), { dtype: "f32", seed: size });
    return b.unary("tanh", b.matmul(b.constant(weights, [size, h.shape[0] as number]), h));
  };
  const program = programOf("net", [x], [layer(layer(layer(x, 130), 131), 3)]);
  const kernel = compileKernelSync(program, { device: "wasm", dtype: "f32" });
  const inputs = inputsFor(program, 40, "f32") as [Float32Array];
  const all = kernel.runSync(inputs, 40)[0] as FloatArray;
  const before = kernel.info.memoryBytes;
  expect(kernel.runSync([inputs[0].slice(0, 5)], 1)[0]).toEqual(all.slice(0, 3));
  expect(kernel.info.memoryBytes).toBeGreaterThan(before);
  const bound = kernel.bindFixed(2, []);
  bound.inputs[0]?.set(inputs[0].slice(5, 15));
  bound.run();
  expect(bound.outputs[0]).toEqual(all.slice(3, 9));
});

/** Loops that stay loops give what their steps give one after the other, on every target. */

import { describe, expect, test } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { embeddedJs } from "../../src/codegen/js/module.ts";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { lower } from "../../src/lower/index.ts";
import { type Buffer, leavesOf } from "../../src/lower/loops.ts";
import { hoistScans, optimize, unrollScans } from "../../src/optimize/optimize.ts";
import { registeredDevice } from "../../src/runtime/devices.ts";
import { evaluateBound, interpret } from "../../src/runtime/interpreter.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { compileModuleSync } from "../../src/runtime/wasm/module.ts";
import { wasmPlan } from "../../src/runtime/wasm/plan.ts";
import { WasmRunner } from "../../src/runtime/wasm/runner.ts";
import { randomInputs } from "../ir/random-program.ts";
import { checkLowered, expectClose, ROWS } from "../lower/check.ts";
import { describeNative } from "../native/helpers.ts";
import { joined } from "../runtime/helpers.ts";
import { loopProgram } from "./programs.ts";

function forEachProgram(
  count: number,
  run: (program: Program, inputs: readonly Float64Array[]) => void,
): void {
  for (let seed = 1; seed <= count; seed++) {
    const program = loopProgram(seed, { kinks: true });
    try {
      run(program, randomInputs(program, ROWS, seed));
    } catch (error) {
      throw Object.assign(error as Error, { message: `seed ${seed}: ${(error as Error).message}` });
    }
  }
}

/** Every output for every row, those that do not depend on rows too. */
function rowsOf(program: Program, inputs: readonly Float64Array[]): Float64Array[] {
  return interpret(program, inputs, ROWS).map((values, index) => {
    if (program.outputs[index]?.value.level === "row") return values;
    const length = ROWS * values.length;
    return Float64Array.from({ length }, (_, cell) => values[cell % values.length] as number);
  });
}

function expectRows(
  got: readonly ArrayLike<number>[],
  program: Program,
  inputs: readonly Float64Array[],
): void {
  const wanted = rowsOf(program, inputs);
  got.forEach((values, index) => {
    expectClose(values, wanted[index] as Float64Array, { name: `output ${index}`, tolerance: 1e-10 });
  });
}

function sharedInputs(program: Program, inputs: readonly Float64Array[]): Map<InputNode, Float64Array> {
  return new Map(
    program.inputs.flatMap((input, index) => (input.level === "bound" ? [[input, at(inputs, index)]] : [])),
  );
}

function filled({ cells }: Buffer, [values]: readonly Float64Array[]): Float64Array {
  return Float64Array.from(
    { length: cells },
    (_, cell) => values?.[values.length === 1 ? 0 : cell] as number,
  );
}

const options = { dtype: "f64" } as const;

/** A loop of two steps around one of three, whose steps multiply shared weights by constants that the outer loop hands on. */
function handedOn(): Program {
  const square = [4, 4];
  const stack = [3, ...square];
  const inner = new Builder();
  const [c, s, v] = [inner.input("c", [4]), inner.input("s", square), inner.input("v", square)];
  const next = inner.add(c, inner.sum(inner.matmul(v, s), [1]));
  const innerBody = programOf("inner", [c, s, v], [{ name: "c", value: inner.unary("sin", next) }]);
  const outer = new Builder();
  const [h, all, u] = [outer.input("h", [4]), outer.input("all", stack), outer.input("u", square)];
  const [end] = outer.scan(innerBody, 3, { carries: [h], perStep: [all], captured: [u] });
  const outerBody = programOf("outer", [h, all, u], [{ name: "h", value: end as Node }]);
  const b = new Builder();
  const [x, w] = [b.input("x", [4]), b.input("w", square, { level: "bound" })];
  const constant = b.constant(
    range(48).map((k) => Math.cos(k)),
    stack,
  );
  const [y] = b.scan(outerBody, 2, { carries: [x], perStep: [], captured: [constant, w] });
  return programOf("handed on", [x, w], [{ name: "y", value: y as Node }]);
}

test("what shared values and constants make in an inner loop's steps is made at every bind", () => {
  const program = handedOn();
  const hoisted = hoistScans(program);
  verify(hoisted);
  const inputs = randomInputs(program, ROWS, 3);
  expectRows(interpret(hoisted, inputs, ROWS), program, inputs);
  const { stages } = checkLowered(hoisted, { inputs });
  expect(leavesOf(stages).some(({ kind }) => kind === "product")).toBe(false);
});

describe("random loops", () => {
  test("hoisting keeps programs legal and equal to their unrolled steps", () => {
    forEachProgram(15, (program, inputs) => {
      const hoisted = hoistScans(optimize(program));
      verify(hoisted);
      const wanted = rowsOf(unrollScans(program, 1e6), inputs);
      rowsOf(hoisted, inputs).forEach((got, index) => {
        expectClose(got, wanted[index] as Float64Array, { name: `output ${index}`, tolerance: 1e-12 });
      });
    });
  });

  test.each([{}, { straight: false }, { straight: true }, { straight: false, fuse: false }])(
    "lowered, %o",
    (options) => {
      forEachProgram(15, (program, inputs) => {
        const lowered = checkLowered(hoistScans(program), { inputs, ...options });
        expect(leavesOf(lowered.stages).length).toBeGreaterThan(0);
      });
    },
  );

  test("WebAssembly", () => {
    forEachProgram(15, (program, inputs) => {
      const plan = wasmPlan(hoistScans(optimize(program)), { ...options, device: "wasm" });
      const kernel = new WasmRunner(plan, compileModuleSync(plan.code.bytes));
      expectRows(kernel.runSync(inputs, ROWS), program, inputs);
      kernel.dispose();
    });
  });

  test("WebAssembly, a Jacobian", () => {
    const value = loopProgram(1, { steps: 3 });
    const program = jacobianProgram(value, { wrt: [0, 1], mode: "forward", unrolled: 0, allowZero: true });
    const inputs = randomInputs(program, ROWS);
    const plan = wasmPlan(prepared(program), { ...options, device: "wasm" });
    const kernel = new WasmRunner(plan, compileModuleSync(plan.code.bytes));
    expectRows(kernel.runSync(inputs, ROWS), program, inputs);
    kernel.dispose();
  });

  test("JavaScript", async () => {
    type Run = (...rows: Float64Array[]) => Record<string, Float64Array>;
    const modules: { code: string; check: (f: Run) => void }[] = [];
    forEachProgram(15, (program, inputs) => {
      const hoisted = hoistScans(optimize(program));
      const lowered = lower(hoisted, options);
      const shared = new Map(
        lowered.buffers.flatMap((buffer) =>
          buffer.space === "bound" ? [[buffer, buffer.source] as const] : [],
        ),
      );
      const values = sharedInputs(hoisted, inputs);
      const bound = new Map(
        [...shared].map(
          ([buffer, source]) => [buffer, filled(buffer, evaluateBound([source], values))] as const,
        ),
      );
      const port = ({ name }: { name: string }): { name: string; meaning: string; cells: number } => ({
        name,
        meaning: name,
        cells: 0,
      });
      const files = embeddedJs(lowered, {
        name: "f",
        about: [],
        inputs: lowered.inputs.map(port),
        outputs: program.outputs.map(port),
        shared: [],
        bound: () => bound,
        part: undefined,
        totals: [],
        after: undefined,
      });
      const rows = inputs.filter((_, index) => program.inputs[index]?.level === "row");
      modules.push({
        code: files.get("f.js") as string,
        check: (f) => expectRows(Object.values(f(...rows)), program, inputs),
      });
    });
    for (const { code, check } of modules) {
      const { f } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as { f: Run };
      check(f);
    }
  });
});

describeNative("random loops as native code", () => {
  test("agree with the interpreter", () => {
    const programs = range(6).map((index) => loopProgram(index + 1, { kinks: true }));
    const inputs = programs.flatMap((program, index) => randomInputs(program, ROWS, index));
    const all = joined(programs);
    const device = registeredDevice("native");
    const kernel = device?.compileSync(hoistScans(optimize(all)), { ...options, device: "native" });
    expectRows(kernel?.runSync(inputs, ROWS) ?? [], all, inputs);
    kernel?.dispose();
  });
});

/**
 * The device under test: none (tests choose), or the one that `JACROW_TEST_DEVICE` names.
 *
 * In: programs and inputs. Out: what the device under test makes of them in float64; the interpreter where none is named.
 * Always: a test of what one device alone does says so by `onlyOn`.
 */

import type { TestContext } from "vitest";
import { evaluateProgram } from "../../src/ir/evaluate.ts";
import { at, sizeOf } from "../../src/ir/shape.ts";
import type { Tensor } from "../../src/ir/tensor.ts";
import type { Program } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernelSync, type DeviceName, type Kernel } from "../../src/runtime/kernel.ts";

const device = process.env["JACROW_TEST_DEVICE"] as DeviceName | undefined;
const interpreted = device === undefined || device === "interpreter";
const kernels = new WeakMap<Program, Kernel>();

/** Skips a test where another device than those it is about is under test. */
export function onlyOn(context: TestContext, ...devices: readonly DeviceName[]): void {
  const elsewhere = device !== undefined && !devices.includes(device);
  context.skip(elsewhere, `about the device ${devices.join(" or ")} alone`);
}

/** The outputs of n rows, as the interpreter gives them. */
export function runHere(
  program: Program,
  inputs: readonly ArrayLike<number>[],
  n: number,
): readonly Float64Array[] {
  if (interpreted) return interpret(program, inputs, n);
  const kernel = kernels.get(program) ?? compileKernelSync(program, { device, dtype: "f64" });
  kernels.set(program, kernel);
  const results = kernel.runSync(
    inputs.map((values) => Float64Array.from(values)),
    n,
  );
  return program.outputs.map(({ value }, index) => {
    const cells = at(results, index) as Float64Array;
    return value.level === "row" ? cells : cells.slice(0, sizeOf(value.shape));
  });
}

/** The outputs of one row. */
export function evaluateHere(program: Program, inputs: readonly Tensor[]): Tensor[] {
  if (interpreted) return evaluateProgram(program, inputs);
  const results = runHere(
    program,
    inputs.map(({ data }) => data),
    1,
  );
  return program.outputs.map(({ value }, index) => ({ data: at(results, index), shape: value.shape }));
}

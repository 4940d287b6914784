/** Every operation and some layers as one program, and what must hold of it as native code, whichever compiler made it. */

import { expect } from "vitest";
import { cKernel } from "../../src/codegen/c/kernel.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernelSync, type FloatArray } from "../../src/runtime/kernel.ts";
import { buildLibrarySync } from "../../src/runtime/native/build.ts";
import { findCompiler } from "../../src/runtime/native/compiler.ts";
import { loadLibrary } from "../../src/runtime/native/library.ts";
import { apartPlan, nativePlan } from "../../src/runtime/native/plan.ts";
import { NativeRunner } from "../../src/runtime/native/runner.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { alongRows, matrixSizes } from "../runtime/along-rows.ts";
import { inputsFor, relativeError } from "../runtime/helpers.ts";
import { bytesOf, nativeKernel, obstacle } from "./helpers.ts";
import { everything } from "./programs.ts";

type Dtype = "f32" | "f64";

/** It agrees with the interpreter. */
export function expectInterpreted(dtype: Dtype, share = 1): void {
  const program = everything(share);
  const kernel = nativeKernel(program, { dtype });
  for (const n of [1, 7, 66]) {
    const inputs = inputsFor(program, n, dtype);
    const expected = interpret(program, inputs, n);
    kernel.runSync(inputs, n).forEach((values, index) => {
      const error = relativeError(values, expected[index] as Float64Array);
      const name = program.outputs[index]?.name ?? "";
      expect(error, `${name} n=${n}`).toBeLessThan(dtype === "f32" ? 3e-6 : 1e-13);
    });
  }
  kernel.dispose();
}

/** Vectors of 256 bits with multiply-adds, or of 128 without, agree with the interpreter too: what smaller x86 machines get. */
export function expectNarrow(vectorBytes: 16 | 32, dtype: Dtype): void {
  const program = prepared(everything(8));
  const plan = nativePlan(program, { device: "native", dtype });
  const fused = vectorBytes === 32;
  const machineFlags = fused ? ["-mavx2", "-mfma"] : [];
  const compiler = { ...plan.compiler, vectorBytes, machineFlags, fused, registers: 16 as const };
  const code = cKernel(plan.lowered, { vectorBytes, fused });
  const library = loadLibrary(buildLibrarySync(code.source, compiler));
  const runner = new NativeRunner({ ...plan, code, compiler, fused, mostFewRows: 0 }, library);
  for (const n of [1, 7, 21]) {
    const inputs = inputsFor(program, n, dtype);
    const expected = interpret(program, inputs, n);
    runner.runSync(inputs, n).forEach((values, index) => {
      const error = relativeError(values, expected[index] as Float64Array);
      expect(error, `${program.outputs[index]?.name} n=${n}`).toBeLessThan(dtype === "f32" ? 3e-6 : 1e-13);
    });
  }
}

/** Can this machine run them? */
export const narrower: readonly (16 | 32)[] =
  process.arch !== "x64" ? [] : obstacle === undefined && findCompiler().vectorBytes >= 32 ? [16, 32] : [16];

/** It has WebAssembly's bits if it is deterministic. */
export function expectWasmBits(dtype: Dtype, share = 1): void {
  const program = everything(share);
  const options = { dtype, deterministic: true };
  const kernels = [
    nativeKernel(program, options),
    compileKernelSync(program, { ...options, device: "wasm" }),
  ];
  for (const n of [1, 70]) {
    const inputs = inputsFor(program, n, dtype);
    const [native, wasm] = kernels.map((kernel) => kernel.runSync(inputs, n)) as [FloatArray[], FloatArray[]];
    native.forEach((values, index) =>
      expect(differing(values, wasm[index] as FloatArray), program.outputs[index]?.name).toEqual([]),
    );
  }
}

/** Few rows, one after the other, have the bits of many. */
export function expectSameBitsApart(dtype: Dtype, share = 1): void {
  const program = prepared(everything(share, matrixSizes.map(alongRows)));
  const plan = nativePlan(program, { device: "native", dtype: dtype });
  const apart = apartPlan(plan);
  const [rows, features] = [plan, apart].map(
    (each) => new NativeRunner(each, loadLibrary(buildLibrarySync(each.code.source, each.compiler))),
  ) as [NativeRunner, NativeRunner];
  const inputs = inputsFor(program, 3, dtype);
  const [wanted, got] = [rows.runSync(inputs, 3), features.runSync(inputs, 3)];
  got.forEach((values, index) =>
    expect(differing(values, wanted[index] as FloatArray), program.outputs[index]?.name).toEqual([]),
  );
}

/** Cells with different bits, NaN payloads apart. */
function differing(a: FloatArray, b: FloatArray): string[] {
  const size = a.BYTES_PER_ELEMENT;
  const [x, y] = [Buffer.from(bytesOf(a)), Buffer.from(bytesOf(b))];
  return Array.from(a, (value, cell) => ({ value, cell })).flatMap(({ value, cell }) => {
    const same = x
      .subarray(cell * size, cell * size + size)
      .equals(y.subarray(cell * size, cell * size + size));
    return same || (Number.isNaN(value) && Number.isNaN(b[cell]))
      ? []
      : [`${cell}: ${value}, not ${b[cell]}`];
  });
}

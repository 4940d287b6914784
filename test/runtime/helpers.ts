/** Compares kernels with the interpreter on random rows. */

import { expect } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { inline } from "../../src/ir/graph.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { compileKernelSync, type FloatArray, type KernelOptions } from "../../src/runtime/kernel.ts";

/** Random numbers that are the same in every run. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** `length` numbers in [−1, 1) of the dtype. */
export function randomFloats(length: number, options: { dtype: "f32" | "f64"; seed: number }): FloatArray {
  const next = randomSource(options.seed);
  const values = Float64Array.from({ length }, () => next() * 2 - 1);
  return options.dtype === "f32" ? Float32Array.from(values) : values;
}

/** A program of the given outputs; inputs in the given order. */
export function programOf(name: string, inputs: readonly Node[], outputs: readonly Node[]): Program {
  return {
    name,
    inputs: inputs as Program["inputs"],
    outputs: outputs.map((value, index) => ({ name: `y${index}`, value })),
  };
}

/** One program of many: their inputs and outputs side by side, so that one compilation serves all. */
export function joined(programs: readonly Program[]): Program {
  const builder = new Builder();
  const inputs: InputNode[] = [];
  const outputs = programs.flatMap((program, index) => {
    const own = program.inputs.map(({ name, shape, level, cell }) =>
      builder.input(`${name} ${index}`, shape, { level: level === "row" ? "row" : "bound", cell }),
    );
    inputs.push(...own);
    return inline(builder, program, own).map((value, output) => ({
      name: `${program.name} ${program.outputs[output]?.name}`,
      value,
    }));
  });
  return { name: "joined", inputs, outputs };
}

/** Random inputs of a program. */
export function inputsFor(program: Program, n: number, dtype: "f32" | "f64"): FloatArray[] {
  return program.inputs.map((input, index) =>
    randomFloats(sizeOf(input.shape) * (input.level === "row" ? n : 1), { dtype, seed: 17 + index + n }),
  );
}

/** max |a − b| / max |b|; NaN and infinities must agree exactly. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, scale] = [0, 0];
  for (let index = 0; index < b.length; index++) {
    const [x, y] = [a[index] as number, b[index] as number];
    if (Object.is(x, y) || x === y) scale = Number.isFinite(y) ? Math.max(scale, Math.abs(y)) : scale;
    else if (!Number.isFinite(x) || !Number.isFinite(y)) return Number.POSITIVE_INFINITY;
    else {
      difference = Math.max(difference, Math.abs(x - y));
      scale = Math.max(scale, Math.abs(y));
    }
  }
  return difference === 0 ? 0 : difference / scale;
}

/** Runs a program on wasm and in the interpreter, for several n. */
export function expectAgreement(
  program: Program,
  options: Partial<KernelOptions> & { counts?: readonly number[]; tolerance?: number } = {},
): void {
  const { dtype = "f64", counts = [1, 2, 5, 33, 130] } = options;
  const kernel = compileKernelSync(program, { device: "wasm", dtype, ...options });
  for (const n of counts) {
    const inputs = inputsFor(program, n, dtype);
    const expected = interpret(program, inputs, n);
    kernel.runSync(inputs, n).forEach((values, index) => {
      const error = relativeError(values, expected[index] as Float64Array);
      expect(error, `${program.name} ${dtype} n=${n} output ${index}`).toBeLessThan(
        options.tolerance ?? (dtype === "f32" ? 3e-6 : 1e-13),
      );
    });
  }
  kernel.dispose();
}

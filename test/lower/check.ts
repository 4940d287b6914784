/** Lowers a program, runs it slowly, and compares with the interpreter on the same rows. */

import { expect } from "vitest";
import { sizeOf } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program } from "../../src/ir/types.ts";
import { execute } from "../../src/lower/execute.ts";
import { type LowerOptions, lower } from "../../src/lower/index.ts";
import type { Lowered } from "../../src/lower/loops.ts";
import { evaluateBound, interpret } from "../../src/runtime/interpreter.ts";

export const ROWS = 3;

/** Numbers in [-1.5, 1.5) that only depend on the seed. */
export function numbers(count: number, seed: number): Float64Array {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 3 - 1.5;
  });
}

function valuesFor(input: InputNode, index: number): Float64Array {
  const values = numbers(sizeOf(input.shape) * (input.level === "row" ? ROWS : 1), index + 1);
  return input.cell === "float" ? values : values.map((x) => Math.abs(Math.floor(x * 100)) % 2);
}

/** Checks the lowered program's outputs (bare sums over rows last) and returns it. */
export function checkLowered(
  program: Program,
  options: Partial<LowerOptions> & { inputs?: readonly Float64Array[] } = {},
): Lowered {
  const { inputs = program.inputs.map(valuesFor), ...rest } = options;
  const lowered = lower(program, { dtype: "f64", ...rest });
  const shared = new Map(
    program.inputs.flatMap((input, index) =>
      input.level === "bound" ? [[input, inputs[index] as Float64Array] as const] : [],
    ),
  );
  const bound = (source: Node): Float64Array => evaluateBound([source], shared)[0] as Float64Array;
  const rowInputs = inputs.filter((_, index) => program.inputs[index]?.level === "row");
  const got = execute(lowered, { rows: ROWS, inputs: rowInputs, bound });
  const wanted = interpret(program, inputs, ROWS);
  program.outputs.forEach(({ name, value }, index) => {
    const expected = wanted[index] as Float64Array;
    const full =
      value.level === "row" || value.level === "finish"
        ? expected
        : Float64Array.from(
            { length: ROWS * expected.length },
            (_, cell) => expected[cell % expected.length] as number,
          );
    expectClose(got[index] as Float64Array, full, { name, tolerance: rest.dtype === "f32" ? 1e-4 : 1e-11 });
  });
  return lowered;
}

export function expectClose(
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  { name, tolerance }: { name: string; tolerance: number },
): void {
  expect(got.length, `${name}: length`).toBe(wanted.length);
  for (let cell = 0; cell < wanted.length; cell++) {
    const [x, y] = [got[cell] as number, wanted[cell] as number];
    const close = Object.is(x, y) || x === y || Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(y));
    if (!close) expect.fail(`${name}: cell ${cell} is ${x}, expected ${y}`);
  }
}

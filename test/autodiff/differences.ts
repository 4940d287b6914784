/** Float64 central differences of a program's output, and how far a Jacobian is from them. */

import { at } from "../../src/ir/shape.ts";
import { tensorOf } from "../../src/ir/tensor.ts";
import type { Program } from "../../src/ir/types.ts";
import { evaluateHere } from "../devices/here.ts";

/** Values of every output at one point. */
export function valuesAt(program: Program, inputs: readonly Float64Array[]): Float64Array[] {
  const tensors = program.inputs.map((input, index) => tensorOf(at(inputs, index), input.shape));
  return evaluateHere(program, tensors).map((tensor) => tensor.data);
}

/** ∂output/∂input by central differences, row-major (…out, …in). */
export function differences(
  program: Program,
  inputs: readonly Float64Array[],
  which: { output: number; wrt: number },
): Float64Array {
  const x = at(inputs, which.wrt);
  const columns = Array.from(x, (value, index) => {
    const step = 1e-5 * Math.max(1, Math.abs(value));
    const shifted = (by: number): Float64Array => {
      const moved = inputs.map((input) => input.slice());
      at(moved, which.wrt)[index] = value + by;
      return at(valuesAt(program, moved), which.output);
    };
    const [above, below] = [shifted(step), shifted(-step)];
    return above.map((high, row) => (high - at(Array.from(below), row)) / (2 * step));
  });
  const rows = columns[0]?.length ?? 0;
  return Float64Array.from(
    { length: rows * x.length },
    (_, cell) => at(columns, cell % x.length)[Math.floor(cell / x.length)] ?? Number.NaN,
  );
}

/** max |a − b| / max(|b|, 1e-3); NaN counts as infinitely far unless both are NaN. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [gap, size] = [0, 1e-3];
  for (let index = 0; index < a.length; index++) {
    const [x, y] = [a[index] as number, b[index] as number];
    if (Object.is(x, y) || x === y) continue;
    const difference = Math.abs(x - y);
    gap = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(gap, difference);
    size = Math.max(size, Math.abs(y));
  }
  return gap / size;
}

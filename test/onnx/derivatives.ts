/** Small models of one input and their derivatives, exact and by differences. */

import { expect } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { range } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import type { NodeSpec, TensorSpec } from "./encode.ts";
import { imported, runRow } from "./support.ts";

/** A small model of one input x and one output y, at a row. */
export interface Row {
  readonly nodes: readonly NodeSpec[];
  readonly x: readonly number[];
  readonly shape?: readonly number[];
  readonly tensors?: readonly TensorSpec[];
  readonly opset?: number;
}

/** The program of a small model. */
export function program({ nodes, x, shape = [x.length], tensors = [], opset = 24 }: Row): Program {
  return imported({ inputs: { x: ["batch", ...shape] }, outputs: ["y"], nodes, tensors, opset }).program;
}

/** Central differences of the only output, (out, in). */
export function differences(f: Program, x: readonly number[]): number[] {
  const columns = x.map((_, k) => {
    const moved = (step: number): number[] =>
      runRow(
        f,
        x.map((value, i) => (i === k ? value + step : value)),
      )[0] as number[];
    const [up, down] = [moved(1e-6), moved(-1e-6)];
    return up.map((value, j) => (value - (down[j] as number)) / 2e-6);
  });
  const count = columns[0]?.length ?? 0;
  return range(count).flatMap((j) => columns.map((column) => column[j] as number));
}

/** The Jacobian at a row. */
export function jacobian(
  f: Program,
  x: readonly number[],
  mode: "forward" | "reverse" = "reverse",
): number[] {
  return runRow(jacobianProgram(f, { wrt: [0], mode, allowZero: true }), x)[0] as number[];
}

/** Value as expected, and the Jacobian of both modes as differences say. */
export function expectRow(
  row: Row,
  { expected, digits = 12 }: { expected: readonly number[]; digits?: number },
): void {
  const f = program(row);
  const y = runRow(f, row.x)[0] as number[];
  expect(y.length).toBe(expected.length);
  y.forEach((value, k) => expect(value).toBeCloseTo(expected[k] as number, digits));
  const truth = differences(f, row.x);
  for (const mode of ["forward", "reverse"] as const) {
    const got = jacobian(f, row.x, mode);
    got.forEach((value, k) => expect(Math.abs(value - (truth[k] as number))).toBeLessThan(1e-6));
  }
}

/** One node from x to y. */
export const one = (operator: string, attributes: Record<string, unknown> = {}): readonly NodeSpec[] => [
  [operator, ["x"], ["y"], attributes],
];

/** A vector of int64. */
export const ints = (name: string, values: readonly number[]): TensorSpec => ({
  name,
  shape: [values.length],
  values,
  type: "int64",
});

/** Runs functions of one row through tracing, autodiff and the interpreter, for tests. */

import { expect } from "vitest";
import { checkJacobian, jacrow, rows, type Tensor } from "../../src/index.ts";

/** A function of one row under test. */
export type RowCase = (x: Tensor) => Tensor;

/** f of one row, flat. */
export function valueOf(f: RowCase, row: readonly number[]): number[] {
  return [...rows(f, { device: "interpreter" }).one(row).data];
}

/** The Jacobian at one row, flat (…out, …in); zeros without their sign. */
export function jacobianOf(
  f: RowCase,
  row: readonly number[],
  mode: "auto" | "forward" | "reverse" = "auto",
): number[] {
  const options = { device: "interpreter", mode, allowZero: true } as const;
  return Array.from(jacrow(f, options).one(row).data, (z) => z + 0);
}

/** Forward, reverse and planned Jacobians agree with one another and with central differences. */
export function expectDerivative(f: RowCase, row: readonly number[], tolerance = 1e-6): void {
  const planned = jacobianOf(f, row);
  for (const mode of ["forward", "reverse"] as const) {
    const scale = Math.max(1, ...planned.map(Math.abs));
    jacobianOf(f, row, mode).forEach((value, index) => {
      expect(Math.abs(value - (planned[index] as number)), `${mode} entry ${index}`).toBeLessThanOrEqual(
        1e-12 * scale,
      );
    });
  }
  const report = checkJacobian(f, [row], { tolerance });
  expect(report.ok, report.message).toBe(true);
}

/** `checkJacobian`: every row by its own scale, kinks apart from errors, and the report that `jacrow check` prints too. */

import { describe, expect, test } from "vitest";
import { checkJacobian, custom, type Row, relu, stack, type Tensor, where } from "../../src/index.ts";

/** x³ with a rule that is right everywhere but below 2. */
const cube = custom((x: Tensor) => x.mul(x).mul(x), {
  jvp: ([x], [t]) => where((x as Tensor).gt(2), (x as Tensor).mul(x as Tensor).mul(3), 0).mul(t as Tensor),
});
const wrongBelowTwo = (x: Row<1>): Tensor => cube(x);

describe("checkJacobian", () => {
  test("a wrong row is found beside rows with much larger entries", () => {
    const report = checkJacobian(wrongBelowTwo, [[3], [1], [2000]]);
    expect(report).toMatchObject({ ok: false, rows: 3, kinks: 0, unclear: 0 });
    expect(report.relativeError).toBeCloseTo(1, 8);
    expect(report.worst).toHaveLength(1);
    expect(report.worst[0]).toMatchObject({ row: 1, output: "y", input: "x", index: [0, 0], jacobian: 0 });
    expect(report.worst[0]!.differences).toBeCloseTo(3, 8);
    expect(report.message).toMatch(
      /^wrongBelowTwo: the Jacobian DIFFERS from central differences: relative error 1\.0e\+0, tolerance 1e-6, 3 rows checked; worst at row 1, ∂y\/∂x at \(0, 0\): Jacobian 0, differences [23]\.\d+$/,
    );
    expect(checkJacobian(wrongBelowTwo, [[3], [2000]])).toMatchObject({ ok: true, worst: [] });
  });

  test("a kink is counted, and is no error", () => {
    const report = checkJacobian(
      (x: Row<2>): Tensor => relu(x),
      [
        [1e-7, 1],
        [-1, 2],
      ],
    );
    expect(report).toMatchObject({ ok: true, kinks: 1, worst: [] });
    expect(report.message).toContain("2 rows checked; 1 entry left out, where");
  });

  test("every row has its own part of results and of inputs; what rows share is whole", () => {
    const f = (x: Row<2>, w: Tensor<[2]>): [Tensor, Tensor] => [x.mul(w), stack([x.sum(), w.sum()])];
    const rows = [1, 2, 3].map((row) => [row, row + 0.5]);
    const given = [rows, [10, 20]];
    const report = checkJacobian(f, given, { shared: [1], wrt: [0, 1] });
    expect(report).toMatchObject({ ok: true, rows: 3, kinks: 0, unclear: 0 });
    expect(
      checkJacobian(f as never, [{ data: [], shape: [0, 2] }, [10, 20]] as never, { shared: [1] }),
    ).toMatchObject({
      ok: true,
      rows: 0,
      relativeError: 0,
    });
  });

  test("at most ten entries of all rows are listed, worst first", () => {
    const rows = Array.from({ length: 15 }, (_, row) => [1 - row / 100]);
    const { worst, message } = checkJacobian(wrongBelowTwo, rows);
    expect(worst).toHaveLength(10);
    expect(message).toContain("15 rows checked");
  });
});

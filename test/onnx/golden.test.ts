/** Every golden model: values and Jacobians against float64 PyTorch, or the refusal of the node that mixes rows. */

import { describe, expect, test } from "vitest";
import { jacobianProgram, type Mode } from "../../src/autodiff/index.ts";
import { UnsupportedError } from "../../src/errors.ts";
import { parse } from "../../src/ir/parse.ts";
import { print } from "../../src/ir/print.ts";
import { range } from "../../src/ir/shape.ts";
import { verify } from "../../src/ir/verify.ts";
import { type Golden, goldenRow, goldens, imported, relativeError, runRow } from "./support.ts";

const cases = goldens();
const whole = cases.filter(({ meta }) => meta.mixes_rows !== true);
const mixing = cases.filter(({ meta }) => meta.mixes_rows === true);

/** Rows that are compared: all for values, two for Jacobians, which the interpreter computes slowly. */
const JACOBIAN_ROWS = 2;

function jacobianErrors(golden: Golden, mode: Mode): number[] {
  const model = imported(golden.bytes);
  const program = jacobianProgram(model.program, { wrt: range(model.inputs.length), mode });
  const rows = range(JACOBIAN_ROWS).map((row) => runRow(program, ...goldenRow(golden, model, row)));
  return model.inputs.map(({ name }, input) => {
    const expected = golden.read(model.inputs.length > 1 ? `Z_${name}` : "Z");
    const got = rows.flatMap((outputs) => outputs[input] ?? []);
    return relativeError(got, expected.subarray(0, got.length));
  });
}

describe("golden models", () => {
  test("there are 25 of them", () => expect(whole.length).toBe(25));

  test.each(whole)("$name: values", (golden) => {
    const model = imported(golden.bytes);
    const Y = range(golden.meta.n).flatMap(
      (row) => runRow(model.program, ...goldenRow(golden, model, row))[0] ?? [],
    );
    expect(relativeError(Y, golden.read("Y"))).toBeLessThan(1e-12);
    verify(model.program);
    const text = print(model.program, { constants: "all" });
    expect(print(parse(text), { constants: "all" })).toBe(text);
  });

  test.each(whole)("$name: Jacobians, forward and reverse", (golden) => {
    for (const mode of ["forward", "reverse"] as const) {
      for (const error of jacobianErrors(golden, mode)) expect(error).toBeLessThan(1e-12);
    }
  });
});

describe("models that mix rows", () => {
  test("there are 4 of them", () => expect(mixing.length).toBe(4));

  test.each(mixing)("$name is refused by node", ({ bytes, meta }) => {
    const attempt = () => imported(bytes);
    expect(attempt).toThrow(UnsupportedError);
    expect(attempt).toThrow(`JR520: ${meta.offending_op} "${meta.offending_node}" mixes rows`);
    expect(attempt).toThrow(/Path: input "x"/);
  });
});

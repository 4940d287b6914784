/** Every operation and kind of stage on wasm against the float64 interpreter. */

import { describe, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { expectAgreement, programOf } from "./helpers.ts";
import { operationCases } from "./operation-cases.ts";

describe.each(["f32", "f64"] as const)("%s", (dtype) => {
  test.each(Object.entries(operationCases))("%s", (name, make) => {
    const b = new Builder();
    const [x, m] = [b.input("x", [6]), b.input("m", [3, 4])];
    expectAgreement(programOf(name, [x, m], make(b, x, m)), { dtype, counts: [1, 7, 66] });
  });
});

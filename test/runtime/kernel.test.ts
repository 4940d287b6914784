/** Kernels on wasm give what the interpreter gives. */

import { describe, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { expectAgreement, programOf, randomFloats } from "./helpers.ts";

describe.each(["f32", "f64"] as const)("%s", (dtype) => {
  test("an elementwise function", () => {
    const b = new Builder();
    const x = b.input("x", [3]);
    expectAgreement(programOf("f", [x], [b.add(b.mul(x, x), b.constant([1, 2, 3], [3])), b.neg(x)]), {
      dtype,
    });
  });

  test.each([
    [3, 5],
    [4, 8],
    [9, 7],
    [16, 33],
    [1, 1],
    [64, 70],
  ])("a dense layer %i → %i", (inputs, outputs) => {
    const b = new Builder();
    const x = b.input("x", [inputs]);
    const weights = b.constant(randomFloats(inputs * outputs, { dtype, seed: 5 }), [outputs, inputs]);
    const bias = b.constant(randomFloats(outputs, { dtype, seed: 6 }), [outputs]);
    expectAgreement(programOf("dense", [x], [b.unary("tanh", b.add(b.matmul(weights, x), bias))]), { dtype });
  });
});

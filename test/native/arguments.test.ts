/** Functions of f32 natively, at arguments of every size and at special ones: as accurate as on other devices. */

import { expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { sigmoid, softplus } from "../../src/ir/library/smooth.ts";
import type { Node } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import type { FloatArray } from "../../src/runtime/kernel.ts";
import { ulpError } from "../math/fixtures.ts";
import { programOf } from "../runtime/helpers.ts";
import { describeNative, nativeKernel } from "./helpers.ts";

const functions: Readonly<Record<string, (b: Builder, x: Node) => Node>> = {
  cos: (b, x) => b.unary("cos", x),
  exp: (b, x) => b.unary("exp", x),
  log: (b, x) => b.unary("log", x),
  sigmoid,
  sin: (b, x) => b.unary("sin", x),
  softplus,
  tanh: (b, x) => b.unary("tanh", x),
};

/** Bit patterns all over, some numbers of everyday size, and the ends of the ranges. */
const special = [
  0,
  -0,
  Infinity,
  -Infinity,
  NaN,
  1,
  -1,
  1e-45,
  -1e-45,
  1e-40,
  88.72283,
  -87.4,
  -103.9,
  3.4e38,
];
const scattered = new Float32Array(Uint32Array.from({ length: 4000 }, (_, i) => i * 1073741).buffer);
const usual = Float32Array.from({ length: 4001 }, (_, i) => 20 * Math.sin(i) ** 3);
const x = Float32Array.of(...special, ...scattered, ...usual);

describeNative("arguments of every size", () => {
  test.each(Object.entries(functions))("%s", (name, formula) => {
    const b = new Builder();
    const input = b.input("x", []);
    const program = programOf(name, [input], [formula(b, input)]);
    const kernel = nativeKernel(program, { dtype: "f32" });
    const [got] = kernel.runSync([x], x.length) as [FloatArray];
    const [wanted] = interpret(program, [Float64Array.from(x)], x.length) as [Float64Array];
    got.forEach((value, i) => {
      const expected = Math.fround(wanted[i] as number);
      // Half an ulp for the rounding of what is expected.
      expect(ulpError("f32", value, { expected, rest: 0 }), `${name}(${x[i]})`).toBeLessThanOrEqual(2.5);
    });
    kernel.dispose();
  });
});

import { describe, expect, test } from "vitest";
import { expandJacobians, jacobianProgram } from "../../src/autodiff/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { softplus } from "../../src/ir/library/index.ts";
import { at } from "../../src/ir/shape.ts";
import type { Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { randomInputs, randomProgram, smoothOps } from "../ir/random-program.ts";
import { differences, distance, valuesAt } from "./differences.ts";
import { kinkScenarios, pointOf, programFor, smoothScenarios } from "./scenarios.ts";

const MODES = ["forward", "reverse", "auto"] as const;

function jacobianAt(program: Program, x: Float64Array, mode: (typeof MODES)[number]): Float64Array {
  const jacobian = jacobianProgram(program, { wrt: [0], mode, allowZero: true });
  verify(jacobian);
  return at(valuesAt(jacobian, [x]), 0);
}

describe("F7: every mode equals differences and the other modes", () => {
  test.each(smoothScenarios)("$name", (scenario) => {
    const program = programFor(scenario);
    const x = pointOf(scenario);
    const expected = differences(program, [x], { output: 0, wrt: 0 });
    const [forward, reverse, auto] = MODES.map((mode) => jacobianAt(program, x, mode)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    expect(distance(forward, expected)).toBeLessThan(1e-6);
    expect(distance(reverse, forward)).toBeLessThan(1e-12);
    expect(distance(auto, forward)).toBeLessThan(1e-12);
  });
});

describe("F8: kinks and traps, exactly, in every mode", () => {
  test.each(kinkScenarios)("$name", (scenario) => {
    for (const mode of MODES)
      expect(
        [...jacobianAt(programFor(scenario), pointOf(scenario), mode)].map((z) => z + 0),
        mode,
      ).toEqual(scenario.jacobian);
  });
});

describe("random programs", () => {
  test.each(Array.from({ length: 60 }, (_, seed) => ({ seed })))(
    "modes agree with differences, seed $seed",
    ({ seed }) => {
      const program = randomProgram(seed, { ops: smoothOps });
      const inputs = randomInputs(program, 1, seed);
      for (const [wrt] of program.inputs.entries()) {
        const [forward, reverse, auto] = MODES.map((mode) =>
          valuesAt(jacobianProgram(program, { wrt: [wrt], mode, allowZero: true }), inputs),
        );
        program.outputs.forEach((_, output) => {
          const expected = differences(program, inputs, { output, wrt });
          if (!expected.every((value) => Number.isFinite(value) && Math.abs(value) < 1e4)) return;
          expect(distance(at(forward as Float64Array[], output), expected)).toBeLessThan(1e-5);
          expect(
            distance(at(reverse as Float64Array[], output), at(forward as Float64Array[], output)),
          ).toBeLessThan(1e-10);
          expect(
            distance(at(auto as Float64Array[], output), at(forward as Float64Array[], output)),
          ).toBeLessThan(1e-10);
        });
      }
    },
  );
});

describe("composition", () => {
  const second = (make: (b: Builder) => Program): Program => {
    const inner = make(new Builder());
    const b = new Builder();
    const x = b.input("x", at(inner.inputs, 0).shape);
    return programOf("outer", [x], [{ name: "y", value: b.jacobian(inner, [x], { output: 0, wrt: 0 }) }]);
  };

  test("softplus″(0) is 0.25", () => {
    const program = second((b) => {
      const x = b.input("x", []);
      return programOf("inner", [x], [{ name: "y", value: softplus(b, x) }]);
    });
    for (const mode of MODES) expect(jacobianAt(program, Float64Array.of(0), mode)[0]).toBe(0.25);
  });

  test("the Jacobian of a Jacobian is the Hessian", () => {
    const program = second((b) => {
      const x = b.input("x", [3]);
      return programOf(
        "inner",
        [x],
        [{ name: "y", value: b.sum(b.mul(b.unary("sin", x), b.binary("pow", x, b.constant(3, [3]))), [0]) }],
      );
    });
    const x = Float64Array.of(0.3, -1.2, 2);
    const expected = differences(expandJacobians(program), [x], { output: 0, wrt: 0 });
    for (const mode of MODES) expect(distance(jacobianAt(program, x, mode), expected)).toBeLessThan(1e-6);
  });

  test("with respect to a shared input, (…out, …p)", () => {
    const b = new Builder();
    const [x, p] = [b.input("x", [2]), b.input("p", [3, 2], { level: "bound" })];
    const program = programOf("curve", [x, p], [{ name: "y", value: b.unary("tanh", b.matmul(p, x)) }]);
    const inputs = [Float64Array.of(0.3, -0.7), Float64Array.of(1, 2, 3, 4, 5, 6)];
    for (const mode of MODES) {
      const jacobian = jacobianProgram(program, { wrt: [1, 0], mode, value: true });
      expect(jacobian.outputs.map(({ name, value }) => `${name} ${value.shape}`)).toEqual([
        "y 3",
        "y/p 3,3,2",
        "y/x 3,2",
      ]);
      const [y, dp, dx] = valuesAt(jacobian, inputs);
      expect(y).toEqual(at(valuesAt(program, inputs), 0));
      expect(distance(dp as Float64Array, differences(program, inputs, { output: 0, wrt: 1 }))).toBeLessThan(
        1e-6,
      );
      expect(distance(dx as Float64Array, differences(program, inputs, { output: 0, wrt: 0 }))).toBeLessThan(
        1e-6,
      );
    }
  });
});

describe("an output without a path from an input", () => {
  const b = new Builder();
  const [x, u] = [b.input("x", [2]), b.input("u", [2])];
  const program = programOf("cut", [x, u], [{ name: "y", value: b.mul(x, b.stopGradient(u)) }]);

  test("is refused by name", () => {
    expect(() => jacobianProgram(program, { wrt: [1] })).toThrow(
      /JR220.*output y does not depend on input u.*allowZero/s,
    );
  });

  test("is zero with allowZero", () => {
    const jacobian = jacobianProgram(program, { wrt: [1], allowZero: true });
    expect([...at(valuesAt(jacobian, [Float64Array.of(1, 2), Float64Array.of(3, 4)]), 0)]).toEqual([
      0, 0, 0, 0,
    ]);
  });
});

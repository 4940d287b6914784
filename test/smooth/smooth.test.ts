/** Smoothing: limits for large β, derivatives without jumps, and Jacobians that agree with differences. */

import { describe, expect, test } from "vitest";
import { jacobianProgram } from "../../src/autodiff/index.ts";
import { UsageError } from "../../src/errors.ts";
import * as j from "../../src/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf } from "../../src/ir/graph.ts";
import * as library from "../../src/ir/library/index.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { smooth } from "../../src/optimize/smooth.ts";
import { goldens, imported, runRow } from "../onnx/support.ts";

type Body = (b: Builder, x: Node) => Node;

function programOfOne(body: Body, shape: readonly number[] = []): Program {
  const b = new Builder();
  const x = b.input("x", shape);
  return programOf("f", [x], [{ name: "y", value: body(b, x) }]);
}

/** Elementwise functions with kinks, and the places of the kinks. */
const kinked: Readonly<Record<string, { readonly body: Body; readonly at: readonly number[] }>> = {
  relu: { body: library.relu, at: [0] },
  leakyRelu: { body: (b, x) => library.leakyRelu(b, x, 0.1), at: [0] },
  prelu: { body: (b, x) => library.prelu(b, x, b.constant(0.3)), at: [0] },
  elu: { body: (b, x) => library.elu(b, x, 0.5), at: [0] },
  celu: { body: (b, x) => library.celu(b, x, 2), at: [0] },
  selu: { body: (b, x) => library.selu(b, x), at: [0] },
  clip: { body: (b, x) => library.clip(b, x, { min: -1, max: 0.5 }), at: [-1, 0.5] },
  clipBelow: { body: (b, x) => library.clip(b, x, { max: 0.5 }), at: [0.5] },
  clipBetween: {
    body: (b, x) => library.clipBetween(b, x, { min: b.constant(-1), max: b.constant(1) }),
    at: [-1, 1],
  },
  hardSigmoid: { body: (b, x) => library.hardSigmoid(b, x), at: [-3, 3] },
  hardSwish: { body: (b, x) => library.hardSwish(b, x), at: [-3, 3] },
  softshrink: { body: (b, x) => library.shrink(b, x, { lambda: 0.5, bias: 0.5 }), at: [-0.5, 0.5] },
  abs: { body: (b, x) => b.unary("abs", x), at: [0] },
  max: { body: (b, x) => b.binary("max", x, b.mul(x, x)), at: [0, 1] },
  min: { body: (b, x) => b.binary("min", x, b.constant(0.2)), at: [0.2] },
  selectOfRelu: {
    body: (b, x) => b.select(b.compare("lt", b.constant(0), x), x, b.constant(0)),
    at: [0],
  },
  selectOfAbs: { body: (b, x) => b.select(b.compare("lt", x, b.constant(0)), b.neg(x), x), at: [0] },
  selectOfLeaky: {
    body: (b, x) => b.select(b.compare("le", x, b.constant(0)), b.mul(b.constant(0.2), x), x),
    at: [0],
  },
};

/** Functions whose value jumps. */
const jumping: Readonly<Record<string, { readonly body: Body; readonly at: readonly number[] }>> = {
  hardshrink: { body: (b, x) => library.shrink(b, x, { lambda: 0.5, bias: 0 }), at: [-0.5, 0.5] },
  thresholdedRelu: { body: (b, x) => library.thresholdedRelu(b, x, 1), at: [1] },
  sign: { body: (b, x) => b.unary("sign", x), at: [0] },
};

const value = (program: Program, x: number): number => runRow(program, [x])[0]?.[0] ?? Number.NaN;
const slope = (program: Program): ((x: number) => number) => {
  const derivative = jacobianProgram(program, { wrt: [0], allowZero: true });
  return (x) => value(derivative, x);
};
const points = [-4.1, -1.3, -0.7, -0.2, 0.05, 0.33, 0.8, 1.6, 3.7];

describe.each(Object.entries({ ...kinked, ...jumping }))("%s", (_, { body, at }) => {
  const program = programOfOne(body);

  test("tends to the function and to its derivative away from the kinks", () => {
    const sharp = smooth(program, { beta: 4000 });
    const [own, exact] = [slope(sharp), slope(program)];
    for (const x of points.filter((x) => at.every((kink) => Math.abs(x - kink) > 0.02))) {
      expect(value(sharp, x)).toBeCloseTo(value(program, x), 3);
      expect(own(x)).toBeCloseTo(exact(x), 3);
    }
  });

  test("has a derivative without a jump, which differences confirm", () => {
    const soft = smooth(program, { beta: 5 });
    const derivative = slope(soft);
    for (const kink of at) {
      expect(Math.abs(derivative(kink + 1e-7) - derivative(kink - 1e-7))).toBeLessThan(1e-5);
      const h = 1e-5;
      const differences = (value(soft, kink + h) - value(soft, kink - h)) / (2 * h);
      expect(derivative(kink)).toBeCloseTo(differences, 6);
    }
  });
});

test("the error of relu is log(2)/β, at the kink", () => {
  const program = programOfOne(library.relu);
  for (const beta of [1, 10, 100])
    expect(value(smooth(program, { beta }), 0)).toBeCloseTo(Math.LN2 / beta, 12);
});

test("reductions and norms lose their ties", () => {
  const program = programOfOne(
    (b, x) =>
      b.add(
        b.reduce("reduceMax", x, [0, 1]),
        b.add(b.reduce("reduceMin", x, [0, 1]), library.norm2(b, x, [0, 1])),
      ),
    [2, 2],
  );
  const [sharp, soft] = [smooth(program, { beta: 1e4 }), smooth(program, { beta: 3 })];
  const row = [0.3, -0.2, 0.7, 0.1];
  expect(runRow(sharp, row)[0]?.[0]).toBeCloseTo(runRow(program, row)[0]?.[0] as number, 5);
  const gradient = runRow(jacobianProgram(soft, { wrt: [0] }), [0, 0, 0, 0])[0];
  expect(gradient).toEqual([0.5, 0.5, 0.5, 0.5].map((x) => expect.closeTo(x, 12)));
});

test("what is smooth already stays as it is, and so does a branch that may be infinite", () => {
  const plain = programOfOne((b, x) => b.add(library.gelu(b, x), library.softplus(b, library.silu(b, x))));
  expect(nodesOf(smooth(plain, { beta: 2 })).map(({ op }) => op)).toEqual(nodesOf(plain).map(({ op }) => op));
  const guarded = programOfOne((b, x) =>
    b.select(b.compare("lt", b.constant(0), x), b.unary("sqrt", x), b.constant(0)),
  );
  expect(value(smooth(guarded, { beta: 2 }), -1)).toBe(0);
});

test("a network of ReLUs gets a Jacobian without jumps, by name and inside loops and Jacobians", async () => {
  const golden = goldens().find(({ name }) => name === "mlp_relu");
  const { program } = imported(golden?.bytes as Uint8Array);
  const soft = smooth(program, { beta: 20 });
  expect(nodesOf(soft).some((node) => node.op === "call" && node.callee.name === "relu")).toBe(false);
  const f = (x: j.Value) => j.relu(j.mul(x, x).sub(1));
  const slopes = j.jacrow(j.smooth(f, { beta: 10 }));
  const Z = await slopes([[1 - 1e-6], [1 + 1e-6]]);
  expect(Z.at(0, 0, 0)).toBeCloseTo(1, 4);
  expect(Z.at(1, 0, 0)).toBeCloseTo(1, 4);
  const inner = j.jacrow(
    j.smooth(
      (x: j.Value) =>
        j
          .jacobian((y: j.Value) => j.relu(y))(x)
          .sum(),
      { beta: 8 },
    ),
  );
  expect((await inner([[0]])).data[0]).toBeCloseTo(2, 10);
});

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("β = %d is refused", (beta) => {
  expect(() => smooth(programOfOne(library.relu), { beta })).toThrow(UsageError);
});

/** What code takes apart to scalars: the same numbers from fewer operations, and what is quicker as products stays whole. */

import { describe, expect, test } from "vitest";
import { countNodes, expandJacobians, type Mode, planJacobian } from "../../src/autodiff/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { inline, nodesOf, programOf } from "../../src/ir/graph.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { InputNode, Node, Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { withoutSmallContractions } from "../../src/optimize/scalarise.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { prepared } from "../../src/runtime/prepare.ts";
import { differences, distance, valuesAt } from "../autodiff/differences.ts";
import { Random } from "../ir/random.ts";
import { randomInputs, randomOps, randomProgram } from "../ir/random-program.ts";
import { arm } from "./arm.ts";

const product = (b: Builder, x: Node, y: Node): Node =>
  b.contract(x, y, { a: [0, 1], b: [1, 2], out: [0, 2] });

const multiplications = (program: Program): number =>
  countNodes(prepared(program).outputs.map(({ value }) => value)).multiplications;

const contractions = (program: Program): number =>
  nodesOf(prepared(program)).reduce((sum, node) => {
    const inside = node.op === "scan" ? contractions(node.body) : 0;
    return sum + inside + (node.op === "contract" ? 1 : 0);
  }, 0);

/** A program with what `make` adds to the first output of another. */
function wrapped(
  program: Program,
  make: (b: Builder, value: Node, inputs: readonly InputNode[]) => Node[],
): Program {
  const b = new Builder();
  const inputs = program.inputs.map(({ name, shape }) => b.input(name, shape));
  const values = make(b, at(inline(b, program, inputs), 0), inputs);
  return programOf(
    "wrapped",
    inputs,
    values.map((value, index) => ({ name: `y${index}`, value })),
  );
}

const withJacobian = (program: Program): Program =>
  expandJacobians(
    wrapped(program, (b, value, inputs) => [value, b.jacobian(program, inputs, { output: 0, wrt: 0 })]),
  );

/** tanh layers with constant weights. */
function network(sizes: readonly number[], draw: Random): Program {
  const b = new Builder();
  const x = b.input("x", [at(sizes, 0)]);
  const y = sizes.slice(1).reduce<Node>((h, size, index) => {
    const numbers = range(size * at(sizes, index)).map(() => draw.signed());
    const weights = b.constant(numbers, [size, at(sizes, index)]);
    return b.unary("tanh", b.contract(weights, h, { a: [0, 1], b: [1], out: [0] }));
  }, x);
  return programOf("network", [x], [{ name: "y", value: y }]);
}

describe("an arm written as products of matrices", () => {
  const program = arm(6, new Random(1));
  const both = withJacobian(program);
  const inputs = [Float64Array.from(range(6), (joint) => Math.sin(joint + 1))];

  test("multiplies no zeros", () => {
    expect(contractions(program)).toBe(0);
    expect(multiplications(program)).toBeLessThan(
      0.55 * countNodes(program.outputs.map(({ value }) => value)).multiplications,
    );
  });

  test("shares its value with its Jacobian", () => {
    const { plan } = planJacobian(program, { wrt: [0] });
    expect(contractions(both)).toBe(0);
    expect(multiplications(both)).toBeLessThan(1.15 * plan.counts.multiplications);
  });

  test.each(["auto", "forward", "reverse"] as const)(
    "has the derivative that differences have, mode %s",
    (mode: Mode) => {
      const made = planJacobian(program, { wrt: [0], mode, value: true }).program;
      const [value, jacobian] = valuesAt(prepared(made), inputs);
      expect(distance(value ?? [], at(valuesAt(program, inputs), 0))).toBeLessThan(1e-13);
      expect(distance(jacobian ?? [], differences(program, inputs, { output: 0, wrt: 0 }))).toBeLessThan(
        1e-8,
      );
      expect(distance(at(valuesAt(prepared(both), inputs), 1), jacobian ?? [])).toBeLessThan(1e-13);
    },
  );

  test("is taken apart beneath sums over rows", () => {
    expectSame(wrapped(program, (b, value) => [b.rowSum(value), value]));
  });

  test("is taken apart in the body of a loop", () => {
    const inner = new Builder();
    const [hand, angles] = [inner.input("hand", [4, 4]), inner.input("angles", [6])];
    const next = product(inner, hand, at(inline(inner, program, [angles]), 0));
    const body = programOf("body", [hand, angles], [{ name: "next", value: next }]);
    const looped = wrapped(program, (b, _, captured) =>
      b.scan(body, 40, { carries: [b.constant(0.5, [4, 4])], perStep: [], captured }),
    );
    expect(nodesOf(prepared(looped)).filter(({ op }) => op === "scan").length).toBe(1);
    expectSame(looped);
  });
});

/** Taken apart as code is, a program has no contractions and the values it had. */
function expectSame(program: Program): void {
  expect(contractions(program)).toBe(0);
  const inputs = randomInputs(program, 5, 3);
  const [want, got] = [program, prepared(program)].map((each) => interpret(each, inputs, 5));
  want?.forEach((values, output) => {
    expect(distance(at(got as Float64Array[], output), values)).toBeLessThan(1e-12);
  });
}

describe("stay whole", () => {
  test.each([[[8, 8]], [[4, 16, 16, 2]], [[3, 64, 5]]])("weights of networks, %j", (sizes) => {
    const program = network(sizes, new Random(2));
    expect(contractions(program)).toBe(sizes.length - 1);
  });

  test("products of matrices without zeros", () => {
    const b = new Builder();
    const x = b.input("x", [3, 6, 6]);
    const entry = (index: number): Node => b.reshape(b.part(x, { axis: 0, start: index, count: 1 }), [6, 6]);
    const y = range(3)
      .map(entry)
      .reduce((p, q) => product(b, p, q));
    expect(contractions(programOf("chain", [x], [{ name: "y", value: y }]))).toBe(2);
  });
});

test("a small network's values are read from where its Jacobian has them", () => {
  const program = network([4, 8, 8, 8, 2], new Random(3));
  const both = withJacobian(program);
  expect(contractions(both)).toBe(0);
  expect(countNodes(prepared(both).outputs.map(({ value }) => value)).functions).toBe(26);
});

test.each(range(30))("random programs compute the same, seed %i", (seed) => {
  const program = randomProgram(seed + 400, { ops: [...randomOps, "contract", "contract"], size: 12 });
  const apart = withoutSmallContractions(program);
  verify(apart);
  const inputs = randomInputs(program, 3, seed);
  const [want, got] = [program, apart].map((each) => interpret(each, inputs, 3));
  want?.forEach((values, output) => {
    expect(distance(at(got as Float64Array[], output), values)).toBeLessThan(1e-12);
  });
});

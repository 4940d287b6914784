/** What verify accepts (all that builders make) and what it refuses (each way a node can lie). */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { inline, mapProgram, nodesOf, programOf } from "../../src/ir/graph.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { randomInputs, randomOps, randomProgram } from "./random-program.ts";

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);
const everyOp = [...randomOps, "jacobian"] as const;

describe("random programs", () => {
  test.each(SEEDS)("%i is legal, and so is its copy", (seed) => {
    const program = randomProgram(seed, { ops: everyOp });
    verify(program);
    verify(mapProgram(program));
  });
  test("use every op", () => {
    const seen = new Set(
      SEEDS.flatMap((seed) => nodesOf(randomProgram(seed, { ops: everyOp, size: 30 }))).map(
        (node) => node.op,
      ),
    );
    expect(everyOp.filter((op) => !seen.has(op))).toEqual([]);
  });
  test("mostly stay finite", () => {
    const finite = SEEDS.filter((seed) => {
      const program = randomProgram(seed);
      return interpret(program, randomInputs(program, 2), 2).every((output) => output.every(Number.isFinite));
    });
    expect(finite.length).toBeGreaterThan(0.9 * SEEDS.length);
  });
  test.each(SEEDS.slice(0, 30))("%i inlined into another program computes the same", (seed) => {
    const program = randomProgram(seed);
    const b = new Builder();
    const inputs = program.inputs.map((input) =>
      b.input(`outer_${input.name}`, input.shape, { level: input.level === "bound" ? "bound" : "row" }),
    );
    const values = inline(b, program, inputs);
    const outer = programOf(
      "outer",
      inputs,
      values.map((value, index) => ({ name: `z${index}`, value })),
    );
    verify(outer);
    const data = randomInputs(program, 3);
    expect(interpret(outer, data, 3)).toEqual(interpret(program, data, 3));
  });
});

/** A program of one node that is `node` with some fields changed. */
function tampered(change: (node: Node, others: { x: Node; y: Node }) => object): Program {
  const b = new Builder();
  const [x, y] = [b.input("x", [2]), b.input("y", [1])];
  const sum = b.add(x, b.unary("tanh", x));
  const value = Object.freeze({ ...sum, ...change(sum, { x, y }) }) as Node;
  return { name: "bad", inputs: [x, y], outputs: [{ name: "z", value }] };
}

describe("verify refuses", () => {
  test.each<[string, Parameters<typeof tampered>[0], string]>([
    ["a wrong shape", () => ({ shape: [3] }), "is row float(3,), its operands make it row float(2,)"],
    ["a wrong cell", () => ({ cell: "bool" }), "is row bool(2,), its operands make it row float(2,)"],
    ["a wrong level", () => ({ level: "bound" }), "is bound float(2,), its operands make it row float(2,)"],
    ["a missing broadcast", (_, { y }) => ({ b: y }), "has operands that need a broadcast"],
    ["an id too small", () => ({ id: 0 }), "has an operand with a greater id"],
    ["a negative size", () => ({ shape: [-1] }), "has sizes [-1]"],
    [
      "a stranger",
      () => ({ op: "input", name: "q", a: undefined, b: undefined }),
      "q is not an input of the program",
    ],
    [
      "bad labels",
      () => ({ op: "contract", aLabels: [0, 0], bLabels: [0], outLabels: [] }),
      "contract labels [0,0] do not fit",
    ],
    ["a projection of no scan", () => ({ op: "project", index: 0 }), "reads input, not scan"],
  ])("%s", (_, change, message) => {
    expect(() => verify(tampered(change))).toThrow(message);
    expect(() => verify(tampered(change))).toThrow("JR920: program bad");
  });
  test("two inputs or outputs of one name", () => {
    const b = new Builder();
    const [x, again] = [b.input("x", [2]), b.input("x", [3])];
    expect(() => verify({ name: "p", inputs: [x, again], outputs: [] })).toThrow("two inputs named x");
    const outputs = [
      { name: "y", value: x },
      { name: "y", value: x },
    ];
    expect(() => verify({ name: "p", inputs: [x], outputs })).toThrow("two outputs named y");
  });
  test("a node made twice", () => {
    const b = new Builder();
    const x = b.input("x", [2]);
    const once = b.unary("tanh", x);
    const twice = Object.freeze({ ...once, id: once.id + 1 });
    const value = Object.freeze({ ...b.add(once, x), a: twice, b: once, id: 9 }) as Node;
    expect(() => verify({ name: "p", inputs: [x], outputs: [{ name: "y", value }] })).toThrow(
      "equals %2, but is another node",
    );
  });
  test("a sum over rows inside a body", () => {
    const inner = new Builder();
    const a = inner.input("a", []);
    const body = programOf("body", [a], [{ name: "r", value: inner.rowSum(a) }]);
    const b = new Builder();
    const x = b.input("x", []);
    const value = b.call({ name: "sum", attributes: {}, body }, [x]);
    expect(() => verify(programOf("p", [x], [{ name: "y", value }]))).toThrow(
      "program body, %1 = rowSum: sums over rows inside",
    );
  });
});

test("builders refuse nodes of other builders", () => {
  const [one, other] = [new Builder(), new Builder()];
  expect(() => one.unary("tanh", other.input("x", [2]))).toThrow(
    "tanh reads a node of another builder: use inline",
  );
});

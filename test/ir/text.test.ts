/** The text of programs: stable, readable, and read back to the same program. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { nodesOf, programOf } from "../../src/ir/graph.ts";
import { parse } from "../../src/ir/parse.ts";
import { print } from "../../src/ir/print.ts";
import type { Callee, DerivativeRule, Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { randomInputs, randomOps, randomProgram } from "./random-program.ts";

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);

function dense(): Program {
  const b = new Builder();
  const [x, w] = [b.input("x", [3]), b.input("fc1.weight", [4, 3], { level: "bound" })];
  const inner = new Builder();
  const a = inner.input("a", [4]);
  const body = programOf(
    "leaky",
    [a],
    [
      {
        name: "r",
        value: inner.select(inner.compare("lt", inner.constant(0), a), a, inner.mul(a, inner.constant(0.01))),
      },
    ],
  );
  const h = b.call({ name: "leakyRelu", attributes: { slope: 0.01 }, body }, [b.matmul(w, x)]);
  const y = b.slice(b.mul(h, b.constant([1, -0, 2.5, Number.POSITIVE_INFINITY], [4])), {
    starts: [3],
    steps: [-2],
    shape: [2],
  });
  return programOf(
    "dense layer",
    [x, w],
    [
      { name: "y", value: y },
      { name: "h/0", value: h },
    ],
  );
}

describe("print", () => {
  test("a dense layer", () => {
    expect(print(dense())).toMatchInlineSnapshot(`
      "program @1 leaky(a: row f[4]):
        %0:f[4] = constant 0
        %1:b[4] = lt %0, a
        %2:f[4] = constant 0.01
        %3:f[4] = mul a, %2
        %4:f[4] = select %1, a, %3
        return r=%4
      program "dense layer"(x: row f[3], fc1.weight: bound f[4,3]):
        %0:f[4] = contract fc1.weight, x labels=ab,b->a
        %1:f[4] = call @1 leakyRelu(slope=0.01) %0
        %2:f[4] = constant [1, -0, 2.5, Infinity]
        %3:f[4] = mul %1, %2
        %4:f[2] = slice %3 starts=[3] steps=[-2]
        return y=%4, "h/0"=%1
      "
    `);
  });
  test("long constants are a hash, unless asked for", () => {
    const b = new Builder();
    const make = (last: number): Program =>
      programOf(
        "p",
        [],
        [
          {
            name: "y",
            value: b.constant(
              Float32Array.from({ length: 20 }, (_, i) => (i === 19 ? last : 0.1)),
              [20],
            ),
          },
        ],
      );
    expect(print(make(1))).toMatch(/constant f32\[#[0-9a-f]{16}\]/);
    expect(print(make(1))).not.toBe(print(make(2)));
    expect(print(make(1), { constants: "all" })).toContain("constant f32[0.1, 0.1, ");
    expect(() => parse(print(make(1)))).toThrow("JR204: line 2, column 26: this constant is abbreviated");
  });
});

describe("parse", () => {
  test.each(SEEDS)("gives back random program %i", (seed) => {
    const program = randomProgram(seed, { ops: [...randomOps, "jacobian"] });
    const text = print(program, { constants: "all" });
    const again = parse(text);
    verify(again);
    expect(print(again, { constants: "all" })).toBe(text);
  });
  test.each(SEEDS.slice(0, 40))("random program %i computes the same bits", (seed) => {
    const program = randomProgram(seed);
    const again = parse(print(program, { constants: "all" }));
    const inputs = randomInputs(program, 2);
    expect(interpret(again, inputs, 2)).toEqual(interpret(program, inputs, 2));
  });
  test("looks rules up, and shares equal callees", () => {
    const rule: DerivativeRule = { kind: "elementwise", partials: dense };
    const asked: Callee[] = [];
    const program = parse(print(dense()), (callee) => {
      asked.push(callee);
      return rule;
    });
    const call = nodesOf(program).find((node) => node.op === "call");
    expect(call?.op === "call" && call.callee.rule).toBe(rule);
    expect(asked.map(({ name, attributes }) => [name, attributes])).toEqual([["leakyRelu", { slope: 0.01 }]]);
  });
  test.each([
    ["", "the text ends before"],
    ["program p():", "the text ends before"],
    ["programme p():", "line 1, column 1: expected program"],
    [
      "program p(x: row f[2]):\n  %0:f[2] = tanhh x\n  return y=%0",
      "line 2, column 19: there is no op tanhh",
    ],
    [
      "program p(x: row f[2]):\n  %0:f[3] = tanh x\n  return y=%0",
      "%0 is declared tanh float(3,), but is tanh float(2,)",
    ],
    ["program p(x: row f[2]):\n  %0:f[2] = tanh z\n  return y=%0", "input z is not known here"],
    ["program p(x: row f[2]):\n  %0:f[2] = add x, x, x extra=]\n  return y=%0", "expected a number"],
    ["program p(x: row f[2]):\n  %0:f[] = reduceSum x axes=[4]\n  return y=%0", "axes [4] do not fit"],
    ["program p(x: row f[2]):\n  %0:f[2] = call @1 f() x\n  return y=%0", "@1 is not known here"],
    ["program p(x: row f[2]):\n  return y=x z", "expected a comma"],
  ])("refuses %j", (text, message) => {
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow("JR204");
  });
});

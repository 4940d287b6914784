/** Walking, making and copying programs; and the builder's identities, which copying applies. */

import { describe, expect, test } from "vitest";
import { Builder } from "../../src/ir/builder.ts";
import { inline, mapProgram, nodesOf, operandsOf, programOf, rebuild } from "../../src/ir/graph.ts";
import { print } from "../../src/ir/print.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { verify } from "../../src/ir/verify.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import { randomInputs, randomOps, randomProgram } from "./random-program.ts";

/** Outputs per row, those that an identity showed to be the same for all rows once per row; −0 as 0. */
function run(program: Program, inputs: readonly Float64Array[]): number[][] {
  return interpret(program, inputs, 2).map((numbers, index) => {
    const copies = program.outputs[index]?.value.level === "row" ? 1 : 2;
    return Array.from({ length: copies }, () => Array.from(numbers, (x) => x + 0)).flat();
  });
}

describe("identities", () => {
  test("keep every bit but the sign of zero", () => {
    let removed = 0;
    const ops = randomOps.filter((op) => op !== "pow"); // x³ as x·x·x is an ulp off
    for (let seed = 0; seed < 120; seed++) {
      const plain = randomProgram(seed, { ops, identities: false, size: 16 });
      const simpler = mapProgram(plain);
      verify(plain);
      verify(simpler);
      const inputs = randomInputs(plain, 2, seed);
      expect(run(simpler, inputs), `seed ${seed}`).toEqual(run(plain, inputs));
      removed += nodesOf(plain).length - nodesOf(simpler).length;
    }
    expect(removed).toBeGreaterThan(60);
  });
  test("0 · x stays, because it is NaN at infinity", () => {
    const b = new Builder();
    expect(b.mul(b.input("x", []), b.constant(0)).op).toBe("mul");
  });
});

describe("builder", () => {
  const b = new Builder();
  const [x, y, m] = [b.input("x", [3]), b.input("y", [3]), b.input("m", [2, 3])];
  test("shares equal nodes, whatever the order of a sum or the labels of a contraction", () => {
    expect(b.add(x, y)).toBe(b.add(y, x));
    expect(b.contract(m, x, { a: [7, 4], b: [4], out: [7] })).toBe(b.matmul(m, x));
  });
  test.each<[string, () => Node, string]>([
    ["add", () => b.add(x, b.input("z", [4])), "add: shapes (3,) and (4,) do not broadcast"],
    ["matmul", () => b.matmul(x, m), "contract of (3,) and (2, 3): sizes 3 and 2 meet"],
    ["reshape", () => b.reshape(x, [2]), "cannot reshape (3,) to (2,)"],
    [
      "slice",
      () => b.slice(x, { starts: [1], steps: [2], shape: [2] }),
      "slice [1] step [2] shape (2,) leaves (3,)",
    ],
    ["concat", () => b.concat([x, m], 0), "cannot concat (3,), (2, 3) along axis 0"],
    ["reduce", () => b.sum(x, [1]), "reduceSum axes [1] do not fit (3,)"],
    ["bools", () => b.add(x, b.compare("lt", x, y)), "add does not take float and bool"],
    [
      "window",
      () => b.window(x, { axis: 0, size: 4, stride: 1, dilation: 1 }),
      "a window of 4 (dilation 1) does not fit axis 0 of (3,)",
    ],
    ["constant", () => b.constant([1, 2], [3]), "2 numbers do not fill shape (3,)"],
  ])("%s refuses what does not fit", (_, make, message) => {
    expect(make).toThrow(`JR201: ${message}`);
  });
  test("names the origin in errors, and gives it to nodes", () => {
    const own = new Builder();
    const input = own.input("x", [2]);
    own.origin = { name: "arm.ts:12" };
    expect(own.unary("sin", input).origin?.name).toBe("arm.ts:12");
    expect(() => own.reshape(input, [3])).toThrow("(at arm.ts:12)");
  });
});

describe("programs", () => {
  test("rebuild over the same operands gives the same node", () => {
    for (let seed = 0; seed < 50; seed++) {
      const b = new Builder({ identities: false });
      const program = randomProgram(seed, { ops: [...randomOps, "jacobian"] });
      const inputs = program.inputs.map((input) => rebuild(b, input, []));
      const values = inline(b, program, inputs);
      const again = programOf(
        program.name,
        inputs as Program["inputs"],
        program.outputs.map(({ name }, index) => ({ name, value: values[index] as Node })),
      );
      expect(print(again)).toBe(print(program));
      for (const node of nodesOf(again)) expect(rebuild(b, node, operandsOf(node))).toBe(node);
    }
  });
  test("copies keep origins", () => {
    const b = new Builder();
    const x = b.input("x", []);
    b.origin = { name: "here" };
    const program = programOf("p", [x], [{ name: "y", value: b.unary("sin", x) }]);
    expect(mapProgram(program).outputs[0]?.value.origin?.name).toBe("here");
  });
  test("inputs must be listed, fit and have distinct names", () => {
    const b = new Builder();
    const x = b.input("x", [2]);
    const outputs = [{ name: "y", value: x }];
    expect(() => programOf("p", [], outputs)).toThrow("JR903: p reads x, which is not one of its inputs");
    expect(() => programOf("p", [x, b.input("x", [3])], outputs)).toThrow("inputs need distinct names");
    expect(() => programOf("p", [x], [...outputs, ...outputs])).toThrow("outputs need distinct names");
    expect(() => inline(b, programOf("p", [x], outputs), [b.constant(1)])).toThrow(
      "p takes x float(2,), got float()",
    );
    expect(() => inline(b, programOf("p", [x], outputs), [])).toThrow("p takes 1 arguments, got 0");
  });
});

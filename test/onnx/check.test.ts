/** The numeric second line: rows at once against rows alone, and what it leaves out. */

import { describe, expect, test } from "vitest";
import { InternalError } from "../../src/errors.ts";
import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { checkRows } from "../../src/onnx/check.ts";
import { importModel } from "../../src/onnx/import.ts";
import { readModel } from "../../src/onnx/model.ts";
import { model } from "./encode.ts";
import { goldens, imported } from "./support.ts";

const small = { inputs: { x: ["batch", 3] }, outputs: ["y"], nodes: [["Tanh", ["x"], ["y"]]] } as const;

describe("three rows at once against three alone", () => {
  test.each(goldens().filter(({ meta }) => meta.mixes_rows !== true))("$name", ({ name, bytes }) => {
    const proto = readModel(bytes, name);
    const own = importModel(proto, { what: name });
    const verdict = checkRows(proto, own, { what: name, always: name !== "mlp_big" });
    expect(verdict).toBe(own.proven && name !== "mlp_big" ? "agreed" : "not checked");
  });

  test("a batch on another axis, and a shared input", () => {
    const bytes = model({
      inputs: { x: [3, "N", 2], p: [2] },
      outputs: ["y"],
      nodes: [
        ["Mul", ["x", "p"], ["m"]],
        ["Transpose", ["m"], ["y"], { perm: [0, 2, 1] }],
      ],
    });
    const proto = readModel(bytes, "m");
    expect(checkRows(proto, imported(bytes), { what: "m" })).toBe("agreed");
  });

  test("a program that is not the model's is found out", () => {
    const proto = readModel(model(small), "m");
    const own = importModel(proto, { what: "m" });
    const b = new Builder();
    const x = b.input("x", [3]);
    const wrong = { ...own, program: programOf("wrong", [x], [{ name: "y", value: b.unary("sin", x) }]) };
    expect(() => checkRows(proto, wrong, { what: "m" })).toThrow(InternalError);
    expect(() => checkRows(proto, wrong, { what: "m" })).toThrow(
      /JR530: m: output "y" of three rows at once/,
    );
  });

  test("a model of one literal row is not checked", () => {
    const proto = readModel(model({ ...small, inputs: { x: [1, 3] } }), "m");
    const own = importModel(proto, { what: "m" });
    expect(own.proven).toBe(false);
    expect(checkRows(proto, own, { what: "m" })).toBe("not checked");
  });
});

describe("choosing outputs", () => {
  const two = {
    ...small,
    outputs: ["y", "z"],
    nodes: [
      ["Tanh", ["x"], ["y"]],
      ["Quantum", ["x"], ["q"]],
      ["Exp", ["y"], ["z"]],
      ["Add", ["q", "z"], ["w"]],
    ],
  } as const;

  test("only what they need is imported; values inside may be named", () => {
    expect(imported(two, { outputs: ["z"] }).outputs.map(({ name }) => name)).toEqual(["z"]);
    expect(imported({ ...two, outputs: ["w"] }, { outputs: ["y"] }).outputs[0]).toMatchObject({
      name: "y",
      shape: [3],
    });
    expect(() => imported({ ...two, outputs: ["w"] })).toThrow(/Quantum/);
    expect(() => imported(two, { outputs: ["v"] })).toThrow(/has no output "v"; it has "y", "z"/);
  });
});

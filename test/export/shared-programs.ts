/** Programs with shared inputs, and what the interpreter makes of them, to compare exported code with. */

import { jacobianProgram } from "../../src/autodiff/index.ts";
import { Builder } from "../../src/ir/builder.ts";
import { sizeOf } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";
import { interpret } from "../../src/runtime/interpreter.ts";
import type { FloatArray } from "../../src/runtime/kernel.ts";
import { inputsFor, programOf, randomFloats } from "../runtime/helpers.ts";

/** Shared weights between two row inputs: products of weights, packed and plain weights, ints, masks, a number, an output of no row. */
function small(): Program {
  const b = new Builder();
  const x = b.input("x", [2]);
  const w = b.input("w1", [3, 2], { level: "bound" });
  const u = b.input("u", [3]);
  const v = b.input("softplus", [3, 3], { level: "bound" });
  const g = b.input("g", [], { level: "bound" });
  const matrix = (a: Node, c: Node) => b.contract(a, c, { a: [0, 1], b: [1], out: [0] });
  const product = b.contract(v, w, { a: [0, 1], b: [1, 2], out: [0, 2] });
  const h = b.unary("tanh", b.add(matrix(w, x), b.mul(u, b.broadcast(g, [3]))));
  const fixed = b.constant(randomFloats(9, { dtype: "f32", seed: 5 }), [3, 3]);
  const positive = b.compare(
    "lt",
    b.reshape(b.slice(v, { starts: [0, 0], steps: [1, 1], shape: [1, 3] }), [3]),
    h,
  );
  const mask = b.compare("lt", b.constant(0), g);
  const whole = b.convert(b.mul(b.constant(9), b.unary("sin", g)), "int");
  const mixed = b.select(b.broadcast(mask, [3]), matrix(product, x), matrix(fixed, h));
  const steps = b.convert(b.add(b.convert(b.mul(b.constant(7), u), "int"), b.broadcast(whole, [3])), "float");
  return programOf(
    "shared",
    [x, w, u, v, g],
    [h, b.select(positive, mixed, h), b.add(b.mul(u, u), steps), b.unary("exp", product)],
  );
}

/** More weights than a stack should hold. */
function large(): Program {
  const b = new Builder();
  const [x, w] = [b.input("x", [2]), b.input("w", [100, 100], { level: "bound" })];
  const weights = b.contract(w, b.constant(randomFloats(200, { dtype: "f32", seed: 6 }), [100, 2]), {
    a: [0, 1],
    b: [1, 2],
    out: [0, 2],
  });
  const h = b.unary("sin", b.contract(weights, x, { a: [0, 1], b: [1], out: [0] }));
  return programOf("large", [x, w], [b.contract(w, h, { a: [0, 1], b: [1], out: [0] })]);
}

/** A shared input that nothing reads. */
function unread(): Program {
  const b = new Builder();
  const [x, w] = [b.input("x", [2]), b.input("w", [3], { level: "bound" })];
  return programOf("unread", [x, w], [b.unary("sin", x)]);
}

/** The programs, by name. */
export const sharedPrograms: Readonly<Record<string, () => Program>> = { small, large, unread };

/** Differentiated by its row inputs. */
export const requestOf = (program: Program): { wrt: number[]; allowZero: true } => ({
  wrt: program.inputs.flatMap(({ level }, index) => (level === "row" ? [index] : [])),
  allowZero: true,
});

/** Arguments as exported functions take them, shared ones last, and the results. */
export function sharedCase(
  program: Program,
  n: number,
  dtype: "f32" | "f64",
): { args: FloatArray[]; wanted: Float64Array[] } {
  const inputs = inputsFor(program, n, dtype);
  const isRow = inputs.map((_, index) => program.inputs[index]?.level === "row");
  const args = [...inputs.filter((_, index) => isRow[index]), ...inputs.filter((_, index) => !isRow[index])];
  const reference = jacobianProgram(program, { ...requestOf(program), value: true });
  const wanted = interpret(reference, inputs, n).map((values, index) => {
    const value = reference.outputs[index]?.value;
    if (value === undefined || value.level === "row") return values;
    const cells = sizeOf(value.shape);
    return Float64Array.from({ length: n * cells }, (_, cell) => values[cell % cells] as number);
  });
  return { args, wanted };
}

/** Programs whose lanes along features lie apart in memory: sums along rows of a matrix, products with its transpose. */

import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { programOf, randomFloats } from "./helpers.ts";

/** Rows and their lengths: whole vectors of lanes, some and a rest, fewer. */
export const matrixSizes = [
  [16, 16],
  [19, 37],
  [3, 20],
  [33, 5],
] as const;

/** Sums along rows of a matrix and products with its transpose, of lengths around vectors of lanes. */
export function alongRows([rows, length]: readonly [number, number]): Program {
  const b = new Builder();
  const x = b.input("x", [rows, length]);
  const scale = b.constant(randomFloats(length, { dtype: "f64", seed: 2 }), [length]);
  const last = b.compare("eq", b.iota([rows, length], 1), b.constant(length - 1, [rows, length], "int"));
  const sums = b.sum(b.mul(b.select(last, b.unary("exp", x), x), b.broadcast(scale, [rows, length])), [1]);
  const most = b.reduce("reduceMax", b.unary("sin", x), [1]);
  const gram = b.contract(b.unary("sin", x), x, { a: [0, 1], b: [2, 1], out: [2, 0] });
  return programOf(
    `along ${rows} rows of ${length}`,
    [x],
    [b.unary("tanh", sums), most, b.unary("cos", gram)],
  );
}

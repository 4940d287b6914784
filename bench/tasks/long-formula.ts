/** Formulas of thousands of scalars that branch and join at random, 8 → 8: what planning time is measured on. */

import { Builder } from "../../src/ir/builder.ts";
import { programOf } from "../../src/ir/graph.ts";
import { at, range } from "../../src/ir/shape.ts";
import type { Node, Program } from "../../src/ir/types.ts";

const ENDS = 8;
/** How far back an operand lies at most. */
const REACH = 24;

/** The program; equal lengths give equal programs. */
export function longFormula(length: number): Program {
  const b = new Builder();
  const x = b.input("x", [ENDS]);
  const values: Node[] = range(ENDS).map((index) =>
    b.reshape(b.slice(x, { starts: [index], steps: [1], shape: [1] }), []),
  );
  let state = 12345;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const operand = (): Node => at(values, values.length - 1 - below(Math.min(values.length, REACH)));
  while (values.length < length) {
    const [u, v] = [operand(), operand()];
    const makers = [() => b.unary("sin", u), () => b.add(u, v), () => b.mul(u, v), () => b.sub(u, v)];
    values.push(at(makers, below(4))());
  }
  const y = values.slice(-ENDS).map((value) => b.reshape(value, [1]));
  return programOf("long formula", [x], [{ name: "y", value: b.concat(y, 0) }]);
}

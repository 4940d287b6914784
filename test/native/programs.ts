/** Programs for native code under test: every operation and some layers as one, so that one compilation serves all. */

import { Builder } from "../../src/ir/builder.ts";
import type { Program } from "../../src/ir/types.ts";
import { joined, programOf, randomFloats } from "../runtime/helpers.ts";
import { operationCases } from "../runtime/operation-cases.ts";

const layers = [
  [3, 5],
  [4, 8],
  [9, 7],
  [16, 33],
  [1, 1],
  [64, 70],
] as const;

function dense([inputs, outputs]: (typeof layers)[number]): Program {
  const b = new Builder();
  const x = b.input("x", [inputs]);
  const weights = randomFloats(inputs * outputs, { dtype: "f32", seed: 5 });
  const bias = randomFloats(outputs, { dtype: "f32", seed: 6 });
  const sum = b.add(b.matmul(b.constant(weights, [outputs, inputs]), x), b.constant(bias, [outputs]));
  return programOf(`dense ${inputs} ${outputs}`, [x], [b.unary("tanh", sum), sum]);
}

/** All operations, or some, and some layers, over two inputs; `more`: further programs. */
export function everything(share = 1, more: readonly Program[] = []): Program {
  const b = new Builder();
  const [x, m] = [b.input("x", [6]), b.input("m", [3, 4])];
  const chosen = Object.entries(operationCases).filter((_, index) => index % share === 0);
  const cases = chosen.map(([name, make]) => programOf(name, [x, m], make(b, x, m)));
  return joined([...cases, ...layers.map(dense), ...more]);
}

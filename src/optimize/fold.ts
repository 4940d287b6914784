/**
 * Constant folding: values known when compiling become constants, as long as they are small.
 *
 * In: a program. Out: the same with constant values of at most 64 cells computed. Larger ones stay as they are: they
 * are cheaper to make (a broadcast, an iota) than to carry around.
 */

import { evaluateNode } from "../ir/evaluate.ts";
import { mapProgram, nodesOf, operandsOf } from "../ir/graph.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { Node, Op, Program } from "../ir/types.ts";
import { withBody } from "./rewrite.ts";

const MOST_CELLS_KEPT = 64;
/** Larger intermediate values are not even computed. */
const MOST_CELLS_COMPUTED = 4096;
/** Already as short as a constant, or shorter. */
const SHORT: ReadonlySet<Op> = new Set<Op>(["constant", "iota", "broadcast"]);

/** Folds constants, inside scans too; gives the same object if there are none to fold. */
export function foldConstants(program: Program): Program {
  return fold(program, new Map());
}

function fold(program: Program, bodies: Map<Program, Program>): Program {
  if (!nodesOf(program).some(({ op, level }) => op === "scan" || (level === "constant" && !SHORT.has(op))))
    return program;
  const values = new Map<Node, Tensor | undefined>();
  let changed = false;
  const body = (inner: Program): Program => {
    const folded = bodies.get(inner) ?? fold(inner, bodies);
    changed ||= folded !== inner;
    bodies.set(inner, folded);
    return folded;
  };
  const result = mapProgram(program, (builder, node, operands) => {
    const made = withBody(builder, node, { operands, body });
    const value = compute(made, values);
    if (
      value === undefined ||
      SHORT.has(made.op) ||
      sizeOf(made.shape) > MOST_CELLS_KEPT ||
      made.op === "scan"
    )
      return made;
    changed = true;
    return builder.constant(shortest(value.data), made.shape, made.cell);
  });
  return changed ? result : program;
}

/** The value of a node of constants, if it and all it reads are small; each node is tried once. */
function compute(node: Node, values: Map<Node, Tensor | undefined>): Tensor | undefined {
  if (!values.has(node)) values.set(node, tryCompute(node, values));
  return values.get(node);
}

function tryCompute(node: Node, values: Map<Node, Tensor | undefined>): Tensor | undefined {
  const small = sizeOf(node.shape) <= MOST_CELLS_COMPUTED;
  if (node.level !== "constant" || node.op === "jacobian" || !small) return undefined;
  const operands = operandsOf(node).map((operand) => compute(operand, values));
  return operands.includes(undefined) ? undefined : evaluateNode(node, operands as Tensor[]);
}

/** One number where all are equal. */
function shortest(data: Float64Array): Float64Array {
  return data.length > 0 && data.every((x) => Object.is(x, data[0])) ? data.slice(0, 1) : data;
}

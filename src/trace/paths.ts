/**
 * Which inputs an output depends on in a way that has a derivative.
 *
 * Paths run through floats only: comparisons, indices and `stopGradient` end them. Calls, scans and Jacobians count
 * all their operands, so a path may be reported where the derivative is zero, never the reverse.
 */

import { nodesOf, operandsOf } from "../ir/graph.ts";
import type { Node, Program } from "../ir/types.ts";

/** For each output the inputs (by index) from which a differentiable path leads to it. */
export function pathsOf(program: Program): readonly ReadonlySet<number>[] {
  const reached = new Map<Node, ReadonlySet<number>>();
  for (const node of nodesOf(program)) reached.set(node, sources(node, program, reached));
  return program.outputs.map(({ value }) => reached.get(value) ?? nothing);
}

const nothing: ReadonlySet<number> = new Set();

function sources(
  node: Node,
  program: Program,
  reached: ReadonlyMap<Node, ReadonlySet<number>>,
): ReadonlySet<number> {
  if (node.cell !== "float" || node.op === "stopGradient") return nothing;
  if (node.op === "input") return new Set([program.inputs.indexOf(node)]);
  const parts = operandsOf(node).map((operand) => reached.get(operand) ?? nothing);
  const filled = parts.filter((part) => part.size > 0);
  const [first] = filled;
  if (first === undefined) return nothing;
  if (filled.every((part) => part === first)) return first;
  return new Set(filled.flatMap((part) => [...part]));
}

/**
 * Program → program without Jacobian nodes, scans, or calls that lack a derivative rule: what linearisation takes.
 * Inner Jacobians are expanded first, so nesting works to any depth.
 */

import type { Builder } from "../ir/builder.ts";
import { inline, mapProgram, rebuild } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { CallNode, JacobianNode, Node, Program } from "../ir/types.ts";
import { unrollScans } from "../optimize/optimize.ts";
import { jacobianProgram } from "./jacobian.ts";

/** Expands every `jacobian` node by the planner. */
export function expandJacobians(program: Program): Program {
  return mapProgram(program, (b, node, operands) =>
    node.op === "jacobian" ? expandJacobian(b, node, operands) : rebuild(b, node, operands),
  );
}

function expandJacobian(b: Builder, node: JacobianNode, operands: readonly Node[]): Node {
  const { program, output, wrt } = node;
  const expanded = jacobianProgram(program, { wrt: [wrt], outputs: [output], allowZero: true });
  return at(inline(b, expanded, operands), 0);
}

/** Nodes (steps × body) up to which a loop is differentiated step by step. */
const UNROLLED_NODES = 100_000;

/** Expands everything that linearisation does not take. */
export function expandAll(program: Program): Program {
  const unrolled = unrollScans(program, UNROLLED_NODES);
  return mapProgram(unrolled, (b, node, operands) => {
    if (node.op === "jacobian") return expandJacobian(b, node, operands);
    if (node.op === "call") return expandCall(b, node, operands);
    return rebuild(b, node, operands);
  });
}

function expandCall(b: Builder, node: CallNode, operands: readonly Node[]): Node {
  if (node.callee.rule !== undefined) return rebuild(b, node, operands);
  return at(inline(b, expandAll(node.callee.body), operands), 0);
}

/**
 * Program → program without Jacobian nodes, scans, or calls that lack a derivative rule: what linearisation takes.
 * Inner Jacobians are expanded first, so nesting works to any depth.
 */

import { invariant } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { inline, mapProgram, nodesOf, operandsOf, type Rewrite, rebuild } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { CallNode, JacobianNode, Node, Program } from "../ir/types.ts";
import { unrollScans } from "../optimize/optimize.ts";
import { jacobianProgram } from "./jacobian.ts";
import { arranged, type JacobianProduct, jacobianProduct, neverFormed, reducedProduct } from "./products.ts";

/** Expands every `jacobian` node by the planner; products with one never form it. */
export function expandJacobians(program: Program): Program {
  return expanded(program, rebuild);
}

/** Nodes with Jacobians and their products expanded, all others made by `rest`. */
function expanded(program: Program, rest: Rewrite): Program {
  const nodes = nodesOf(program);
  if (!nodes.some(({ op }) => op === "jacobian")) return mapProgram(program, rest);
  const skipped = neverFormed(program, nodes);
  return mapProgram(program, (b, node, operands) => {
    const product = jacobianProduct(node);
    if (product !== undefined && skipped.has(product.jacobian))
      return expandProduct(b, product, [node, operands]);
    if (node.op === "jacobian" && !skipped.has(node)) return expandJacobian(b, node, operands);
    return node.op === "jacobian" ? rebuild(b, node, operands) : rest(b, node, operands);
  });
}

function expandJacobian(b: Builder, node: JacobianNode, operands: readonly Node[]): Node {
  const { program, output, wrt } = node;
  const jacobian = jacobianProgram(program, { wrt: [wrt], outputs: [output], allowZero: true });
  return at(inline(b, jacobian, operands), 0);
}

function expandProduct(
  b: Builder,
  product: JacobianProduct,
  [node, operands]: readonly [Node, readonly Node[]],
): Node {
  const copy = (operand: Node): Node => at(operands, operandsOf(node).indexOf(operand));
  const jacobian = copy(product.jacobian);
  invariant(jacobian.op === "jacobian", "a Jacobian read by a product is kept until its product is expanded");
  const reduced = reducedProduct(b, product, { args: jacobian.args, vector: copy(product.vector) });
  const program = jacobianProgram(reduced.program, { wrt: [reduced.wrt], allowZero: true });
  const value = at(inline(b, program, reduced.args), 0);
  return arranged(b, value, { from: reduced.labels, to: product.labels.result });
}

/** Nodes (steps × body) up to which a loop is differentiated step by step. */
const UNROLLED_NODES = 100_000;

/** Expands everything that linearisation does not take. */
export function expandAll(program: Program): Program {
  const unrolled = unrollScans(program, UNROLLED_NODES);
  return expanded(unrolled, (b, node, operands) =>
    node.op === "call" ? expandCall(b, node, operands) : rebuild(b, node, operands),
  );
}

function expandCall(b: Builder, node: CallNode, operands: readonly Node[]): Node {
  if (node.callee.rule !== undefined) return rebuild(b, node, operands);
  return at(inline(b, expandAll(node.callee.body), operands), 0);
}

/**
 * Program → program without Jacobian nodes, scans, or calls that lack a derivative rule: what linearisation takes.
 * Inner Jacobians are expanded first, so nesting works to any depth.
 */

import { invariant } from "../errors.ts";
import type { Builder } from "../ir/builder.ts";
import { inline, mapProgram, nodesOf, operandsOf, type Rewrite, rebuild } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { CallNode, Node, Program } from "../ir/types.ts";
import { unrollScans } from "../optimize/optimize.ts";
import { arranged, type JacobianProduct, jacobianProduct, neverFormed, reducedProduct } from "./products.ts";

/** Makes the program of ∂(its first output)/∂(its input `wrt`): the planner, passed in because it expands programs itself. */
export type Differentiate = (
  program: Program,
  request: { readonly wrt: number; readonly output: number },
) => Program;

/** Expands every `jacobian` node by the planner; products with one never form it. */
export function expandJacobianNodes(program: Program, differentiate: Differentiate): Program {
  return expanded(program, { rest: rebuild, differentiate });
}

interface How {
  readonly differentiate: Differentiate;
  /** Makes every other node. */
  readonly rest: Rewrite;
}

/** Nodes with Jacobians and their products expanded, all others made by `rest`. */
function expanded(program: Program, { rest, differentiate }: How): Program {
  const nodes = nodesOf(program);
  if (!nodes.some(({ op }) => op === "jacobian")) return mapProgram(program, rest);
  const skipped = neverFormed(program, nodes);
  return mapProgram(program, (b, node, operands) => {
    const product = jacobianProduct(node);
    if (product !== undefined && skipped.has(product.jacobian))
      return expandProduct(b, product, { node, operands, differentiate });
    if (node.op === "jacobian" && !skipped.has(node)) {
      const jacobian = differentiate(node.program, node);
      return at(inline(b, jacobian, operands), 0);
    }
    return node.op === "jacobian" ? rebuild(b, node, operands) : rest(b, node, operands);
  });
}

function expandProduct(
  b: Builder,
  product: JacobianProduct,
  { node, operands, differentiate }: { node: Node; operands: readonly Node[]; differentiate: Differentiate },
): Node {
  const copy = (operand: Node): Node => at(operands, operandsOf(node).indexOf(operand));
  const jacobian = copy(product.jacobian);
  invariant(jacobian.op === "jacobian", "a Jacobian read by a product is kept until its product is expanded");
  const reduced = reducedProduct(b, product, { args: jacobian.args, vector: copy(product.vector) });
  const program = differentiate(reduced.program, { wrt: reduced.wrt, output: 0 });
  const value = at(inline(b, program, reduced.args), 0);
  return arranged(b, value, { from: reduced.labels, to: product.labels.result });
}

/** Nodes (steps × body) up to which a loop is differentiated step by step. */
const UNROLLED_NODES = 100_000;

/** Expands everything that linearisation does not take. */
export function expandAll(program: Program, differentiate: Differentiate): Program {
  if (!nodesOf(program).some(isOpaque)) return program;
  const unrolled = unrollScans(program, UNROLLED_NODES);
  const rest: Rewrite = (b, node, operands) =>
    node.op === "call" ? expandCall(b, node, { operands, differentiate }) : rebuild(b, node, operands);
  return expanded(unrolled, { rest, differentiate });
}

/** What linearisation does not take as it is. */
function isOpaque(node: Node): boolean {
  return (
    node.op === "jacobian" || node.op === "scan" || (node.op === "call" && node.callee.rule === undefined)
  );
}

function expandCall(
  b: Builder,
  node: CallNode,
  { operands, differentiate }: { operands: readonly Node[]; differentiate: Differentiate },
): Node {
  if (node.callee.rule !== undefined) return rebuild(b, node, operands);
  return at(inline(b, expandAll(node.callee.body, differentiate), operands), 0);
}

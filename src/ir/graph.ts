/** Walking programs: operands of a node, nodes in order, and copying a graph into a builder. */

import type { Node, Program } from "./types.ts";

/** The nodes a node reads, in order. */
export function operandsOf(node: Node): readonly Node[] {
  switch (node.op) {
    case "input":
    case "constant":
    case "iota":
      return [];
    case "select":
      return [node.condition, node.a, node.b];
    case "concat":
      return node.parts;
    case "gather":
    case "scatterAdd":
      return [node.a, node.indices];
    case "scan":
      return [...node.carries, ...node.perStep, ...node.captured];
    case "call":
    case "jacobian":
      return node.args;
    default:
      return "b" in node ? [node.a, node.b] : [node.a];
  }
}

/** All nodes reachable from `roots`, operands before users, in a stable order; no recursion, graphs may be deep. */
export function topologicalOrder(roots: readonly Node[]): Node[] {
  const done = new Set<Node>();
  const order: Node[] = [];
  const stack: { node: Node; next: number }[] = [];
  const push = (node: Node): void => {
    if (!done.has(node)) {
      done.add(node);
      stack.push({ node, next: 0 });
    }
  };
  for (const root of roots) {
    push(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: Node; next: number };
      const operand = operandsOf(top.node)[top.next++];
      if (operand !== undefined) push(operand);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

/** The program's nodes, operands before users. */
export function nodesOf(program: Program): Node[] {
  return topologicalOrder(program.outputs.map((output) => output.value));
}

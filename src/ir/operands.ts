/** What a node reads: the one place that knows where each op keeps its operands. */

import type { Node } from "./types.ts";

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

/** numpy's matrix product as a contraction: operands of rank ≥ 1, stack axes broadcast. */

import { UsageError } from "../errors.ts";
import type { Builder } from "./builder.ts";
import { broadcastShapes, range, showShape } from "./shape.ts";
import type { Node } from "./types.ts";

/** x @ y: the last axis of a meets the last but one of b; a vector is a row on the left, a column on the right. */
export function matmul(builder: Builder, a: Node, b: Node): Node {
  const stack = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (stack === undefined || a.shape.length === 0 || b.shape.length === 0) {
    throw new UsageError(
      "JR201",
      `matmul: shapes ${showShape(a.shape)} and ${showShape(b.shape)} do not fit`,
    );
  }
  const [row, inner, column] = [stack.length, stack.length + 1, stack.length + 2];
  const stacked = (node: Node): Node =>
    node.shape.length > 2 ? builder.broadcast(node, [...stack, ...node.shape.slice(-2)]) : node;
  const stackOf = (node: Node): number[] => (node.shape.length > 2 ? range(stack.length) : []);
  const rows = a.shape.length > 1 ? [row] : [];
  const columns = b.shape.length > 1 ? [column] : [];
  return builder.contract(stacked(a), stacked(b), {
    a: [...stackOf(a), ...rows, inner],
    b: [...stackOf(b), inner, ...columns],
    out: [...range(stack.length), ...rows, ...columns],
  });
}

/** Values read in place of others of the same builder: loops that compute derivatives make the loops' own results too. */

import type { Builder } from "../ir/builder.ts";
import { derived, operandsOf, rebuild } from "../ir/graph.ts";
import type { Node } from "../ir/types.ts";

/** The nodes with every value that is in the map read from its replacement; replacements never reach what they replace. */
export function readInstead(b: Builder, roots: readonly Node[], instead: ReadonlyMap<Node, Node>): Node[] {
  if (instead.size === 0) return [...roots];
  const made = new Map<Node, Node>();
  const needs = (node: Node): readonly Node[] => {
    const other = instead.get(node);
    return other === undefined ? operandsOf(node) : [other];
  };
  const make = (node: Node): Node => {
    const operands = needs(node);
    const copies = operands.map((operand) => made.get(operand) as Node);
    const same = copies.every((copy, index) => copy === operands[index]);
    return instead.has(node) ? (copies[0] as Node) : same ? node : rebuild(b, node, copies);
  };
  for (const root of [...roots].reverse()) derived(root, made, { needs, make });
  return roots.map((root) => made.get(root) as Node);
}

/**
 * What kind of loops a contraction becomes: an elementwise product (nothing summed), a nest that folds, or a `Product`
 * with register blocks.
 */

import { at } from "../ir/shape.ts";
import type { ContractNode, Node } from "../ir/types.ts";
import { isView } from "./costs.ts";

/** Nothing summed, a folding nest, or a blocked product. */
export type ContractionKind = "outer" | "nest" | "product";

/** Contractions with at most this many products are nests: blocks would cost more than they save. */
const TINY = 16;

/** Sizes by label. */
export function labelSizes(node: ContractNode): Map<number, number> {
  const sizes = new Map<number, number>();
  node.aLabels.forEach((label, axis) => sizes.set(label, at(node.a.shape, axis)));
  node.bLabels.forEach((label, axis) => sizes.set(label, at(node.b.shape, axis)));
  return sizes;
}

/** Labels that are summed over more than one step. */
export function summedLabels(node: ContractNode): number[] {
  return [...labelSizes(node)]
    .filter(([label, size]) => size > 1 && !node.outLabels.includes(label))
    .map(([label]) => label);
}

/** How the contraction is computed. */
export function contractionKind(node: ContractNode): ContractionKind {
  const summed = summedLabels(node);
  if (summed.length === 0) return "outer";
  const sizes = labelSizes(node);
  const total = [...sizes.values()].reduce((product, size) => product * size, 1);
  if (total <= TINY || [node.a, node.b].some((operand) => isUniform(operand))) return "nest";
  if (node.a.level !== "row" || node.b.level !== "row") return "product";
  return [node.aLabels, node.bLabels].every(
    (labels, side) => freeSize(node, labels, side === 0 ? node.bLabels : node.aLabels) > 1,
  )
    ? "product"
    : "nest";
}

/** Product of the sizes of the out labels that only one operand has: 1 means nothing is used twice. */
function freeSize(node: ContractNode, own: readonly number[], other: readonly number[]): number {
  const sizes = labelSizes(node);
  return own
    .filter((label) => !other.includes(label))
    .reduce((product, label) => product * (sizes.get(label) as number), 1);
}

function isUniform(node: Node): boolean {
  const base = viewed(node);
  return base.op === "constant" && base.values.length === 1;
}

/** The node beneath views. */
export function viewed(node: Node): Node {
  let base = node;
  while (isView(base)) base = base.a;
  return base;
}

/** Products of one lane: the size of the contraction's full index space. */
export function contractionPoints(node: ContractNode): number {
  return [...labelSizes(node).values()].reduce((product, size) => product * size, 1);
}

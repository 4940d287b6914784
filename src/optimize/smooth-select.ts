/**
 * Smooth counterparts of selects by comparisons.
 *
 * In: a condition and two branches. Out: max, min or clip where the select is one of them; else both branches weighted by
 * sigmoids of the compared values' difference. Branches that may be infinite where they are not taken cannot be
 * weighted (0 · ∞ is NaN), so such selects stay.
 */

import { topologicalOrder } from "../ir/graph.ts";
import type { CompareNode, Node } from "../ir/types.ts";
import type { Smoother } from "./smooth-shapes.ts";

/** A select's parts. */
export interface Choice {
  readonly condition: Node;
  readonly yes: Node;
  readonly no: Node;
}

/** The smooth form, or nothing where there is none. */
export function smoothSelect(s: Smoother, choice: Choice): Node | undefined {
  const { condition, yes, no } = choice;
  return extremum(s, choice) ?? clamp(s, choice) ?? blend(s, { condition, yes, no });
}

function isOrder(node: Node): node is CompareNode {
  return (node.op === "lt" || node.op === "le") && node.a.cell === "float";
}

/** a < b ? a : b is min, a < b ? b : a is max. */
function extremum(s: Smoother, { condition, yes, no }: Choice): Node | undefined {
  if (!isOrder(condition)) return undefined;
  if (condition.a === yes && condition.b === no) return s.min(yes, no);
  return condition.a === no && condition.b === yes ? s.max(yes, no) : undefined;
}

/** low ≤ x and x ≤ high ? x : the bounds. */
function clamp(s: Smoother, { condition, yes, no }: Choice): Node | undefined {
  if (condition.op !== "and" || !isOrder(condition.a) || !isOrder(condition.b)) return undefined;
  const { a: low, b: above } = condition.a;
  const { a: below, b: high } = condition.b;
  const bounded = above === yes && below === yes && no.op === "select" && no.a === low;
  return bounded ? s.clip(yes, low, high) : undefined;
}

/** no + weight · (yes − no). */
function blend(s: Smoother, { condition, yes, no }: Choice): Node | undefined {
  if (!isTame(yes) || !isTame(no)) return undefined;
  const weight = weightOf(s, condition);
  return weight && s.b.add(no, s.b.mul(weight, s.b.sub(yes, no)));
}

/** How true a condition is, between 0 and 1. Equalities hold on no interval and have no smooth form. */
function weightOf(s: Smoother, condition: Node): Node | undefined {
  const { b } = s;
  if (isOrder(condition)) return s.step(b.sub(condition.b, condition.a));
  if (condition.op === "not") {
    const inner = weightOf(s, condition.a);
    return inner && b.sub(b.constant(1), inner);
  }
  if (condition.op !== "and" && condition.op !== "or") return undefined;
  const [x, y] = [weightOf(s, condition.a), weightOf(s, condition.b)];
  if (x === undefined || y === undefined) return undefined;
  const both = b.mul(x, y);
  return condition.op === "and" ? both : b.sub(b.add(x, y), both);
}

/** Ops that may give an infinity or NaN from ordinary numbers, or hide a derivative. */
const WILD: ReadonlySet<string> = new Set(
  "div sqrt log log1p pow exp expm1 sinh cosh tan asin acos acosh atanh mod stopGradient scan jacobian".split(
    " ",
  ),
);
/** Beyond this a branch is not searched. */
const MOST_SEARCHED = 500;

function isTame(branch: Node): boolean {
  if (branch.op === "constant") return branch.values.every(Number.isFinite);
  const nodes = topologicalOrder([branch]);
  return nodes.length <= MOST_SEARCHED && nodes.every((node) => !WILD.has(node.op));
}

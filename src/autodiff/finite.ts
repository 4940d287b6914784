/**
 * Which values can be infinite or NaN although the inputs are finite and moderate?
 *
 * Only factors that can be need the guards of branches not taken (0 · ∞); for the others 0 · factor is 0.
 * Overflow of finite sums and products is not counted; a function with a pole or an exponential is.
 */

import { derived, operandsOf } from "../ir/graph.ts";
import type { Node, Op } from "../ir/types.ts";

/** Functions that can leave the finite numbers from finite arguments. */
const SINGULAR: ReadonlySet<Op> = new Set<Op>([
  "div",
  "mod",
  "pow",
  "log",
  "log1p",
  "exp",
  "expm1",
  "sinh",
  "cosh",
  "tan",
  "atanh",
  "sqrt",
  "asin",
  "acos",
  "acosh",
  "call",
  "jacobian",
  "scan",
]);
/** Functions whose values are bounded whatever the argument. */
const BOUNDED: ReadonlySet<Op> = new Set<Op>([
  "tanh",
  "sin",
  "cos",
  "atan",
  "atan2",
  "erf",
  "sign",
  "lt",
  "le",
  "eq",
  "ne",
]);
const BOUNDED_CALLS: ReadonlySet<string> = new Set(["sigmoid", "softmax"]);

const known = new WeakMap<Node, boolean>();

/** May this node hold ±∞ or NaN for finite inputs? Without recursion: graphs may be deep. */
export function maybeInfinite(root: Node): boolean {
  return derived(root, known, { needs: inheritedFrom, make: judge });
}

/** Says of an input that it may hold them, before it is used. */
export function markInfinite(inputs: readonly Node[]): void {
  for (const input of inputs) if (input.cell === "float") known.set(input, true);
}

/** Operands whose infinities a node has too. */
function inheritedFrom(node: Node): readonly Node[] {
  return isFinite(node) || SINGULAR.has(node.op) ? [] : operandsOf(node);
}

function isFinite(node: Node): boolean {
  if (BOUNDED.has(node.op) || node.cell !== "float") return true;
  return node.op === "call" && BOUNDED_CALLS.has(node.callee.name);
}

function judge(node: Node): boolean {
  if (isFinite(node)) return false;
  if (node.op === "constant") return !node.values.every(Number.isFinite);
  return SINGULAR.has(node.op) || operandsOf(node).some((operand) => known.get(operand) === true);
}

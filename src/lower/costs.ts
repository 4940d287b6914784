/**
 * What elementwise functions cost, in units of one addition on a lane. Rough: decides what is computed twice and
 * what is stored, and weighs `operationCounts`.
 */

import type { Node } from "../ir/types.ts";
import type { ElementwiseOp } from "./loops.ts";

/** Functions that take more than one instruction. */
const DEAR: Readonly<Partial<Record<ElementwiseOp, number>>> = {
  div: 5,
  sqrt: 5,
  mod: 8,
  round: 1,
  exp: 12,
  expm1: 16,
  log: 14,
  log1p: 18,
  sin: 18,
  cos: 18,
  tan: 24,
  asin: 20,
  acos: 20,
  atan: 18,
  sinh: 22,
  cosh: 22,
  tanh: 16,
  asinh: 28,
  acosh: 28,
  atanh: 24,
  erf: 24,
  pow: 40,
  atan2: 26,
  sigmoid: 18,
  softplus: 30,
};

/** Functions with kernels of their own, by the callee's name. */
const KERNELS: Readonly<Record<string, ElementwiseOp>> = { sigmoid: "sigmoid", softplus: "softplus" };

/** Cost of one cell. */
export function costOf(name: ElementwiseOp): number {
  return DEAR[name] ?? 1;
}

/** The kernel a call node maps to, if there is one for exactly these attributes. */
export function kernelOf(node: Extract<Node, { op: "call" }>): ElementwiseOp | undefined {
  return Object.keys(node.callee.attributes).length === 0 && node.args.length === 1
    ? KERNELS[node.callee.name]
    : undefined;
}

/** Ops that only name other cells of their operand. */
const VIEWS: ReadonlySet<string> = new Set(["reshape", "transpose", "broadcast", "slice", "window"]);

/** Does the node only rename cells of `node.a`? A gather does where its indices are known when bound. */
export function isView(
  node: Node,
): node is Extract<Node, { op: "reshape" | "transpose" | "broadcast" | "slice" | "window" | "gather" }> {
  return VIEWS.has(node.op) || (node.op === "gather" && node.indices.level !== "row");
}

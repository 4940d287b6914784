/**
 * Smoothing: every kink that a program is made of is replaced by a smooth counterpart, sharper for larger β.
 *
 * In: a program. Out: a program of the same inputs and outputs, whose derivatives have no jumps where the table below says so.
 * max(a, b) becomes log(e^βa + e^βb)/β, and relu, |x|, clip and the leaky variants follow from it; jumps in value become
 * sigmoids of slope β. Always: as β → ∞ values and derivatives tend to the program's own, away from its kinks.
 */

import { UsageError } from "../errors.ts";
import { inline, mapProgram, nodesOf, rebuild } from "../ir/graph.ts";
import { at } from "../ir/shape.ts";
import type { CallNode, Node, Program } from "../ir/types.ts";
import { withBody } from "./rewrite.ts";
import { smoothCalls } from "./smooth-calls.ts";
import { smoothSelect } from "./smooth-select.ts";
import { Smoother } from "./smooth-shapes.ts";

/** How sharp the smooth counterparts are: relu is off by at most log(2) / β. */
export interface SmoothOptions {
  readonly beta: number;
}

/** The program with smooth counterparts of its kinks. Rounding functions and integer arithmetic stay. */
export function smooth(program: Program, { beta }: SmoothOptions): Program {
  if (!(beta > 0) || !Number.isFinite(beta))
    throw new UsageError(
      "JR230",
      `beta is the sharpness of the smooth functions, a number above 0; got ${beta}`,
    );
  return smoothed(program, beta, new Map());
}

function smoothed(program: Program, beta: number, done: Map<Program, Program>): Program {
  const known = done.get(program);
  if (known !== undefined) return known;
  const body = (inner: Program): Program => smoothed(inner, beta, done);
  const result = mapProgram(program, (b, node, operands) => {
    const before = b.origin;
    b.origin = node.origin ?? before;
    try {
      return smoothNode(new Smoother(b, beta), node, { operands, body });
    } finally {
      b.origin = before;
    }
  });
  done.set(program, result);
  return result;
}

interface Parts {
  readonly operands: readonly Node[];
  readonly body: (program: Program) => Program;
}

function smoothNode(s: Smoother, node: Node, { operands, body }: Parts): Node {
  const [a, b] = operands as [Node, Node];
  if (node.op === "call") return smoothCall(s, node, { operands, body });
  if (node.op === "jacobian")
    return rebuild(s.b, Object.freeze({ ...node, program: body(node.program) }), operands);
  if (node.cell === "float") {
    if (node.op === "abs") return s.abs(a);
    if (node.op === "sign") return s.b.unary("tanh", s.scaled(a));
    if (node.op === "max") return s.max(a, b);
    if (node.op === "min") return s.min(a, b);
    if (node.op === "reduceMax") return s.reduceMax(a, node.axes);
    if (node.op === "reduceMin") return s.b.neg(s.reduceMax(s.b.neg(a), node.axes));
    if (node.op === "select") {
      const [condition, yes, no] = operands as [Node, Node, Node];
      return smoothSelect(s, { condition, yes, no }) ?? rebuild(s.b, node, operands);
    }
  }
  return withBody(s.b, node, { operands, body });
}

/** A call of the table, or one without a rule whose body has kinks; a rule of its own keeps a call as it is. */
function smoothCall(s: Smoother, node: CallNode, { operands, body }: Parts): Node {
  const { name, attributes, rule, body: own } = node.callee;
  const counterpart = Object.hasOwn(smoothCalls, name) ? smoothCalls[name] : undefined;
  if (counterpart !== undefined) return counterpart(s, operands, { attributes, rank: node.shape.length });
  if (rule !== undefined) return rebuild(s.b, node, operands);
  const smoothBody = body(own);
  return sameProgram(own, smoothBody)
    ? rebuild(s.b, node, operands)
    : at(inline(s.b, smoothBody, operands), 0);
}

/** The same ops in the same order: nothing was replaced. */
function sameProgram(a: Program, b: Program): boolean {
  const [left, right] = [nodesOf(a), nodesOf(b)];
  return left.length === right.length && left.every(({ op }, index) => op === right[index]?.op);
}

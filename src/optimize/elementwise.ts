/**
 * Rules for elementwise ops: a choice made twice is made once, equal cells are computed once, and values padded side by
 * side are joined instead of added.
 */

import type { Builder } from "../ir/builder.ts";
import { rebuild } from "../ir/graph.ts";
import { uniformValue } from "../ir/identities.ts";
import { at, range, sameShape } from "../ir/shape.ts";
import type {
  BinaryNode,
  CompareNode,
  LogicNode,
  Node,
  PadNode,
  SelectNode,
  UnaryNode,
} from "../ir/types.ts";
import { narrowed, repeatedAxes } from "./contract.ts";
import type { RuleContext } from "./rewrite.ts";

/** f(repeat x) = repeat f(x). */
export function unaryRule(node: UnaryNode, { builder }: RuleContext): Node | undefined {
  const { op, a, shape } = node;
  return a.op === "broadcast" ? builder.broadcast(builder.unary(op, a.a), shape) : undefined;
}

/** min(x, x) = x; neighbouring pads are joined; and what repeats, repeats after the op. */
export function binaryRule(node: BinaryNode, context: RuleContext): Node | undefined {
  const { op, a, b } = node;
  if ((op === "min" || op === "max") && a === b) return a;
  if (op === "add" && a.op === "pad" && b.op === "pad")
    return sumOfPads([a, b], context) ?? sumOfPads([b, a], context);
  return repeatAfter(node, context);
}

/** Comparing a bool, as 0 or 1, with 0 is the bool. */
export function compareRule(node: CompareNode, context: RuleContext): Node | undefined {
  const { op, a, b } = node;
  if (op === "ne" && uniformValue(b) === 0 && a.op === "convert" && a.a.cell === "bool") return a.a;
  return repeatAfter(node, context);
}

/** x and x, x and true, x or true: what is known is not asked. */
export function logicRule(node: LogicNode, context: RuleContext): Node | undefined {
  const { op, a, b } = node;
  if (a === b) return a;
  for (const [known, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const value = uniformValue(known);
    if (value !== undefined) return (value === 1) === (op === "and") ? other : known;
  }
  return repeatAfter(node, context);
}

/** One condition is asked once; "not" turns the branches; what is chosen along fewer axes is chosen there. */
export function selectRule(node: SelectNode, { builder }: RuleContext): Node | undefined {
  const { condition, a, b } = node;
  if (condition.op === "not") return builder.select(condition.a, b, a);
  if (a.op === "select" && a.condition === condition) return builder.select(condition, a.a, b);
  if (b.op === "select" && b.condition === condition) return builder.select(condition, a, b.b);
  return maskByMask(node, builder);
}

/**
 * p and q ? a : b = p ? (q ? a : b) : b, where q and a repeat along axes that p does not: masks of several diagonals are as large as
 * the Jacobian, and would be read with it.
 */
function maskByMask({ condition, a, b, shape }: SelectNode, builder: Builder): Node | undefined {
  const other = uniformValue(b);
  if (condition.op !== "and" || condition.level === "row" || other === undefined || a.op !== "broadcast")
    return undefined;
  const alike = repeatedAxes(a);
  for (const [p, q] of [
    [condition.a, condition.b],
    [condition.b, condition.a],
  ] as const) {
    if (q.op !== "broadcast") continue;
    const repeated = repeatedAxes(q).filter((axis) => alike.includes(axis));
    if (repeated.length === 0) continue;
    const kept = range(shape.length).filter((axis) => !repeated.includes(axis));
    const [mask, value] = [narrowed(builder, q, kept), narrowed(builder, a, kept)];
    const inner = builder.select(mask, value, builder.constant(other, value.shape, b.cell));
    const thin = shape.map((size, axis) => (repeated.includes(axis) ? 1 : size));
    return builder.select(p, builder.broadcast(builder.reshape(inner, thin), shape), b);
  }
  return undefined;
}

/** op(repeat x, repeat y) = repeat op(x, y), where both repeat alike or are the same everywhere. */
function repeatAfter(node: BinaryNode | CompareNode | LogicNode, { builder }: RuleContext): Node | undefined {
  const broadcasts = [node.a, node.b].filter((operand) => operand.op === "broadcast");
  const first = broadcasts[0];
  if (first === undefined) return undefined;
  const { shape } = first.a;
  const thin = [node.a, node.b].map((operand) => {
    if (operand.op === "broadcast") return sameShape(operand.a.shape, shape) ? operand.a : undefined;
    const value = uniformValue(operand);
    return value === undefined ? undefined : builder.constant(value, shape, operand.cell);
  });
  if (thin.includes(undefined)) return undefined;
  return builder.broadcast(rebuild(builder, node, thin as Node[]), node.shape);
}

/** The sum of two values padded with zeros along one axis, the second right behind the first. */
function sumOfPads([a, b]: readonly [PadNode, PadNode], { builder }: RuleContext): Node | undefined {
  const axes = range(a.shape.length).filter(
    (axis) =>
      a.starts[axis] !== b.starts[axis] ||
      a.a.shape[axis] !== b.a.shape[axis] ||
      a.steps[axis] !== b.steps[axis],
  );
  const axis = axes.length === 1 ? at(axes, 0) : -1;
  const plain = axis >= 0 && [a, b].every((pad) => at(pad.a.shape, axis) === 1 || pad.steps[axis] === 1);
  if (!plain || at(a.starts, axis) + at(a.a.shape, axis) !== b.starts[axis]) return undefined;
  return builder.pad(builder.concat([a.a, b.a], axis), {
    starts: a.starts,
    steps: a.steps.with(axis, 1),
    shape: a.shape,
  });
}

/**
 * Rules for sums over rows: cells are moved after summing, and weights go into a product's smaller operand, so that products
 * are added up as they are formed.
 *
 * The same numbers are added; a weight is multiplied to a factor instead of to the product.
 */

import type { Builder } from "../ir/builder.ts";
import { at, range, sizeOf } from "../ir/shape.ts";
import type { BroadcastNode, ContractNode, Node, RowSumNode } from "../ir/types.ts";
import { repeatedAxes } from "./contract.ts";
import type { RuleContext } from "./rewrite.ts";

/** The rule for sums over rows. */
export function rowSumRule({ a }: RowSumNode, context: RuleContext): Node | undefined {
  const { builder, readOnce } = context;
  if (a.level !== "row") return undefined;
  switch (a.op) {
    case "neg":
      return builder.neg(builder.rowSum(a.a));
    case "reshape":
      return builder.reshape(builder.rowSum(a.a), a.shape);
    case "transpose":
      return builder.transpose(builder.rowSum(a.a), a.order);
    case "broadcast":
      return builder.broadcast(builder.rowSum(a.a), a.shape);
    case "pad":
      return builder.pad(builder.rowSum(a.a), a);
    case "scatterAdd":
      return a.indices.level !== "row" && sizeOf(a.a.shape) < sizeOf(a.shape)
        ? builder.scatterAdd(builder.rowSum(a.a), a.indices, { axis: a.axis, size: at(a.shape, a.axis) })
        : undefined;
    case "gather":
      return a.indices.level !== "row" && sizeOf(a.a.shape) <= sizeOf(a.shape)
        ? builder.gather(builder.rowSum(a.a), a.indices, a.axis)
        : undefined;
    case "concat":
      return a.parts.some((part) => part.op === "contract" || part.op === "pad")
        ? builder.concat(
            a.parts.map((part) => builder.rowSum(part)),
            a.axis,
          )
        : undefined;
    case "mul":
      return readOnce(a)
        ? (outer(a, context) ?? weighted(a.a, a.b, context) ?? weighted(a.b, a.a, context))
        : undefined;
    case "add":
    case "sub":
      return readOnce(a) ? outer(a, context) : undefined;
    default:
      return undefined;
  }
}

/** An outer product of two values and the axes that each runs along. */
interface Outer {
  readonly a: Node;
  readonly b: Node;
  readonly axes: readonly [a: readonly number[], b: readonly number[]];
}

/** Σ a ⊗ b + c ⊗ d − … is one product of stacked operands: [a, c, …] with [b, d, …], added up as it is formed. */
function outer(sum: Node, context: RuleContext): Node | undefined {
  const { builder } = context;
  const terms = outerTerms(sum, context);
  const [first] = terms ?? [];
  if (terms === undefined || first === undefined) return undefined;
  const [a, b] = first.axes;
  const alike = terms.every(({ axes: [own, other] }) => own.join() === a.join() && other.join() === b.join());
  if (!alike) return undefined;
  const k = sum.shape.length;
  const stacked = (operands: readonly Node[]): Node =>
    builder.concat(
      operands.map((operand) => builder.reshape(operand, [1, ...operand.shape])),
      0,
    );
  const out = [...a, ...b].sort((x, y) => x - y);
  const product =
    terms.length === 1
      ? builder.contract(first.a, first.b, { a, b, out })
      : builder.contract(stacked(terms.map((term) => term.a)), stacked(terms.map((term) => term.b)), {
          a: [k, ...a],
          b: [k, ...b],
          out,
        });
  return builder.reshape(builder.rowSum(product), sum.shape);
}

/** The outer products that a value is the sum of, those of one pair of axes in one order; undefined if there is anything else. */
function outerTerms(node: Node, context: RuleContext): Outer[] | undefined {
  const { builder, readOnce } = context;
  if (!readOnce(node)) return undefined;
  if (node.op === "add" || node.op === "sub") {
    const [left, right] = [outerTerms(node.a, context), outerTerms(node.b, context)];
    if (left === undefined || right === undefined) return undefined;
    return [...left, ...(node.op === "add" ? right : right.map((term) => negated(term, builder)))];
  }
  if (node.op === "neg") return outerTerms(node.a, context)?.map((term) => negated(term, builder));
  const found = node.op === "mul" ? outerTerm(node.a, node.b, builder) : undefined;
  return found && [found];
}

function negated({ a, b, axes }: Outer, builder: Builder): Outer {
  return sizeOf(a.shape) < sizeOf(b.shape) ? { a: builder.neg(a), b, axes } : { a, b: builder.neg(b), axes };
}

/** Operands that repeat along different axes, the one that runs along the first axis first. */
function outerTerm(x: Node, y: Node, builder: Builder): Outer | undefined {
  if (x.op !== "broadcast" || y.op !== "broadcast" || x.cell !== "float") return undefined;
  const axes = range(x.shape.length).filter((axis) => x.shape[axis] !== 1);
  const labels = [x, y].map((operand) => {
    const repeated = repeatedAxes(operand);
    return axes.filter((axis) => !repeated.includes(axis));
  }) as [number[], number[]];
  const covered = axes.every((axis) => labels.some((own) => own.includes(axis)));
  if (!covered || labels.some((own) => own.length === axes.length)) return undefined;
  const narrow = (operand: BroadcastNode, own: readonly number[]): Node =>
    builder.reshape(
      operand.a,
      own.map((axis) => at(operand.shape, axis)),
    );
  const [a, b] = [narrow(x, labels[0]), narrow(y, labels[1])];
  return labels[0][0] === axes[0] ? { a, b, axes: labels } : { a: b, b: a, axes: [labels[1], labels[0]] };
}

/** Σ w · (a ⊗ b) for a number w of each row is Σ (w · a) ⊗ b. */
function weighted(product: Node, weight: Node, { builder }: RuleContext): Node | undefined {
  if (product.op !== "contract") return undefined;
  if (weight.op !== "broadcast" || sizeOf(weight.a.shape) !== 1) return undefined;
  const scalar = builder.reshape(weight.a, []);
  const scaled = (operand: Node): Node => builder.mul(operand, builder.broadcast(scalar, operand.shape));
  const { a, b }: ContractNode = product;
  const smaller = sizeOf(a.shape) < sizeOf(b.shape);
  const [left, right] = smaller ? [scaled(a), b] : [a, scaled(b)];
  const labels = { a: product.aLabels, b: product.bLabels, out: product.outLabels };
  return builder.rowSum(builder.contract(left, right, labels));
}

/**
 * Rules for sums over rows: cells are moved after summing, and weights go into a product's smaller operand, so that products
 * are added up as they are formed.
 *
 * The same numbers are added; a weight is multiplied to a factor instead of to the product.
 */

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
        ? (outer(a.a, a.b, context) ?? weighted(a.a, a.b, context) ?? weighted(a.b, a.a, context))
        : undefined;
    default:
      return undefined;
  }
}

/** Operands that repeat along different axes: their product is an outer one, to be added up as it is formed. */
function outer(x: Node, y: Node, { builder }: RuleContext): Node | undefined {
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
  const product = builder.contract(a, b, { a: labels[0], b: labels[1], out: axes });
  return builder.reshape(builder.rowSum(product), x.shape);
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

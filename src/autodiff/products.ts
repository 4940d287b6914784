/**
 * J · V and Vᵀ · J without forming J: a contraction of a `jacobian` node with another value becomes the
 * Jacobian of a smaller function.
 *
 * Vᵀ · J over all output axes is the Jacobian of Vᵀ · f. J · V over all input axes is the Jacobian of f(x + V t) with respect
 * to t at t = 0; the sum is never computed, because it is a call whose value is x and whose tangent is ẋ + V ṫ.
 */

import { Builder } from "../ir/builder.ts";
import { inline, programOf, rebuild } from "../ir/graph.ts";
import { callOf, type Recipe } from "../ir/library/index.ts";
import { at } from "../ir/shape.ts";
import type { ContractNode, InputNode, JacobianNode, Node, Program } from "../ir/types.ts";

/** A contraction that one side of a Jacobian goes into wholly. */
export interface JacobianProduct {
  readonly jacobian: JacobianNode;
  /** The other operand. */
  readonly vector: Node;
  /** Which of the Jacobian's axes are summed. */
  readonly side: "out" | "in";
  /** Labels of the vector, of the Jacobian's outputs and inputs, and of the result. */
  readonly labels: Readonly<Record<"vector" | "outputs" | "inputs" | "result", readonly number[]>>;
}

/** The contraction as a Jacobian product, if it is one. */
export function jacobianProduct(node: Node): JacobianProduct | undefined {
  if (node.op !== "contract") return undefined;
  return recognised(node, "a") ?? recognised(node, "b");
}

/** The value beneath transposes, with the labels of its own axes. */
export function untransposed(
  node: Node,
  labels: readonly number[],
): { readonly node: Node; readonly labels: readonly number[] } {
  if (node.op !== "transpose") return { node, labels };
  return untransposed(
    node.a,
    node.order.map((_, axis) => at(labels, node.order.indexOf(axis))),
  );
}

function recognised(node: ContractNode, side: "a" | "b"): JacobianProduct | undefined {
  const [factor, vector, other] =
    side === "a"
      ? [untransposed(node.a, node.aLabels), node.b, node.bLabels]
      : [untransposed(node.b, node.bLabels), node.a, node.aLabels];
  const { node: jacobian, labels: own } = factor;
  if (jacobian.op !== "jacobian") return undefined;
  const rank = at(jacobian.program.outputs, jacobian.output).value.shape.length;
  const [outputs, inputs] = [own.slice(0, rank), own.slice(rank)];
  const result = node.outLabels;
  const takes = (summed: readonly number[], kept: readonly number[]): boolean =>
    summed.length > 0 &&
    summed.every((label) => other.includes(label) && !result.includes(label)) &&
    kept.every((label) => !other.includes(label) && result.includes(label)) &&
    other.every((label) => summed.includes(label) || result.includes(label));
  const labels = { vector: other, outputs, inputs, result };
  if (takes(outputs, inputs)) return { jacobian, vector, side: "out", labels };
  return takes(inputs, outputs) ? { jacobian, vector, side: "in", labels } : undefined;
}

/** What to differentiate instead: a program, its arguments, and how the result's axes come out. */
export interface Reduced {
  readonly program: Program;
  readonly args: readonly Node[];
  readonly wrt: number;
  /** Labels of the Jacobian of `program`, in order. */
  readonly labels: readonly number[];
}

/** The smaller function of a product; `args` and `vector` are the operands to apply it to. */
export function reducedProduct(
  b: Builder,
  product: JacobianProduct,
  operands: { args: readonly Node[]; vector: Node },
): Reduced {
  const { jacobian, labels } = product;
  const inner = new Builder();
  const inputs = jacobian.program.inputs.map((input) => rebuild(inner, input, []) as InputNode);
  const level = operands.vector.level === "row" ? "row" : "bound";
  const vector = inner.input("vector of the product", operands.vector.shape, { level });
  const summed = product.side === "out" ? labels.outputs : labels.inputs;
  const free = labels.vector.filter((label) => !summed.includes(label));
  const output = (args: readonly Node[]): Node => at(inline(inner, jacobian.program, args), jacobian.output);
  if (product.side === "out") {
    const value = inner.contract(output(inputs), vector, { a: labels.outputs, b: labels.vector, out: free });
    const program = programOf(jacobian.program.name, [...inputs, vector], [{ name: "y", value }]);
    return {
      program,
      args: [...operands.args, operands.vector],
      wrt: jacobian.wrt,
      labels: [...free, ...labels.inputs],
    };
  }
  const sizes = free.map((label) => at(operands.vector.shape, labels.vector.indexOf(label)));
  const t = inner.input("t of the product", sizes, { level });
  const x = at(inputs, jacobian.wrt);
  const seeded = callOf(inner, displacement(labels), [x, vector, t]);
  const value = output(inputs.map((input) => (input === x ? seeded : input)));
  const program = programOf(jacobian.program.name, [...inputs, vector, t], [{ name: "y", value }]);
  const args = [...operands.args, operands.vector, b.constant(0, sizes)];
  return { program, args, wrt: inputs.length + 1, labels: [...labels.outputs, ...free] };
}

/** The call of a displacement: once differentiated, its body (x) takes its place, so nothing seems to depend on V. */
export const DISPLACED = "displaced";

/** x + V t at t = 0: the value is x, the tangent ẋ + V ṫ. */
function displacement({ vector, inputs }: JacobianProduct["labels"]): Recipe {
  const free = vector.filter((label) => !inputs.includes(label));
  const attributes = Object.fromEntries(
    [...vector, -1, ...inputs].map((label, index) => [`label${index}`, label]),
  );
  return {
    name: DISPLACED,
    attributes,
    body: (_, args) => at(args, 0),
    tangent: (c, { args }, tangents) => {
      const moved = c.contract(at(args, 1), at(tangents, 2), { a: vector, b: free, out: inputs });
      return c.add(at(tangents, 0), moved);
    },
  };
}

/** The axes of the reduced Jacobian in the order of the contraction's result. */
export function arranged(
  b: Builder,
  value: Node,
  { from, to }: { from: readonly number[]; to: readonly number[] },
): Node {
  return b.transpose(
    value,
    to.map((label) => from.indexOf(label)),
  );
}

/**
 * Products that sum over axes: MatMul, Gemm, Einsum and the products inside Conv and recurrent cells.
 *
 * In: two values with a label per ONNX axis, and the labels of the result. Out: one IR contraction without axes of size
 * one. Always: the batch's label is the same in both operands and stays in the result.
 */

import { at } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import type { Call } from "./call.ts";
import { type BatchPlace, layout } from "./layout.ts";
import type { Value } from "./value.ts";

/** A value and what its axes are called. */
export interface Operand {
  readonly value: Value;
  readonly labels: readonly number[];
}

/** Σ over the labels that are not in `out`. Axes of size one broadcast. */
export function contraction(
  call: Call,
  operands: readonly [Operand, Operand],
  out: readonly number[],
): Value {
  const sizes = labelSizes(call, operands);
  const batch = batchOf(call, operands, out);
  const result = layout(
    out.map((label) => sizes.get(label) ?? 1),
    batch,
  );
  const [a, b] = operands.map(({ value }) => floatNode(call, value)) as [Node, Node];
  const [aLabels, bLabels] = operands.map(openLabels) as [number[], number[]];
  const open = out.filter((label) => sizes.get(label) !== 1);
  return call.value(call.b.contract(a, b, { a: aLabels, b: bLabels, out: open }), result);
}

function floatNode(call: Call, { node }: Value): Node {
  return call.b.convert(node, "float");
}

/** Labels of the axes that the IR value still has. */
function openLabels({ value, labels }: Operand): number[] {
  return labels.filter((_, axis) => value.layout.sizes[axis] !== 1);
}

function labelSizes(call: Call, operands: readonly Operand[]): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const { value, labels } of operands) {
    labels.forEach((label, axis) => {
      const size = at(value.layout.sizes, axis);
      const known = sizes.get(label) ?? 1;
      if (size !== 1 && known !== 1 && size !== known)
        call.malformed(`axes of ${known} and ${size} cells do not fit together.`);
      sizes.set(label, known === 1 ? size : known);
    });
  }
  return sizes;
}

/** Where the batch is in the result; refuses sums over it and pairs of rows. */
function batchOf(call: Call, operands: readonly Operand[], out: readonly number[]): BatchPlace | undefined {
  const carriers = operands.filter(({ value }) => value.layout.batch !== undefined);
  const [first, second] = carriers.map(({ value, labels }) => {
    const { axis, outer } = value.layout.batch as BatchPlace;
    return { label: at(labels, axis), outer, size: at(value.layout.sizes, axis) };
  });
  if (first === undefined) return undefined;
  if (second !== undefined && second.label !== first.label) {
    call.mixes(
      "both operands carry the batch, on axes that do not belong together, so every row would be multiplied with every row",
    );
  }
  if (!out.includes(first.label)) call.mixes("it sums over the batch axis");
  if (second !== undefined && (second.outer !== first.outer || second.size !== first.size)) {
    call.mixes("the batch is merged with other axes differently in its operands");
  }
  const still = operands.find(
    ({ value, labels }) =>
      value.layout.batch === undefined && (value.layout.sizes[labels.indexOf(first.label)] ?? 1) !== 1,
  );
  if (still !== undefined) call.mixes("a constant operand has a fixed number of cells along the batch axis");
  return { axis: out.indexOf(first.label), outer: first.outer };
}

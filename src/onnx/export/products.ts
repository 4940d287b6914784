/**
 * Contractions as MatMul: labels kept from both sides are stacks, from one side rows or columns, the others are summed.
 *
 * Weights stand on the right where that moves less, so that a runtime multiplies all rows at once; without a summed label
 * the contraction is a broadcast product. Always: of two arrangements the one that transposes fewer cells per row.
 */

import { at, sameShape, sizeOf } from "../../ir/shape.ts";
import type { ContractNode } from "../../ir/types.ts";
import type { Emitted, Emitter } from "./emitter.ts";

type Labels = readonly number[];

/** An operand with a name for each axis. */
interface Side {
  readonly value: Emitted;
  readonly labels: Labels;
}

/** Which labels play which part, for a left and a right operand. */
interface Arrangement {
  readonly left: Side;
  readonly right: Side;
  readonly stacks: Labels;
  readonly rows: Labels;
  readonly columns: Labels;
  readonly summed: Labels;
  readonly out: Labels;
}

const without = (labels: Labels, others: Labels): number[] =>
  labels.filter((label) => !others.includes(label));
const common = (labels: Labels, others: Labels): number[] => labels.filter((label) => others.includes(label));
const size = (side: Side, labels: Labels): number =>
  sizeOf(labels.map((label) => at(side.value.shape, side.labels.indexOf(label))));

/** The contraction of two emitted operands. */
export function emitContract(e: Emitter, node: ContractNode): Emitted {
  const out = node.outLabels;
  const a = summedAlone(e, { value: e.of(node.a), labels: node.aLabels }, [...out, ...node.bLabels]);
  const b = summedAlone(e, { value: e.of(node.b), labels: node.bLabels }, [...out, ...node.aLabels]);
  if (without(a.labels, out).length === 0) return emitOuter(e, [a, b], out);
  const choices = [arrangement(a, b, out), arrangement(b, a, out)].sort(
    (x, y) => movedCells(x) - movedCells(y),
  );
  return emitMatMul(e, at(choices, 0));
}

/** Labels that neither the result nor the other operand has are summed first. */
function summedAlone(e: Emitter, side: Side, kept: Labels): Side {
  const alone = without(side.labels, kept);
  if (alone.length === 0) return side;
  const { value, labels } = side;
  const axes = alone.map((label) => e.axis(value, labels.indexOf(label)));
  const shape = value.shape.filter((_, axis) => kept.includes(at(labels, axis)));
  const attributes = { keepdims: 0 };
  const sum = e.make("ReduceSum", [value, e.writer.ints(axes)], { ...value, shape, attributes });
  return { value: sum, labels: common(labels, kept) };
}

/** Every label is kept: both operands are put into the result's order and multiplied. */
function emitOuter(e: Emitter, sides: readonly Side[], out: Labels): Emitted {
  const spread = sides.map((side) => {
    const own = common(out, side.labels);
    const ordered = e.transpose(
      side.value,
      own.map((label) => side.labels.indexOf(label)),
    );
    return e.reshape(
      ordered,
      out.map((label) => (own.includes(label) ? size(side, [label]) : 1)),
    );
  });
  return e.map("Mul", spread);
}

function arrangement(left: Side, right: Side, out: Labels): Arrangement {
  const rows = without(common(out, left.labels), right.labels);
  const columns = without(common(out, right.labels), left.labels);
  const stacks = common(common(out, left.labels), right.labels);
  const leader = left.value.rows ? left : right;
  return { left, right, stacks, rows, columns, summed: without(leader.labels, out), out };
}

/** Cells per row that are transposed; a product per row of weights on the left counts as one pass more. */
function movedCells({ left, right, stacks, rows, columns, summed, out }: Arrangement): number {
  const cost = (side: Side, order: Labels): number =>
    side.value.rows && !sameShape(side.labels, order) ? size(side, side.labels) : 0;
  const result = size(left, [...stacks, ...rows]) * size(right, columns);
  const made = [...stacks, ...rows, ...columns];
  const separate = right.value.rows && !left.value.rows ? (size(right, right.labels) + result) / 2 : 0;
  return (
    cost(left, [...stacks, ...rows, ...summed]) +
    cost(right, [...stacks, ...summed, ...columns]) +
    (sameShape(made, out) ? 0 : result) +
    separate
  );
}

function emitMatMul(e: Emitter, plan: Arrangement): Emitted {
  const { left, right, stacks, rows, columns, summed, out } = plan;
  const [M, N, K] = [size(left, rows), size(right, columns), size(left, summed)];
  const stack = stacks.length === 0 ? [] : [size(left, stacks)];
  // One vector per row against weights is one product of all rows; anything else keeps its axis of rows.
  const flat = rows.length === 0 && stacks.length === 0 && left.value.rows && !right.value.rows;
  const x = grouped(e, left, {
    order: [...stacks, ...rows, ...summed],
    shape: [...stack, ...(flat ? [] : [M]), K],
  });
  const y = grouped(e, right, { order: [...stacks, ...summed, ...columns], shape: [...stack, K, N] });
  const shape = [...stack, ...(flat ? [] : [M]), N];
  const product = e.make("MatMul", [x, y], { shape, rows: x.rows || y.rows, cell: "float" });
  const made = [...stacks, ...rows, ...columns];
  const sizes = made.map((label) => size(left.labels.includes(label) ? left : right, [label]));
  return e.transpose(
    e.reshape(product, sizes),
    out.map((label) => made.indexOf(label)),
  );
}

/** Axes in order, then joined to groups. */
function grouped(
  e: Emitter,
  { value, labels }: Side,
  { order, shape }: { order: Labels; shape: readonly number[] },
): Emitted {
  const ordered = e.transpose(
    value,
    order.map((label) => labels.indexOf(label)),
  );
  return e.reshape(ordered, shape);
}

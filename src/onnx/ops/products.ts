/** Matrix products. Labels: stack axes first, then row, inner and column. */

import { range } from "../../ir/shape.ts";
import type { Call } from "../call.ts";
import { contraction } from "../contraction.ts";
import type { Value } from "../value.ts";
import { added, scaled } from "./arithmetic.ts";
import { einsum } from "./einsum.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";

/** numpy's matmul: stack axes align right and broadcast. */
export function matmul(call: Call, a: Value, b: Value): Value {
  const [aRank, bRank] = [a.rank, b.rank];
  if (aRank === 0 || bRank === 0) call.malformed("a scalar is no matrix.");
  const stack = Math.max(aRank, bRank, 2) - 2;
  const [rowLabel, inner, column] = [stack, stack + 1, stack + 2];
  const stackOf = (rank: number): number[] => range(stack).slice(stack - Math.max(0, rank - 2));
  const rows = aRank > 1 ? [rowLabel] : [];
  const columns = bRank > 1 ? [column] : [];
  return contraction(
    call,
    [
      { value: a, labels: [...stackOf(aRank), ...rows, inner] },
      { value: b, labels: [...stackOf(bRank), inner, ...columns] },
    ],
    [...range(stack), ...rows, ...columns],
  );
}

/** α A′ B′ + β C; before opset 7 C was broadcast by an attribute. */
const gemm: Operator = row(7, (call) => {
  const [a, b] = [call.input(0), call.input(1)];
  const aLabels = call.int("transA", 0) === 1 ? [1, 0] : [0, 1];
  const bLabels = call.int("transB", 0) === 1 ? [2, 1] : [1, 2];
  if (a.rank !== 2 || b.rank !== 2) call.malformed("Gemm multiplies matrices.");
  const product = contraction(
    call,
    [
      { value: a, labels: aLabels },
      { value: b, labels: bLabels },
    ],
    [0, 2],
  );
  const bias = call.inputs[2];
  return added(
    call,
    scaled(call, product, call.float("alpha", 1)),
    bias && scaled(call, bias, call.float("beta", 1)),
  );
});

/** Matrix products by name. */
export const products: OperatorTable = {
  MatMul: row(1, (call) => matmul(call, call.input(0), call.input(1))),
  Gemm: gemm,
  Einsum: row(12, einsum),
};

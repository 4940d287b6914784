/**
 * Selects of zeros by a condition known when writing, as the structure of Jacobians has them: blocks and diagonals.
 *
 * In: a mask, a value with one cell where the last axis repeats it. Out: the value repeated by a product with ones, then a Where
 * without repetition: in ONNX Runtime a quarter of the time of a Where that repeats along its last axis. Always: what is not
 * chosen does not show, be it infinite.
 */

import { uniformValue } from "../../ir/identities.ts";
import { at, range, sizeOf, stridesOf } from "../../ir/shape.ts";
import { readView } from "../../ir/tensor.ts";
import type { Node, SelectNode, Shape } from "../../ir/types.ts";
import { broadcastData } from "./broadcast.ts";
import type { Emitted, Emitter } from "./emitter.ts";

/** Larger masks are left to the runtime's own repetition. */
const MOST_CELLS = 1 << 18;

/** The select by ones and a flat Where, or nothing where it is another kind. */
export function emitMasked(e: Emitter, node: SelectNode): Emitted | undefined {
  const { condition, a, b, shape } = node;
  const [last, cells] = [shape.at(-1) ?? 1, sizeOf(shape)];
  if (node.level !== "row" || node.cell !== "float" || !e.isKnown(condition)) return undefined;
  if (last === 1 || cells > MOST_CELLS) return undefined;
  const [chosen, other] = uniformValue(b) === 0 ? [a, b] : [b, a];
  if (uniformValue(other) !== 0 || chosen.op !== "broadcast" || chosen.a.level !== "row") return undefined;
  const value = e.of(chosen.a);
  const thin = [...range(shape.length - value.shape.length).map(() => 1), ...value.shape];
  if (!thin.every((size, axis) => size === (axis === shape.length - 1 ? 1 : shape[axis]))) return undefined;
  const column = e.reshape(value, [cells / last, 1]);
  const ones = e.writer.tensor(new Float32Array(last).fill(1), [1, last], "float");
  const wide = e.make("MatMul", [column, ones], { ...value, shape: [cells / last, last] });
  const mask = {
    ...value,
    name: e.writer.tensor(maskOf(e, condition, shape), [cells], "bool"),
    shape: [cells],
  };
  const flat = e.reshape(wide, [cells]);
  const isMask = { ...mask, rows: false, cell: "bool" as const };
  const branches = chosen === a ? [flat, e.number(0)] : [e.number(0), flat];
  return e.reshape(e.map("Where", [isMask, ...branches], "float"), shape);
}

/** The condition's cells, repeated to the shape. */
function maskOf(e: Emitter, condition: Node, shape: Shape): Float64Array {
  const inner = condition.op === "broadcast" ? condition.a : condition;
  const data = broadcastData(e.valueOf(inner).data, sizeOf(inner.shape));
  const lead = shape.length - inner.shape.length;
  const own = stridesOf(inner.shape);
  const strides = shape.map((_, axis) =>
    axis < lead || inner.shape[axis - lead] === 1 ? 0 : at(own, axis - lead),
  );
  return readView(data, { shape, strides, offset: 0 });
}

/**
 * DequantizeLinear: integer weights as the floats they stand for, (x − zero point) · scale.
 *
 * Scale and zero point are one number, one per cell of an axis, or one per block of cells along it. Rounding to integers
 * (QuantizeLinear) has no Jacobian and is not here.
 */

import { at } from "../../ir/shape.ts";
import type { Node } from "../../ir/types.ts";
import type { Call } from "../call.ts";
import { elementwise } from "../elementwise.ts";
import { layout } from "../layout.ts";
import { full } from "../movement.ts";
import type { Value } from "../value.ts";
import { type OperatorTable, row } from "./operator.ts";

/** A parameter with the axes of x: one number, one per cell of the axis, or one per block. */
function spread(call: Call, parameter: Value, x: Value): Value {
  const { b } = call;
  if (parameter.rank === 0 || parameter.layout.sizes.every((length) => length === 1))
    return scalar(call, parameter);
  const axis = call.axis(call.int("axis", 1), x.rank);
  const size = at(x.layout.sizes, axis);
  const block = call.int("block_size", 0);
  if (block === 0) {
    const sizes = x.layout.sizes.map((_, k) => (k === axis ? size : 1));
    if (parameter.rank !== 1 || parameter.layout.sizes[0] !== size)
      call.malformed("its scale does not fit its axis.");
    return call.value(b.reshape(parameter.node, sizes), layout(sizes, undefined), parameter.dtype);
  }
  const own = parameter.layout.sizes;
  if (own.length !== x.rank || at(own, axis) !== Math.ceil(size / block))
    call.malformed("its blocks do not fit its axis.");
  const indices = b.constant(
    Float64Array.from({ length: size }, (_, k) => Math.floor(k / block)),
    [size],
    "int",
  );
  const repeated = b.gather(full(b, parameter), indices, axis);
  return call.value(repeated, layout(repeated.shape, parameter.layout.batch), parameter.dtype);
}

function scalar(call: Call, parameter: Value): Value {
  return call.value(call.b.reshape(parameter.node, []), layout([], undefined), parameter.dtype);
}

/** Quantised weights by name. */
export const quantized: OperatorTable = {
  DequantizeLinear: row(10, (call) => {
    const x = call.input(0);
    const parameters = [call.input(1), ...(call.inputs[2] === undefined ? [] : [call.inputs[2]])];
    const result = elementwise(call, [x, ...parameters.map((parameter) => spread(call, parameter, x))], {
      emit: (b, [cells, scale, zero]) => {
        const exact = b.convert(cells as Node, "float");
        const moved = zero === undefined ? exact : b.sub(exact, b.convert(zero, "float"));
        return b.mul(moved, scale as Node);
      },
      dtype: call.input(1).dtype,
    });
    return result;
  }),
};

/** Operators that make tensors from nothing or from shapes: the sources of shape arithmetic. */

import { at, range, sizeOf, stridesOf } from "../../ir/shape.ts";
import { type Call, cellOf, foldable } from "../call.ts";
import { type Layout, plain, rowShape, symbolicShape } from "../layout.ts";
import { foldAll } from "../size.ts";
import { type Dtype, dtypeOf, readTensor, type TensorData } from "../tensor.ts";
import { Value } from "../value.ts";
import { layoutOfDims } from "./axes.ts";
import { type Operator, type OperatorTable, row } from "./operator.ts";

/** A decoded tensor as a value; its numbers enter the program without a copy. */
export function tensorValue(
  call: Pick<Call, "b">,
  read: () => TensorData,
  { dtype, shape }: { dtype: Dtype; shape: readonly number[] },
): Value {
  return new Value({
    dtype,
    layout: plain(shape),
    node: () => call.b.constant(read().values, rowShape(plain(shape)), cellOf(dtype)),
    cells: foldable(shape) ? () => Array.from(read().values) : undefined,
  });
}

/** One of six attributes holds the value. */
const constant: Operator = row(1, (call) => {
  const tensor = call.tensor("value");
  if (tensor !== undefined) {
    const data = readTensor(tensor, `${call.label}'s value`);
    return tensorValue(call, () => data, data);
  }
  const [floats, ints] = [call.floats("value_floats"), call.ints("value_ints")];
  if (floats !== undefined) return call.known(floats, [floats.length], "float32");
  if (ints !== undefined) return call.known(ints, [ints.length], "int");
  if (call.has("value_float")) return call.known([call.float("value_float", 0)], [], "float32");
  if (call.has("value_int")) return call.known([call.int("value_int", 0)], [], "int");
  return call.unsupported("it holds no numbers (strings and sparse tensors are not read).");
});

/** A shape filled with one number; where the shape holds the batch, every row gets its own. */
const constantOfShape: Operator = row(9, (call) => {
  const tensor = call.tensor("value");
  const { values, dtype } =
    tensor === undefined
      ? { values: [0], dtype: "float32" as const }
      : readTensor(tensor, `${call.label}'s value`);
  const result = layoutOfDims(call, call.cells(0, "shape"));
  return filled(call, { value: at([...values], 0), dtype }, result);
});

/** One number everywhere. */
export function filled(call: Call, { value, dtype }: { value: number; dtype: Dtype }, result: Layout): Value {
  if (result.batch === undefined && foldable(result.sizes)) {
    return call.known(
      range(sizeOf(result.sizes)).map(() => value),
      result.sizes,
      dtype,
    );
  }
  return call.value(call.b.constant(value, rowShape(result), cellOf(dtype)), result, dtype);
}

/** `start` and `end` cut the list since opset 15. */
const shape: Operator = row(1, (call) => {
  const dims = symbolicShape(call.input(0).layout);
  const cut = dims.slice(call.int("start", 0), call.has("end") ? call.int("end", 0) : undefined);
  return call.known(cut, [cut.length], "int");
});

const size: Operator = row(1, (call) => {
  const dims = symbolicShape(call.input(0).layout);
  return call.known(
    [foldAll("Mul", dims) ?? call.mixes("it multiplies the number of rows by itself")],
    [],
    "int",
  );
});

const rangeOperator: Operator = row(11, (call) => {
  const [start, limit, delta] = [0, 1, 2].map((index) => at(call.numbers(index, "bounds"), 0)) as [
    number,
    number,
    number,
  ];
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  if (!foldable([count]))
    call.unsupported(`it makes ${count} numbers; that many are not made while importing.`);
  return call.known(
    range(count).map((k) => start + k * delta),
    [count],
    call.input(0).dtype,
  );
});

/** Ones on a diagonal of a matrix shaped like the input. */
const eyeLike: Operator = row(9, (call) => {
  const { sizes, batch } = call.input(0).layout;
  if (batch !== undefined) call.mixes("it makes an identity as large as the number of rows");
  const [rows, columns] = [at(sizes, 0), at(sizes, 1)];
  if (!foldable(sizes)) call.unsupported("the identity is too large to be made while importing.");
  const offset = call.int("k", 0);
  const cells = range(rows * columns).map((cell) =>
    cell % columns === Math.floor(cell / columns) + offset ? 1 : 0,
  );
  return call.known(
    cells,
    sizes,
    call.has("dtype") ? dtypeOf(call.int("dtype", 1), call.label) : call.input(0).dtype,
  );
});

/** Places of the nonzero cells of a known tensor, one line per axis: loops of old exporters make ranges with it. */
const nonZero: Operator = row(9, (call) => {
  const { sizes } = call.input(0).layout;
  const places = call.numbers(0, "input").flatMap((cell, place) => (cell === 0 ? [] : [place]));
  const strides = stridesOf(sizes);
  const lines = sizes.flatMap((size, axis) =>
    places.map((place) => Math.floor(place / at(strides, axis)) % size),
  );
  return call.known(lines, [sizes.length, places.length], "int");
});

/** Sources of tensors by name. */
export const constants: OperatorTable = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Shape: shape,
  Size: size,
  Range: rangeOperator,
  EyeLike: eyeLike,
  NonZero: nonZero,
};

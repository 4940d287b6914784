/**
 * Evaluation of two-operand einsums as one batched matrix product.
 *
 * Labels fall into four groups: shared and kept (batch), kept from a (rows), kept from b (columns), summed. Both operands
 * are put into (batch, rows, summed) and (batch, summed, columns) order, multiplied, and put into the order of the out
 * labels. Every sum runs over the summed labels in row-major order from zero, whatever the blocking.
 */

import { at, sizeOf, stridesOf } from "./shape.ts";
import { readView, type Tensor } from "./tensor.ts";
import type { ContractNode } from "./types.ts";

/** Sizes of one batched product. */
interface Extents {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly summed: number;
}

/** Σ over labels that are not in the result. */
export function evaluateContract(node: ContractNode, operands: readonly Tensor[]): Tensor {
  const { aLabels, bLabels, outLabels } = node;
  const [a, b] = [at(operands, 0), at(operands, 1)];
  const sizes = new Map([...labelled(aLabels, a), ...labelled(bLabels, b)]);
  const summed = [...sizes.keys()].filter((label) => !outLabels.includes(label));
  const batch = outLabels.filter((label) => aLabels.includes(label) && bLabels.includes(label));
  const rows = outLabels.filter((label) => !bLabels.includes(label));
  const columns = outLabels.filter((label) => !aLabels.includes(label));
  const count = (labels: readonly number[]): number =>
    sizeOf(labels.map((label) => sizes.get(label) as number));
  const ordered = (tensor: Tensor, own: readonly number[], order: readonly number[]): Float64Array =>
    inOrder(tensor.data, own, { order, sizes });
  const product = batchedProduct(
    ordered(a, aLabels, [...batch, ...rows, ...summed]),
    ordered(b, bLabels, [...batch, ...summed, ...columns]),
    { batch: count(batch), rows: count(rows), columns: count(columns), summed: count(summed) },
  );
  return {
    data: inOrder(product, [...batch, ...rows, ...columns], { order: outLabels, sizes }),
    shape: node.shape,
  };
}

function labelled(labels: readonly number[], { shape }: Tensor): [number, number][] {
  return labels.map((label, axis) => [label, at(shape, axis)]);
}

/** Row-major data with axes `own` as row-major data with axes `order`; labels it lacks repeat. */
function inOrder(
  data: Float64Array,
  own: readonly number[],
  { order, sizes }: { order: readonly number[]; sizes: ReadonlyMap<number, number> },
): Float64Array {
  if (own.length === order.length && own.every((label, axis) => label === order[axis])) return data;
  const shapeOf = (labels: readonly number[]): number[] => labels.map((label) => sizes.get(label) as number);
  const strides = stridesOf(shapeOf(own));
  const view = {
    shape: shapeOf(order),
    strides: order.map((label) => strides[own.indexOf(label)] ?? 0),
    offset: 0,
  };
  return readView(data, view);
}

function batchedProduct(a: Float64Array, b: Float64Array, extents: Extents): Float64Array {
  const { batch, rows, columns, summed } = extents;
  const out = new Float64Array(batch * rows * columns);
  for (let i = 0; i < batch; i++) {
    const x = a.subarray(i * rows * summed, (i + 1) * rows * summed);
    const y = b.subarray(i * summed * columns, (i + 1) * summed * columns);
    const z = out.subarray(i * rows * columns, (i + 1) * rows * columns);
    if (columns === 1) dots(z, x, y);
    else
      for (let row = 0; row < rows; row++)
        combine(
          z.subarray(row * columns, (row + 1) * columns),
          x.subarray(row * summed, (row + 1) * summed),
          y,
        );
  }
  return out;
}

/** z[r] = Σ_k x[r, k] y[k]. */
function dots(z: Float64Array, x: Float64Array, y: Float64Array): void {
  for (let row = 0, from = 0; row < z.length; row++) {
    let sum = 0;
    for (let k = 0; k < y.length; k++) sum += (x[from++] as number) * (y[k] as number);
    z[row] = sum;
  }
}

/** z += Σ_k x[k] y[k, :], four k at a time in their order: one pass over z does four products. */
function combine(z: Float64Array, x: Float64Array, y: Float64Array): void {
  const columns = z.length;
  let k = 0;
  for (; k + 4 <= x.length; k += 4) {
    const [x0, x1, x2, x3] = [x[k] as number, x[k + 1] as number, x[k + 2] as number, x[k + 3] as number];
    const y0 = k * columns;
    const [y1, y2, y3] = [y0 + columns, y0 + 2 * columns, y0 + 3 * columns];
    for (let c = 0; c < columns; c++) {
      const two = (z[c] as number) + x0 * (y[y0 + c] as number) + x1 * (y[y1 + c] as number);
      z[c] = two + x2 * (y[y2 + c] as number) + x3 * (y[y3 + c] as number);
    }
  }
  for (; k < x.length; k++) {
    const xk = x[k] as number;
    for (let c = 0; c < columns; c++) z[c] = (z[c] as number) + xk * (y[k * columns + c] as number);
  }
}

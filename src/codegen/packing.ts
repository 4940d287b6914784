/**
 * How a product's bound operand is stored: panels of `height` rows of m, so that the kernel reads it front to back.
 *
 * For each point of the outer axes: blocks of `height` rows; within a block k runs outer, the row inner. The last
 * block holds the rows that are left. In: the product. Out: the order, and accesses in it.
 */

import type { Access, Axis, Buffer, Index, Product } from "../lower/loops.ts";
import { dependsOn } from "./accesses.ts";

/** Rows of a register block: 4 × 2 vectors keep 8 multiply-adds in flight and leave registers for operands. */
const BLOCK_ROWS = 4;

/** Rows of a packed block: they lie side by side. */
export const PACKED_ROW: Axis = { id: -1, size: BLOCK_ROWS };

export interface Packing {
  /** The axis whose rows are blocked; undefined if the product has no m axis. */
  readonly blocked: Axis | undefined;
  /** Further axes the operand varies along, outermost first. */
  readonly outer: readonly Axis[];
  readonly k: readonly Axis[];
  readonly height: number;
  readonly rows: number;
  readonly depth: number;
  readonly cells: number;
}

/** The largest m axis is blocked: the others are looped over. */
export function blockedAxis(product: Product): Axis | undefined {
  return product.m.reduce<Axis | undefined>(
    (best, axis) => (best === undefined || axis.size > best.size ? axis : best),
    undefined,
  );
}

/** The packing of a product's operand a. */
export function packingOf(product: Product): Packing {
  const blocked = blockedAxis(product);
  const outer = [...product.batch, ...product.m].filter(
    (axis) => axis !== blocked && dependsOn(product.a, axis),
  );
  const rows = blocked?.size ?? 1;
  const depth = product.k.reduce((size, axis) => size * axis.size, 1);
  const cells = outer.reduce((size, axis) => size * axis.size, rows * depth);
  return { blocked, outer, k: product.k, height: Math.min(BLOCK_ROWS, rows), rows, depth, cells };
}

/** Rows of the last, lower block; 0 if all are full. */
export function tailRows(packing: Packing): number {
  return packing.rows % packing.height;
}

/** The packed operand as an access of `buffer`, for full blocks or for the tail block. */
export function packedAccess(packing: Packing, buffer: Buffer, tail: boolean): Access {
  const { blocked, outer, k, rows, depth } = packing;
  const height = tail ? tailRows(packing) : packing.height;
  const terms = [{ axis: PACKED_ROW, stride: 1 }, ...rowMajor(k, height), ...rowMajor(outer, rows * depth)];
  if (blocked !== undefined && !tail) terms.push({ axis: blocked, stride: depth });
  return { buffer, index: { offset: tail ? (rows - height) * depth : 0, terms } };
}

function rowMajor(axes: readonly Axis[], unit: number): { axis: Axis; stride: number }[] {
  let stride = unit;
  return [...axes].reverse().map((axis) => {
    const term = { axis, stride };
    stride *= axis.size;
    return term;
  });
}

/** Copies `from` (row-major values of a's buffer) into packed order. */
export function pack(
  product: Product,
  values: ArrayLike<number>,
  tables: (table: Buffer) => ArrayLike<number>,
): Float64Array {
  const packing = packingOf(product);
  const { blocked, outer, k, height, rows } = packing;
  const out = new Float64Array(packing.cells);
  let next = 0;
  forPoints(outer, (outerPoint) => {
    for (let start = 0; start < rows; start += height) {
      const end = Math.min(rows, start + height);
      forPoints(k, (point) => {
        const full = new Map([...outerPoint, ...point]);
        for (let row = start; row < end; row++) {
          if (blocked !== undefined) full.set(blocked, row);
          out[next++] = values[evaluateIndex(product.a.index, full, tables)] ?? 0;
        }
      });
    }
  });
  return out;
}

/** The cell that an index names at a point. */
function evaluateIndex(
  index: Index,
  point: ReadonlyMap<Axis, number>,
  tables: (table: Buffer) => ArrayLike<number>,
): number {
  let cell = index.offset;
  for (const { axis, stride } of index.terms) cell += (point.get(axis) ?? 0) * stride;
  for (const { table, index: inner, stride } of index.indirect ?? [])
    cell += (tables(table)[evaluateIndex(inner, point, tables)] ?? 0) * stride;
  return cell;
}

function forPoints(axes: readonly Axis[], visit: (point: Map<Axis, number>) => void): void {
  const point = new Map<Axis, number>();
  const descend = (depth: number): void => {
    const axis = axes[depth];
    if (axis === undefined) return visit(point);
    for (let i = 0; i < axis.size; i++) {
      point.set(axis, i);
      descend(depth + 1);
    }
  };
  descend(0);
}

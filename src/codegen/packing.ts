/**
 * How a product's bound operand is stored: panels of `height` rows of m, so that the kernel reads it front to back.
 *
 * For each point of the outer axes: blocks of `height` rows; within a block k runs outer, the row inner. The last
 * block holds the rows that are left. In: the product. Out: the order, and accesses in it.
 */

import { dependsOn } from "../lower/accesses.ts";
import { axesOf } from "../lower/indices.ts";
import {
  type Access,
  type Axis,
  type Buffer,
  type Index,
  longestOf,
  type Product,
  pointsOf,
} from "../lower/loops.ts";
import type { Blocking } from "./target.ts";

/** The order of the operand's cells: the same text for products that can share them. Undefined where tables lead to the cells. */
export function packedOrder({ a }: Product, { blocked, outer, k, height }: Packing): string | undefined {
  const { offset, terms, indirect } = a.index;
  if (indirect !== undefined) return undefined;
  const strideOf = (axis: Axis): number =>
    terms.reduce((sum, term) => (term.axis === axis ? sum + term.stride : sum), 0);
  const groups = [outer, k, blocked === undefined ? [] : [blocked]];
  const steps = groups.map((axes) => axes.map((axis) => [axis.size, strideOf(axis)]));
  return JSON.stringify([offset, height, steps]);
}

/** The row within a packed block: rows lie side by side. */
export const PACKED_ROW: Axis = { id: -1, size: 1 };

/** What a block costs beside its multiply-adds, in rows. */
const BLOCK_COST = 0.4;

/** The order. */
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
export const blockedAxis = ({ m }: Product): Axis | undefined => longestOf(m);

/** How many rows blocks have, so that all `rows` take the least time. */
export function blockHeight(rows: number, { rows: most, leastRows: least = most }: BlockRows): number {
  if (rows <= most) return rows;
  const time = (height: number): number => (height === 0 ? 0 : Math.max(height, least) + BLOCK_COST);
  const total = (height: number): number => Math.floor(rows / height) * time(height) + time(rows % height);
  let best = most;
  for (let height = most - 1; height >= least; height--) if (total(height) < total(best)) best = height;
  return best;
}

/** The part of a target's blocking that packing depends on. */
export type BlockRows = Pick<Blocking, "rows" | "leastRows">;

/** The packing of a product's operand a. */
export function packingOf(product: Product, blockRows: BlockRows): Packing {
  const blocked = blockedAxis(product);
  const own = [...product.batch, ...product.m].filter(
    (axis) => axis !== blocked && dependsOn(product.a, axis),
  );
  const outer = [...stepsIn(product), ...own];
  const rows = blocked?.size ?? 1;
  const depth = pointsOf(product.k);
  const cells = pointsOf(outer) * rows * depth;
  return { blocked, outer, k: product.k, height: blockHeight(rows, blockRows), rows, depth, cells };
}

/** Loops around the product that its operand a varies with. */
function stepsIn({ batch, m, n, k, a }: Product): Axis[] {
  const own = new Set([...batch, ...m, ...n, ...k]);
  return [...new Set(axesOf(a.index))].filter((axis) => !own.has(axis));
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

/** Values of an int table that indices go through. */
type Tables = (table: Buffer) => ArrayLike<number>;

/** What is packed, and where to. */
export interface PackJob {
  readonly packing: Packing;
  /** The values of a's buffer, row-major. */
  readonly values: Float64Array;
  readonly tables: Tables;
  readonly out: Float32Array | Float64Array;
}

/** Writes a product's operand in packed order. */
export function pack(product: Product, { packing, values, tables, out }: PackJob): void {
  const { blocked, outer, k, height, rows } = packing;
  const { index } = product.a;
  const groups = [outer, k, blocked === undefined ? [] : [blocked]] as const;
  const [outerCells, kCells] = [cellsAlong(outer, index), cellsAlong(k, index)];
  const rowStride = blocked === undefined ? 0 : ownStride(blocked, index);
  const further = index.indirect === undefined ? undefined : indirectCells(product, groups, tables);
  let next = 0;
  outerCells.forEach((origin, place) => {
    const panel = { values, kCells, rowStride, origin: index.offset + origin, place, further };
    for (let start = 0; start < rows; start += height) {
      next = packPanel(panel, out, { next, start, end: Math.min(rows, start + height) });
    }
  });
}

interface Panel {
  readonly values: Float64Array;
  readonly kCells: Int32Array;
  readonly rowStride: number;
  readonly origin: number;
  readonly place: number;
  readonly further: ((places: readonly number[]) => number) | undefined;
}

/** One block of rows, all k; a function of its own so that engines compile it early. */
function packPanel(
  panel: Panel,
  out: PackJob["out"],
  range: { next: number; start: number; end: number },
): number {
  const { values, kCells, rowStride, origin, place, further } = panel;
  const { start, end } = range;
  let { next } = range;
  for (let step = 0; step < kCells.length; step++) {
    let cell = origin + (kCells[step] as number) + start * rowStride;
    for (let row = start; row < end; row++) {
      const more = further === undefined ? 0 : further([place, step, row]);
      out[next++] = values[cell + more] as number;
      cell += rowStride;
    }
  }
  return next;
}

/** For every point of the axes, row-major: how far the index's own terms move. */
function cellsAlong(axes: readonly Axis[], index: Index): Int32Array {
  return axes.reduce<Int32Array>((cells, axis) => {
    const stride = ownStride(axis, index);
    const { size } = axis;
    return new Int32Array(cells.length * size).map(
      (_, place) => (cells[Math.floor(place / size)] as number) + (place % size) * stride,
    );
  }, new Int32Array(1));
}

/** How far the index's own terms move along an axis; tables come on top. */
function ownStride(axis: Axis, { terms }: Index): number {
  return terms.reduce((sum, term) => (term.axis === axis ? sum + term.stride : sum), 0);
}

/** What the index's tables add, as a function of the flat positions in groups of axes. */
function indirectCells(
  { a }: Product,
  groups: readonly (readonly Axis[])[],
  tables: Tables,
): (places: readonly number[]) => number {
  return (places) => {
    const point = new Map<Axis, number>();
    groups.forEach((axes, group) => {
      let rest = places[group] as number;
      for (const axis of [...axes].reverse()) {
        point.set(axis, rest % axis.size);
        rest = Math.floor(rest / axis.size);
      }
    });
    return tableCells(a.index, point, tables);
  };
}

function tableCells({ indirect = [] }: Index, point: ReadonlyMap<Axis, number>, tables: Tables): number {
  return indirect.reduce((sum, { table, index, stride }) => {
    const direct = index.terms.reduce(
      (cell, term) => cell + (point.get(term.axis) ?? 0) * term.stride,
      index.offset,
    );
    return sum + stride * (tables(table)[direct + tableCells(index, point, tables)] as number);
  }, 0);
}

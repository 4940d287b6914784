/**
 * Where a thread's running sums over rows lie, and which of them have their lanes along cells.
 *
 * In: a lowered program and the machine's vectors. Out: a place for each sum: most hold a vector of lanes per cell; large sums of outer
 * products hold one number per cell, and add one row after the other to vectors of cells. Depends on shapes and the vector's width alone.
 */

import { strideOf } from "../lower/accesses.ts";
import {
  type Access,
  type Axis,
  type Buffer,
  type Lowered,
  longestOf,
  pointsOf,
  type Sum,
} from "../lower/loops.ts";

/** So many rows, from the first of a range, are added in the kernel's width before they are added to float64 totals. */
export const KEPT_ROWS = 1024;

/** Multiply-adds that turning a vector's cells from lanes of rows into lanes of cells costs, for each row. */
const TURN_COST = 5;
/** What a multiply-add with lanes of rows costs: both operands are loaded, and few of them serve again. */
const ROW_LANES_COST = 1.7;
/** A tile's rows of an operand, for all k, should stay in the first-level cache. */
const MOST_DEPTH = 16;
/** Vectors of a block along the lanes' axis. */
const BLOCK_VECTORS = 2;

/** A sum of outer products with lanes along an axis of its result: into[…, lanes] += Σ a[…, m] · b[…, lanes]. */
export interface OuterSum {
  readonly a: Access;
  readonly b: Access;
  /** The axis of the lanes; neighbours along it are neighbours in the result. */
  readonly lanes: Axis;
  /** Vectors of a block along it. */
  readonly vectors: number;
  /** The other operand's longest axis. */
  readonly m: Axis | undefined;
  /** Further axes: those of the lanes' operand, then the others. */
  readonly outer: readonly Axis[];
  readonly inner: readonly Axis[];
}

/** A sum's cells: its first among all totals, where its first number lies, and how many numbers a cell has. */
export interface SumPlace {
  readonly cell: number;
  readonly cells: number;
  readonly start: number;
  readonly lanes: number;
}

/** Running sums of a thread. */
export interface SumPlaces {
  readonly list: readonly SumPlace[];
  readonly of: ReadonlyMap<Buffer, SumPlace>;
  readonly outer: ReadonlyMap<Sum, OuterSum>;
  /** Numbers that they take in all; a vector may be read from the last of them. */
  readonly length: number;
  /** Numbers of a row that outer sums keep in the order of their lanes. */
  readonly turned: number;
}

/** Places for vectors of `width` lanes; `byCells`: sums may have their lanes along cells. */
export function sumPlaces(
  { sums, stages, placement }: Lowered,
  { width, byCells }: { width: number; byCells: boolean },
): SumPlaces {
  const added = stages.flatMap((stage) => (byCells && stage.kind === "sum" ? [stage] : []));
  const outer = outerSums(added, width);
  const dense = new Set([...outer.keys()].map(({ into }) => into.buffer));
  let length = 0;
  const entries = sums.map(({ buffer }) => {
    const lanes = dense.has(buffer) ? 1 : width;
    const start = length;
    length += Math.ceil((buffer.cells * lanes) / width) * width;
    return [buffer, { cell: placement.get(buffer) as number, cells: buffer.cells, start, lanes }] as const;
  });
  const turned = Math.max(0, ...[...outer].map(([{ k }, { vectors }]) => pointsOf(k) * vectors * width));
  return {
    list: entries.map(([, place]) => place),
    of: new Map(entries),
    outer,
    length: dense.size > 0 ? length + width : length,
    turned,
  };
}

/** The sums worth it; those of one buffer all are, or none. */
function outerSums(stages: readonly Sum[], width: number): Map<Sum, OuterSum> {
  const found = new Map<Sum, OuterSum>();
  for (const buffer of new Set(stages.map(({ into }) => into.buffer))) {
    const own = stages.filter(({ into }) => into.buffer === buffer);
    const forms = own.map((sum) => outerSum(sum, width));
    const gained = own.map((sum, index) => gainOf(sum, forms[index], width));
    if (gained.reduce((total, gain) => total + gain, 0) <= 0) continue;
    own.forEach((sum, index) => found.set(sum, forms[index] as OuterSum));
  }
  return found;
}

/** The sum with lanes along the axis whose cells are neighbours, if it is one of an outer product. */
function outerSum(sum: Sum, width: number): OuterSum | undefined {
  if (sum.b === undefined || pointsOf(sum.k) > MOST_DEPTH) return undefined;
  const lanes = [...sum.m, ...sum.n].find((axis) => strideOf(sum.into, axis) === 1);
  if (lanes === undefined) return undefined;
  const isRight = sum.n.includes(lanes);
  const [a, b] = isRight ? [sum.a, sum.b] : [sum.b, sum.a];
  const [own, others] = isRight ? [sum.n, sum.m] : [sum.m, sum.n];
  const m = longestOf(others);
  return {
    a,
    b,
    lanes,
    vectors: Math.min(BLOCK_VECTORS, Math.ceil(lanes.size / width)),
    m,
    outer: [...sum.batch, ...own.filter((axis) => axis !== lanes)],
    inner: others.filter((axis) => axis !== m),
  };
}

/** Multiply-adds of a row that the form saves. */
function gainOf({ batch, m, n }: Sum, form: OuterSum | undefined, width: number): number {
  if (form === undefined) return Number.NEGATIVE_INFINITY;
  const vectors = pointsOf(form.outer) * Math.ceil(form.lanes.size / width);
  const height = pointsOf(form.inner) * (form.m?.size ?? 1);
  const rowLanes = (ROW_LANES_COST * pointsOf([...batch, ...m, ...n])) / width;
  return rowLanes - vectors * (height + TURN_COST);
}

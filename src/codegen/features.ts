/**
 * Stages for few rows: lanes lie along an axis of the stage (features), and rows follow one another.
 *
 *   acc[m, n] = Σ_k a[m, k] · b[k, n]      lanes: consecutive m; b[k, n] is one number
 *
 * In: a stage and a layout whose tiles hold one row, so that a buffer's cells lie side by side. Out: calls of the target. Every
 * cell is computed by the operations and in the order of `emitStage`: the bits are the same.
 */

import { invariant } from "../errors.ts";
import { accessesOf, rootsOf, strideOf } from "../lower/accesses.ts";
import { cellOf, expressionsOf } from "../lower/intern.ts";
import { type Access, type Axis, longestOf, type Nest, type Product, type Stage } from "../lower/loops.ts";
import { withSlicedOutput } from "../lower/sliced-output.ts";
import { emitRepeat, type Frame } from "./emit.ts";
import { Evaluator, weightOf } from "./expressions.ts";
import {
  FeatureCells,
  hasLanes,
  laneAxisOf,
  overTurned,
  type Turning,
  turnedLoads,
  turnedOf,
} from "./feature-lanes.ts";
import { mostRows } from "./feature-rows.ts";
import { registerFeatureCode } from "./few-rows.ts";
import { partsOfFold, reduceStart, reduceStep } from "./folds.ts";
import { blockedAxis, PACKED_ROW, packedAccess, tailRows } from "./packing.ts";
import { Pointers, type Shifts } from "./pointers.ts";
import type { Target, Variable } from "./target.ts";

/** Bodies above this many instructions call elementary functions instead of repeating them. */
const INLINE_WEIGHT = 1500;
/** Vectors of a block of weights. */
const MOST_VECTORS = 8;
/** Cells after which lines share a set of a first-level cache, and columns that have room in one beside what they are made of. */
const [SET_CELLS, FEW_COLUMNS] = [1024, 4];
const NONE: Shifts = new Map();

/** Writes a stage. Sums over rows have no such form. */
function emitFeatures<V, I>(stage: Stage, frame: Frame<V, I>): void {
  invariant(stage.kind !== "sum", "a sum over rows without lanes of rows");
  if (stage.kind === "repeat") emitRepeat(stage, frame, emitFeatures);
  else if (stage.kind === "product") emitProduct(stage, frame);
  else emitNest(stage.kind === "nest" ? stage : { ...stage, kind: "nest", axes: [] }, frame);
}

/** Rows of weights that a product reads side by side: as many vectors as registers hold sums of all its columns, or one row by itself. */
function panelRows(
  product: Product,
  { width, registers }: Pick<Target<unknown, unknown>, "width" | "registers">,
): number {
  return hasLanes(product) ? width * blockOf(product, { width, registers }).vectors : 1;
}

/** Vectors along the lanes and columns of a register block: sums, the operand's vectors and one number fit. */
function blockOf(
  product: Product,
  { registers }: { width: number; registers: number },
): { vectors: number; columns: number } {
  const axis = columnAxisOf(product);
  const most = axis !== undefined && collides(product, axis) ? FEW_COLUMNS : Math.floor((registers - 2) / 2);
  const columns = Math.min(axis?.size ?? 1, most);
  return {
    columns,
    vectors: Math.min(MOST_VECTORS, Math.max(1, Math.floor((registers - 1) / (columns + 1)))),
  };
}

/** The same beside a square of lanes that is turned in registers. */
function turnedBlock(
  { width, registers }: { width: number; registers: number },
  axis: Axis | undefined,
): { vectors: number; columns: number } {
  return { vectors: 1, columns: Math.min(axis?.size ?? 1, Math.max(1, registers - width - 3)) };
}

/** Do results in neighbouring columns lie in the same set of a first-level cache? */
function collides({ stores }: Product, axis: Axis): boolean {
  return stores.some(({ access }) => {
    const stride = strideOf(access, axis);
    return stride > 0 && stride % SET_CELLS === 0;
  });
}

function emitNest<V, I>(nest: Nest, frame: Frame<V, I>): void {
  const { target, layout } = frame;
  const axis = nest.ordered === true ? undefined : laneAxisOf(nest, nest.axes, target.width);
  const pointers = new Pointers(target, layout, frame);
  pointers.prepare(accessesOf(nest));
  const cells = new FeatureCells(frame, axis);
  const turned = turnedLoads(nest, axis);
  const copies = turned.length > 0 ? target.width : 1;
  const inline = weightOf(expressionsOf(rootsOf(nest))) * copies <= INLINE_WEIGHT;
  const evaluator = new Evaluator(target, pointers, { inline, cells });
  const others = nest.axes.filter((other) => other !== axis);
  pointers.over(others, () =>
    alongLanes({ pointers, axis, step: target.width }, (lanes, shifts) => {
      cells.lanes = lanes;
      const accumulators = folded(nest, { target, pointers, cells, axis, evaluator, turned, shifts });
      evaluator.storeAll(nest.stores, { shifts, laneOffset: 0, accumulators });
    }),
  );
}

/** Points of the lane axis, `step` at a time, then the rest. */
function alongLanes<V, I>(
  { pointers, axis, step }: { pointers: Pointers<V, I>; axis: Axis | undefined; step: number },
  body: (lanes: number, shifts: Shifts) => void,
): void {
  if (axis === undefined) return body(1, NONE);
  const whole = axis.size - (axis.size % step);
  pointers.along(axis, { step, to: whole }, () => body(step, NONE));
  if (whole < axis.size) body(axis.size - whole, new Map([[axis, whole]]));
}

interface Folding<V, I> extends Turning<V, I> {
  readonly evaluator: Evaluator<V, I>;
  readonly turned: readonly Access[];
  readonly shifts: Shifts;
}

function folded<V, I>({ reduce }: Nest, { evaluator, turned, shifts, ...turning }: Folding<V, I>): V[] {
  const { target } = turning;
  if (reduce === undefined) return [];
  const terms = reduce.folds.map(partsOfFold);
  const kinds = reduce.folds.map(({ term }) => cellOf(term));
  const variables = reduce.folds.map(({ op }, index) =>
    target.variable(reduceStart(target, op, kinds[index] ?? "float")),
  );
  overTurned(turning, { axes: reduce.axes, turned, shifts }, (places) => {
    const values = evaluator.values(terms.flat(), { shifts: places, laneOffset: 0, accumulators: [] });
    reduce.folds.forEach(({ op }, index) => {
      const variable = variables[index] as Variable<V>;
      const parts = values.splice(0, terms[index]?.length);
      variable.set(reduceStep(target, op, { cell: kinds[index] ?? "float", a: variable.get(), parts }));
    });
  });
  return variables.map((variable) => variable.get());
}

/** What stays the same while a product is written. */
interface Kernel<V, I> {
  readonly product: Product;
  readonly frame: Frame<V, I>;
  readonly pointers: Pointers<V, I>;
  readonly evaluator: Evaluator<V, I>;
  readonly cells: FeatureCells<V, I>;
  readonly axis: Axis | undefined;
  readonly columnAxis: Axis | undefined;
  /** Operand a in full panels and in the last one, if it is packed. */
  readonly a: { readonly full: Access; readonly tail: Access };
  readonly height: number;
  readonly tail: number;
  readonly columns: number;
}

function emitProduct<V, I>(product: Product, frame: Frame<V, I>): void {
  const kernel = kernelOf(product, frame);
  const { pointers, axis, columnAxis } = kernel;
  const outer = [...product.batch, ...product.m, ...product.n].filter(
    (other) => other !== axis && other !== columnAxis,
  );
  pointers.over(outer, () => emitPanels(kernel));
}

function kernelOf<V, I>(product: Product, frame: Frame<V, I>): Kernel<V, I> {
  const { target, layout } = frame;
  const packed = layout.packed.get(product);
  const axis =
    packed === undefined
      ? laneAxisOf(product, [...product.m, ...product.n], target.width)
      : blockedAxis(product);
  const columnAxis = columnAxisOf(product, axis);
  const isTurned = packed === undefined && turnedOf(product, axis, columnAxis).length > 0;
  const { columns, vectors } = isTurned ? turnedBlock(target, columnAxis) : blockOf(product, target);
  const size = axis?.size ?? 1;
  const height = packed?.packing.height ?? Math.min(size, target.width * vectors);
  const tail = packed === undefined ? size % height : tailRows(packed.packing);
  const extra = new Map<Access, number>();
  const a = { full: product.a, tail: product.a };
  if (packed !== undefined) {
    a.full = packedAccess(packed.packing, product.a.buffer, false);
    if (tail > 0) a.tail = packedAccess(packed.packing, product.a.buffer, true);
    for (const access of [a.full, a.tail]) extra.set(access, packed.address);
  }
  const pointers = new Pointers(target, layout, { ...frame, extra });
  pointers.prepare([...accessesOf(product).filter((access) => access !== product.a), a.full, a.tail]);
  const cells = new FeatureCells(frame, axis);
  const weight = weightOf(expressionsOf(rootsOf(product))) * vectors * columns;
  const evaluator = new Evaluator(target, pointers, { inline: weight <= INLINE_WEIGHT, cells });
  return { product, frame, pointers, evaluator, cells, axis, columnAxis, a, height, tail, columns };
}

/** The largest axis of the results that is not that of the lanes and that the packed operand does not vary along; if there is, one along which lines stay apart. */
function columnAxisOf(product: Product, lanes?: Axis): Axis | undefined {
  const isPacked = product.a.buffer.space === "bound";
  const axes = isPacked || product.m.includes(lanes as Axis) ? product.n : product.m;
  const free = axes.filter((axis) => axis !== lanes);
  const apart = free.filter((axis) => axis.size >= FEW_COLUMNS && !collides(product, axis));
  return longestOf(apart.length > 0 ? apart : free);
}

function emitPanels<V, I>(kernel: Kernel<V, I>): void {
  const { pointers, axis, height, tail, a } = kernel;
  if (axis === undefined) return emitColumns(kernel, { rows: 1, a: a.full, base: NONE });
  const whole = axis.size - tail;
  pointers.along(axis, { step: height, to: whole }, () =>
    emitColumns(kernel, { rows: height, a: a.full, base: NONE }),
  );
  if (tail > 0) emitColumns(kernel, { rows: tail, a: a.tail, base: new Map([[axis, whole]]) });
}

/** A panel: cells along the lanes, and where they are. */
interface Panel {
  readonly rows: number;
  readonly a: Access;
  readonly base: Shifts;
}

function emitColumns<V, I>(kernel: Kernel<V, I>, panel: Panel): void {
  const { pointers, columnAxis, columns } = kernel;
  if (columnAxis === undefined) return emitBlock(kernel, panel, { columns: 1, start: 0 });
  const step = Math.min(columns, columnAxis.size);
  const whole = columnAxis.size - (columnAxis.size % step);
  pointers.along(columnAxis, { step, to: whole }, () =>
    emitBlock(kernel, panel, { columns: step, start: 0 }),
  );
  if (whole < columnAxis.size) emitBlock(kernel, panel, { columns: columnAxis.size - whole, start: whole });
}

/** One register block: clears the sums, runs k, stores. */
function emitBlock<V, I>(
  kernel: Kernel<V, I>,
  panel: Panel,
  { columns, start }: { columns: number; start: number },
): void {
  const { product, frame, pointers, evaluator, cells, axis, columnAxis } = kernel;
  const { target } = frame;
  const { width, lanes: arithmetic } = target;
  const vectors = Array.from({ length: Math.ceil(panel.rows / width) }, (_, index) => index * width);
  const shiftsOf = (row: number, column: number): Shifts => {
    const shifts = new Map(panel.base);
    if (axis !== undefined) shifts.set(axis, (panel.base.get(axis) ?? 0) + row);
    if (columnAxis !== undefined) shifts.set(columnAxis, start + column);
    return shifts;
  };
  const operand = (
    access: Access,
    { row, column, places }: { row: number; column: number; places: Shifts },
  ): V => {
    cells.lanes = Math.min(width, panel.rows - row);
    const isPacked = access === panel.a && access !== product.a;
    const shifts = new Map(isPacked ? [[PACKED_ROW, row]] : shiftsOf(row, column));
    for (const each of product.k) if (places.has(each)) shifts.set(each, places.get(each) ?? 0);
    return cells.operand(access, pointers.address(access, shifts));
  };
  const sums = vectors.map(() =>
    Array.from({ length: columns }, () => target.variable(arithmetic.constant(0))),
  );
  cells.lanes = Math.min(width, panel.rows);
  const turned = turnedOf(product, axis, columnAxis);
  const turning = { target, pointers, cells, axis };
  overTurned(turning, { axes: product.k, turned, shifts: panel.base }, (places) => {
    for (let column = 0; column < columns; column++) {
      vectors.forEach((row, index) => {
        const sum = sums[index]?.[column] as Variable<V>;
        const at = { row, column, places };
        const [left, right] = [operand(panel.a, at), operand(product.b, at)];
        sum.set(arithmetic.fma(left, right, sum.get()));
      });
    }
  });
  vectors.forEach((row, index) => {
    cells.lanes = Math.min(width, panel.rows - row);
    for (let column = 0; column < columns; column++) {
      const sum = sums[index]?.[column] as Variable<V>;
      const accumulators = [sum.get()];
      evaluator.storeAll(product.stores, { shifts: shiftsOf(row, column), laneOffset: 0, accumulators });
    }
  });
}

/** Makes this code known to whoever writes kernels. */
export function provideFeatures(): void {
  registerFeatureCode({ emit: emitFeatures, panelRows, mostRows, slices: withSlicedOutput });
}

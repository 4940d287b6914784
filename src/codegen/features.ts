/**
 * Stages for few rows: lanes lie along an axis of the stage (features), and rows follow one another.
 *
 *   acc[m, n] = Σ_k a[m, k] · b[k, n]      lanes: consecutive m; b[k, n] is one number
 *
 * In: a stage and a layout whose tiles hold one row, so that a buffer's cells lie side by side. Out: calls of the target. Every
 * cell is computed by the operations and in the order of `emitStage`: the bits are the same.
 */

import { invariant } from "../errors.ts";
import { accessesOf, dependsOn, rootsOf, strideOf } from "../lower/accesses.ts";
import { cellOf, expressionsOf } from "../lower/intern.ts";
import {
  type Access,
  type Axis,
  type Leaf,
  type Lowered,
  longestOf,
  type Nest,
  type Product,
  pointsOf,
  type Stage,
} from "../lower/loops.ts";
import { withSlicedOutput } from "../lower/sliced-output.ts";
import { emitRepeat, type Frame } from "./emit.ts";
import { type Cells, Evaluator, weightOf } from "./expressions.ts";
import { registerFeatureCode } from "./few-rows.ts";
import { partsOfFold, reduceStart, reduceStep } from "./folds.ts";
import { isPacked } from "./layout.ts";
import { blockedAxis, PACKED_ROW, packedAccess, tailRows } from "./packing.ts";
import { type Address, Pointers, type Shifts } from "./pointers.ts";
import type { Target, Variable } from "./target.ts";

/** Bodies above this many instructions call elementary functions instead of repeating them. */
const INLINE_WEIGHT = 1500;
/** Vectors of a block of weights. */
const MOST_VECTORS = 8;
/** Cells after which lines share a set of a first-level cache, and columns that have room in one beside what they are made of. */
const [SET_CELLS, FEW_COLUMNS] = [1024, 4];
const NONE: Shifts = new Map();

/** Multiplications by weights of a row from which lanes along features pay. */
const LEAST_PRODUCTS = 1 << 14;
/** Bytes of the scratch of a tile of rows, a line for each cell, that fills any cache. */
const [LARGE_TILE, LINE_BYTES] = [16 * 2 ** 20, 64];
/** Lanes along features may stand idle for so many times the work before memory is the lesser evil (measured). */
const MOST_IDLE = 2;

/**
 * Up to how many rows are best run one after the other, with lanes along features: half of a vector's lanes where products with weights
 * are most of the work; any number where products are and a tile of rows side by side would run through memory; else none.
 */
function mostRows({ stages, inputs, outputs, sums, scratchCells }: Lowered, width: number): number {
  if (sums.length > 0 || [...inputs, ...outputs].some(({ buffer }) => buffer.cell !== "float")) return 0;
  const { weights, products, others, lanes } = workOf(stages, width);
  const isLarge = scratchCells * LINE_BYTES > LARGE_TILE && products >= LEAST_PRODUCTS && products > others;
  if (isLarge && lanes < MOST_IDLE * (products + others)) return Number.POSITIVE_INFINITY;
  return weights >= LEAST_PRODUCTS && 2 * weights > products + others ? Math.max(1, width / 2) : 0;
}

/** Instructions of a row, about. */
interface Work {
  /** Of products with weights, of all products, and of the rest. */
  weights: number;
  products: number;
  others: number;
  /** Of all, in lanes along features, idle ones included. */
  lanes: number;
}

function workOf(stages: readonly Stage[], width: number): Work {
  const work = { weights: 0, products: 0, others: 0, lanes: 0 };
  for (const stage of stages) {
    const times = stage.kind === "repeat" ? stage.axis.size : 1;
    const each = stage.kind === "repeat" ? workOf(stage.stages, width) : workOfLeaf(stage, width);
    for (const kind of Object.keys(work) as (keyof Work)[]) work[kind] += times * each[kind];
  }
  return work;
}

function workOfLeaf(stage: Leaf, width: number): Work {
  const each = weightOf(expressionsOf(rootsOf(stage)));
  if (stage.kind === "straight" || stage.kind === "sum")
    return { weights: 0, products: 0, others: each, lanes: each * width };
  if (stage.kind === "product") {
    const products = pointsOf([...stage.batch, ...stage.m, ...stage.n, ...stage.k]);
    const hasWeights = hasLanes(stage);
    const axis = hasWeights ? blockedAxis(stage) : laneAxisOf(stage, [...stage.m, ...stage.n], width);
    return { weights: hasWeights ? products : 0, products, others: 0, lanes: products * idle(axis, width) };
  }
  const points = pointsOf([...stage.axes, ...(stage.reduce?.axes ?? [])]);
  const axis = laneAxisOf(stage, stage.axes, width);
  const single = axis === undefined ? [] : accessesOf(stage).filter((access) => !isSmooth(access, axis));
  const lanes = points * idle(axis, width) * (each + single.length * width);
  return { weights: 0, products: 0, others: points * each, lanes };
}

/** Lanes of whole vectors along the axis, for each of its places. */
const idle = (axis: Axis | undefined, width: number): number =>
  axis === undefined ? width : (Math.ceil(axis.size / width) * width) / axis.size;

/** Are cells along the axis neighbours, or one? */
const isSmooth = (access: Access, axis: Axis): boolean => Math.abs(strideOf(access, axis) - 0.5) <= 0.5;

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

/** Do results in neighbouring columns lie in the same set of a first-level cache? */
function collides({ stores }: Product, axis: Axis): boolean {
  return stores.some(({ access }) => {
    const stride = strideOf(access, axis);
    return stride > 0 && stride % SET_CELLS === 0;
  });
}

/** What the lanes of a stage are now: the axis they lie along, and how many of them count. */
class FeatureCells<V, I> implements Cells<V, I> {
  lanes = 1;
  readonly #target: Target<V, I>;
  readonly #axis: Axis | undefined;
  readonly #bytes: number;

  constructor({ target, layout }: Frame<V, I>, axis: Axis | undefined) {
    this.#target = target;
    this.#axis = axis;
    this.#bytes = layout.bytes;
  }

  load(access: Access, { at, offset }: Address<I>): V {
    const { buffer } = access;
    const space = buffer.space === "bound" ? "bound" : "tile";
    return this.#target.spread(at, offset, { space, stride: this.#stride(access), lanes: this.lanes });
  }

  /** A product's operand: one number in every lane may be read by the multiply-add itself. */
  operand(access: Access, place: Address<I>): V {
    const isOne = access.buffer.space === "tile" && this.#stride(access) === 0;
    return isOne ? this.#target.splat(place.at, place.offset, "tile") : this.load(access, place);
  }

  store(access: Access, { at, offset }: Address<I>, value: V): void {
    this.#target.scatter(at, value, { offset, stride: this.#stride(access), lanes: this.lanes });
  }

  #stride(access: Access): number {
    const own = this.#axis === undefined ? 0 : strideOf(access, this.#axis);
    return (strideOf(access, PACKED_ROW) || own) * this.#bytes;
  }
}

function emitNest<V, I>(nest: Nest, frame: Frame<V, I>): void {
  const { target, layout } = frame;
  const axis = nest.ordered === true ? undefined : laneAxisOf(nest, nest.axes, target.width);
  const pointers = new Pointers(target, layout, frame);
  pointers.prepare(accessesOf(nest));
  const cells = new FeatureCells(frame, axis);
  const inline = weightOf(expressionsOf(rootsOf(nest))) <= INLINE_WEIGHT;
  const evaluator = new Evaluator(target, pointers, { inline, cells });
  const others = nest.axes.filter((other) => other !== axis);
  pointers.over(others, () =>
    alongLanes({ pointers, axis, step: target.width }, (lanes, shifts) => {
      cells.lanes = lanes;
      const accumulators = folded(nest, { target, pointers, evaluator, shifts });
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

interface Folding<V, I> {
  readonly target: Target<V, I>;
  readonly pointers: Pointers<V, I>;
  readonly evaluator: Evaluator<V, I>;
  readonly shifts: Shifts;
}

function folded<V, I>({ reduce }: Nest, { target, pointers, evaluator, shifts }: Folding<V, I>): V[] {
  if (reduce === undefined) return [];
  const terms = reduce.folds.map(partsOfFold);
  const kinds = reduce.folds.map(({ term }) => cellOf(term));
  const variables = reduce.folds.map(({ op }, index) =>
    target.variable(reduceStart(target, op, kinds[index] ?? "float")),
  );
  pointers.over(reduce.axes, () => {
    const values = evaluator.values(terms.flat(), { shifts, laneOffset: 0, accumulators: [] });
    reduce.folds.forEach(({ op }, index) => {
      const variable = variables[index] as Variable<V>;
      const parts = values.splice(0, terms[index]?.length);
      variable.set(reduceStep(target, op, { cell: kinds[index] ?? "float", a: variable.get(), parts }));
    });
  });
  return variables.map((variable) => variable.get());
}

/** Does the place along the axis become a number, or an index of a table? Lanes hold one such number. */
function isPlaced(stage: Nest | Product, axis: Axis): boolean {
  return (
    expressionsOf(rootsOf(stage)).some((expr) => expr.op === "axis" && expr.axis === axis) ||
    accessesOf(stage).some(({ index }) =>
      (index.indirect ?? []).some(({ table, index: inner }) =>
        dependsOn({ buffer: table, index: inner }, axis),
      ),
    )
  );
}

/** Are weights packed for lanes along their rows? */
function hasLanes(stage: Leaf): boolean {
  if (!isPacked(stage)) return false;
  const axis = blockedAxis(stage);
  return axis === undefined || !isPlaced(stage, axis);
}

/** The axis along which most loads and stores are of neighbours or of one number; undefined where none beats one lane. */
function laneAxisOf(stage: Nest | Product, axes: readonly Axis[], width: number): Axis | undefined {
  const accesses = accessesOf(stage);
  const time = (axis: Axis): number => {
    const each = accesses.map((access) => (isSmooth(access, axis) ? 1 : width));
    return (Math.ceil(axis.size / width) / axis.size) * each.reduce((sum, cost) => sum + cost, 1);
  };
  let best: Axis | undefined;
  for (const axis of axes) {
    if (axis.size < 2 || isPlaced(stage, axis)) continue;
    if (time(axis) < (best === undefined ? accesses.length + 1 : time(best))) best = axis;
  }
  return best;
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
  const { columns, vectors } = blockOf(product, target);
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
  const columnAxis = columnAxisOf(product, axis);
  return { product, frame, pointers, evaluator, cells, axis, columnAxis, a, height, tail, columns };
}

/** The largest axis of the results that is not that of the lanes and that the packed operand does not vary along. */
function columnAxisOf(product: Product, lanes?: Axis): Axis | undefined {
  const isPacked = product.a.buffer.space === "bound";
  const axes = isPacked || product.m.includes(lanes as Axis) ? product.n : product.m;
  return longestOf(axes.filter((axis) => axis !== lanes));
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
  const operand = (access: Access, row: number, column: number): V => {
    cells.lanes = Math.min(width, panel.rows - row);
    const isPacked = access === panel.a && access !== product.a;
    const shifts = isPacked ? new Map([[PACKED_ROW, row]]) : shiftsOf(row, column);
    return cells.operand(access, pointers.address(access, shifts));
  };
  const sums = vectors.map(() =>
    Array.from({ length: columns }, () => target.variable(arithmetic.constant(0))),
  );
  pointers.over(product.k, () => {
    for (let column = 0; column < columns; column++) {
      vectors.forEach((row, index) => {
        const sum = sums[index]?.[column] as Variable<V>;
        const [left, right] = [operand(panel.a, row, column), operand(product.b, row, column)];
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

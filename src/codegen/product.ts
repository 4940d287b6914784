/**
 * The product kernel: register blocks of rows × columns × vectors, with all that follows the product fused.
 *
 *   acc[m, n, lane] = Σ_k a[m, k] · b[k, n, lane]
 *
 * A block holds `rows` of m, `columns` of one n axis and `vectors` of lanes in registers while k runs. Bound weights
 * are read as packed scalars, tile operands as vectors. Every lane sums over k in order, whatever the block.
 */

import { accessesOf, rootsOf, strideOf } from "../lower/accesses.ts";
import { expressionsOf } from "../lower/intern.ts";
import { type Access, type Axis, longestOf, type Product, pointsOf } from "../lower/loops.ts";
import type { Frame } from "./emit.ts";
import { Evaluator, weightOf } from "./expressions.ts";
import { FAR_BYTES } from "./layout.ts";
import { blockedAxis, blockHeight, PACKED_ROW, packedAccess, tailRows } from "./packing.ts";
import { Pointers, type Shifts } from "./pointers.ts";
import type { Variable } from "./target.ts";

/** Epilogues above this many instructions in all call elementary functions. */
const INLINE_WEIGHT = 1600;
/** So do those after sums of so many terms per instruction: it takes no time there, and the code is a fraction as long. */
const CALL_DEPTH = 8;

/** Weights of more bytes do not stay in a common second-level cache. */
const STREAMED_BYTES = 2 * 2 ** 20;
/** Sums of so few terms into results of so many cells (with 16 lanes half a megabyte) take the time of writing those. */
const [SHALLOW, LARGE_CELLS] = [16, 8192];
/** Two pages. */
const EARLY_BYTES = 8192;

/** Size of a register block. */
interface Block {
  readonly rows: number;
  readonly columns: number;
  readonly vectors: number;
}

/** What stays the same while a product is written. */
interface Kernel<V, I> {
  readonly product: Product;
  readonly frame: Frame<V, I>;
  readonly pointers: Pointers<V, I>;
  readonly evaluator: Evaluator<V, I>;
  readonly rowAxis: Axis | undefined;
  /** The n axis that blocks may hold several points of. */
  readonly columnAxis: Axis | undefined;
  /** Operand a for full blocks of rows and for the last, lower one. */
  readonly a: { readonly full: Access; readonly tail: Access };
  readonly rows: { readonly height: number; readonly tail: number };
  /** Bytes of packed weights. */
  readonly weightBytes: number;
}

/** One block's place: which rows and columns are written side by side. */
interface Place {
  readonly block: Block;
  readonly a: Access;
  /** Added to the axes by every copy of the block. */
  readonly base: Shifts;
}

/** Writes a product. */
export function emitProduct<V, I>(product: Product, frame: Frame<V, I>): void {
  const kernel = kernelOf(product, frame);
  const { pointers, rowAxis, columnAxis } = kernel;
  const outer = [
    ...product.batch,
    ...product.m.filter((axis) => axis !== rowAxis),
    ...product.n.filter((axis) => axis !== columnAxis),
  ];
  const inside = (body: () => void): void => pointers.over(outer, body);
  const others = Math.max(0, ...outer.map((axis) => reach(product, axis)));
  const [columns, rows] = [reach(product, columnAxis), reach(product, rowAxis)];
  if (rows > Math.max(columns, others))
    alongRows(kernel, (block) => inside(() => emitColumns(kernel, block)));
  else if (columns > others) emitColumns(kernel, undefined, inside);
  else inside(() => emitColumns(kernel));
}

/** How far an axis goes in the large results of short sums: the outermost loop goes farthest, and writes them from start to end. */
function reach({ stores, k }: Product, axis: Axis | undefined): number {
  if (axis === undefined || pointsOf(k) > SHALLOW) return 0;
  const large = stores.filter(({ access }) => access.buffer.cells >= LARGE_CELLS);
  return Math.max(0, ...large.map(({ access }) => strideOf(access, axis)));
}

function kernelOf<V, I>(product: Product, frame: Frame<V, I>): Kernel<V, I> {
  const { target, layout } = frame;
  const packed = layout.packed.get(product);
  const rowAxis = blockedAxis(product);
  const extra = new Map<Access, number>();
  const a = { full: product.a, tail: product.a };
  const size = rowAxis?.size ?? 1;
  const height = blockHeight(size, target.blocking);
  let rows = { height, tail: size % height };
  if (packed !== undefined) {
    rows = { height: packed.packing.height, tail: tailRows(packed.packing) };
    a.full = packedAccess(packed.packing, product.a.buffer, false);
    if (rows.tail > 0) a.tail = packedAccess(packed.packing, product.a.buffer, true);
    for (const access of [a.full, a.tail]) extra.set(access, packed.address);
  }
  const pointers = new Pointers(target, layout, { ...frame, extra });
  pointers.prepare([...accessesOf(product).filter((access) => access !== product.a), a.full, a.tail]);
  const weight = weightOf(expressionsOf(rootsOf(product)));
  const inline = weight * target.blocking.sums <= INLINE_WEIGHT && pointsOf(product.k) < CALL_DEPTH * weight;
  const evaluator = new Evaluator(target, pointers, { inline });
  const weightBytes = (packed?.packing.cells ?? 0) * layout.bytes;
  const columnAxis = longestOf(product.n);
  return { product, frame, pointers, evaluator, rowAxis, columnAxis, a, rows, weightBytes };
}

/** Columns of a block: 1 unless rows and the wanted vectors leave registers free. */
function columnsFor<V, I>(kernel: Kernel<V, I>): number {
  const { columnAxis, product, frame } = kernel;
  const { blocking, width } = frame.target;
  const wanted =
    product.a.buffer.space === "tile" ? 1 : Math.min(blocking.vectors, frame.layout.tileRows / width);
  const room = Math.max(1, Math.floor(operandVectors(kernel) / wanted));
  return Math.min(room, columnAxis?.size ?? 1);
}

/** Vectors of b that a block of so many rows can hold beside its sums and one weight. */
function operandVectors<V, I>({
  product,
  rows: { height: rows },
  weightBytes,
  frame: { target, layout },
}: Kernel<V, I>): number {
  const { blocking, registers, width } = target;
  const operandBytes = weightBytes >= STREAMED_BYTES ? undefined : blocking.operandBytes;
  const depth = pointsOf(product.k);
  const near = Math.max(1, (operandBytes ?? Number.POSITIVE_INFINITY) / (depth * width * layout.bytes));
  return Math.floor(Math.min(blocking.sums / rows, (registers - 1) / (rows + 1), near));
}

/** Vectors of a block, most first: what its registers hold and the tile divides into, then what is left. */
function vectorsFor<V, I>(kernel: Kernel<V, I>, columns: number): readonly number[] {
  const { product, frame } = kernel;
  if (product.a.buffer.space === "tile") return [1];
  const held = operandVectors(kernel) / columns;
  const tile = frame.layout.tileRows / frame.target.width;
  const most = [8, 4, 3, 2].find((count) => count <= held && tile % count === 0);
  if (most === undefined) return [1];
  return most === 8 ? [8, 2, 1] : [most, 1];
}

/** `inside`: loops between those of columns and of rows; `given`: the block of rows, where the loop over them is outside of all. */
function emitColumns<V, I>(
  kernel: Kernel<V, I>,
  given?: Rows,
  inside: (body: () => void) => void = (body) => body(),
): void {
  const { pointers, columnAxis, frame } = kernel;
  const step = columnsFor(kernel);
  const strip = (columns: number, base: Shifts): void => {
    const vectorBytes = frame.target.width * frame.layout.bytes;
    const vectors = vectorsFor(kernel, columns);
    const alongLanes = (body: (count: number) => void): void =>
      pointers.lanes(frame.laneBytes, { vectors, vectorBytes }, body);
    const block = (rows: Rows, count: number): void =>
      emitBlock(kernel, {
        block: { rows: rows.height, columns, vectors: count },
        a: rows.a,
        base: new Map([...base, ...rows.base]),
      });
    // Weights from memory: a block of their rows meets all lanes before the next.
    inside(() => {
      const alongLanesOf = (rows: Rows): void => alongLanes((count) => block(rows, count));
      if (given !== undefined) alongLanesOf(given);
      else if (kernel.weightBytes >= FAR_BYTES) alongRows(kernel, alongLanesOf);
      else alongLanes((count) => alongRows(kernel, (rows) => block(rows, count)));
    });
  };
  if (columnAxis === undefined) return strip(1, new Map());
  const whole = columnAxis.size - (columnAxis.size % step);
  pointers.along(columnAxis, { step, to: whole }, () => strip(step, new Map()));
  if (whole < columnAxis.size) strip(columnAxis.size - whole, new Map([[columnAxis, whole]]));
}

/** Rows of weights side by side. */
interface Rows {
  readonly height: number;
  readonly a: Access;
  readonly base: Shifts;
}

/** Blocks of rows, then the lower one that is left. */
function alongRows<V, I>({ pointers, rowAxis, rows, a }: Kernel<V, I>, body: (rows: Rows) => void): void {
  if (rowAxis === undefined) return body({ height: 1, a: a.full, base: new Map() });
  const { height, tail } = rows;
  const whole = rowAxis.size - tail;
  pointers.along(rowAxis, { step: height, to: whole }, () => body({ height, a: a.full, base: new Map() }));
  if (tail > 0) body({ height: tail, a: a.tail, base: new Map([[rowAxis, whole]]) });
}

/** One register block: clears the accumulators, runs k, stores. */
function emitBlock<V, I>(kernel: Kernel<V, I>, place: Place): void {
  const { product, frame, pointers } = kernel;
  const { target } = frame;
  const { rows, columns, vectors } = place.block;
  const zero = target.lanes.constant(0);
  const accumulators = Array.from({ length: rows * columns * vectors }, () => target.variable(zero));
  pointers.over(product.k, () => {
    if (kernel.weightBytes >= STREAMED_BYTES) askEarly(kernel, place);
    emitStep(kernel, place, accumulators);
  });
  emitEpilogue(kernel, place, accumulators);
}

/**
 * One k: loads b, then multiplies it by each row's a. The loop is not unrolled: V8's older compiler moves all loads of a
 * body to its start, and would spill (measured: 91 % of peak so, 47 % unrolled twice; newer ones do not care).
 */
function emitStep<V, I>(kernel: Kernel<V, I>, place: Place, accumulators: readonly Variable<V>[]): void {
  const { target } = kernel.frame;
  const cells = columnCopies(kernel, place);
  const right = cells.map((copy) => loadOperand(kernel, kernel.product.b, copy));
  for (let row = 0; row < place.block.rows; row++) {
    cells.forEach(({ laneOffset }, cell) => {
      const left = loadOperand(kernel, place.a, { shifts: rowShifts(kernel, place, row), laneOffset });
      const accumulator = accumulators[row * cells.length + cell] as Variable<V>;
      accumulator.set(target.lanes.fma(left, right[cell] as V, accumulator.get()));
    });
  }
}

/** Asks for the weights that come in a few pages: processors look ahead no further than a page's end. */
function askEarly<V, I>({ frame, pointers }: Kernel<V, I>, { a }: Place): void {
  const { at, offset } = pointers.address(a, new Map());
  frame.target.prefetch?.(at, offset + EARLY_BYTES);
}

/** Where a's row stands: packed rows lie side by side, others move along their axis. */
function rowShifts<V, I>({ product, rowAxis }: Kernel<V, I>, place: Place, row: number): Shifts {
  if (place.a !== product.a) return new Map([[PACKED_ROW, row]]);
  if (rowAxis === undefined) return place.base;
  return new Map([...place.base, [rowAxis, (place.base.get(rowAxis) ?? 0) + row]]);
}

function loadOperand<V, I>(
  { pointers, frame }: Kernel<V, I>,
  access: Access,
  at: { shifts: Shifts; laneOffset: number },
): V {
  const { at: address, offset } = pointers.address(access, at.shifts, at.laneOffset);
  return access.buffer.space === "bound"
    ? frame.target.splat(address, offset)
    : frame.target.load(address, offset);
}

/** The columns × vectors of a block. */
function columnCopies<V, I>(
  { columnAxis, frame }: Kernel<V, I>,
  { block, base }: Place,
): { shifts: Shifts; laneOffset: number }[] {
  const vectorBytes = frame.target.width * frame.layout.bytes;
  return Array.from({ length: block.columns * block.vectors }, (_, index) => {
    const shifts = new Map(base);
    if (columnAxis !== undefined)
      shifts.set(columnAxis, (base.get(columnAxis) ?? 0) + Math.floor(index / block.vectors));
    return { shifts, laneOffset: (index % block.vectors) * vectorBytes };
  });
}

function emitEpilogue<V, I>(kernel: Kernel<V, I>, place: Place, accumulators: readonly Variable<V>[]): void {
  const { product, rowAxis, evaluator } = kernel;
  const cells = columnCopies(kernel, place);
  const results = accumulators.map((variable) => variable.get());
  const copies = results.map((result, index) => {
    const { shifts, laneOffset } = cells[index % cells.length] as (typeof cells)[number];
    const own = new Map(shifts);
    const row = Math.floor(index / cells.length);
    if (rowAxis !== undefined) own.set(rowAxis, (place.base.get(rowAxis) ?? 0) + row);
    return { shifts: own, laneOffset, accumulators: [result] };
  });
  evaluator.storeEach(product.stores, copies);
}
